// Reading libpg_query's JSON: thin names over simdjson's on-demand interface.
//
// Values are visited once, in the order they are written; a child that is not read is skipped by
// the library. Malformed JSON cannot come from a user: simdjson throws, and read_tree() alone
// catches. Only reader.cc includes simdjson, whose header takes long to compile. One thread at a
// time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "sql/parse/pg_parse.h"
#include "src/base/result.h"

namespace qw::sql::parsing {

// A simdjson::ondemand::value whose type only reader.cc knows.
struct Json {
  alignas(8) unsigned char bytes[24];
};

// A borrowed callable: the visits below are not templates, which keeps converters small to compile.
template <typename Signature>
class Visit;
template <typename... Arguments>
class Visit<void(Arguments...)> {
 public:
  template <typename Callable>
  // NOLINTNEXTLINE(google-explicit-constructor): lambdas are passed as they are.
  Visit(Callable&& callable)
      : object_(const_cast<void*>(static_cast<const void*>(&callable))),
        call_([](void* object, Arguments... arguments) {
          (*static_cast<std::remove_reference_t<Callable>*>(object))(arguments...);
        }) {}
  void operator()(Arguments... arguments) const { call_(object_, arguments...); }

 private:
  void* object_;
  void (*call_)(void*, Arguments...);
};

// Visits the members of the outermost object. The visits borrow memory that dies with the call.
Result<void> read_tree(const PaddedJson& json, Visit<void(std::string_view, Json)> visit);

// Calls visit(key, value) for each member of an object.
void each_field(Json object, Visit<void(std::string_view, Json)> visit);
void each_item(Json array, Visit<void(Json)> visit);
// {"Type": {...}}: calls visit(type, body); a null node is {}.
void with_node(Json node, Visit<void(std::string_view, Json)> visit);

std::string_view view_of(Json value);
std::string text_of(Json value);
int64_t int_of(Json value);
bool bool_of(Json value);

}  // namespace qw::sql::parsing
