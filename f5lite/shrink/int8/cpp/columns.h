// Products of 16-bit integers, which AVX-512 VNNI adds up in pairs: twice as many at a time as float has, rounded only as the
// inputs are, to 16 bits of the largest.
//
// A sum of products is at most the product of two lengths. So nothing can overflow 32 bits if no row is longer than LONGEST.
#pragma once
#include <limits>

#include "product.h"
#if HAS_PAIRS && defined(__AVX512VNNI__)
#define HAS_INTEGERS 1
#endif

inline bool integers_allowed() {
#if HAS_INTEGERS
  return true;
#else
  return false;
#endif
}

#if HAS_INTEGERS
constexpr int MANY = 8, LARGEST = 32767;
constexpr float LONGEST = 46000;  // LONGEST^2 < 2^31, with room for what rounding adds

// MANY rows of 16-bit numbers times 32 columns, two packed blocks of 16. Of each 32 numbers `next` bytes lie between one's
// words and the next's. `apart`, `sums_apart`: numbers from row to row.
inline void columns(const int16_t* rows, int64_t apart, const int8_t* left, const int8_t* right, int64_t groups, int64_t next,
                    int32_t* sums, int64_t sums_apart) {
  __m512i a[MANY], b[MANY];
#pragma GCC unroll 8
  for (int i = 0; i < MANY; i++) a[i] = b[i] = _mm512_setzero_si512();
  for (int64_t g = 0; g < groups; g++, rows += 32, left += next, right += next)
    for (int step = 0; step < 16; step++) {
      const __m512i first = _mm512_loadu_si512(left + 64 * step), second = _mm512_loadu_si512(right + 64 * step);
#pragma GCC unroll 8
      for (int i = 0; i < MANY; i++) {
        int32_t pair;
        std::memcpy(&pair, rows + i * apart + 2 * step, sizeof pair);
        const __m512i all = _mm512_set1_epi32(pair);
        a[i] = _mm512_dpwssd_epi32(a[i], all, first);
        b[i] = _mm512_dpwssd_epi32(b[i], all, second);
      }
    }
#pragma GCC unroll 8
  for (int i = 0; i < MANY; i++) {
    _mm512_storeu_si512(sums + i * sums_apart, a[i]);
    _mm512_storeu_si512(sums + i * sums_apart + 16, b[i]);
  }
}

// The largest number and the greatest length of rows; and whether all is finite.
struct Extent {
  float largest = 0, longest = 0;
  bool finite = true;

  void row(const float* x, int size) {
    __m512 most = _mm512_setzero_ps(), square = most, odd = most;
    for (int i = 0; i < size; i += 16) {
      const __m512 v = _mm512_loadu_ps(x + i);
      most = _mm512_max_ps(most, _mm512_abs_ps(v));
      square = _mm512_fmadd_ps(v, v, square);
      odd = _mm512_add_ps(odd, _mm512_sub_ps(v, v));
    }
    largest = std::max(largest, _mm512_reduce_max_ps(most));
    longest = std::max(longest, std::sqrt(_mm512_reduce_add_ps(square)));
    finite = finite && _mm512_reduce_add_ps(odd) == 0 && std::isfinite(longest);
  }
  // What to multiply with, so that no number is above `most` and no row longer than `length`. Next to nothing is nothing.
  float by(float most, float length) const {
    return largest < 1e-30f ? 1 : std::min(most / largest, length / std::max(longest, largest));
  }
};

// Numbers times `by` in 16 bits, to the nearest; zeros behind them up to `wanted`. Multiples of 16.
inline void integers(const float* x, int64_t count, float by, int16_t* to, int64_t wanted) {
  const __m512 scale = _mm512_set1_ps(by);
  for (int64_t i = 0; i < count; i += 16) {
    const __m512i v = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + i), scale));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), _mm512_cvtsepi32_epi16(v));
  }
  std::memset(to + count, 0, 2 * (wanted - count));
}
#endif
