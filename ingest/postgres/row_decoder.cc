// RelationMap: see row_decoder.h.
#include "ingest/postgres/row_decoder.h"

#include <algorithm>

#include <fmt/format.h>

namespace qw::ingest {

Result<RelationMap> RelationMap::make(const PgTable& pg, const SourceTable& table,
                                      const PgRelation& relation) {
  RelationMap map;
  map.tuple_size_ = relation.columns.size();
  map.keyed_ = !table.primary_key.empty();
  if (!map.keyed_ && !table.append_only && relation.identity != 'f' && pg.identity == 'f') {
    return fail(object_not_in_prerequisite_state("its replica identity is no longer FULL"));
  }
  // The old key of a change has the columns that the upstream takes for the key now.
  const bool by_key = relation.identity == 'd' || relation.identity == 'i';
  size_t key_columns = 0;
  for (const PgRelationColumn& column : relation.columns) key_columns += column.key ? 1 : 0;
  if (map.keyed_ && by_key && !table.append_only && key_columns != table.primary_key.size()) {
    return fail(object_not_in_prerequisite_state("its key was changed upstream"));
  }
  for (uint32_t index = 0; index < pg.columns.size(); index++) {
    const PgColumn& wanted = pg.columns[index];
    const auto found =
        std::find_if(relation.columns.begin(), relation.columns.end(),
                     [&](const PgRelationColumn& column) { return column.name == wanted.name; });
    if (found == relation.columns.end()) {
      return fail(object_not_in_prerequisite_state(
          fmt::format("column \"{}\" was dropped or renamed upstream", wanted.name)));
    }
    if (found->type_oid != wanted.type_oid || found->typmod != wanted.typmod) {
      return fail(object_not_in_prerequisite_state(
          fmt::format("the type of column \"{}\" was changed upstream", wanted.name)));
    }
    const bool key = std::find(table.primary_key.begin(), table.primary_key.end(), index) !=
                     table.primary_key.end();
    if (key && by_key && !table.append_only && !found->key) {
      return fail(object_not_in_prerequisite_state("its key was changed upstream"));
    }
    map.sources_.push_back({static_cast<uint32_t>(found - relation.columns.begin()),
                            TextColumn(index, table.columns[index].type, true), wanted.name, key});
  }
  return map;
}

Result<void> RelationMap::write(const PgMessage& message, const std::vector<PgValue>& row,
                                uint32_t at, TableWriter& writer) const {
  for (const Source& source : sources_) {
    const PgValue* value = &row[source.position];
    // A whole old row has everything, an old key at least the key.
    if (value->kind == 'u' &&
        (message.old_kind == 'O' || (message.old_kind == 'K' && source.key))) {
      value = &message.old_row[source.position];
    }
    if (value->kind == 'u') {
      if (!keyed_ || source.key) {
        return fail(
            data_corrupted(fmt::format("the upstream left out column \"{}\"", source.name)));
      }
      writer.set_kept(source.column.column(), at);
    } else if (value->kind == 't') {
      if (auto parsed = source.column.parse(value->text, writer, at); !parsed) {
        return fail(std::move(parsed.error()).in(fmt::format("column \"{}\"", source.name)));
      }
    }
  }
  return {};
}

Result<void> RelationMap::write_key(const std::vector<PgValue>& row, uint32_t at,
                                    TableWriter& writer) const {
  for (const Source& source : sources_) {
    if (!source.key) continue;
    const PgValue& value = row[source.position];
    if (value.kind != 't') {
      return fail(
          data_corrupted(fmt::format("the upstream left out key column \"{}\"", source.name)));
    }
    QW_TRY(source.column.parse(value.text, writer, at));
  }
  return {};
}

bool RelationMap::key_differs(const std::vector<PgValue>& old_row,
                              const std::vector<PgValue>& new_row) const {
  return std::any_of(sources_.begin(), sources_.end(), [&](const Source& source) {
    if (!source.key) return false;
    const PgValue& before = old_row[source.position];
    const PgValue& after = new_row[source.position];
    return after.kind != 'u' && (before.kind != after.kind || before.text != after.text);
  });
}

Result<void> RelationMap::insert(const PgMessage& message, TableWriter& writer) const {
  if (message.new_row.size() != tuple_size_)
    return fail(protocol_violation("tuple of another width"));
  return write(message, message.new_row, writer.add(RowOp::insert), writer);
}

Result<void> RelationMap::update(const PgMessage& message, TableWriter& writer) const {
  const bool has_old = message.old_kind != 0;
  if (message.new_row.size() != tuple_size_ || (has_old && message.old_row.size() != tuple_size_)) {
    return fail(protocol_violation("tuple of another width"));
  }
  if (!keyed_) {
    if (message.old_kind != 'O') return fail(data_corrupted("the upstream left out the old row"));
    QW_TRY(write(message, message.old_row, writer.add(RowOp::remove_row), writer));
    return write(message, message.new_row, writer.add(RowOp::insert), writer);
  }
  if (has_old && key_differs(message.old_row, message.new_row)) {
    QW_TRY(write_key(message.old_row, writer.add(RowOp::move), writer));
    return write(message, message.new_row, writer.add(RowOp::put, true), writer);
  }
  return write(message, message.new_row, writer.add(RowOp::put), writer);
}

Result<void> RelationMap::remove(const PgMessage& message, TableWriter& writer) const {
  if (message.old_kind == 0 || message.old_row.size() != tuple_size_) {
    return fail(protocol_violation("tuple of another width"));
  }
  if (keyed_) return write_key(message.old_row, writer.add(RowOp::remove), writer);
  if (message.old_kind != 'O') return fail(data_corrupted("the upstream left out the old row"));
  return write(message, message.old_row, writer.add(RowOp::remove_row), writer);
}

}  // namespace qw::ingest
