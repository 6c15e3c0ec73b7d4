// Jsonb: PostgreSQL's jsonb as compact bytes inside a Str.
//
//   container  uint32 header: kind (4 bits) | count (28 bits)
//              array: count entries; object: count key entries, then count value entries
//              entry, uint32: kind (4 bits) | end of its payload (28 bits), from the data's begin
//              data: key texts, then payloads
//   payload    string: UTF-8 bytes; number: packed numeric (numeric.h); nested: a container;
//              null, true, false: nothing
//   value      a container, or for a scalar a header (kind | payload bytes) and the payload
//
// Keys are sorted by length, then bytes, as PostgreSQL prints them; of duplicates the last stays. A
// key is found by binary search; a nested container is a value as it lies, so `->` copies nothing.
// Text would print faster but makes each access a scan of the document, and comparing needs a
// parse. Pure values; any thread. Tests: tests/unit/types/jsonb_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "src/base/bytes.h"
#include "src/base/result.h"
#include "src/types/numeric.h"
#include "src/types/str.h"

namespace qw {

enum class JsonKind : uint8_t { null, string, number, false_, true_, array, object };

// One value inside a document; borrows its bytes.
class JsonView {
 public:
  // A whole document.
  explicit JsonView(std::string_view bytes);
  JsonView(JsonKind kind, std::string_view payload) : kind_(kind), payload_(payload) {}

  JsonKind kind() const { return kind_; }
  bool is_array() const { return kind_ == JsonKind::array; }
  bool is_object() const { return kind_ == JsonKind::object; }
  bool is_scalar() const { return !is_array() && !is_object(); }
  std::string_view string() const { return payload_; }  // of a string
  Numeric number() const { return numeric::from_packed(payload_); }
  // Elements or pairs of a container.
  uint32_t size() const { return load<uint32_t>(payload_.data()) & 0x0fffffffU; }
  JsonView element(uint32_t index) const;
  std::string_view key(uint32_t index) const;
  JsonView value(uint32_t index) const;
  std::optional<JsonView> find(std::string_view key) const;
  // "object", "array", "string", "number", "boolean", "null".
  std::string_view type_name() const;
  // This value as a document; containers borrow, scalars are copied into `arena`.
  Str document(Arena& arena) const;
  std::string_view payload() const { return payload_; }

 private:
  JsonView entry(uint32_t index, uint32_t entries) const;
  JsonKind kind_;
  std::string_view payload_;  // of a container: all its bytes from the header on
};

// Builds documents bottom-up: begin/end containers, keys and scalars in between. Reusable.
class JsonBuilder {
 public:
  void begin_array();
  void begin_object();
  void end();
  void key(std::string_view key);
  void null();
  void boolean(bool value);
  void string(std::string_view value);
  void number(Numeric value);
  void value(const JsonView& value);
  // The finished document. 54000 when larger than jsonb allows.
  Result<std::string> take();

 private:
  struct Frame {
    bool object;
    size_t items;  // index of its first item
  };
  struct Item {
    std::string key, payload;
    JsonKind kind;
    uint32_t order;
  };
  void add(JsonKind kind, std::string payload);
  std::vector<Frame> frames_;
  std::vector<Item> items_;
  std::string key_;
  bool too_large_ = false;
};

namespace jsonb {

// 22P02 "invalid input syntax for type json" with PostgreSQL's DETAIL.
Result<std::string> parse(std::string_view text);
// Only checks: the json type keeps its text.
Result<void> validate_json(std::string_view text);
void append_text(std::string_view bytes, std::string& out);
void append_text(const JsonView& value, std::string& out);
void append_pretty(std::string_view bytes, std::string& out);  // jsonb_pretty()
// A JSON string literal, quoted, as PostgreSQL escapes it.
void append_json_string(std::string_view text, std::string& out);

int compare(std::string_view a, std::string_view b);
// Equal documents give equal bytes (numbers trimmed).
std::string_view canonical(std::string_view bytes, Arena& arena);
void append_key(std::string_view bytes, std::string& out);
uint64_t hash(std::string_view bytes);

// -> : nullopt is SQL NULL. Negative indices count from the end.
std::optional<JsonView> get(const JsonView& value, std::string_view key);
std::optional<JsonView> get(const JsonView& value, int32_t index);
std::optional<JsonView> get_path(const JsonView& value, std::span<const std::string_view> path);
// ->> : the text of a value that is not JSON null.
void append_unquoted(const JsonView& value, std::string& out);
bool contains(const JsonView& value, const JsonView& part);               // @>
bool exists(const JsonView& value, std::string_view key);                 // ?
Result<std::string> concat(const JsonView& a, const JsonView& b);         // ||
Result<std::string> remove(const JsonView& value, std::string_view key);  // - text
Result<std::string> remove(const JsonView& value, int32_t index);         // - integer
Result<std::string> remove_path(const JsonView& value, std::span<const std::string_view> path);
Result<std::string> set_path(const JsonView& value, std::span<const std::string_view> path,
                             const JsonView& to, bool create_missing);
Result<std::string> insert_path(const JsonView& value, std::span<const std::string_view> path,
                                const JsonView& what, bool after);
Result<std::string> strip_nulls(const JsonView& value);

}  // namespace jsonb
}  // namespace qw
