// Decodes a window of a JPEG file by the libjpeg-turbo that is in TensorFlow's library, and resizes it: see
// src/datasets/pictures/decoding/jpeg.ts.

#include <node_api.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace tensorflow {
namespace jpeg {

// As tensorflow/core/lib/jpeg/jpeg_mem.h of the pinned release has it. That header is not included, because it needs the
// headers of libjpeg-turbo and of Abseil.
struct UncompressFlags {
  int ratio = 1;
  int components = 0;
  bool fancy_upscaling = true;
  bool try_recover_truncated_jpeg = false;
  float min_acceptable_fraction = 1.0;
  int stride = 0;
  int dct_method = 0;  // JDCT_ISLOW, libjpeg's default
  bool crop = false;
  int crop_x = 0;
  int crop_y = 0;
  int crop_width = 0;
  int crop_height = 0;
};

uint8_t* Uncompress(const void* srcdata, int datasize, const UncompressFlags& flags, int64_t* nwarn,
                    std::function<uint8_t*(int, int, int)> allocate_output);

}  // namespace jpeg
}  // namespace tensorflow

namespace {

// The weights by which one axis is resized by a triangle filter, which is as wide as two pixels of the smaller of both
// sizes. Pillow's BILINEAR is the same filter.
class Filter {
 public:
  struct Taps {
    int first;
    int count;
    const float* weights;
  };

  Filter(int from, int to) {
    const double scale = static_cast<double>(from) / to;
    const double support = std::max(scale, 1.0);
    for (int i = 0; i < to; i++) {
      const double centre = (i + 0.5) * scale;
      const int first = std::max(0, static_cast<int>(centre - support + 0.5));
      const int last = std::min(from, static_cast<int>(centre + support + 0.5));
      std::vector<double> weights;
      double sum = 0;
      for (int k = first; k < last; k++) {
        weights.push_back(std::max(0.0, 1 - std::abs(k + 0.5 - centre) / support));
        sum += weights.back();
      }
      starts_.push_back({first, weights_.size()});
      for (const double weight : weights) weights_.push_back(static_cast<float>(weight / sum));
    }
    starts_.push_back({from, weights_.size()});
  }

  Taps at(int i) const {
    const size_t begin = starts_[i].weight;
    return {starts_[i].pixel, static_cast<int>(starts_[i + 1].weight - begin), weights_.data() + begin};
  }

 private:
  struct Start {
    int pixel;
    size_t weight;
  };
  std::vector<Start> starts_;
  std::vector<float> weights_;
};

struct Pixels {
  std::vector<uint8_t> values;
  int width = 0;
  int height = 0;
};

// Writes [rows, columns, channels] to `target`. The sums are in float32 and in the order of the pixels.
template <int channels>
void Resize(const Pixels& pixels, int rows, int columns, uint8_t* target) {
  const Filter vertical(pixels.height, rows);
  const Filter horizontal(pixels.width, columns);
  const size_t width = static_cast<size_t>(pixels.width) * channels;
  thread_local std::vector<float> sums;
  sums.resize(width);
  for (int row = 0; row < rows; row++) {
    const auto taps = vertical.at(row);
    std::fill(sums.begin(), sums.end(), 0.0f);
    for (int k = 0; k < taps.count; k++) {
      const uint8_t* source = pixels.values.data() + (taps.first + k) * width;
      const float weight = taps.weights[k];
      float* sum = sums.data();
      for (size_t i = 0; i < width; i++) sum[i] += weight * source[i];
    }
    for (int column = 0; column < columns; column++) {
      const auto across = horizontal.at(column);
      const float* source = sums.data() + static_cast<size_t>(across.first) * channels;
      float values[channels] = {};
      for (int k = 0; k < across.count; k++) {
        for (int channel = 0; channel < channels; channel++) values[channel] += across.weights[k] * *source++;
      }
      for (const float value : values) *target++ = static_cast<uint8_t>(std::min(value + 0.5f, 255.0f));
    }
  }
}

// decode(bytes, left, top, width, height, channels, target, rows, columns): returns whether the window of the file could
// be decoded, and then has written it to `target`, [rows, columns, channels].
napi_value Decode(napi_env env, napi_callback_info info) {
  size_t count = 9;
  napi_value arguments[9];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  void* bytes = nullptr;
  void* target = nullptr;
  size_t length = 0;
  size_t room = 0;
  int numbers[9] = {};
  bool valid = count == 9;
  for (size_t i = 0; valid && i < 9; i++) {
    if (i == 0 || i == 6) {
      valid = napi_get_typedarray_info(env, arguments[i], nullptr, i == 0 ? &length : &room, i == 0 ? &bytes : &target,
                                       nullptr, nullptr) == napi_ok;
    } else {
      valid = napi_get_value_int32(env, arguments[i], &numbers[i]) == napi_ok;
    }
  }
  const auto [left, top, width, height, channels] =
      std::array<int, 5>{numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]};
  const int rows = numbers[7];
  const int columns = numbers[8];
  valid = valid && rows > 0 && columns > 0 && (channels == 1 || channels == 3) &&
          room == static_cast<size_t>(rows) * columns * channels &&
          length <= static_cast<size_t>(std::numeric_limits<int>::max());
  if (!valid) {
    napi_throw_type_error(env, nullptr, "decode takes a file, a window, and room for the result");
    return nullptr;
  }

  tensorflow::jpeg::UncompressFlags flags;
  flags.components = channels;
  flags.crop = true;
  flags.crop_x = left;
  flags.crop_y = top;
  flags.crop_width = width;
  flags.crop_height = height;
  thread_local Pixels pixels;
  int64_t warnings = 0;
  const auto allocate = [](int width, int height, int components) {
    pixels.width = width;
    pixels.height = height;
    pixels.values.resize(static_cast<size_t>(width) * height * components);
    return pixels.values.data();
  };
  const bool decoded =
      tensorflow::jpeg::Uncompress(bytes, static_cast<int>(length), flags, &warnings, allocate) != nullptr;
  if (decoded && channels == 1) Resize<1>(pixels, rows, columns, static_cast<uint8_t*>(target));
  if (decoded && channels == 3) Resize<3>(pixels, rows, columns, static_cast<uint8_t*>(target));
  napi_value result;
  napi_get_boolean(env, decoded, &result);
  return result;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value decode;
  napi_create_function(env, "decode", NAPI_AUTO_LENGTH, Decode, nullptr, &decode);
  napi_set_named_property(env, exports, "decode", decode);
  return exports;
}
