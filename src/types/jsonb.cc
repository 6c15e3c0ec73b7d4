// Jsonb layout, access, order and operations: see jsonb.h.
#include "src/types/jsonb.h"

#include <algorithm>
#include <charconv>
#include <string>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/hash.h"

namespace qw {
namespace {

constexpr uint32_t kCountMask = 0x0fffffffU;
constexpr uint32_t kKindShift = 28;

uint32_t word(JsonKind kind, size_t low) {
  return (static_cast<uint32_t>(kind) << kKindShift) | static_cast<uint32_t>(low);
}

// PostgreSQL's order of keys: shorter ones first.
bool key_less(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

}  // namespace

JsonView::JsonView(std::string_view bytes) {
  QW_ASSERT(bytes.size() >= 4);
  const auto header = load<uint32_t>(bytes.data());
  kind_ = static_cast<JsonKind>(header >> kKindShift);
  payload_ = is_scalar() ? bytes.substr(4) : bytes;
}

JsonView JsonView::entry(uint32_t index, uint32_t entries) const {
  QW_ASSERT(index < entries);
  const char* words = payload_.data() + 4;
  const char* data = words + size_t{entries} * 4;
  const uint32_t begin =
      index == 0 ? 0 : load<uint32_t>(words + size_t{index - 1} * 4) & kCountMask;
  const auto own = load<uint32_t>(words + size_t{index} * 4);
  return {static_cast<JsonKind>(own >> kKindShift), {data + begin, (own & kCountMask) - begin}};
}

JsonView JsonView::element(uint32_t index) const { return entry(index, size()); }
std::string_view JsonView::key(uint32_t index) const { return entry(index, size() * 2).payload_; }
JsonView JsonView::value(uint32_t index) const { return entry(size() + index, size() * 2); }

std::optional<JsonView> JsonView::find(std::string_view wanted) const {
  uint32_t low = 0, high = size();
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    const std::string_view found = key(middle);
    if (found == wanted) return value(middle);
    if (key_less(found, wanted)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return std::nullopt;
}

std::string_view JsonView::type_name() const {
  switch (kind_) {
    case JsonKind::null:
      return "null";
    case JsonKind::string:
      return "string";
    case JsonKind::number:
      return "number";
    case JsonKind::false_:
    case JsonKind::true_:
      return "boolean";
    case JsonKind::array:
      return "array";
    case JsonKind::object:
      return "object";
  }
  QW_UNREACHABLE();
}

Str JsonView::document(Arena& arena) const {
  if (!is_scalar()) return Str(payload_);
  std::string bytes;
  append<uint32_t>(bytes, word(kind_, payload_.size()));
  bytes += payload_;
  return Str::copy(bytes, arena);
}

void JsonBuilder::begin_array() {
  frames_.push_back({false, items_.size()});
  items_.push_back({std::move(key_), {}, JsonKind::array, 0});  // the container's own place
  key_.clear();
}
void JsonBuilder::begin_object() {
  frames_.push_back({true, items_.size()});
  items_.push_back({std::move(key_), {}, JsonKind::object, 0});
  key_.clear();
}
void JsonBuilder::key(std::string_view key) { key_ = key; }
void JsonBuilder::null() { add(JsonKind::null, {}); }
void JsonBuilder::boolean(bool value) { add(value ? JsonKind::true_ : JsonKind::false_, {}); }
void JsonBuilder::string(std::string_view value) { add(JsonKind::string, std::string(value)); }
void JsonBuilder::number(Numeric value) {
  std::string packed;
  numeric::append_packed(value, packed);
  add(JsonKind::number, std::move(packed));
}
void JsonBuilder::value(const JsonView& value) { add(value.kind(), std::string(value.payload())); }

void JsonBuilder::add(JsonKind kind, std::string payload) {
  items_.push_back(
      {std::move(key_), std::move(payload), kind, static_cast<uint32_t>(items_.size())});
  key_.clear();
}

void JsonBuilder::end() {
  QW_ASSERT(!frames_.empty());
  const Frame frame = frames_.back();
  frames_.pop_back();
  const auto first = items_.begin() + static_cast<std::ptrdiff_t>(frame.items) + 1;
  auto last = items_.end();
  if (frame.object) {
    std::sort(first, last, [](const Item& a, const Item& b) {
      if (a.key != b.key) return key_less(a.key, b.key);
      return a.order > b.order;
    });
    // Of equal keys the latest stands first now.
    last = std::unique(first, last, [](const Item& a, const Item& b) { return a.key == b.key; });
  }
  const auto count = static_cast<size_t>(last - first);
  std::string out;
  size_t bytes = 4 + count * 4 * (frame.object ? 2 : 1);
  for (auto item = first; item != last; ++item) bytes += item->key.size() + item->payload.size();
  out.reserve(bytes);
  append<uint32_t>(out, word(frame.object ? JsonKind::object : JsonKind::array, count));
  size_t end_at = 0;
  if (frame.object) {
    for (auto item = first; item != last; ++item) {
      append<uint32_t>(out, word(JsonKind::string, end_at += item->key.size()));
    }
  }
  for (auto item = first; item != last; ++item) {
    append<uint32_t>(out, word(item->kind, end_at += item->payload.size()));
  }
  if (end_at > kCountMask || count > kCountMask) too_large_ = true;
  if (frame.object) {
    for (auto item = first; item != last; ++item) out += item->key;
  }
  for (auto item = first; item != last; ++item) out += item->payload;
  items_.resize(frame.items + 1);
  items_.back().payload = std::move(out);
  items_.back().order = static_cast<uint32_t>(frame.items);
}

Result<std::string> JsonBuilder::take() {
  QW_ASSERT(frames_.empty() && items_.size() == 1);
  Item root = std::move(items_.front());
  items_.clear();
  const bool too_large = std::exchange(too_large_, false) || root.payload.size() > kCountMask;
  if (too_large) {
    return fail(program_limit_exceeded(
        fmt::format("total size of jsonb elements exceeds the maximum of {} bytes", kCountMask)));
  }
  if (root.kind == JsonKind::array || root.kind == JsonKind::object) return root.payload;
  std::string out;
  append<uint32_t>(out, word(root.kind, root.payload.size()));
  out += root.payload;
  return out;
}

namespace jsonb {
namespace {

// Null < String < Number < Boolean < Array < Object.
int rank(JsonKind kind) {
  switch (kind) {
    case JsonKind::null:
      return 1;
    case JsonKind::string:
      return 2;
    case JsonKind::number:
      return 3;
    case JsonKind::false_:
      return 4;
    case JsonKind::true_:
      return 5;
    case JsonKind::array:
      return 6;
    case JsonKind::object:
      return 7;
  }
  QW_UNREACHABLE();
}

int sign(int order) { return order < 0 ? -1 : (order > 0 ? 1 : 0); }

int compare_views(const JsonView& a, const JsonView& b) {
  if (a.kind() != b.kind()) return rank(a.kind()) < rank(b.kind()) ? -1 : 1;
  if (a.kind() == JsonKind::string) return sign(a.string().compare(b.string()));
  if (a.kind() == JsonKind::number) return numeric::compare(a.number(), b.number());
  if (a.is_scalar()) return 0;
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  for (uint32_t i = 0; i < a.size(); ++i) {
    if (a.is_object()) {
      const int order = sign(a.key(i).compare(b.key(i)));
      if (order != 0) return order;
    }
    const int order = a.is_object() ? compare_views(a.value(i), b.value(i))
                                    : compare_views(a.element(i), b.element(i));
    if (order != 0) return order;
  }
  return 0;
}

// A quirk of PostgreSQL's order: the empty top-level array is below every scalar.
bool empty_array(const JsonView& value) { return value.is_array() && value.size() == 0; }

void append_key_text(std::string_view text, std::string& out) {
  for (const char c : text) {
    out += c;
    if (c == '\0') out += '\xff';
  }
  out += '\0';
  out += '\0';
}

void append_view_key(const JsonView& value, std::string& out) {
  out += static_cast<char>(rank(value.kind()));
  if (value.kind() == JsonKind::string) return append_key_text(value.string(), out);
  if (value.kind() == JsonKind::number) return numeric::append_key(value.number(), out);
  if (value.is_scalar()) return;
  append_be<uint32_t>(out, value.size());
  for (uint32_t i = 0; i < value.size(); ++i) {
    if (value.is_object()) append_key_text(value.key(i), out);
    append_view_key(value.is_object() ? value.value(i) : value.element(i), out);
  }
}

// Whether some number in it shows trailing zeros.
bool has_untrimmed(const JsonView& value) {
  if (value.kind() == JsonKind::number) {
    const Numeric number = value.number();
    return number.scale() != 0 && numeric::min_scale(number) != number.scale();
  }
  if (value.is_scalar()) return false;
  for (uint32_t i = 0; i < value.size(); ++i) {
    if (has_untrimmed(value.is_object() ? value.value(i) : value.element(i))) return true;
  }
  return false;
}

void rebuild_trimmed(const JsonView& value, JsonBuilder& builder) {
  if (value.kind() == JsonKind::number) {
    Arena arena;
    builder.number(numeric::trim_scale(value.number(), arena));
  } else if (value.is_scalar()) {
    builder.value(value);
  } else {
    value.is_object() ? builder.begin_object() : builder.begin_array();
    for (uint32_t i = 0; i < value.size(); ++i) {
      if (value.is_object()) builder.key(value.key(i));
      rebuild_trimmed(value.is_object() ? value.value(i) : value.element(i), builder);
    }
    builder.end();
  }
}

Error cannot(std::string_view what) { return invalid_parameter_value(std::string(what)); }

// Adds all elements or pairs of a container to the open one.
void add_all(const JsonView& value, JsonBuilder& builder) {
  for (uint32_t i = 0; i < value.size(); ++i) {
    if (value.is_object()) builder.key(value.key(i));
    builder.value(value.is_object() ? value.value(i) : value.element(i));
  }
}

}  // namespace

int compare(std::string_view a, std::string_view b) {
  const JsonView x(a), y(b);
  if (empty_array(x) != empty_array(y) && !x.is_object() && !y.is_object()) {
    return empty_array(x) ? -1 : 1;
  }
  return compare_views(x, y);
}

std::string_view canonical(std::string_view bytes, Arena& arena) {
  const JsonView value(bytes);
  if (!has_untrimmed(value)) return bytes;
  JsonBuilder builder;
  rebuild_trimmed(value, builder);
  const std::string out = *builder.take();  // smaller than `bytes`
  return {arena.copy(out), out.size()};
}

void append_key(std::string_view bytes, std::string& out) {
  const JsonView value(bytes);
  if (empty_array(value)) {
    out += '\0';
    return;
  }
  append_view_key(value, out);
}

uint64_t hash(std::string_view bytes) {
  std::string key;
  append_key(bytes, key);
  return hash_bytes(key);
}

std::optional<JsonView> get(const JsonView& value, std::string_view key) {
  if (!value.is_object()) return std::nullopt;
  return value.find(key);
}

std::optional<JsonView> get(const JsonView& value, int32_t index) {
  // A scalar answers as an array of itself.
  if (value.is_scalar()) return index == 0 || index == -1 ? std::optional(value) : std::nullopt;
  if (!value.is_array()) return std::nullopt;
  int64_t at = index;
  if (at < 0) at += value.size();
  if (at < 0 || at >= value.size()) return std::nullopt;
  return value.element(static_cast<uint32_t>(at));
}

std::optional<JsonView> get_path(const JsonView& value, std::span<const std::string_view> path) {
  JsonView at = value;
  for (const std::string_view step : path) {
    std::optional<JsonView> next;
    if (at.is_object()) {
      next = at.find(step);
    } else if (at.is_array()) {
      int32_t index = 0;
      const auto [end, status] = std::from_chars(step.data(), step.data() + step.size(), index);
      if (step.empty() || status != std::errc{} || end != step.data() + step.size()) {
        return std::nullopt;
      }
      next = get(at, index);
    }
    if (!next) return std::nullopt;
    at = *next;
  }
  return at;
}

bool contains(const JsonView& value, const JsonView& part) {
  if (value.is_object() && part.is_object()) {
    if (part.size() > value.size()) return false;
    for (uint32_t i = 0; i < part.size(); ++i) {
      const auto found = value.find(part.key(i));
      const JsonView wanted = part.value(i);
      if (!found || found->kind() != wanted.kind()) return false;
      if (wanted.is_scalar() ? compare_views(*found, wanted) != 0 : !contains(*found, wanted)) {
        return false;
      }
    }
    return true;
  }
  if (!value.is_array())
    return value.is_scalar() && part.is_scalar() && compare_views(value, part) == 0;
  const auto has = [&value](const JsonView& wanted) {
    for (uint32_t i = 0; i < value.size(); ++i) {
      const JsonView one = value.element(i);
      if (one.kind() != wanted.kind()) continue;
      if (wanted.is_scalar() ? compare_views(one, wanted) == 0 : contains(one, wanted)) return true;
    }
    return false;
  };
  // A bare scalar may be contained in an array.
  if (part.is_scalar()) return has(part);
  if (!part.is_array()) return false;
  for (uint32_t i = 0; i < part.size(); ++i) {
    if (!has(part.element(i))) return false;
  }
  return true;
}

bool exists(const JsonView& value, std::string_view key) {
  if (value.is_object()) return value.find(key).has_value();
  if (!value.is_array()) return value.kind() == JsonKind::string && value.string() == key;
  for (uint32_t i = 0; i < value.size(); ++i) {
    const JsonView one = value.element(i);
    if (one.kind() == JsonKind::string && one.string() == key) return true;
  }
  return false;
}

Result<std::string> concat(const JsonView& a, const JsonView& b) {
  JsonBuilder builder;
  if (a.is_object() && b.is_object()) {
    builder.begin_object();
    add_all(a, builder);
    add_all(b, builder);
  } else {
    builder.begin_array();
    a.is_array() ? add_all(a, builder) : builder.value(a);
    b.is_array() ? add_all(b, builder) : builder.value(b);
  }
  builder.end();
  return builder.take();
}

Result<std::string> remove(const JsonView& value, std::string_view key) {
  if (value.is_scalar()) return fail(cannot("cannot delete from scalar"));
  JsonBuilder builder;
  value.is_object() ? builder.begin_object() : builder.begin_array();
  for (uint32_t i = 0; i < value.size(); ++i) {
    if (value.is_object()) {
      if (value.key(i) == key) continue;
      builder.key(value.key(i));
      builder.value(value.value(i));
    } else {
      const JsonView one = value.element(i);
      if (one.kind() != JsonKind::string || one.string() != key) builder.value(one);
    }
  }
  builder.end();
  return builder.take();
}

Result<std::string> remove(const JsonView& value, int32_t index) {
  if (value.is_scalar()) return fail(cannot("cannot delete from scalar"));
  if (value.is_object()) {
    return fail(cannot("cannot delete from object using integer index"));
  }
  const int64_t at = index < 0 ? int64_t{index} + value.size() : index;
  JsonBuilder builder;
  builder.begin_array();
  for (uint32_t i = 0; i < value.size(); ++i) {
    if (i != at) builder.value(value.element(i));
  }
  builder.end();
  return builder.take();
}

namespace {

enum class PathOp : uint8_t { replace, create, remove, insert_before, insert_after };

// Rebuilds `value` with the change made at the end of a path.
class PathEdit {
 public:
  PathEdit(std::span<const std::string_view> path, PathOp op, const JsonView* what)
      : path_(path), op_(op), what_(what) {}

  Result<void> apply(const JsonView& value, size_t level) {
    if (value.is_object()) return object(value, level);
    if (value.is_array()) return array(value, level);
    builder.value(value);
    return {};
  }

  JsonBuilder builder;

 private:
  bool last(size_t level) const { return level + 1 == path_.size(); }
  bool inserts() const { return op_ == PathOp::insert_before || op_ == PathOp::insert_after; }

  Result<void> object(const JsonView& value, size_t level) {
    builder.begin_object();
    bool found = false;
    for (uint32_t i = 0; i < value.size(); ++i) {
      const bool here = value.key(i) == path_[level];
      found = found || here;
      if (here && last(level)) {
        if (inserts()) {
          return fail(cannot("cannot replace existing key")
                          .with_hint("Try using the function jsonb_set to replace key value."));
        }
        if (op_ == PathOp::remove) continue;
        builder.key(value.key(i));
        builder.value(*what_);
        continue;
      }
      builder.key(value.key(i));
      if (here) {
        QW_TRY(apply(value.value(i), level + 1));
      } else {
        builder.value(value.value(i));
      }
    }
    if (!found && last(level) && (op_ == PathOp::create || inserts())) {
      builder.key(path_[level]);
      builder.value(*what_);
    }
    builder.end();
    return {};
  }

  Result<void> array(const JsonView& value, size_t level) {
    const std::string_view step = path_[level];
    int32_t index = 0;
    const auto [end, status] = std::from_chars(step.data(), step.data() + step.size(), index);
    if (step.empty() || status != std::errc{} || end != step.data() + step.size()) {
      return fail(invalid_text_representation(
          fmt::format("path element at position {} is not an integer: \"{}\"", level + 1, step)));
    }
    const int64_t size = value.size();
    const int64_t at = index < 0 ? int64_t{index} + size : index;
    const bool adds = last(level) && (op_ == PathOp::create || inserts());
    builder.begin_array();
    if (adds && at < 0) builder.value(*what_);
    for (uint32_t i = 0; i < value.size(); ++i) {
      const JsonView one = value.element(i);
      if (i != at) {
        builder.value(one);
      } else if (!last(level)) {
        QW_TRY(apply(one, level + 1));
      } else if (inserts()) {
        if (op_ == PathOp::insert_before) builder.value(*what_);
        builder.value(one);
        if (op_ == PathOp::insert_after) builder.value(*what_);
      } else if (op_ != PathOp::remove) {
        builder.value(*what_);
      }
    }
    if (adds && at >= size) builder.value(*what_);
    builder.end();
    return {};
  }

  std::span<const std::string_view> path_;
  PathOp op_;
  const JsonView* what_;
};

Result<std::string> edit(const JsonView& value, std::span<const std::string_view> path, PathOp op,
                         const JsonView* what) {
  if (value.is_scalar()) {
    return fail(cannot(op == PathOp::remove ? "cannot delete path in scalar"
                                            : "cannot set path in scalar"));
  }
  const bool unchanged =
      path.empty() || (value.size() == 0 && (op == PathOp::replace || op == PathOp::remove));
  PathEdit edit(path, op, what);
  if (unchanged) {
    edit.builder.value(value);
  } else {
    QW_TRY(edit.apply(value, 0));
  }
  return edit.builder.take();
}

void strip(const JsonView& value, JsonBuilder& builder) {
  if (value.is_scalar()) return builder.value(value);
  value.is_object() ? builder.begin_object() : builder.begin_array();
  for (uint32_t i = 0; i < value.size(); ++i) {
    const JsonView one = value.is_object() ? value.value(i) : value.element(i);
    if (value.is_object()) {
      if (one.kind() == JsonKind::null) continue;
      builder.key(value.key(i));
    }
    strip(one, builder);
  }
  builder.end();
}

}  // namespace

Result<std::string> remove_path(const JsonView& value, std::span<const std::string_view> path) {
  return edit(value, path, PathOp::remove, nullptr);
}
Result<std::string> set_path(const JsonView& value, std::span<const std::string_view> path,
                             const JsonView& to, bool create_missing) {
  return edit(value, path, create_missing ? PathOp::create : PathOp::replace, &to);
}
Result<std::string> insert_path(const JsonView& value, std::span<const std::string_view> path,
                                const JsonView& what, bool after) {
  return edit(value, path, after ? PathOp::insert_after : PathOp::insert_before, &what);
}
Result<std::string> strip_nulls(const JsonView& value) {
  JsonBuilder builder;
  strip(value, builder);
  return builder.take();
}

}  // namespace jsonb
}  // namespace qw
