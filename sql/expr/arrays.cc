// Arrays: building, searching, shape, and text forms, over src/types/array.h.
//
// Element arguments are of any type, so these kernels see vectors, not values.
// Tests: tests/unit/sql_expr/cases/arrays.tsv.
#include "src/types/array.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "sql/expr/declare.h"
#include "sql/expr/text_array.h"
#include "sql/expr/utf8.h"
#include "src/types/text.h"

namespace qw::sql {
namespace {

using View = std::string_view;
using kernel::Frame;

// The arguments of one row.
class Args {
 public:
  Args(Frame& frame, Row& row) : frame_(frame), row_(row) {}
  bool null(uint32_t arg) const { return frame_.args[arg].is_null(row_.index()); }
  View bytes(uint32_t arg) const { return frame_.args[arg].at<Str>(row_.index()).view(); }
  template <typename T>
  T value(uint32_t arg) const {
    return frame_.args[arg].at<T>(row_.index());
  }
  const Vector& vector(uint32_t arg) const { return frame_.args[arg]; }
  uint32_t at() const { return row_.index(); }
  uint32_t count() const { return static_cast<uint32_t>(frame_.call.args.size()); }
  Row& row() { return row_; }
  Arena& arena() { return row_.arena(); }

 private:
  Frame& frame_;
  Row& row_;
};

template <auto F>
struct Polymorphic;
template <typename R, std::optional<R> (*F)(Args&)>
struct Polymorphic<F> {
  static void run(KernelCall& call) {
    Frame frame(call, true);
    R* out = kernel::result_of<R>(frame);
    Row row(frame);
    frame.for_rows([&](uint32_t index) {
      row.at(index);
      Args args(frame, row);
      const std::optional<R> value = F(args);
      out[index] = value ? *value : R{};
      if (!value) frame.set_null(index);
    });
    call.result->validity = frame.validity;
  }
};
template <auto F>
constexpr KernelSpec polymorphic() {
  return {&Polymorphic<F>::run, false};
}

using Text = std::optional<Str>;
using Number = std::optional<int32_t>;

Text append(Args& a) {
  if (a.null(0))
    return array::make(
        a.vector(1).gathered(std::array{static_cast<uint16_t>(a.at())}.data(), 1, a.arena()), 0, 1,
        a.arena());
  return a.row().take(array::append(a.bytes(0), a.vector(1), a.at(), a.arena()));
}
Text prepend(Args& a) {
  if (a.null(1))
    return array::make(
        a.vector(0).gathered(std::array{static_cast<uint16_t>(a.at())}.data(), 1, a.arena()), 0, 1,
        a.arena());
  return a.row().take(array::prepend(a.vector(0), a.at(), a.bytes(1), a.arena()));
}
Text concat(Args& a) {
  if (a.null(0) && a.null(1)) return std::nullopt;
  if (a.null(0)) return Str(a.bytes(1));
  if (a.null(1)) return Str(a.bytes(0));
  return a.row().take(array::concat(a.bytes(0), a.bytes(1), a.arena()));
}

bool contains(View a, View b) { return array::contains(a, b); }
bool contained(View a, View b) { return array::contains(b, a); }
bool overlaps(View a, View b) { return array::overlaps(a, b); }

std::optional<int32_t> length(View bytes, int32_t dimension) {
  const ArrayView view(bytes);
  if (dimension < 1 || dimension > static_cast<int32_t>(view.dimensions())) return std::nullopt;
  return view.dimension(static_cast<uint32_t>(dimension - 1)).length;
}
std::optional<int32_t> lower(View bytes, int32_t dimension) {
  const ArrayView view(bytes);
  if (dimension < 1 || dimension > static_cast<int32_t>(view.dimensions())) return std::nullopt;
  return view.dimension(static_cast<uint32_t>(dimension - 1)).lower;
}
std::optional<int32_t> upper(View bytes, int32_t dimension) {
  const auto from = lower(bytes, dimension), count = length(bytes, dimension);
  if (!from || !count) return std::nullopt;
  return *from + *count - 1;
}
std::optional<int32_t> dimensions(View bytes) {
  const ArrayView view(bytes);
  if (view.dimensions() == 0) return std::nullopt;
  return static_cast<int32_t>(view.dimensions());
}
std::optional<Str> dimensions_text(View bytes, Row& row) {
  const ArrayView view(bytes);
  if (view.dimensions() == 0) return std::nullopt;
  std::string out;
  for (uint32_t i = 0; i < view.dimensions(); ++i) {
    const ArrayDimension d = view.dimension(i);
    out += '[' + std::to_string(d.lower) + ':' + std::to_string(d.lower + d.length - 1) + ']';
  }
  return row.text(out);
}
int32_t cardinality(View bytes) { return static_cast<int32_t>(ArrayView(bytes).size()); }

Error one_dimensional(const char* what) { return feature_not_supported(what); }

Number position(Args& a) {
  if (a.null(0)) return std::nullopt;
  const ArrayView view(a.bytes(0));
  if (view.dimensions() > 1) {
    a.row().fail(
        one_dimensional("searching for elements in multidimensional arrays is not supported"));
    return std::nullopt;
  }
  if (view.size() == 0) return std::nullopt;
  const int32_t base = view.dimension(0).lower;
  uint32_t from = 0;
  if (a.count() == 3) {
    if (a.null(2)) {
      a.row().fail(null_value_not_allowed("initial position must not be null"));
      return std::nullopt;
    }
    const int64_t start = int64_t{a.value<int32_t>(2)} - base;
    from = static_cast<uint32_t>(std::clamp<int64_t>(start, 0, view.size()));
  }
  const int64_t found = array::find(view, a.vector(1), a.at(), from);
  if (found < 0) return std::nullopt;
  return base + static_cast<int32_t>(found);
}
Text positions(Args& a) {
  if (a.null(0)) return std::nullopt;
  const ArrayView view(a.bytes(0));
  if (view.dimensions() > 1) {
    a.row().fail(
        one_dimensional("searching for elements in multidimensional arrays is not supported"));
    return Str();
  }
  std::vector<int32_t> all;
  const int32_t base = view.size() == 0 ? 1 : view.dimension(0).lower;
  for (int64_t at = array::find(view, a.vector(1), a.at(), 0); at >= 0;
       at = array::find(view, a.vector(1), a.at(), static_cast<uint32_t>(at) + 1)) {
    all.push_back(base + static_cast<int32_t>(at));
    if (static_cast<uint32_t>(at) + 1 >= view.size()) break;
  }
  const auto count = static_cast<uint32_t>(all.size());
  if (count == 0) return array::make_empty(TypeId::int4, a.arena());
  Vector vector = Vector::flat(TypeId::int4, count, a.arena());
  std::copy(all.begin(), all.end(), vector.values<int32_t>());
  return array::make(vector, 0, count, a.arena());
}

// Rebuilds an array with each element kept, dropped or replaced.
Text rewritten(Args& a, bool replace) {
  if (a.null(0)) return std::nullopt;
  const ArrayView view(a.bytes(0));
  if (!replace && view.dimensions() > 1) {
    a.row().fail(
        one_dimensional("removing elements from multidimensional arrays is not supported"));
    return Str();
  }
  if (view.size() == 0) return Str(a.bytes(0));
  Vector elements = view.elements(a.arena());
  const uint32_t width = elements.type.bytes();
  Vector out = Vector::flat(elements.type, view.size(), a.arena());
  uint32_t count = 0;
  int64_t next = array::find(view, a.vector(1), a.at(), 0);
  for (uint32_t i = 0; i < view.size(); ++i) {
    const bool hit = next == int64_t{i};
    if (hit) {
      next = i + 1 < view.size() ? array::find(view, a.vector(1), a.at(), i + 1) : -1;
      if (!replace) continue;
    }
    const Vector& from = hit ? a.vector(2) : elements;
    const uint32_t row = hit ? a.at() : i;
    if (from.is_null(row)) {
      out.set_null(count, view.size(), a.arena());
      std::memset(static_cast<char*>(out.data) + size_t{count} * width, 0, width);
    } else {
      std::memcpy(static_cast<char*>(out.data) + size_t{count} * width,
                  static_cast<const char*>(from.data) + size_t{from.slot(row)} * width, width);
    }
    ++count;
  }
  if (count == 0) return array::make_empty(view.element_type(), a.arena());
  if (!replace) return array::make(out, 0, count, a.arena());
  std::vector<ArrayDimension> shape;
  for (uint32_t i = 0; i < view.dimensions(); ++i) shape.push_back(view.dimension(i));
  return array::make(out, 0, count, shape, a.arena());
}
Text remove(Args& a) { return rewritten(a, false); }
Text replace(Args& a) { return rewritten(a, true); }

// array_fill()'s lengths or lower bounds: one dimension, no NULLs.
bool check_bounds(const ArrayView& bounds, bool lengths, Row& row) {
  if (bounds.dimensions() > 1) {
    row.fail(array_subscript_error("wrong number of array subscripts")
                 .with_detail(lengths ? "Dimension array must be one dimensional."
                                      : "Low bound array must be one dimensional."));
    return false;
  }
  for (uint32_t i = 0; i < bounds.size(); ++i) {
    if (!bounds.is_null(i)) continue;
    row.fail(null_value_not_allowed("dimension values cannot be null"));
    return false;
  }
  return true;
}

Text fill(Args& a) {
  if (a.null(1) || (a.count() == 3 && a.null(2))) {
    a.row().fail(null_value_not_allowed("dimension array or low bound array cannot be null"));
    return Str();
  }
  const TypeId element = a.row().result_type().element;
  const ArrayView lengths(a.bytes(1));
  if (!check_bounds(lengths, true, a.row())) return Str();
  if (a.count() == 3) {
    const ArrayView lower(a.bytes(2));
    if (!check_bounds(lower, false, a.row())) return Str();
    if (lower.size() != lengths.size()) {
      a.row().fail(array_subscript_error("wrong number of array subscripts")
                       .with_detail("Low bound array has different size than dimensions array."));
      return Str();
    }
  }
  if (lengths.size() == 0) return array::make_empty(element, a.arena());
  if (lengths.size() > limits::kArrayDimensionsMax) {
    a.row().fail(program_limit_exceeded("number of array dimensions (" +
                                        std::to_string(lengths.size()) +
                                        ") exceeds the maximum allowed (6)"));
    return Str();
  }
  std::vector<ArrayDimension> shape;
  int64_t total = 1;
  for (uint32_t i = 0; i < lengths.size(); ++i) {
    const auto length = lengths.fixed<int32_t>(i);
    total *= std::max(length, 0);
    if (length < 0 || total > limits::kArrayElementsMax) {
      a.row().fail(program_limit_exceeded("array size exceeds the maximum allowed (134217727)"));
      return Str();
    }
    const int32_t low = a.count() == 3 ? ArrayView(a.bytes(2)).fixed<int32_t>(i) : 1;
    shape.push_back({length, low});
  }
  if (total == 0) return array::make_empty(element, a.arena());
  const auto count = static_cast<uint32_t>(total);
  Vector all = Vector::flat(element, count, a.arena());
  const uint32_t width = all.type.bytes();
  const Vector& value = a.vector(0);
  for (uint32_t i = 0; i < count; ++i) {
    if (a.null(0)) {
      all.set_null(i, count, a.arena());
      std::memset(static_cast<char*>(all.data) + size_t{i} * width, 0, width);
    } else {
      std::memcpy(static_cast<char*>(all.data) + size_t{i} * width,
                  static_cast<const char*>(value.data) + size_t{value.slot(a.at())} * width, width);
    }
  }
  return array::make(all, 0, count, shape, a.arena());
}

Str trim_array(View bytes, int32_t count, Row& row) {
  const ArrayView view(bytes);
  const int32_t length = view.dimensions() == 0 ? 0 : view.dimension(0).length;
  if (count < 0 || count > length) {
    return row.fail(Error(
        "2202E", "number of elements to trim must be between 0 and " + std::to_string(length)));
  }
  if (count == length) return array::make_empty(view.element_type(), row.arena());
  std::vector<int32_t> from, to;
  for (uint32_t i = 0; i < view.dimensions(); ++i) {
    const ArrayDimension d = view.dimension(i);
    from.push_back(d.lower);
    to.push_back(d.lower + d.length - 1 - (i == 0 ? count : 0));
  }
  return array::slice(bytes, from, to, row.arena());
}

// Number of elements that are not above the value; the array is sorted.
Number width_bucket(Args& a) {
  if (a.null(0) || a.null(1)) return std::nullopt;
  const ArrayView view(a.bytes(1));
  if (view.dimensions() > 1) {
    a.row().fail(array_subscript_error("thresholds must be one-dimensional array"));
    return 0;
  }
  const Vector all = view.elements(a.arena());
  uint32_t low = 0, high = view.size();
  for (uint32_t i = 0; i < view.size(); ++i) {
    if (!view.is_null(i)) continue;
    a.row().fail(null_value_not_allowed("thresholds array must not contain NULLs"));
    return 0;
  }
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    if (compare_values(a.vector(0), a.at(), all, middle) < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return static_cast<int32_t>(low);
}

// ---- slices -------------------------------------------------------------------------------------

// Arguments: the array, then lower and upper bound per dimension.
Text slice(Args& a) {
  std::array<int32_t, Frame::kArgsMax> lower{}, upper{};
  const uint32_t dimensions = (a.count() - 1) / 2;
  if (a.null(0)) return std::nullopt;
  for (uint32_t i = 0; i < dimensions; ++i) {
    if (a.null(1 + 2 * i) || a.null(2 + 2 * i)) return std::nullopt;
    lower[i] = a.value<int32_t>(1 + 2 * i);
    upper[i] = a.value<int32_t>(2 + 2 * i);
  }
  return array::slice(a.bytes(0), std::span(lower.data(), dimensions),
                      std::span(upper.data(), dimensions), a.arena());
}

// ---- text ---------------------------------------------------------------------------------------

Text to_string(Args& a) {
  if (a.null(0) || a.null(1)) return std::nullopt;
  const ArrayView view(a.bytes(0));
  const Vector elements = view.elements(a.arena());
  const bool shows_nulls = a.count() == 3 && !a.null(2);
  std::string out;
  bool first = true;
  for (uint32_t i = 0; i < view.size(); ++i) {
    if (view.is_null(i) && !shows_nulls) continue;
    if (!first) out.append(a.bytes(1));
    first = false;
    if (view.is_null(i)) {
      out.append(a.bytes(2));
    } else {
      append_text(elements, i, a.row().context().style, out);
    }
  }
  return a.row().text(out);
}

// string_to_array(): NULL separator = characters, empty separator = the whole text.
std::optional<Str> from_string(std::optional<View> text, std::optional<View> separator,
                               std::optional<View> null_text, Row& row) {
  if (!text) return std::nullopt;
  std::vector<std::optional<View>> parts;
  const auto add = [&](View part) {
    parts.push_back(null_text && part == *null_text ? std::nullopt : std::optional<View>(part));
  };
  if (text->empty()) return array::make_empty(TypeId::text, row.arena());
  if (!separator) {
    for (size_t at = 0; at < text->size();) {
      const size_t bytes = utf8::width(*text, at);
      add(text->substr(at, bytes));
      at += bytes;
    }
  } else if (separator->empty()) {
    add(*text);
  } else {
    size_t begin = 0;
    for (size_t at = text->find(*separator); at != View::npos; at = text->find(*separator, begin)) {
      add(text->substr(begin, at - begin));
      begin = at + separator->size();
    }
    add(text->substr(begin));
  }
  return text_array(parts, row.arena());
}
std::optional<Str> from_string2(std::optional<View> text, std::optional<View> separator, Row& row) {
  return from_string(text, separator, std::nullopt, row);
}

}  // namespace

void declare_arrays(Declarations& d) {
  d.add(378, "array_append(anycompatiblearray,anycompatible) anycompatiblearray nonstrict",
        polymorphic<append>());
  d.add(379, "array_prepend(anycompatible,anycompatiblearray) anycompatiblearray nonstrict",
        polymorphic<prepend>());
  d.add(383, "array_cat(anycompatiblearray,anycompatiblearray) anycompatiblearray nonstrict",
        polymorphic<concat>());
  d.add(2748, "arraycontains(anyarray,anyarray) bool", each<contains>());
  d.add(2749, "arraycontained(anyarray,anyarray) bool", each<contained>());
  d.add(2747, "arrayoverlap(anyarray,anyarray) bool", each<overlaps>());
  d.add(2176, "array_length(anyarray,int4) int4", each<length>());
  d.add(2091, "array_lower(anyarray,int4) int4", each<lower>());
  d.add(2092, "array_upper(anyarray,int4) int4", each<upper>());
  d.add(748, "array_ndims(anyarray) int4", each<dimensions>());
  d.add(747, "array_dims(anyarray) text", each<dimensions_text>());
  d.add(3179, "cardinality(anyarray) int4", each<cardinality>());
  d.add(3277, "array_position(anycompatiblearray,anycompatible) int4 nonstrict",
        polymorphic<position>());
  d.add(3278, "array_position(anycompatiblearray,anycompatible,int4) int4 nonstrict",
        polymorphic<position>());
  d.add(3279, "array_positions(anycompatiblearray,anycompatible) _int4 nonstrict",
        polymorphic<positions>());
  d.add(3167, "array_remove(anycompatiblearray,anycompatible) anycompatiblearray nonstrict",
        polymorphic<remove>());
  d.add(
      3168,
      "array_replace(anycompatiblearray,anycompatible,anycompatible) anycompatiblearray nonstrict",
      polymorphic<replace>());
  d.add(1193, "array_fill(anyelement,_int4) anyarray nonstrict", polymorphic<fill>());
  d.add(1286, "array_fill(anyelement,_int4,_int4) anyarray nonstrict", polymorphic<fill>());
  d.add(0, "#slice(anyarray,variadic any) anyarray nonstrict", polymorphic<slice>());
  d.add(3218, "width_bucket(anycompatible,anycompatiblearray) int4", polymorphic<width_bucket>());
  d.add(6172, "trim_array(anyarray,int4) anyarray", each<trim_array>());
  d.add(395, "array_to_string(anyarray,text) text stable", polymorphic<to_string>());
  d.add(384, "array_to_string(anyarray,text,text) text stable nonstrict", polymorphic<to_string>());
  d.add(394, "string_to_array(text,text) _text nonstrict", each<from_string2>());
  d.add(376, "string_to_array(text,text,text) _text nonstrict", each<from_string>());
}

}  // namespace qw::sql
