// Vectors as the compiler has them (GCC, clang), so one text serves every processor. All widths are multiples of 16.
// Numbers that aren't finite are looked for, never assumed away: no -ffast-math.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
constexpr int W = 16;
#else
constexpr int W = 8;
#endif
typedef float V __attribute__((vector_size(4 * W)));
typedef int32_t I __attribute__((vector_size(4 * W)));
typedef uint32_t U __attribute__((vector_size(4 * W)));
typedef uint16_t H __attribute__((vector_size(2 * W)));
typedef int8_t B __attribute__((vector_size(W)));

inline V load(const float* p) { V v; std::memcpy(&v, p, sizeof v); return v; }
inline V load(const int32_t* p) { I v; std::memcpy(&v, p, sizeof v); return __builtin_convertvector(v, V); }
inline void store(float* p, V v) { std::memcpy(p, &v, sizeof v); }
struct Bf16 { uint16_t bits; };  // the upper half of a float
inline V load(const Bf16* p) {
  H h; std::memcpy(&h, p, sizeof h);
  const U bits = __builtin_convertvector(h, U) << 16;
  V v; std::memcpy(&v, &bits, sizeof v);
  return v;
}
inline void store(Bf16* p, V v) {  // to the nearest, halves to even; a NaN stays one
  U bits; std::memcpy(&bits, &v, sizeof bits);
  const U up = bits + (((bits >> 16) & 1) + 0x7fff), odd = U{} + 0x7fc00000;
  const H h = __builtin_convertvector((v == v ? up : odd) >> 16, H);
  std::memcpy(p, &h, sizeof h);
}
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
