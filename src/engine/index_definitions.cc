// Definitions of secondary indexes, and of a primary key on a table that is there.
#include <algorithm>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "src/base/log.h"
#include "src/engine/definition_codec.h"
#include "src/engine/definitions.h"

namespace qw::engine {
namespace {

// "relation unique constraint column descending nulls_first column ..."
std::string encode_index(const sql::IndexInfo& index) {
  std::string out = fmt::format("{} {:d} {:d}", index.relation, index.unique, index.constraint);
  for (size_t i = 0; i < index.columns.size(); ++i) {
    out += fmt::format(" {} {:d} {:d}", index.columns[i], index.orders[i].descending,
                       index.orders[i].nulls_first);
  }
  return out;
}

Result<sql::IndexInfo> decode_index(const std::string& payload) {
  sql::IndexInfo index;
  std::istringstream in(payload);
  in >> index.relation.value >> index.unique >> index.constraint;
  if (!in) return fail(data_corrupted("damaged definition of an index"));
  uint32_t column = 0;
  SortOrder order;
  while (in >> column >> order.descending >> order.nulls_first) {
    index.columns.push_back(column);
    index.orders.push_back(order);
  }
  return index;
}

const std::atomic<bool>& cancel_flag(const DdlContext& context) {
  static const std::atomic<bool> kNever = false;
  return context.cancelled == nullptr ? kNever : *context.cancelled;
}

}  // namespace

storage::CatalogObject Definitions::object_of(const sql::IndexInfo& index) {
  storage::CatalogObject object;
  object.id = index.id;
  object.kind = "index";
  object.schema = index.schema;
  object.name = index.name;
  object.payload = encode_index(index);
  object.depends_on = {index.relation};
  return object;
}

Result<void> Definitions::load_index(const storage::CatalogObject& object, sql::Catalog& catalog) {
  QW_ASSIGN_OR_RETURN(sql::IndexInfo index, decode_index(object.payload));
  if (!catalog.relations.contains(index.relation)) {
    return fail(data_corrupted(fmt::format("index {} has no relation", object.name)));
  }
  index.id = object.id;
  index.schema = object.schema;
  index.name = object.name;
  catalog.indexes[object.id] = std::move(index);
  return {};
}

Result<void> Definitions::create_index(const sql::BoundCreateIndex& create, bool constraint,
                                       const DdlContext& context) {
  QW_ASSIGN_OR_RETURN(const auto lock, begin_definition());
  const sql::Relation* relation = view()->catalog->find(create.table->id);
  if (relation == nullptr) {
    return fail(undefined_table(fmt::format("relation \"{}\" does not exist", create.table->name)));
  }
  if (create.unique && relation->kind != sql::RelationKind::table) {
    return fail(feature_not_supported("a unique index is supported on tables only")
                    .with_hint("What a source or a view holds is decided upstream."));
  }
  if (view()->layout(relation->id)->mode() == KeyMode::sequence) {
    return fail(feature_not_supported(
        fmt::format("an index on \"{}\", which only grows and has no key, is not supported yet",
                    relation->name)));
  }
  sql::IndexInfo index;
  index.relation = relation->id;
  index.schema = create.schema;
  index.name = create.name;
  index.columns = create.columns;
  index.orders = create.orders;
  index.orders.resize(index.columns.size());
  index.unique = create.unique;
  index.constraint = constraint;
  return make_index(std::move(index), context);
}

Result<void> Definitions::make_index(sql::IndexInfo index, const DdlContext& context) {
  const auto current = view();
  const sql::Relation& relation = *current->catalog->relations.at(index.relation);
  QW_ASSIGN_OR_RETURN(index.id, stored_->allocate_objects(1));
  const storage::CatalogObject object = object_of(index);
  QW_TRY(stored_->insert_creating({&object, 1}));
  const auto made =
      std::make_shared<const SecondaryIndex>(index, relation, current->layouts.at(index.relation));
  auto built = loop_->exclusive([&] { return loop_->build_index(made, cancel_flag(context)); });
  if (built) built = stored_->mark_ready({&object.id, 1}, store_->epoch());
  if (!built) {
    auto undone = loop_->exclusive([&] {
      loop_->forget_index(index.id);
      EpochLoop::Extra extra;
      extra.dropped_relations = {index.id};
      return loop_->run_epoch(std::move(extra));
    });
    if (!undone) log::warn("undoing {}: {}", index.name, undone.error().to_string());
    undo({object.id}, context);
    return built;
  }
  publish([&](sql::Catalog& catalog) { catalog.indexes[index.id] = index; });
  return {};
}

// A table's key decides where its rows lie, so the rows are copied into a relation with that key,
// which then takes the table's name and place.
Result<void> Definitions::add_primary_key(ObjectId table, const std::string& name,
                                          const std::vector<uint32_t>& columns,
                                          const DdlContext& context) {
  QW_ASSIGN_OR_RETURN(const auto lock, begin_definition());
  const auto current = view();
  const sql::Relation* old = current->catalog->find(table);
  if (old == nullptr) return fail(undefined_table("the table was dropped"));
  const auto dependents = current->catalog->dependents(table);
  if (!dependents.empty()) {
    return fail(feature_not_supported(
                    fmt::format("cannot add a primary key to {} while other objects depend on it",
                                describe(*current->catalog, table)))
                    .with_detail(fmt::format("{} depends on it.",
                                             describe(*current->catalog, dependents.front()))));
  }
  RelationPayload payload;
  sql::Relation& relation = payload.relation;
  relation = *old;
  QW_ASSIGN_OR_RETURN(relation.id, stored_->allocate_objects(1));
  relation.primary_key = columns;
  relation.primary_key_name = name;
  relation.unique_keys.push_back(columns);
  relation.append_only = false;
  for (const uint32_t column : columns) relation.columns[column].not_null = true;
  storage::CatalogObject object;
  object.id = relation.id;
  object.kind = "table";
  object.schema = relation.schema;
  object.name = fmt::format("{} with its new key {}", relation.name, relation.id);
  object.payload = encode_payload(payload);
  QW_TRY(stored_->insert_creating({&object, 1}));
  sql::IndexInfo key;
  key.id = relation.id;
  key.relation = table;
  key.name = name;
  key.columns = columns;
  key.unique = true;
  const SecondaryIndex reader(key, *old, current->layouts.at(table));
  const auto layout = std::make_shared<RelationLayout>(relation);
  const auto drop = [&](ObjectId id) {
    return loop_->exclusive([&] {
      loop_->forget_relation(id);
      EpochLoop::Extra extra;
      extra.dropped_relations = {id};
      return loop_->run_epoch(std::move(extra));
    });
  };
  auto copied = loop_->exclusive([&]() -> Result<void> {
    loop_->add_relation(layout);
    QW_TRY(loop_->copy_rows(table, relation.id, reader, cancel_flag(context)));
    // Nobody writes between the copy and the exchange of the two.
    object.name = relation.name;
    QW_TRY(stored_->replace(table, object, store_->epoch()));
    // Writes that wait for their turn were worked out for the old one: they are to look again.
    loop_->forget_relation(table);
    publish([&](sql::Catalog& catalog) {
      catalog.relations.erase(table);
      catalog.relations[relation.id] = std::make_shared<sql::Relation>(relation);
    });
    return {};
  });
  if (!copied) {
    if (auto undone = drop(relation.id); !undone) {
      log::warn("undoing {}: {}", name, undone.error().to_string());
    }
    undo({object.id}, context);
    return copied;
  }
  QW_TRY(drop(table));
  // The exchange has happened, whether the old table can be forgotten now or not.
  auto forgotten = forget({table});
  if (!forgotten && forgotten.error().code() != storage::kNoRoom) return forgotten;
  return {};
}

}  // namespace qw::engine
