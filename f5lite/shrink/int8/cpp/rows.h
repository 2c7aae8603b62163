// A row (a token) on its way: from a product's sums to numbers, and from numbers to 8-bit values. Its numbers stay in the
// first-level cache from step to step.
#pragma once
#include "team.h"
#include "vectors.h"

// What makes numbers of sums: for each token its scale and offset, for each output its weights' scale and total, its bias.
struct Meaning {
  const float *token, *row, *totals, *bias;

  template <typename S>
  struct Numbers {
    const Meaning& of;
    const S* sums;
    int64_t first;  // the output that the first of the sums is of
    V scale, offset;
    V operator[](int i) const {
      return (load(sums + i - first) + offset * load(of.totals + i)) * scale * load(of.row + i) + load(of.bias + i);
    }
  };
  template <typename S>
  Numbers<S> at(int64_t r, const S* sums, int64_t first = 0) const {
    return {*this, sums, first, all(token[2 * r]), all(token[2 * r + 1])};
  }
};

// Where 8-bit values and their tokens' scales and offsets go, and which values there are.
struct Tokens {
  int8_t* values;
  float* token;
  int32_t largest, zero;
};

// Numbers are put one vector after another, and end as 8-bit values.
struct Row {
  int width;
  Room<float> held;
  V low, high, odd;

  explicit Row(int width) : width(width), held(room<float>(width)) { clear(); }
  void clear() { low = high = odd = all(0); }
  void put(int i, V v) {
    low = smaller(v, low); high = larger(v, high); odd += v - v;  // not zero where v isn't finite
    store(held.get() + i, v);
  }

  void quantise(int64_t r, const Tokens& to) const {
    int8_t* values = to.values + r * width;
    float *token = to.token + 2 * r, least = 0, most = 0;
    for (int i = 0; i < W; i++) {
      least = low[i] < least ? low[i] : least;
      most = high[i] > most ? high[i] : most;
    }
    const float steps = 2 * to.largest + 1, shift = to.largest + 1;
    float scale = most / steps - least / steps;  // their difference could be infinite
    if (scale == 0) scale = 1;
    if (!std::isfinite(scale) || sum(odd) != 0) {
      std::memset(values, to.zero, width);
      token[0] = NAN; token[1] = 0;
      return;
    }
    const float first = std::nearbyint(least / scale);
    token[0] = scale; token[1] = first + shift;
    const bool tiny = !std::isfinite(1 / scale);
    const V by = all(tiny ? 1 : 1 / scale), over = all(scale), from = all(first), top = all(steps), none = all(0);
    const float bottom = to.zero - shift;
    for (int i = 0; i < width; i += W) {
      const V x = load(held.get() + i), y = tiny ? x / over : x * by;
      const V v = smaller(larger(rounded(y) - from, none), top) + bottom;
      const B b = __builtin_convertvector(__builtin_convertvector(v, I), B);
      std::memcpy(values + i, &b, sizeof b);
    }
  }
};
