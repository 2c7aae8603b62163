// The arithmetic between a block's products, compiled once on the machine that runs it. See seams.py for what each seam does.
//
// A row's numbers stay in the first-level cache from step to step. Vectors are the compiler's own (GCC, clang), so one text
// serves every processor; all widths are multiples of 16. Numbers that aren't finite are looked for, never assumed away: no
// -ffast-math.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int W = 16;
#else
constexpr int W = 8;
#endif
typedef float V __attribute__((vector_size(4 * W)));
typedef int32_t I __attribute__((vector_size(4 * W)));
typedef int8_t B __attribute__((vector_size(W)));

inline V load(const float* p) { V v; std::memcpy(&v, p, sizeof v); return v; }
inline V load(const int32_t* p) { I v; std::memcpy(&v, p, sizeof v); return __builtin_convertvector(v, V); }
inline void store(float* p, V v) { std::memcpy(p, &v, sizeof v); }
inline V all(float x) { return V{} + x; }
inline V larger(V a, V b) { return a > b ? a : b; }
inline V smaller(V a, V b) { return a < b ? a : b; }
inline V rounded(V x) { const V magic = all(12582912.0f); return (x + magic) - magic; }  // |x| < 2^22; halves to even
inline float sum(V x) { float found = 0; for (int i = 0; i < W; i++) found += x[i]; return found; }

// e^x for -87 < x < 88, and the ends' beyond: x in whole powers of two and a rest, the rest by a polynomial (Cephes' expf).
inline V exponential(V x) {
  x = smaller(larger(x, all(-87.3f)), all(88.3f));
  const V whole = rounded(x * 1.44269504f);
  x = x - whole * 0.693359375f;
  x = x - whole * -2.12194440e-4f;
  V p = all(1.9875691500e-4f);
  p = p * x + 1.3981999507e-3f;
  p = p * x + 8.3334519073e-3f;
  p = p * x + 4.1665795894e-2f;
  p = p * x + 1.6666665459e-1f;
  p = p * x + 5.0000001201e-1f;
  p = p * x * x + x + 1.0f;
  const I bits = (__builtin_convertvector(whole, I) + 127) << 23;
  V power; std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

// A product's sums and what makes numbers of them.
template <typename S>
struct Sums {
  const S* sums;
  const float *token, *row, *totals, *bias;

  struct Row {
    const Sums& of;
    const S* sums;
    V scale, offset;
    V operator[](int i) const {
      return (load(sums + i) + offset * load(of.totals + i)) * scale * load(of.row + i) + load(of.bias + i);
    }
  };
  Row at(int64_t r, int width) const { return {*this, sums + r * width, all(token[2 * r]), all(token[2 * r + 1])}; }
};

// Where 8-bit values and their tokens' scales and offsets go, and which values there are.
struct Tokens {
  int8_t* values;
  float* token;
  int32_t largest, zero;
};

// One row on its way: its numbers are put one vector after another, and end as 8-bit values.
struct Row {
  std::vector<float> held;
  V low, high, odd;

  explicit Row(int width) : held(width) { clear(); }
  void clear() { low = high = odd = all(0); }
  void put(int i, V v) {
    low = smaller(v, low); high = larger(v, high); odd += v - v;  // not zero where v isn't finite
    store(held.data() + i, v);
  }
  void quantise(int64_t r, const Tokens& to) const;
};

void Row::quantise(int64_t r, const Tokens& to) const {
  const int width = held.size();
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
    const V x = load(held.data() + i), y = tiny ? x / over : x * by;
    const V v = smaller(larger(rounded(y) - from, none), top) + bottom;
    const B b = __builtin_convertvector(__builtin_convertvector(v, I), B);
    std::memcpy(values + i, &b, sizeof b);
  }
}

void opened(const float* x, const float* shift, const float* scale, int64_t items, int64_t frames, int width, Tokens to,
            int threads) {
#pragma omp parallel num_threads(threads)
  {
    Row row(width);
#pragma omp for schedule(static)
    for (int64_t r = 0; r < items * frames; r++) {
      const float *from = x + r * width, *its_shift = shift + r / frames * width, *its_scale = scale + r / frames * width;
      V total = all(0), square = all(0);
      for (int i = 0; i < width; i += W) total += load(from + i);
      const float mean = sum(total) / width;
      for (int i = 0; i < width; i += W) { const V d = load(from + i) - mean; square += d * d; }
      const float by = 1 / std::sqrt(sum(square) / width + 1e-6f);
      row.clear();
      for (int i = 0; i < width; i += W)
        row.put(i, (load(from + i) - mean) * by * (load(its_scale + i) + 1.0f) + load(its_shift + i));
      row.quantise(r, to);
    }
  }
}

