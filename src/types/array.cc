// Arrays: layout, access and operations. See array.h; text and binary forms are in array_text.cc.
#include "src/types/array.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/limits.h"
#include "src/types/array_builder.h"
#include "src/types/interval.h"
#include "src/types/jsonb.h"
#include "src/types/numeric.h"
#include "src/types/uuid.h"

namespace qw {

namespace {
constexpr size_t kHeaderBytes = 8, kDimensionBytes = 8;
}  // namespace

uint32_t array_element_width(TypeId element) {
  const Physical physical = type_info(element).physical;
  if (physical == Physical::string || physical == Physical::numeric) return 0;
  return physical_bytes(physical);
}

void ArrayBuilder::add(const Vector& values, uint32_t row) {
  if (values.is_null(row)) return add_null();
  if (width_ != 0) {
    return add_raw(
        {static_cast<const char*>(values.data) + size_t{values.slot(row)} * width_, width_});
  }
  if (type_info(element_).physical == Physical::numeric) {
    scratch_.clear();
    numeric::append_packed(values.at<Numeric>(row), scratch_);
    return add_raw(scratch_);
  }
  add_raw(values.at<Str>(row).view());
}

void ArrayBuilder::add(const ArrayView& array, uint32_t index) {
  if (array.is_null(index)) return add_null();
  add_raw(array.raw(index));
}

std::string ArrayBuilder::finish(std::span<const ArrayDimension> dimensions) const {
  std::string out;
  const bool nulls = std::find(null_.begin(), null_.end(), true) != null_.end();
  const size_t shown = count_ == 0 ? 0 : dimensions.size();
  out += static_cast<char>(shown);
  out += static_cast<char>(element_);
  out += nulls ? '\1' : '\0';
  out += '\0';
  append<uint32_t>(out, count_);
  for (size_t d = 0; d < shown; ++d) {
    append<int32_t>(out, dimensions[d].length);
    append<int32_t>(out, dimensions[d].lower);
  }
  if (nulls) {
    std::string bits((count_ + 7) / 8, '\0');
    for (uint32_t i = 0; i < count_; ++i) {
      if (null_[i]) bits[i / 8] = static_cast<char>(bits[i / 8] | (1 << (i % 8)));
    }
    out += bits;
  }
  if (width_ == 0) {
    out.append(reinterpret_cast<const char*>(ends_.data()), ends_.size() * sizeof(uint32_t));
  }
  out += data_;
  return out;
}

Str ArrayBuilder::finish(std::span<const ArrayDimension> dimensions, Arena& arena) const {
  return Str::copy(finish(dimensions), arena);
}

Str ArrayBuilder::finish(Arena& arena) const {
  const ArrayDimension dimension{static_cast<int32_t>(count_), 1};
  return finish({&dimension, 1}, arena);
}

ArrayView::ArrayView(std::string_view bytes) : bytes_(bytes) {
  QW_ASSERT(bytes.size() >= kHeaderBytes);
  count_ = load<uint32_t>(bytes.data() + 4);
  width_ = array_element_width(element_type());
  const char* at = bytes.data() + kHeaderBytes + kDimensionBytes * dimensions();
  if (bytes[2] != 0) {
    nulls_ = at;
    at += (count_ + 7) / 8;
  }
  data_ = at;
  variable_ = width_ == 0 ? at + size_t{count_} * 4 : nullptr;
}

ArrayDimension ArrayView::dimension(uint32_t index) const {
  QW_ASSERT(index < dimensions());
  const char* at = bytes_.data() + kHeaderBytes + kDimensionBytes * index;
  return {load<int32_t>(at), load<int32_t>(at + 4)};
}

std::string_view ArrayView::raw(uint32_t index) const {
  QW_ASSERT(index < count_);
  if (width_ != 0) return {data_ + size_t{index} * width_, width_};
  const uint32_t begin = index == 0 ? 0 : load<uint32_t>(data_ + size_t{index - 1} * 4);
  const uint32_t end = load<uint32_t>(data_ + size_t{index} * 4);
  return {variable_ + begin, end - begin};
}

int64_t ArrayView::offset_of(std::span<const int32_t> subscripts) const {
  if (subscripts.size() != dimensions() || subscripts.empty()) return -1;
  int64_t offset = 0;
  for (uint32_t d = 0; d < dimensions(); ++d) {
    const ArrayDimension shape = dimension(d);
    const int64_t index = int64_t{subscripts[d]} - shape.lower;
    if (index < 0 || index >= shape.length) return -1;
    offset = offset * shape.length + index;
  }
  return offset;
}

Vector ArrayView::elements(uint32_t from, uint32_t count, Arena& arena) const {
  QW_ASSERT(from + count <= count_);
  Vector out = Vector::flat(element_type(), count, arena);
  const Physical physical = out.type.physical();
  if (width_ != 0) {
    std::memcpy(out.data, data_ + size_t{from} * width_, size_t{count} * width_);
  } else if (physical == Physical::numeric) {
    for (uint32_t i = 0; i < count; ++i) {
      out.values<Numeric>()[i] =
          is_null(from + i) ? Numeric{} : numeric::from_packed(raw(from + i));
    }
  } else {
    for (uint32_t i = 0; i < count; ++i) out.values<Str>()[i] = Str(raw(from + i));
  }
  if (nulls_ != nullptr) {
    for (uint32_t i = 0; i < count; ++i) {
      if (is_null(from + i)) out.set_null(i, count, arena);
    }
  }
  return out;
}

Datum ArrayView::element(uint32_t index) const {
  Arena arena;
  return Datum::from(elements(index, 1, arena), 0);
}

bool ArrayView::same_shape(const ArrayView& other) const {
  if (dimensions() != other.dimensions()) return false;
  for (uint32_t d = 0; d < dimensions(); ++d) {
    if (!(dimension(d) == other.dimension(d))) return false;
  }
  return true;
}

namespace array {
namespace {

std::vector<ArrayDimension> shape_of(const ArrayView& view) {
  std::vector<ArrayDimension> out;
  for (uint32_t d = 0; d < view.dimensions(); ++d) out.push_back(view.dimension(d));
  return out;
}

Error incompatible(std::string detail) {
  return array_subscript_error("cannot concatenate incompatible arrays")
      .with_detail(std::move(detail));
}

}  // namespace

Str make(const Vector& values, uint32_t from, uint32_t count, Arena& arena) {
  const ArrayDimension dimension{static_cast<int32_t>(count), 1};
  return make(values, from, count, {&dimension, 1}, arena);
}

Str make(const Vector& values, uint32_t from, uint32_t count,
         std::span<const ArrayDimension> dimensions, Arena& arena) {
  ArrayBuilder builder(values.type.id);
  for (uint32_t i = 0; i < count; ++i) builder.add(values, from + i);
  return builder.finish(dimensions, arena);
}

Str make_repeated(const Vector& values, uint32_t count, const int64_t* copies, Arena& arena) {
  ArrayBuilder builder(values.type.id);
  int64_t length = 0;
  for (uint32_t i = 0; i < count; ++i) {
    for (int64_t copy = 0; copy < copies[i]; ++copy) builder.add(values, i);
    length += copies[i];
  }
  const ArrayDimension dimension{static_cast<int32_t>(length), 1};
  return builder.finish({&dimension, 1}, arena);
}

Str make_empty(TypeId element, Arena& arena) { return ArrayBuilder(element).finish(arena); }

Datum make(TypeId element, std::span<const Datum> values) {
  Arena arena;
  ArrayBuilder builder(element);
  for (const Datum& value : values) builder.add(value.to_vector(arena), 0);
  const ArrayDimension dimension{static_cast<int32_t>(values.size()), 1};
  return Datum::of_bytes(Type::array_of(element), builder.finish({&dimension, 1}));
}

int compare(std::string_view a, std::string_view b) {
  const ArrayView x(a), y(b);
  Arena arena;
  const uint32_t common = std::min(x.size(), y.size());
  const Vector left = x.elements(0, common, arena), right = y.elements(0, common, arena);
  for (uint32_t i = 0; i < common; ++i) {
    const bool null_x = left.is_null(i), null_y = right.is_null(i);
    // NULL is above every value, as in ORDER BY.
    if (null_x && null_y) continue;
    if (null_x || null_y) return null_x ? 1 : -1;
    const int order = compare_values(left, i, right, i);
    if (order != 0) return order;
  }
  if (x.size() != y.size()) return x.size() < y.size() ? -1 : 1;
  if (x.dimensions() != y.dimensions()) return x.dimensions() < y.dimensions() ? -1 : 1;
  for (uint32_t d = 0; d < x.dimensions(); ++d) {
    const ArrayDimension p = x.dimension(d), q = y.dimension(d);
    if (p.length != q.length) return p.length < q.length ? -1 : 1;
    if (p.lower != q.lower) return p.lower < q.lower ? -1 : 1;
  }
  return 0;
}

std::string_view canonical(std::string_view bytes, Arena& arena) {
  const ArrayView view(bytes);
  const TypeId element = view.element_type();
  const Physical physical = type_info(element).physical;
  const bool changes = physical == Physical::numeric || physical == Physical::f32 ||
                       physical == Physical::f64 || element == TypeId::interval ||
                       element == TypeId::bpchar || element == TypeId::jsonb;
  if (!changes || view.size() == 0) return bytes;
  ArrayBuilder builder(element);
  Vector values = view.elements(arena);
  for (uint32_t i = 0; i < view.size(); ++i) {
    if (values.is_null(i)) continue;
    if (physical == Physical::numeric) {
      values.values<Numeric>()[i] = numeric::trim_scale(values.values<Numeric>()[i], arena);
    } else if (physical == Physical::f64) {
      double& value = values.values<double>()[i];
      value = std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value + 0.0;
    } else if (physical == Physical::f32) {
      float& value = values.values<float>()[i];
      value = std::isnan(value) ? std::numeric_limits<float>::quiet_NaN() : value + 0.0F;
    } else if (element == TypeId::interval) {
      values.values<Interval>()[i] = interval::canonical(values.values<Interval>()[i]);
    } else if (element == TypeId::bpchar) {
      std::string_view text = values.values<Str>()[i].view();
      while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
      values.values<Str>()[i] = Str::copy(std::string(text), arena);
    } else {
      const std::string_view text = values.values<Str>()[i].view();
      values.values<Str>()[i] = Str(jsonb::canonical(text, arena));
    }
  }
  for (uint32_t i = 0; i < view.size(); ++i) builder.add(values, i);
  const std::string out = builder.finish(shape_of(view));
  return {arena.copy(out), out.size()};
}

Result<Str> concat(std::string_view a, std::string_view b, Arena& arena) {
  const ArrayView x(a), y(b);
  if (x.dimensions() == 0) return Str::copy(b, arena);
  if (y.dimensions() == 0) return Str::copy(a, arena);
  std::vector<ArrayDimension> shape = shape_of(x);
  const std::vector<ArrayDimension> other = shape_of(y);
  const auto lengths_match = [](std::span<const ArrayDimension> p,
                                std::span<const ArrayDimension> q) {
    return std::equal(p.begin(), p.end(), q.begin(), q.end());
  };
  const std::span<const ArrayDimension> left(shape), right(other);
  if (shape.size() == other.size()) {
    if (!lengths_match(left.subspan(1), right.subspan(1))) {
      return fail(
          incompatible("Arrays with differing element dimensions are not compatible for "
                       "concatenation."));
    }
    shape[0].length += other[0].length;
  } else if (shape.size() + 1 == other.size()) {
    if (!lengths_match(left, right.subspan(1))) {
      return fail(
          incompatible("Arrays with differing dimensions are not compatible for "
                       "concatenation."));
    }
    shape = other;
    ++shape[0].length;
  } else if (shape.size() == other.size() + 1) {
    if (!lengths_match(left.subspan(1), right)) {
      return fail(
          incompatible("Arrays with differing dimensions are not compatible for "
                       "concatenation."));
    }
    ++shape[0].length;
  } else {
    return fail(incompatible(
        fmt::format("Arrays of {} and {} dimensions are not compatible for concatenation.",
                    shape.size(), other.size())));
  }
  ArrayBuilder builder(x.element_type());
  for (uint32_t i = 0; i < x.size(); ++i) builder.add(x, i);
  for (uint32_t i = 0; i < y.size(); ++i) builder.add(y, i);
  return builder.finish(shape, arena);
}

Result<Str> append(std::string_view a, const Vector& values, uint32_t row, Arena& arena) {
  const ArrayView view(a);
  if (view.dimensions() > 1) {
    return fail(Error("22000", "argument must be empty or one-dimensional array"));
  }
  ArrayBuilder builder(view.element_type());
  for (uint32_t i = 0; i < view.size(); ++i) builder.add(view, i);
  builder.add(values, row);
  const ArrayDimension shape{static_cast<int32_t>(view.size()) + 1,
                             view.dimensions() == 0 ? 1 : view.dimension(0).lower};
  return builder.finish({&shape, 1}, arena);
}

Result<Str> prepend(const Vector& values, uint32_t row, std::string_view a, Arena& arena) {
  const ArrayView view(a);
  if (view.dimensions() > 1) {
    return fail(Error("22000", "argument must be empty or one-dimensional array"));
  }
  ArrayBuilder builder(view.element_type());
  builder.add(values, row);
  for (uint32_t i = 0; i < view.size(); ++i) builder.add(view, i);
  const ArrayDimension shape{static_cast<int32_t>(view.size()) + 1,
                             view.dimensions() == 0 ? 1 : view.dimension(0).lower};
  return builder.finish({&shape, 1}, arena);
}

Str slice(std::string_view a, std::span<const int32_t> lower, std::span<const int32_t> upper,
          Arena& arena) {
  const ArrayView view(a);
  const uint32_t dimensions = view.dimensions();
  ArrayBuilder builder(view.element_type());
  // More subscripts than dimensions select nothing; fewer leave the others whole.
  if (dimensions == 0 || lower.size() > dimensions) return builder.finish(arena);
  std::vector<ArrayDimension> shape;
  std::vector<int32_t> first;
  for (uint32_t d = 0; d < dimensions; ++d) {
    const ArrayDimension whole = view.dimension(d);
    const int64_t end = int64_t{whole.lower} + whole.length - 1;
    const int64_t from = d < lower.size() ? std::max<int64_t>(lower[d], whole.lower) : whole.lower;
    const int64_t to = d < upper.size() ? std::min<int64_t>(upper[d], end) : end;
    if (from > to) return builder.finish(arena);
    first.push_back(static_cast<int32_t>(from));
    shape.push_back({static_cast<int32_t>(to - from + 1), 1});
  }
  std::vector<int32_t> at = first;
  while (true) {
    builder.add(view, static_cast<uint32_t>(view.offset_of(at)));
    uint32_t d = dimensions;
    while (d-- > 0) {
      if (++at[d] < first[d] + shape[d].length) break;
      at[d] = first[d];
      if (d == 0) return builder.finish(shape, arena);
    }
  }
}

int64_t find(const ArrayView& a, const Vector& values, uint32_t row, uint32_t from) {
  if (from >= a.size()) return -1;
  Arena arena;
  const Vector elements = a.elements(arena);
  const bool wanted_null = values.is_null(row);
  for (uint32_t i = from; i < a.size(); ++i) {
    if (elements.is_null(i) || wanted_null) {
      if (elements.is_null(i) && wanted_null) return i;
      continue;
    }
    if (compare_values(elements, i, values, row) == 0) return i;
  }
  return -1;
}

bool contains(std::string_view a, std::string_view needles) {
  const ArrayView haystack(a), wanted(needles);
  Arena arena;
  const Vector values = wanted.elements(arena);
  for (uint32_t i = 0; i < wanted.size(); ++i) {
    // A NULL equals nothing, so an array with one is contained nowhere.
    if (values.is_null(i) || find(haystack, values, i) < 0) return false;
  }
  return true;
}

bool overlaps(std::string_view a, std::string_view b) {
  const ArrayView x(a), y(b);
  Arena arena;
  const Vector values = y.elements(arena);
  for (uint32_t i = 0; i < y.size(); ++i) {
    if (!values.is_null(i) && find(x, values, i) >= 0) return true;
  }
  return false;
}

}  // namespace array

namespace {

template <typename T>
int order_of(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

template <typename T>
int order_of_floats(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) {
    return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
  }
  return order_of(a, b);
}

int compare_strings(TypeId id, std::string_view a, std::string_view b) {
  if (id == TypeId::jsonb) return jsonb::compare(a, b);
  if (id == TypeId::array || id == TypeId::int2vector || id == TypeId::oidvector) {
    return array::compare(a, b);
  }
  if (id == TypeId::record) return record::compare(a, b);
  if (id == TypeId::bpchar) {
    while (!a.empty() && a.back() == ' ') a.remove_suffix(1);
    while (!b.empty() && b.back() == ' ') b.remove_suffix(1);
  }
  const int order = a.compare(b);
  return order < 0 ? -1 : (order > 0 ? 1 : 0);
}

int compare_wide(TypeId id, const Vector& a, uint32_t row_a, const Vector& b, uint32_t row_b) {
  if (id == TypeId::uuid) return order_of(a.at<Uuid>(row_a).compare(b.at<Uuid>(row_b)), 0);
  if (id == TypeId::timetz) return timetz::compare(a.at<TimeTz>(row_a), b.at<TimeTz>(row_b));
  return interval::compare(a.at<Interval>(row_a), b.at<Interval>(row_b));
}

}  // namespace

int compare_values(const Vector& a, uint32_t row_a, const Vector& b, uint32_t row_b) {
  QW_ASSERT(a.type.physical() == b.type.physical());
  switch (a.type.physical()) {
    case Physical::b1:
    case Physical::i1:
      return order_of(a.at<uint8_t>(row_a), b.at<uint8_t>(row_b));
    case Physical::i16:
      return order_of(a.at<int16_t>(row_a), b.at<int16_t>(row_b));
    case Physical::i32:
      return order_of(a.at<int32_t>(row_a), b.at<int32_t>(row_b));
    case Physical::i64:
      return order_of(a.at<int64_t>(row_a), b.at<int64_t>(row_b));
    case Physical::u32:
      return order_of(a.at<uint32_t>(row_a), b.at<uint32_t>(row_b));
    case Physical::f32:
      return order_of_floats(a.at<float>(row_a), b.at<float>(row_b));
    case Physical::f64:
      return order_of_floats(a.at<double>(row_a), b.at<double>(row_b));
    case Physical::wide16:
      return compare_wide(a.type.id, a, row_a, b, row_b);
    case Physical::numeric:
      return numeric::compare(a.at<Numeric>(row_a), b.at<Numeric>(row_b));
    case Physical::string:
      return compare_strings(a.type.id, a.at<Str>(row_a).view(), b.at<Str>(row_b).view());
    case Physical::none:
      return 0;
  }
  return 0;
}

std::optional<Type> array_element_type(const Type& type) {
  switch (type.id) {
    case TypeId::array:
      return Type(type.element);
    case TypeId::int2vector:
      return Type(TypeId::int2);
    case TypeId::oidvector:
      return Type(TypeId::oid);
    default:
      return std::nullopt;
  }
}

int compare_values(const Datum& a, const Datum& b) {
  Arena arena;
  return compare_values(a.to_vector(arena), 0, b.to_vector(arena), 0);
}

}  // namespace qw
