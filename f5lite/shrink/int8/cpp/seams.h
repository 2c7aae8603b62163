// The arithmetic between a block's products, a row at a time. See seams.py for what each seam does.
//
// A seam is called with a row's number, its sums (or nothing), and a place for its numbers, which every thread has of its own.
// One that needs no whole rows can be called for some of a row's outputs, too: `part`.
#pragma once
#include "rows.h"

struct Opened {
  const float *x, *shift, *scale;
  int64_t frames;
  int dim;
  Tokens to;

  int width() const { return dim; }
  int held() const { return dim; }
  void operator()(int64_t r, const void*, Row& row) const {
    const float *from = x + r * dim, *its_shift = shift + r / frames * dim, *its_scale = scale + r / frames * dim;
    V total = all(0), square = all(0);
    for (int i = 0; i < dim; i += W) total += load(from + i);
    const float mean = sum(total) / dim;
    for (int i = 0; i < dim; i += W) { const V d = load(from + i) - mean; square += d * d; }
    const float by = 1 / std::sqrt(sum(square) / dim + 1e-6f);
    row.clear();
    for (int i = 0; i < dim; i += W)
      row.put(i, (load(from + i) - mean) * by * (load(its_scale + i) + 1.0f) + load(its_shift + i));
    row.quantise(r, to);
  }
};

// q, k, v: items heads frames size, float or Bf16.
template <typename To>
struct Turned {
  Meaning meaning;
  const float *cos, *sin;
  int64_t frames;
  int heads, size;
  To *q, *k, *v;
  static constexpr bool parts = true;

  int width() const { return 3 * heads * size; }
  int held() const { return size; }
  template <typename S>
  void operator()(int64_t r, const S* sums, Row& row) const { part(r, sums, 0, width(), row); }
  template <typename S>
  void part(int64_t r, const S* sums, int first, int count, Row& row) const {  // whole heads
    const auto y = meaning.at(r, sums, first);
    const int64_t item = r / frames, n = r % frames;
    const int half = size / 2;
    const float *c = cos + n * half, *s = sin + n * half;
    float* x = row.held.get();
    for (int from = first; from < first + count; from += size) {
      for (int i = 0; i < size; i += W) store(x + i, y[from + i]);
      const int which = from / (heads * size), h = from / size % heads;
      for (int i = 0; which < 2 && i < half; i++) {  // q and k
        const float a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * c[i] - b * s[i];
        x[2 * i + 1] = b * c[i] + a * s[i];
      }
      To* to = (which == 0 ? q : which == 1 ? k : v) + ((item * heads + h) * frames + n) * size;
      for (int i = 0; i < size; i += W) store(to + i, load(x + i));
    }
  }
};

// x: items heads frames size, by steps in numbers; the last one is 1. float or Bf16.
template <typename From>
struct Mixed {
  const From* x;
  int64_t heads, frames;
  int size;
  int64_t by_item, by_head, by_frame;
  Tokens to;

  int width() const { return heads * size; }
  int held() const { return width(); }
  void operator()(int64_t r, const void*, Row& row) const {
    row.clear();
    for (int h = 0; h < heads; h++) {
      const From* from = x + r / frames * by_item + h * by_head + r % frames * by_frame;
      for (int i = 0; i < size; i += W) row.put(h * size + i, load(from + i));
    }
    row.quantise(r, to);
  }
};

struct Widened {
  Meaning meaning;
  int wide;
  Tokens to;
  static constexpr bool parts = false;

  int width() const { return wide; }
  int held() const { return wide; }
  template <typename S>
  void operator()(int64_t r, const S* sums, Row& row) const {
    const auto y = meaning.at(r, sums);
    row.clear();
    for (int i = 0; i < wide; i += W) {
      const V x = y[i], u = x * -1.5957691216057308f * (x * x * 0.044715f + 1.0f);
      row.put(i, x / (exponential(u) + 1.0f));
    }
    row.quantise(r, to);
  }
};

// out may be x itself.
struct Closed {
  Meaning meaning;
  const float *x, *gate;
  const bool* keep;
  int64_t frames;
  int dim;
  float* out;
  static constexpr bool parts = true;

  int width() const { return dim; }
  int held() const { return 0; }
  template <typename S>
  void operator()(int64_t r, const S* sums, Row& row) const { part(r, sums, 0, dim, row); }
  template <typename S>
  void part(int64_t r, const S* sums, int first, int count, Row&) const {
    const auto y = meaning.at(r, sums, first);
    const float *from = x + r * dim, *its_gate = gate + r / frames * dim;
    if (!keep[r]) {
      if (out != x) std::memcpy(out + r * dim + first, from + first, sizeof(float) * count);
      return;
    }
    for (int i = first; i < first + count; i += W) store(out + r * dim + i, load(from + i) + load(its_gate + i) * y[i]);
  }
};

// The sums themselves.
struct Copied {
  int out;
  int32_t* to;
  static constexpr bool parts = false;

  int width() const { return out; }
  int held() const { return 0; }
  void operator()(int64_t r, const int32_t* sums, Row&) const { std::memcpy(to + r * out, sums, sizeof(int32_t) * out); }
};
