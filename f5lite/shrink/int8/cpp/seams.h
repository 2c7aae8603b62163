// The arithmetic between a block's products, a row at a time. See seams.py for what each seam does.
//
// A seam is called with a row's number, its sums (or nothing), and a place for its numbers, which every thread has of its own.
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

  int width() const { return 3 * heads * size; }
  int held() const { return width(); }
  template <typename S>
  void operator()(int64_t r, const S* sums, Row& row) const {
    const auto y = meaning.at(r, sums);
    for (int i = 0; i < width(); i += W) store(row.held.data() + i, y[i]);
    const int64_t item = r / frames, n = r % frames;
    const int half = size / 2;
    const float *c = cos + n * half, *s = sin + n * half;
    for (int h = 0; h < 2 * heads; h++) {  // q and k
      float* x = row.held.data() + h * size;
      for (int i = 0; i < half; i++) {
        const float a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * c[i] - b * s[i];
        x[2 * i + 1] = b * c[i] + a * s[i];
      }
    }
    const float* from = row.held.data();
    for (To* to : {q, k, v})
      for (int h = 0; h < heads; h++, from += size)
        for (int i = 0; i < size; i += W) store(to + ((item * heads + h) * frames + n) * size + i, load(from + i));
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

  int width() const { return dim; }
  int held() const { return 0; }
  template <typename S>
  void operator()(int64_t r, const S* sums, Row&) const {
    const auto y = meaning.at(r, sums);
    const float *from = x + r * dim, *its_gate = gate + r / frames * dim;
    if (!keep[r]) { if (out != x) std::memcpy(out + r * dim, from, sizeof(float) * dim); return; }
    for (int i = 0; i < dim; i += W) store(out + r * dim + i, load(from + i) + load(its_gate + i) * y[i]);
  }
};

// The sums themselves.
struct Copied {
  int out;
  int32_t* to;

  int width() const { return out; }
  int held() const { return 0; }
  void operator()(int64_t r, const int32_t* sums, Row&) const { std::memcpy(to + r * out, sums, sizeof(int32_t) * out); }
};
