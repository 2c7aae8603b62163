// Products of 8-bit integers with a seam right behind each. The sums never exist as a whole: a thread multiplies as many tokens
// as its second-level cache has room for the sums of, and makes numbers of them before it takes the next. Where the seam needs
// no whole rows, the thread takes some outputs at a time instead, whose packed weights stay in that cache for all tokens.
//
// Weights are packed at each call, so no copy of them stays: in words of four numbers, 16 outputs side by side, which is what
// tiles (AMX) take. For AVX-512 VNNI the same was tried twice, with sums in registers, and was slower than oneDNN's product.
#pragma once
#include <algorithm>
#include <atomic>

#include "pairs.h"
#include "rows.h"
#if defined(__AMX_INT8__) && defined(__AMX_TILE__) && defined(__AVX512F__) && defined(__linux__)
#define HAS_TILES 1
#include <sys/syscall.h>
#include <unistd.h>
#endif

// values: tokens x in; weight: out x in; in: a multiple of DEEP, out: of BESIDE. at_once: tokens that a thread takes at a
// time, a multiple of 32; outputs: how many, 0 for all. space: room for the packed weights, and for every thread's sums of so
// many tokens; with some outputs at a time, for every thread's packed weights of those, and sums.
struct Work {
  const int8_t *values, *weight;
  int64_t in;
  int8_t* space;
  int64_t at_once, outputs;
};

constexpr int BESIDE = 32;  // outputs of a panel
constexpr int DEEP = 64;    // numbers of a step
constexpr int APART = 16;   // numbers more in a row of sums than outputs: rows whole pages apart would share sets of the cache

#if HAS_TILES
// A panel of 32 outputs: for each step of 64 numbers two tiles.
inline void pack(const int8_t* weight, int64_t in, int8_t* to) {
  for (int64_t s = 0; s < in / DEEP; s++)
    for (int half = 0; half < 2; half++) turn(weight + 16 * half * in + DEEP * s, in, to + (2 * s + half) * 1024);
}

struct alignas(64) Tiles {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {};
  uint8_t rows[16] = {};

  // Sums 0 to 3, tokens 4 and 5, weights 6 and 7; the second half of the tokens may be fewer, or none.
  void use(int first, int second) {
    for (int i = 0; i < 8; i++) { bytes[i] = 64; rows[i] = 16; }
    rows[0] = rows[1] = rows[4] = first;
    rows[2] = rows[3] = rows[5] = second ? second : 16;
    asm volatile("" : : "r"(this) : "memory");  // all 64 bytes are read, which the intrinsic doesn't say
    _tile_loadconfig(this);
  }
};

// Up to 32 tokens times a panel -> sums, `apart` numbers from row to row. SECOND: there are more than 16 tokens.
template <bool SECOND>
inline void tiles(const int8_t* values, int64_t in, const int8_t* panel, int32_t* sums, int64_t apart) {
  _tile_zero(0); _tile_zero(1);
  if (SECOND) { _tile_zero(2); _tile_zero(3); }
  for (int64_t s = 0; s < in / DEEP; s++) {
    const int8_t *tokens = values + DEEP * s, *step = panel + 2048 * s;
    _tile_loadd(4, tokens, in);
    if (SECOND) _tile_loadd(5, tokens + 16 * in, in);
    _tile_loadd(6, step, 64);
    _tile_loadd(7, step + 1024, 64);
    for (int i = 0; i < 2048; i += 64) _mm_prefetch(step + 2048 + i, _MM_HINT_T0);  // the next step's
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    if (SECOND) { _tile_dpbssd(2, 5, 6); _tile_dpbssd(3, 5, 7); }
  }
  _tile_stored(0, sums, 4 * apart);
  _tile_stored(1, sums + 16, 4 * apart);
  if (SECOND) { _tile_stored(2, sums + 16 * apart, 4 * apart); _tile_stored(3, sums + 16 * apart + 16, 4 * apart); }
}

