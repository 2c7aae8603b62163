// AVX-512: how 16-bit numbers are laid out to be multiplied in pairs, by tiles or by vectors, and 2^x.
#pragma once
#if defined(__AVX512F__) && defined(__AVX512BW__)
#define HAS_PAIRS 1
#include <immintrin.h>

#include <cstdint>

constexpr int TILE = 1024;  // bytes: 16 rows of 16 words

// 16 rows of 16 words, `stride` bytes apart -> as many, the other way round.
inline void turn(const int8_t* from, int64_t stride, int8_t* to) {
  __m512i r[16], t[16];
  for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_si512(from + i * stride);
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4)
    for (int j = 0; j < 2; j++) {
      r[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + j + 2]);
      r[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + j + 2]);
    }
  for (int c = 0; c < 4; c++) {  // r[4 g + c]: in each quarter q the word 4 q + c of rows 4 g to 4 g + 3
    const __m512i even = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x88), odd = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xdd);
    const __m512i even2 = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0x88);
    const __m512i odd2 = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0xdd);
    t[c] = _mm512_shuffle_i32x4(even, even2, 0x88);
    t[4 + c] = _mm512_shuffle_i32x4(odd, odd2, 0x88);
    t[8 + c] = _mm512_shuffle_i32x4(even, even2, 0xdd);
    t[12 + c] = _mm512_shuffle_i32x4(odd, odd2, 0xdd);
  }
  for (int i = 0; i < 16; i++) _mm512_storeu_si512(to + 64 * i, t[i]);
}

// 32 keys of `size` 16-bit numbers -> for each 16 keys a tile for each 32 numbers: a word is a pair of a key's numbers.
inline void pack_keys(const void* keys, int size, int8_t* to) {
  const int steps = size / 32;
  const int8_t* from = static_cast<const int8_t*>(keys);
  for (int half = 0; half < 2; half++)
    for (int s = 0; s < steps; s++) turn(from + 32 * half * size + 64 * s, 2 * size, to + (half * steps + s) * TILE);
}

// 32 values of `size` 16-bit numbers -> a tile for each 16 numbers: a word is the same number of a pair of values.
inline void pack_values(const void* values, int size, int8_t* to) {
  const __m512i low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5, 36,
                                       4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  const int8_t* from = static_cast<const int8_t*>(values);
  for (int pair = 0; pair < 16; pair++)
    for (int s = 0; s < size / 32; s++) {
      const __m512i a = _mm512_loadu_si512(from + 4 * pair * size + 64 * s);
      const __m512i b = _mm512_loadu_si512(from + 4 * pair * size + 2 * size + 64 * s);
      _mm512_storeu_si512(to + 2 * s * TILE + 64 * pair, _mm512_permutex2var_epi16(a, low, b));
      _mm512_storeu_si512(to + (2 * s + 1) * TILE + 64 * pair, _mm512_permutex2var_epi16(a, high, b));
    }
}

// e^x for softmax: 2^t, t <= 0, to 5e-5 of its value, which bf16 rounds away.
inline __m512 power(__m512 t) {
  const __m512 whole = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), f = _mm512_sub_ps(t, whole);
  __m512 p = _mm512_set1_ps(9.6181291e-3f);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.5504109e-2f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.4022651e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.9314718e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, whole);
}

#endif
