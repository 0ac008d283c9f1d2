// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "hone/core/config.hpp"
#include "hone/core/format_message.hpp"
#include "hone/data/digits.hpp"
#include "hone/data/splitmix.hpp"
#include "hone/data/tensor_dataset.hpp"

namespace hone {

namespace detail {

struct PenPoint {
  std::int64_t x, y;
};

/// A stroke of a digit in a box of 100 x 100 units, with the y axis down, drawn with a probability of `percent` / 100.
struct PenStroke {
  int digit, percent;
  std::size_t length;
  std::array<PenPoint, 11> points;
};

inline constexpr std::array pen_strokes{
    PenStroke{0, 100, 9, {{{50, 0}, {20, 8}, {16, 50}, {20, 92}, {50, 100}, {80, 92}, {84, 50}, {80, 8}, {50, 0}}}},
    PenStroke{1, 100, 2, {{{54, 0}, {50, 100}}}},
    PenStroke{1, 50, 2, {{{54, 0}, {34, 22}}}},
    PenStroke{1, 20, 2, {{{30, 100}, {70, 100}}}},
    PenStroke{2, 100, 6, {{{20, 25}, {28, -4}, {76, -6}, {84, 32}, {60, 62}, {18, 98}}}},
    PenStroke{2, 100, 2, {{{18, 98}, {84, 98}}}},
    PenStroke{3, 100, 5, {{{20, 10}, {50, -8}, {86, 8}, {80, 42}, {44, 47}}}},
    PenStroke{3, 100, 5, {{{44, 47}, {88, 50}, {92, 94}, {50, 110}, {14, 88}}}},
    PenStroke{4, 100, 2, {{{56, 0}, {14, 64}}}},
    PenStroke{4, 100, 2, {{{14, 64}, {88, 62}}}},
    PenStroke{4, 100, 2, {{{66, 30}, {64, 100}}}},
    PenStroke{5, 100, 2, {{{78, 2}, {28, 2}}}},
    PenStroke{5, 100, 2, {{{28, 2}, {24, 46}}}},
    PenStroke{5, 100, 6, {{{24, 46}, {56, 30}, {90, 50}, {86, 92}, {50, 108}, {14, 90}}}},
    PenStroke{6, 100, 9, {{{70, 0}, {36, 18}, {16, 60}, {22, 100}, {58, 106}, {84, 88}, {78, 56}, {46, 50}, {22, 72}}}},
    PenStroke{7, 100, 2, {{{18, 2}, {82, 2}}}},
    PenStroke{7, 100, 3, {{{82, 2}, {56, 46}, {42, 100}}}},
    PenStroke{7, 30, 2, {{{36, 52}, {74, 48}}}},
    PenStroke{8,
              100,
              11,
              {{{76, 18},
                {54, -8},
                {18, 4},
                {28, 38},
                {72, 58},
                {88, 92},
                {50, 112},
                {12, 92},
                {28, 60},
                {70, 40},
                {76, 18}}}},
    PenStroke{9, 100, 6, {{{78, 24}, {54, -8}, {16, 8}, {20, 50}, {56, 56}, {78, 24}}}},
    PenStroke{9, 100, 3, {{{78, 24}, {78, 60}, {62, 100}}}},
};

HONE_INLINE std::vector<PenPoint> round_corners(const std::vector<PenPoint>& line) {
  std::vector<PenPoint> rounder{line.front()};
  for (std::size_t i = 1; i < line.size(); ++i) {
    const auto &a = line[i - 1], &b = line[i];
    rounder.push_back({(3 * a.x + b.x) >> 2, (3 * a.y + b.y) >> 2});
    rounder.push_back({(a.x + 3 * b.x) >> 2, (a.y + 3 * b.y) >> 2});
  }
  rounder.push_back(line.back());
  return rounder;
}

HONE_INLINE std::int64_t draw_digit(SplitMix64 random, std::span<std::uint8_t, 784> image) {
  constexpr std::int64_t side = 28;
  constexpr std::int64_t one = 1024;  // a pixel, or the number 1, in fixed point
  const auto digit = random.between(0, 9);

  // Maps a point of the box, in sixteenths of a unit, to the image: scales, slants, rotates and shifts it.
  const auto scale_x = random.between(150, 225), scale_y = random.between(155, 215);  // pixels / one per unit
  const auto slant = random.between(-120, 380), angle = random.between(-260, 260);
  const auto sine = angle - angle * angle * angle / (6 * one * one);
  const auto cosine = one - angle * angle / (2 * one);
  const auto shift_x = random.between(-2 * one, 2 * one), shift_y = random.between(-2 * one, 2 * one);
  const auto place = [&](PenPoint point) -> PenPoint {
    const auto y = (point.y - 50 * 16) * scale_y / 16;
    const auto x = (point.x - 50 * 16) * scale_x / 16 - y * slant / one;
    return {side * one / 2 + shift_x + (x * cosine - y * sine) / one,
            side * one / 2 + shift_y + (x * sine + y * cosine) / one};
  };

  const auto radius = random.between(750, 1500), ink = random.between(190, 255);
  const auto reach = radius + one / 2;  // the ink fades out over one pixel around the pen's edge
  const auto fade = 2 * one * radius;   // (radius + one / 2)^2 - (radius - one / 2)^2
  std::fill(image.begin(), image.end(), std::uint8_t{0});
  const auto draw_segment = [&](PenPoint a, PenPoint b) {
    const auto first = [&](std::int64_t low) { return std::clamp<std::int64_t>((low - reach) / one, 0, side); };
    const auto last = [&](std::int64_t high) { return std::clamp<std::int64_t>((high + reach) / one + 1, 0, side); };
    const auto dx = b.x - a.x, dy = b.y - a.y;
    const auto length_squared = std::max<std::int64_t>(dx * dx + dy * dy, 1);
    for (auto row = first(std::min(a.y, b.y)); row < last(std::max(a.y, b.y)); ++row) {
      for (auto column = first(std::min(a.x, b.x)); column < last(std::max(a.x, b.x)); ++column) {
        const auto x = column * one + one / 2 - a.x, y = row * one + one / 2 - a.y;
        const auto along = std::clamp<std::int64_t>(x * dx + y * dy, 0, length_squared) * one / length_squared;
        const auto off_x = x - along * dx / one, off_y = y - along * dy / one;
        const auto darkness = (reach * reach - off_x * off_x - off_y * off_y) * ink / fade;
        auto& pixel = image[static_cast<std::size_t>(row * side + column)];
        pixel = static_cast<std::uint8_t>(std::clamp<std::int64_t>(darkness, pixel, ink));
      }
    }
  };

  for (const auto& stroke : pen_strokes) {
    if (stroke.digit != digit || random.between(0, 99) >= stroke.percent) continue;
    std::vector<PenPoint> line;
    for (const auto& point : std::span(stroke.points).first(stroke.length)) {
      const auto x = point.x * 16 + random.between(-144, 144);
      line.push_back({x, point.y * 16 + random.between(-144, 144)});
    }
    if (line.size() > 2) line = round_corners(round_corners(line));
    for (std::size_t i = 1; i < line.size(); ++i) draw_segment(place(line[i - 1]), place(line[i]));
  }

  std::uint64_t noise = 0;
  for (std::size_t i = 0; i < image.size(); ++i, noise >>= 8U) {
    if (i % 8 == 0) noise = random.next();
    const auto pixel = image[i] + static_cast<std::int64_t>(noise & 0x3FU) - 40;
    image[i] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(pixel, 0, 255));
  }
  return digit;
}

}  // namespace detail

HONE_INLINE TensorDataset<std::pair<at::Tensor, at::Tensor>> digits(std::int64_t count, std::uint64_t seed) {
  if (count < 1) throw std::invalid_argument(format_message("count is {}. Set it to 1 or greater.", {count}));
  auto images = at::empty({count, 1, 28, 28}, at::kByte);
  auto labels = at::empty({count}, at::kLong);
  auto* image = images.mutable_data_ptr<std::uint8_t>();
  auto* label = labels.mutable_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < count; ++i, image += 784) {
    label[i] = detail::draw_digit(SplitMix64(stream_seed(seed, static_cast<std::uint64_t>(i))),
                                  std::span<std::uint8_t, 784>(image, 784));
  }
  return {images.to(at::kFloat).div_(255), labels};
}

}  // namespace hone
