// A convolution over frames, a group of channels at a time, in 16-bit integers. Frames lie one behind another, so the window of
// each is a row as it lies: no copies of it are made.
#pragma once
#include "columns.h"

// x: items frames groups * wide; weight: groups * made, wide, taps (an odd number); bias: groups * made, or null;
// out: items frames groups * made. wide, made: multiples of 32.
struct Windows {
  const float* x;
  const Bf16* weight;
  const float* bias;
  int64_t items, frames;
  int groups, wide, made, taps;
  float* out;
};

inline void convolve(const Windows& of, int threads) {
#if HAS_INTEGERS
  const int64_t size = static_cast<int64_t>(of.taps) * of.wide, blocks = of.made / 32, rows = of.frames + of.taps + MANY;
  together(threads, [&](const Member& member) {
    const auto packed = room<int8_t>(2 * of.made * size);
    const auto some = room<int16_t>(32 * size), frames = room<int16_t>(rows * of.wide);
    const auto exact = room<float>(size), steps = room<float>(of.made);
    member.share(of.groups, [&](int64_t g) {
      for (int o = 0; o < of.made; o++) {
        const Bf16* weight = of.weight + (g * of.made + o) * size;
        for (int i = 0; i < of.wide; i++)
          for (int t = 0; t < of.taps; t++) {
            const uint32_t bits = static_cast<uint32_t>(weight[i * of.taps + t].bits) << 16;
            std::memcpy(exact.get() + t * of.wide + i, &bits, sizeof bits);
          }
        Extent one;
        one.row(exact.get(), size);
        const float by = one.by(LARGEST, LONGEST);
        steps[o] = one.finite ? 1 / by : NAN;
        integers(exact.get(), size, by, some.get() + o % 32 * size, size);
        if (o % 32 == 31) pack_keys(some.get(), size, packed.get() + 2 * (o - 31) * size);
      }
      for (int64_t item = 0; item < of.items; item++) {
        const float* x = of.x + (item * of.frames * of.groups + g) * of.wide;
        const int64_t by_frame = static_cast<int64_t>(of.groups) * of.wide;
        Extent all_frames;
        for (int64_t n = 0; n < of.frames; n++) all_frames.row(x + n * by_frame, of.wide);
        const float by = all_frames.by(LARGEST, LONGEST / std::sqrt(static_cast<float>(of.taps)));
        std::memset(frames.get(), 0, 2 * rows * of.wide);
        for (int64_t n = 0; n < of.frames; n++)
          integers(x + n * by_frame, of.wide, by, frames.get() + (n + of.taps / 2) * of.wide, of.wide);
        const V whole = all(all_frames.finite ? 1 / by : NAN);
        for (int64_t n = 0; n < of.frames; n += MANY)
          for (int64_t b = 0; b < blocks; b++) {
            int32_t sums[MANY * 32];
            const int8_t* left = packed.get() + 64 * b * size;
            columns(frames.get() + n * of.wide, of.wide, left, left + 32 * size, size / 32, TILE, sums, 32);
            const int64_t first = g * of.made + 32 * b;
            for (int64_t i = 0; i < std::min<int64_t>(MANY, of.frames - n); i++)
              for (int o = 0; o < 32; o += W) {
                const V found = load(sums + 32 * i + o) * (whole * load(steps.get() + 32 * b + o));
                store(of.out + (item * of.frames + n + i) * of.groups * of.made + first + o,
                      of.bias ? found + load(of.bias + first + o) : found);
              }
          }
      }
    });
  });
#else
  (void)of, (void)threads;
#endif
}
