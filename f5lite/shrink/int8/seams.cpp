// The arithmetic between a block's products, compiled once on the machine that runs it. See seams.py for what each seam does.
//
// A row's numbers stay in the first-level cache from step to step. Vectors are the compiler's own (GCC, clang), so one text
// serves every processor; all widths are multiples of 16. Numbers that aren't finite are looked for, never assumed away:
// no -ffast-math.
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
inline void store(float* p, V v) { std::memcpy(p, &v, sizeof v); }
inline V load(const int32_t* p) { I v; std::memcpy(&v, p, sizeof v); return __builtin_convertvector(v, V); }
inline V all(float x) { return V{} + x; }
inline V largest(V a, V b) { return a > b ? a : b; }
inline V smallest(V a, V b) { return a < b ? a : b; }
inline V rounded(V x) { const V magic = all(12582912.0f); return (x + magic) - magic; }  // |x| < 2^22, halves to even

// e^x, within 2 units in the last place; ends at e^-87 and e^88.
inline V exponential(V x) {
  x = smallest(largest(x, all(-87.3f)), all(88.3f));
  const V n = rounded(x * 1.44269504f);
  x = x - n * 0.693359375f;
  x = x - n * -2.12194440e-4f;
  V p = all(1.9875691500e-4f);
  p = p * x + 1.3981999507e-3f;
  p = p * x + 8.3334519073e-3f;
  p = p * x + 4.1665795894e-2f;
  p = p * x + 1.6666665459e-1f;
  p = p * x + 5.0000001201e-1f;
  p = p * x * x + x + 1.0f;
  I power = (__builtin_convertvector(n, I) + 127) << 23;
  V scale; std::memcpy(&scale, &power, sizeof scale);
  return p * scale;
}

struct Kind { int32_t largest, zero; };

// A row of `width` numbers (a multiple of W) -> 8-bit values and the token's scale and offset.
inline void quantise(const float* x, int width, V low, V high, V odd, Kind kind, int8_t* values, float* token) {
  float least = 0, most = 0, strange = 0;
  for (int i = 0; i < W; i++) {
    least = low[i] < least ? low[i] : least;
    most = high[i] > most ? high[i] : most;
    strange += odd[i];
  }
  const float steps = 2 * kind.largest + 1;
  float scale = most / steps - least / steps;
  if (scale == 0) scale = 1;
  if (!std::isfinite(scale) || strange != 0) {
    std::memset(values, kind.zero, width);
    token[0] = NAN; token[1] = 0;
    return;
  }
  const float first = std::nearbyint(least / scale), shift = kind.largest + 1;
  token[0] = scale; token[1] = first + shift;
  const bool tiny = !std::isfinite(1 / scale);
  const V by = all(tiny ? 1 : 1 / scale), over = all(tiny ? scale : 1), from = all(first), top = all(steps), none = all(0);
  const float to = kind.zero - shift;
  for (int i = 0; i < width; i += W) {
    const V y = tiny ? load(x + i) / over : load(x + i) * by;
    const V v = smallest(largest(rounded(y) - from, none), top) + to;
    B b = __builtin_convertvector(__builtin_convertvector(v, I), B);
    std::memcpy(values + i, &b, sizeof b);
  }
}

template <typename S>
inline V meant(const S* sums, V offset, V scale, const float* row, const float* totals, const float* bias, int i) {
  return (load(sums + i) + offset * load(totals + i)) * scale * load(row + i) + load(bias + i);
}

template <typename S>
void widened(const S* sums, const float* token, const float* row, const float* totals, const float* bias, int64_t rows, int width, Kind kind,
             int8_t* values, float* out, int threads) {
#pragma omp parallel num_threads(threads)
  {
    std::vector<float> held(width);
    float* y = held.data();
#pragma omp for schedule(static)
    for (int64_t r = 0; r < rows; r++) {
      const V offset = all(token[2 * r + 1]), scale = all(token[2 * r]);
      V low = all(0), high = all(0), odd = all(0);
      for (int i = 0; i < width; i += W) {
        const V x = meant(sums + r * width, offset, scale, row, totals, bias, i);
        const V u = x * -1.5957691216057308f * (x * x * 0.044715f + 1.0f);
        const V v = x / (exponential(u) + 1.0f);
        low = smallest(v, low); high = largest(v, high); odd += v - v;
        store(y + i, v);
      }
      quantise(y, width, low, high, odd, kind, values + r * width, out + 2 * r);
    }
  }
}

template <typename S>
void turned(const S* sums, const float* token, const float* row, const float* totals, const float* bias, const float* cos, const float* sin,
            int64_t items, int64_t frames, int heads, int size, float* q, float* k, float* v, int threads) {
  const int inner = heads * size, half = size / 2;
#pragma omp parallel num_threads(threads)
  {
    std::vector<float> held(3 * inner);
    float* y = held.data();
#pragma omp for schedule(static)
    for (int64_t r = 0; r < items * frames; r++) {
      const V offset = all(token[2 * r + 1]), scale = all(token[2 * r]);
      for (int i = 0; i < 3 * inner; i += W) store(y + i, meant(sums + r * 3 * inner, offset, scale, row, totals, bias, i));
      const int64_t item = r / frames, n = r % frames;
      const float *c = cos + n * half, *s = sin + n * half;
      for (int part = 0; part < 3; part++) {
        float* to = part == 0 ? q : part == 1 ? k : v;
        for (int h = 0; h < heads; h++) {
          const float* from = y + part * inner + h * size;
          float* into = to + ((item * heads + h) * frames + n) * size;
          if (part == 2) { std::memcpy(into, from, 4 * size); continue; }
          for (int i = 0; i < half; i++) {
            const float a = from[2 * i], b = from[2 * i + 1];
            into[2 * i] = a * c[i] - b * s[i];
            into[2 * i + 1] = b * c[i] + a * s[i];
          }
        }
      }
    }
  }
}

