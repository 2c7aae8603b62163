// The compiled library: each seam as a plain C function. Of sums that are there, int32 or float32, or of a product of its own.
#include "attention.h"
#include "convolution.h"
#include "integers.h"
#include "product.h"
#include "seams.h"
#include <type_traits>

extern "C" {
int tiles_() { return tiles_allowed(); }
int attention_bf16_allowed() { return attention_allowed(); }
int attention_int16_allowed() { return integers_allowed(); }
int convolution_int16_allowed() { return integers_allowed(); }

void attention_bf16(const Bf16* q, const Bf16* k, const Bf16* v, int64_t items, int64_t heads, int64_t frames, int size,
                Bf16* out, int threads) {
  attend(Heads{q, k, v, items, heads, frames, size, out}, threads);
}

void attention_int16(const float* q, const float* k, const float* v, int64_t items, int64_t heads, int64_t frames, int size,
                     float* out, int threads) {
  attend(Floats{q, k, v, items, heads, frames, size, out}, threads);
}

void convolution_int16(const float* x, const Bf16* weight, const float* bias, int64_t items, int64_t frames, int groups, int wide,
                       int made, int taps, float* out, int threads) {
  convolve({x, weight, bias, items, frames, groups, wide, made, taps, out}, threads);
}

void product_(const Work* work, int64_t rows, int out, int32_t* sums, int threads) {
  each_row(work, rows, Copied{out, sums}, threads);
}

void opened_(const float* x, const float* shift, const float* scale, int64_t items, int64_t frames, int dim, int largest,
             int zero, int8_t* values, float* token, int threads) {
  const Opened seam{x, shift, scale, frames, dim, {values, token, largest, zero}};
  each_row(static_cast<const float*>(nullptr), items * frames, seam, threads);
}

// half: attention's numbers are Bf16, else float.
void mixed_(const void* x, int half, int64_t items, int64_t heads, int64_t frames, int size, int64_t by_item,
            int64_t by_head, int64_t by_frame, int largest, int zero, int8_t* values, float* token, int threads) {
  const auto run = [&](const auto* from) {
    const Mixed<std::decay_t<decltype(*from)>> seam{from,    heads,    frames, size, by_item, by_head, by_frame,
                                                    {values, token, largest, zero}};
    each_row(static_cast<const float*>(nullptr), items * frames, seam, threads);
  };
  half ? run(static_cast<const Bf16*>(x)) : run(static_cast<const float*>(x));
}

#define MEANING const float *token, const float *row, const float *totals, const float *bias
#define SEAMS(FROM, NAME)                                                                                             \
  void turned_##NAME(const FROM* from, MEANING, const float* cos, const float* sin, int64_t items, int64_t frames,    \
                     int heads, int size, int half, void* q, void* k, void* v, int threads) {                         \
    const auto run = [&](auto kind) {                                                                                 \
      using To = decltype(kind);                                                                                      \
      const Turned<To> seam{{token, row, totals, bias}, cos, sin, frames, heads, size, static_cast<To*>(q),           \
                            static_cast<To*>(k), static_cast<To*>(v)};                                                \
      each_row(from, items * frames, seam, threads);                                                                  \
    };                                                                                                                \
    half ? run(Bf16{}) : run(float{});                                                                                \
  }                                                                                                                   \
  void widened_##NAME(const FROM* from, MEANING, int64_t rows, int wide, int largest, int zero, int8_t* values,       \
                      float* made, int threads) {                                                                     \
    const Widened seam{{token, row, totals, bias}, wide, {values, made, largest, zero}};                              \
    each_row(from, rows, seam, threads);                                                                              \
  }                                                                                                                   \
  void closed_##NAME(const FROM* from, MEANING, const float* x, const float* gate, const bool* keep, int64_t items,   \
                     int64_t frames, int dim, float* out, int threads) {                                              \
    const Closed seam{{token, row, totals, bias}, x, gate, keep, frames, dim, out};                                   \
    each_row(from, items * frames, seam, threads);                                                                    \
  }
SEAMS(int32_t, int32)
SEAMS(float, float32)
SEAMS(Work, work)
}
