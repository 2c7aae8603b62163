// Attention in 16-bit integers, whose products AVX-512 VNNI adds up in pairs: twice as many at a time as float has, and no
// rounding but that of the inputs, which is finer than bf16's. softmax(q k^T / sqrt(size)) v without a mask, `MANY` queries at a
// time: their scores stay in the first-level cache.
//
// Nothing can overflow 32 bits: no query or key is longer than LONGEST; weights of at most REACH keys are scaled so that their
// sum is SHARES at most, values so that none is above VALUES.
#pragma once
#include "columns.h"

// q, k, v: items heads frames size; out: items frames heads size.
struct Floats {
  const float *q, *k, *v;
  int64_t items, heads, frames;
  int size;
  float* out;
};

#if HAS_INTEGERS
constexpr int VALUES = 4095;
constexpr int64_t REACH = 1024, SHARES = (1 << 19) - REACH;  // rounding adds half a share a key

// One head of one item at a time. A thread has one of these.
class Integers {
 public:
  Integers(int64_t frames, int size)
      : frames_(frames), size_(size), keys_((frames + 31) / 32 * 32), apart_(keys_ + APART), room_(bytes()) {
    k_ = room_.take<int8_t>(2 * keys_ * size_);
    v_ = room_.take<int8_t>(2 * keys_ * size_);
    scores_ = room_.take<int32_t>(MANY * apart_);
    weights_ = room_.take<int16_t>(MANY * apart_);
    sums_ = room_.take<int32_t>(MANY * size_);
    mixed_ = room_.take<float>(MANY * size_);
    few_ = room_.take<int16_t>(32 * size_);
    std::memset(weights_, 0, 2 * MANY * apart_);
  }

  void run(const float* q, const float* k, const float* v, float* out, int64_t by_frame) {
    Extent keys, values;
    for (int64_t n = 0; n < frames_; n++) { keys.row(k + n * size_, size_); values.row(v + n * size_, size_); }
    const float key_by = keys.by(LARGEST, LONGEST), value_by = values.by(VALUES, std::numeric_limits<float>::infinity());
    for (int64_t n = 0; n < keys_; n += 32) {
      const int count = std::min<int64_t>(32, frames_ - n);
      integers(k + n * size_, count * size_, key_by, few_, 32 * size_);
      pack_keys(few_, size_, k_ + 2 * n * size_);
      integers(v + n * size_, count * size_, value_by, few_, 32 * size_);
      pack_values(few_, size_, v_ + 2 * n * size_);
    }
    const bool finite = keys.finite && values.finite;
    for (int64_t first = 0; first < frames_; first += MANY) {
      const int count = std::min<int64_t>(MANY, frames_ - first);
      const float* from = q + first * size_;
      float by[MANY];
      std::memset(few_, 0, 2 * MANY * size_);
      for (int i = 0; i < count; i++) {
        Extent one;
        one.row(from + i * size_, size_);
        const float query_by = one.by(LARGEST, LONGEST);
        integers(from + i * size_, size_, query_by, few_ + i * size_, size_);
        by[i] = one.finite && finite ? 1.44269504f / (std::sqrt(static_cast<float>(size_)) * query_by * key_by) : NAN;
      }
      score();
      for (int i = 0; i < count; i++) by[i] = softmax(scores_ + i * apart_, by[i], weights_ + i * apart_) / value_by;
      mix();
      for (int i = 0; i < count; i++)
        for (int d = 0; d < size_; d += W)
          store(out + (first + i) * by_frame + d, load(mixed_ + i * size_ + d) * all(by[i]));
    }
  }

 private:
  int64_t frames_;
  int size_;
  int64_t keys_, apart_;  // keys and zeros behind them; numbers from row to row
  Pieces room_;
  int8_t *k_, *v_;
  int32_t *scores_, *sums_;
  float* mixed_;
  int16_t *weights_, *few_;

  int64_t bytes() const { return 4 * keys_ * size_ + 6 * MANY * apart_ + 8 * MANY * size_ + 64 * size_ + 8 * 64; }

  void score() {
    const int64_t block = size_ / 32 * TILE;
    for (int64_t n = 0; n < keys_; n += 32) {
      const int8_t* at = k_ + 2 * n * size_;
      columns(few_, size_, at, at + block, size_ / 32, TILE, scores_ + n, apart_);
    }
  }

  // A row of scores -> weights, whole shares; what the sum of weighted values has to be multiplied with, so that they add up to 1.
  float softmax(int32_t* scores, float by, int16_t* weights) const {
    const int64_t full = frames_ / 16 * 16;
    const __mmask16 rest = (1u << (frames_ - full)) - 1;
    const auto at = [&](int64_t n) { return n < full ? static_cast<__mmask16>(0xffff) : rest; };
    __m512i most = _mm512_set1_epi32(std::numeric_limits<int32_t>::min());
    for (int64_t n = 0; n < frames_; n += 16) most = _mm512_mask_max_epi32(most, at(n), most, _mm512_loadu_si512(scores + n));
    const __m512 scale = _mm512_set1_ps(by);
    const __m512 from = _mm512_set1_ps(-by * static_cast<float>(_mm512_reduce_max_epi32(most)));
    float *exact = reinterpret_cast<float*>(scores), most_shares = 0;
    for (int64_t begin = 0; begin < frames_; begin += REACH) {
      __m512 total = _mm512_setzero_ps();
      for (int64_t n = begin; n < std::min(begin + REACH, frames_); n += 16) {
        const __m512 score = _mm512_cvtepi32_ps(_mm512_loadu_si512(scores + n));
        const __m512 p = _mm512_maskz_mov_ps(at(n), power(_mm512_fmadd_ps(score, scale, from)));
        total = _mm512_add_ps(total, p);
        _mm512_storeu_ps(exact + n, p);
      }
      most_shares = std::max(most_shares, _mm512_reduce_add_ps(total));
    }
    const __m512 shares = _mm512_set1_ps(std::min<float>(LARGEST, SHARES / most_shares));
    __m512i total = _mm512_setzero_si512();
    for (int64_t n = 0; n < frames_; n += 16) {
      const __m512i p = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(exact + n), shares));
      total = _mm512_add_epi32(total, p);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(weights + n), _mm512_cvtsepi32_epi16(p));
    }
    return std::isnan(by) ? NAN : 1 / static_cast<float>(_mm512_reduce_add_epi32(total));
  }

  void mix() {
    const int64_t tiles = size_ / 16;
    for (int64_t begin = 0; begin < keys_; begin += REACH) {
      const int64_t groups = std::min(REACH, keys_ - begin) / 32;
      const int8_t* values = v_ + 2 * begin * size_;
      for (int64_t d = 0; d < tiles; d += 2)
        columns(weights_ + begin, apart_, values + d * TILE, values + (d + 1) * TILE, groups, tiles * TILE, sums_ + 16 * d,
                size_);
      for (int i = 0; i < MANY * size_; i += W)
        store(mixed_ + i, begin ? load(mixed_ + i) + load(sums_ + i) : load(sums_ + i));
    }
  }
};
#endif

inline void attend(const Floats& of, int threads) {
#if HAS_INTEGERS
  together(threads, [&](const Member& member) {
    Integers head(of.frames, of.size);
    member.share(of.items * of.heads, [&](int64_t i) {
      const int64_t at = i * of.frames * of.size;
      head.run(of.q + at, of.k + at, of.v + at,
               of.out + (i / of.heads * of.frames * of.heads + i % of.heads) * of.size, of.heads * of.size);
    });
  });
#else
  (void)of, (void)threads;
#endif
}