void opened(const float* x, const float* shift, const float* scale, int64_t items, int64_t frames, int width, Kind kind, int8_t* values, float* out,
            int threads) {
#pragma omp parallel num_threads(threads)
  {
    std::vector<float> held(width);
    float* y = held.data();
#pragma omp for schedule(static)
    for (int64_t r = 0; r < items * frames; r++) {
      const float *from = x + r * width, *sh = shift + r / frames * width, *sc = scale + r / frames * width;
      V sum = all(0), square = all(0);
      for (int i = 0; i < width; i += W) sum += load(from + i);
      float mean = 0; for (int i = 0; i < W; i++) mean += sum[i];
      mean /= width;
      for (int i = 0; i < width; i += W) { const V d = load(from + i) - mean; square += d * d; }
      float spread = 0; for (int i = 0; i < W; i++) spread += square[i];
      const float by = 1 / std::sqrt(spread / width + 1e-6f);
      V low = all(0), high = all(0), odd = all(0);
      for (int i = 0; i < width; i += W) {
        const V v = (load(from + i) - mean) * by * (load(sc + i) + 1.0f) + load(sh + i);
        low = smallest(v, low); high = largest(v, high); odd += v - v;
        store(y + i, v);
      }
      quantise(y, width, low, high, odd, kind, values + r * width, out + 2 * r);
    }
  }
}

// x: items heads frames size, by strides in numbers; the last one is 1.
void mixed(const float* x, int64_t items, int64_t heads, int64_t frames, int size, int64_t by_item, int64_t by_head, int64_t by_frame, Kind kind,
           int8_t* values, float* out, int threads) {
  const int width = heads * size;
#pragma omp parallel num_threads(threads)
  {
    std::vector<float> held(width);
    float* y = held.data();
#pragma omp for schedule(static)
    for (int64_t r = 0; r < items * frames; r++) {
      V low = all(0), high = all(0), odd = all(0);
      for (int h = 0; h < heads; h++) {
        const float* from = x + r / frames * by_item + h * by_head + r % frames * by_frame;
        for (int i = 0; i < size; i += W) {
          const V v = load(from + i);
          low = smallest(v, low); high = largest(v, high); odd += v - v;
          store(y + h * size + i, v);
        }
      }
      quantise(y, width, low, high, odd, kind, values + r * width, out + 2 * r);
    }
  }
}

template <typename S>
void closed(const S* sums, const float* token, const float* row, const float* totals, const float* bias, const float* x, const float* gate,
            const bool* keep, int64_t items, int64_t frames, int width, float* out, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t r = 0; r < items * frames; r++) {
    const V offset = all(token[2 * r + 1]), scale = all(token[2 * r]);
    const float *from = x + r * width, *g = gate + r / frames * width;
    if (!keep[r]) { std::memcpy(out + r * width, from, 4 * width); continue; }
    for (int i = 0; i < width; i += W)
      store(out + r * width + i, load(from + i) + load(g + i) * meant(sums + r * width, offset, scale, row, totals, bias, i));
  }
}

}  // namespace

extern "C" {
#define SEAMS(S, NAME)                                                                                                                  \
  void widened_##NAME(const S* sums, const float* token, const float* row, const float* totals, const float* bias, int64_t rows,        \
                      int width, int largest, int zero, int8_t* values, float* out, int threads) {                                      \
    widened(sums, token, row, totals, bias, rows, width, Kind{largest, zero}, values, out, threads);                                    \
  }                                                                                                                                     \
  void turned_##NAME(const S* sums, const float* token, const float* row, const float* totals, const float* bias, const float* cos,     \
                     const float* sin, int64_t items, int64_t frames, int heads, int size, float* q, float* k, float* v, int threads) { \
    turned(sums, token, row, totals, bias, cos, sin, items, frames, heads, size, q, k, v, threads);                                     \
  }                                                                                                                                     \
  void closed_##NAME(const S* sums, const float* token, const float* row, const float* totals, const float* bias, const float* x,       \
                     const float* gate, const bool* keep, int64_t items, int64_t frames, int width, float* out, int threads) {          \
    closed(sums, token, row, totals, bias, x, gate, keep, items, frames, width, out, threads);                                          \
  }
SEAMS(int32_t, int32)
SEAMS(float, float32)

void opened_(const float* x, const float* shift, const float* scale, int64_t items, int64_t frames, int width, int largest, int zero,
             int8_t* values, float* out, int threads) {
  opened(x, shift, scale, items, frames, width, Kind{largest, zero}, values, out, threads);
}
void mixed_(const float* x, int64_t items, int64_t heads, int64_t frames, int size, int64_t by_item, int64_t by_head, int64_t by_frame,
            int largest, int zero, int8_t* values, float* out, int threads) {
  mixed(x, items, heads, frames, size, by_item, by_head, by_frame, Kind{largest, zero}, values, out, threads);
}
}
