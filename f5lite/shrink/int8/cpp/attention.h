// Attention in bf16 by AMX's tiles, without a mask: softmax(q k^T / sqrt(size)) v, two tiles of queries at a time. Their scores,
// exact in float, stay in the second-level cache, so the softmax needs no corrections; its weights are rounded to bf16.
#pragma once
#include <limits>

#include "product.h"
#if HAS_TILES && defined(__AMX_BF16__) && defined(__AVX512BF16__)
#define HAS_ATTENTION 1
#endif

// q, k, v: items heads frames size; out: items frames heads size.
struct Heads {
  const Bf16 *q, *k, *v;
  int64_t items, heads, frames;
  int size;
  Bf16* out;
};

#if HAS_ATTENTION
constexpr int QUERIES = 32;

// One head of one item at a time. A thread has one of these.
class Head {
 public:
  Head(int64_t frames, int size)
      : frames_(frames), size_(size), keys_((frames + 31) / 32 * 32), apart_(keys_ + APART), room_(bytes()) {
    k_ = room_.take<int8_t>(2 * keys_ * size_);
    v_ = room_.take<int8_t>(2 * keys_ * size_);
    scores_ = room_.take<float>(QUERIES * apart_);
    weights_ = room_.take<Bf16>(QUERIES * apart_);
    mixed_ = room_.take<float>(QUERIES * size_);
    queries_ = room_.take<Bf16>(QUERIES * size_);
    last_ = room_.take<Bf16>(32 * size_);
  }

  void run(const Bf16* q, const Bf16* k, const Bf16* v, Bf16* out, int64_t by_frame) {
    pack(k, v);
    for (int64_t first = 0; first < frames_; first += QUERIES) {
      const int count = std::min<int64_t>(QUERIES, frames_ - first);
      score(whole(q + first * size_, count, QUERIES, queries_));
      float by[QUERIES];
      for (int i = 0; i < count; i++) by[i] = 1 / softmax(scores_ + i * apart_, weights_ + i * apart_);
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
  float *scores_, *mixed_;
  Bf16 *weights_, *queries_, *last_;

  int64_t bytes() const {
    return 4 * keys_ * size_ + 6 * QUERIES * apart_ + 6 * QUERIES * size_ + 64 * size_ + 8 * 64;
  }

  // Rows as they lie, or, where there are fewer than wanted, a copy with zeros behind them.
  const Bf16* whole(const Bf16* from, int64_t count, int64_t wanted, Bf16* copy) const {
    if (count >= wanted) return from;
    std::memcpy(copy, from, 2 * count * size_);
    std::memset(static_cast<void*>(copy + count * size_), 0, 2 * (wanted - count) * size_);
    return copy;
  }

  void pack(const Bf16* k, const Bf16* v) {
    for (int64_t n = 0; n < keys_; n += 32) {
      pack_keys(whole(k + n * size_, frames_ - n, 32, last_), size_, k_ + 2 * n * size_);
      pack_values(whole(v + n * size_, frames_ - n, 32, last_), size_, v_ + 2 * n * size_);
    }
  }

  void score(const Bf16* q) {
    const int64_t row = 2 * size_;
    const bool two = size_ == 64;
    _tile_loadd(4, q, row);
    _tile_loadd(6, q + 16 * size_, row);
    if (two) { _tile_loadd(5, q + 32, row); _tile_loadd(7, q + 16 * size_ + 32, row); }
    const int8_t* at = k_;
    for (int64_t n = 0; n < keys_; n += 16) {
      _tile_zero(0); _tile_zero(1);
      _tile_loadd(2, at, 64);
      _tile_dpbf16ps(0, 4, 2);
      _tile_dpbf16ps(1, 6, 2);
      at += TILE;
      if (two) {
        _tile_loadd(3, at, 64);
        _tile_dpbf16ps(0, 5, 3);
        _tile_dpbf16ps(1, 7, 3);
        at += TILE;
      }
      _tile_stored(0, scores_ + n, 4 * apart_);
      _tile_stored(1, scores_ + 16 * apart_ + n, 4 * apart_);
    }
  }

  // A row of scores -> weights, not yet divided by their sum, which is returned.
  float softmax(const float* scores, Bf16* weights) const {
    const float by = 1.44269504f / std::sqrt(static_cast<float>(size_));
    const int64_t full = frames_ / 16 * 16;
    const __mmask16 rest = (1u << (frames_ - full)) - 1;
    __m512 most = _mm512_mask_loadu_ps(_mm512_set1_ps(-std::numeric_limits<float>::infinity()), rest, scores + full);
    for (int64_t n = 0; n < full; n += 16) most = _mm512_max_ps(most, _mm512_loadu_ps(scores + n));
    const __m512 scale = _mm512_set1_ps(by), from = _mm512_set1_ps(-by * _mm512_reduce_max_ps(most));
    __m512 total = _mm512_setzero_ps();
    const auto put = [&](int64_t n, __m512 p) {
      total = _mm512_add_ps(total, p);
      const __m256bh h = _mm512_cvtneps_pbh(p);
      std::memcpy(static_cast<void*>(weights + n), &h, sizeof h);
    };
    for (int64_t n = 0; n < full; n += 16) put(n, power(_mm512_fmadd_ps(_mm512_loadu_ps(scores + n), scale, from)));
    if (rest) put(full, _mm512_maskz_mov_ps(rest, power(_mm512_fmadd_ps(_mm512_loadu_ps(scores + full), scale, from))));
    for (int64_t n = (frames_ + 15) / 16 * 16; n < keys_; n += 16) put(n, _mm512_setzero_ps());
    return _mm512_reduce_add_ps(total);
  }

  void mix() {
    const int64_t tiles = size_ / 16;
    for (int64_t d = 0; d < tiles; d += 2) {
      _tile_zero(0); _tile_zero(1); _tile_zero(2); _tile_zero(3);
      for (int64_t n = 0; n < keys_; n += 32) {
        const int8_t* values = v_ + (n / 32 * tiles + d) * TILE;
        _tile_loadd(4, weights_ + n, 2 * apart_);
        _tile_loadd(5, weights_ + 16 * apart_ + n, 2 * apart_);
        _tile_loadd(6, values, 64);
        _tile_loadd(7, values + TILE, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      }
      float* to = mixed_ + 16 * d;
      _tile_stored(0, to, 4 * size_);
      _tile_stored(1, to + 16, 4 * size_);
      _tile_stored(2, to + 16 * size_, 4 * size_);
      _tile_stored(3, to + 16 * size_ + 16, 4 * size_);
    }
  }
};
#endif

// Whether `attend` can run here.
inline bool attention_allowed() {
#if HAS_ATTENTION
  return tiles_allowed();
#else
  return false;
#endif
}

inline void attend(const Heads& of, int threads) {
#if HAS_ATTENTION
  together(threads, [&](const Member& member) {
    Head head(of.frames, of.size);
    Tiles().use(16, 16);
    member.share(of.items * of.heads, [&](int64_t i) {
      const int64_t at = i * of.frames * of.size;
      head.run(of.q + at, of.k + at, of.v + at,
               of.out + (i / of.heads * of.frames * of.heads + i % of.heads) * of.size, of.heads * of.size);
    });
    _tile_release();
  });
#else
  (void)of, (void)threads;
#endif
}