// q, k, v: items heads frames size.
template <typename S>
void turned(Sums<S> sums, const float* cos, const float* sin, int64_t items, int64_t frames, int heads, int size, float* q,
            float* k, float* v, int threads) {
  const int inner = heads * size, half = size / 2;
#pragma omp parallel num_threads(threads)
  {
    std::vector<float> held(3 * inner);
#pragma omp for schedule(static)
    for (int64_t r = 0; r < items * frames; r++) {
      const auto y = sums.at(r, 3 * inner);
      for (int i = 0; i < 3 * inner; i += W) store(held.data() + i, y[i]);
      const int64_t item = r / frames, n = r % frames;
      const float *c = cos + n * half, *s = sin + n * half;
      for (int h = 0; h < heads; h++) {
        const int64_t place = ((item * heads + h) * frames + n) * size;
        const float* from = held.data() + h * size;
        for (float* to : {q, k}) {
          for (int i = 0; i < half; i++) {
            const float a = from[2 * i], b = from[2 * i + 1];
            to[place + 2 * i] = a * c[i] - b * s[i];
            to[place + 2 * i + 1] = b * c[i] + a * s[i];
          }
          from += inner;
        }
        std::memcpy(v + place, from, sizeof(float) * size);
      }
    }
  }
}

// x: items heads frames size, by steps in numbers; the last one is 1.
void mixed(const float* x, int64_t items, int64_t heads, int64_t frames, int size, int64_t by_item, int64_t by_head,
           int64_t by_frame, Tokens to, int threads) {
#pragma omp parallel num_threads(threads)
  {
    Row row(heads * size);
#pragma omp for schedule(static)
    for (int64_t r = 0; r < items * frames; r++) {
      row.clear();
      for (int h = 0; h < heads; h++) {
        const float* from = x + r / frames * by_item + h * by_head + r % frames * by_frame;
        for (int i = 0; i < size; i += W) row.put(h * size + i, load(from + i));
      }
      row.quantise(r, to);
    }
  }
}

template <typename S>
void widened(Sums<S> sums, int64_t rows, int width, Tokens to, int threads) {
#pragma omp parallel num_threads(threads)
  {
    Row row(width);
#pragma omp for schedule(static)
    for (int64_t r = 0; r < rows; r++) {
      const auto y = sums.at(r, width);
      row.clear();
      for (int i = 0; i < width; i += W) {
        const V x = y[i], u = x * -1.5957691216057308f * (x * x * 0.044715f + 1.0f);
        row.put(i, x / (exponential(u) + 1.0f));
      }
      row.quantise(r, to);
    }
  }
}

template <typename S>
void closed(Sums<S> sums, const float* x, const float* gate, const bool* keep, int64_t items, int64_t frames, int width,
            float* out, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t r = 0; r < items * frames; r++) {
    const auto y = sums.at(r, width);
    const float *from = x + r * width, *its_gate = gate + r / frames * width;
    if (!keep[r]) { std::memcpy(out + r * width, from, sizeof(float) * width); continue; }
    for (int i = 0; i < width; i += W) store(out + r * width + i, load(from + i) + load(its_gate + i) * y[i]);
  }
}

}  // namespace

extern "C" {
void opened_(const float* x, const float* shift, const float* scale, int64_t items, int64_t frames, int width,
             int largest, int zero, int8_t* values, float* token, int threads) {
  opened(x, shift, scale, items, frames, width, {values, token, largest, zero}, threads);
}
void mixed_(const float* x, int64_t items, int64_t heads, int64_t frames, int size, int64_t by_item, int64_t by_head,
            int64_t by_frame, int largest, int zero, int8_t* values, float* token, int threads) {
  mixed(x, items, heads, frames, size, by_item, by_head, by_frame, {values, token, largest, zero}, threads);
}
#define GIVEN(S) const S *sums, const float *token, const float *row, const float *totals, const float *bias
#define SEAMS(S, NAME)                                                                                              \
  void turned_##NAME(GIVEN(S), const float* cos, const float* sin, int64_t items, int64_t frames, int heads,        \
                     int size, float* q, float* k, float* v, int threads) {                                         \
    turned<S>({sums, token, row, totals, bias}, cos, sin, items, frames, heads, size, q, k, v, threads);            \
  }                                                                                                                 \
  void widened_##NAME(GIVEN(S), int64_t rows, int width, int largest, int zero, int8_t* values, float* made,        \
                      int threads) {                                                                                \
    widened<S>({sums, token, row, totals, bias}, rows, width, {values, made, largest, zero}, threads);              \
  }                                                                                                                 \
  void closed_##NAME(GIVEN(S), const float* x, const float* gate, const bool* keep, int64_t items, int64_t frames,  \
                     int width, float* out, int threads) {                                                          \
    closed<S>({sums, token, row, totals, bias}, x, gate, keep, items, frames, width, out, threads);                 \
  }
SEAMS(int32_t, int32)
SEAMS(float, float32)
}