inline void multiply(const int8_t* values, int64_t count, int64_t in, const int8_t* packed, int64_t out, int32_t* sums,
                     int64_t apart) {
  Tiles shape;
  const int64_t whole = count / 32 * 32;
  for (const bool last : {false, true}) {  // the whole thirty-twos, then what is left
    const int64_t from = last ? whole : 0, to = last ? count : whole;
    if (from == to) continue;
    const int tokens = last ? count - whole : 32;
    shape.use(std::min(tokens, 16), std::max(tokens - 16, 0));
    const auto product = tokens > 16 ? tiles<true> : tiles<false>;
    for (int64_t n = 0; n < out; n += BESIDE)
      for (int64_t m = from; m < to; m += 32)
        product(values + m * in, in, packed + n * in, sums + m * apart + n, apart);
  }
  _tile_release();
}
#endif

// Whether tiles can be used. Linux wants to be asked, once a process.
inline bool tiles_allowed() {
#if HAS_TILES
  return syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* tile data */) == 0;
#else
  return false;
#endif
}

// The product, and `seam` for every token, some outputs at a time: who is free takes the next.
template <typename Seam>
void each_part(const Work* work, int64_t rows, const Seam& seam, int threads) {
#if HAS_TILES
  const int64_t in = work->in, out = seam.width(), outputs = work->outputs, apart = outputs + APART;
  std::atomic<int64_t> next{0};
  together(threads, [&](const Member& member) {
    Row row(seam.held());
    int8_t* packed = work->space + member.me * (outputs * in + 4 * work->at_once * apart);
    int32_t* sums = reinterpret_cast<int32_t*>(packed + outputs * in);
    for (int64_t n; (n = next.fetch_add(outputs)) < out;) {
      const int64_t width = std::min(outputs, out - n);
      for (int64_t i = 0; i < width; i += BESIDE) pack(work->weight + (n + i) * in, in, packed + i * in);
      for (int64_t r = 0; r < rows; r += work->at_once) {
        const int64_t count = std::min(work->at_once, rows - r);
        multiply(work->values + r * in, count, in, packed, width, sums, apart);
        for (int64_t i = 0; i < count; i++) seam.part(r + i, sums + i * apart, n, width, row);
      }
    }
  });
#else
  (void)work, (void)rows, (void)seam, (void)threads;
#endif
}

// The product, and `seam` for every token. Nothing where there are no tiles: nobody asks for it there.
template <typename Seam>
void each_row(const Work* work, int64_t rows, const Seam& seam, int threads) {
#if HAS_TILES
  if constexpr (Seam::parts) {
    if (work->outputs) return each_part(work, rows, seam, threads);
  }
  const int64_t in = work->in, out = seam.width(), apart = out + APART, many = work->at_once;
  int8_t* packed = work->space;
  together(threads, [&](const Member& member) {
    member.share(out / BESIDE, [&](int64_t n) { pack(work->weight + n * BESIDE * in, in, packed + n * BESIDE * in); });
    member.wait();
    Row row(seam.held());
    int32_t* sums = reinterpret_cast<int32_t*>(packed + out * in) + member.me * many * apart;
    member.share((rows + many - 1) / many, [&](int64_t turn) {
      const int64_t r = turn * many, count = std::min(many, rows - r);
      multiply(work->values + r * in, count, in, packed, out, sums, apart);
      for (int64_t i = 0; i < count; i++) seam(r + i, sums + i * apart, row);
    });
  });
#else
  (void)work, (void)rows, (void)seam, (void)threads;
#endif
}

// `seam` for every row of sums that are there already, or of none.
template <typename S, typename Seam>
void each_row(const S* sums, int64_t rows, const Seam& seam, int threads) {
  const int64_t width = sums ? seam.width() : 0;
  together(threads, [&](const Member& member) {
    Row row(seam.held());
    member.share(rows, [&](int64_t r) { seam(r, sums + r * width, row); });
  });
}
