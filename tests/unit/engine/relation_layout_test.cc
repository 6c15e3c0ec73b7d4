#include "src/engine/relation_layout.h"

#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "tests/unit/engine/fixture.h"

namespace qw::engine::test {
namespace {

TEST_CASE("how a relation is stored follows from its key and from whether rows can go") {
  CHECK(RelationLayout(relation_of(ObjectId{1}, true)).mode() == KeyMode::keyed);
  CHECK(RelationLayout(relation_of(ObjectId{1}, true, true)).mode() == KeyMode::keyed);
  CHECK(RelationLayout(relation_of(ObjectId{1}, false)).mode() == KeyMode::multiset);
  CHECK(RelationLayout(relation_of(ObjectId{1}, false, true)).mode() == KeyMode::sequence);
}

TEST_CASE("a view is keyed by its smallest proven key, which may be empty") {
  sql::Relation view = relation_of(ObjectId{1}, false);
  view.kind = sql::RelationKind::materialized_view;
  view.unique_keys = {{0, 1}, {1}};
  CHECK(RelationLayout(view).key_columns().size() == 1);
  CHECK(RelationLayout(view).key_columns()[0] == 1);
  view.unique_keys = {{}};
  CHECK(RelationLayout(view).mode() == KeyMode::keyed);
  CHECK(RelationLayout(view).key_columns().empty());
  // A table without a primary key is a multiset, whatever is known of it.
  view.kind = sql::RelationKind::table;
  CHECK(RelationLayout(view).mode() == KeyMode::multiset);
}

TEST_CASE("packed rows come back, and keys are in the order of values") {
  const RelationLayout layout(relation_of(ObjectId{1}, true));
  const Rows rows({{7, "seven"}, {-3, ""}, {100, std::string(300, 'x')}});
  Arena arena;
  std::vector<std::string_view> packed(3), keys(3);
  layout.pack(rows.batch, arena, packed.data());
  layout.encode_keys(rows.batch, arena, keys.data());
  CHECK(keys[1] < keys[0]);
  CHECK(keys[0] < keys[2]);
  Batch back;
  layout.unpack(packed, arena, back);
  CHECK(text_of(back) == text_of(rows.batch));
}

}  // namespace
}  // namespace qw::engine::test
