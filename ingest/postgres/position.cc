// PgPosition and PgTable as bytes: see position.h.
#include "ingest/postgres/position.h"

#include "ingest/position.h"
#include "src/base/limits.h"

namespace qw::ingest {

namespace {
constexpr char kPositionKind = 'p';
constexpr char kTableKind = 'q';
constexpr uint32_t kTablesMax = 1 << 20;
}  // namespace

std::string PgPosition::encode() const {
  PositionWriter writer(kPositionKind);
  writer.put<Lsn>(resume).put_text(system_id).put<uint32_t>(timeline).put_text(database);
  writer.put<uint32_t>(static_cast<uint32_t>(tables.size()));
  for (const Table& table : tables) {
    writer.put<uint64_t>(table.fingerprint).put<uint64_t>(table.files);
    const PgTableForm& form = table.form;
    writer.put<uint32_t>(form.file).put<uint32_t>(form.toast).put<uint32_t>(form.columns);
    writer.put<uint64_t>(form.definitions).put<uint32_t>(form.labels);
    writer.put<uint64_t>(form.label_texts).put_text(table.error);
  }
  return writer.take();
}

Result<PgPosition> PgPosition::decode(std::string_view bytes) {
  PositionReader reader(kPositionKind, bytes);
  PgPosition position;
  position.resume = reader.get<Lsn>();
  position.system_id = reader.get_text();
  position.timeline = reader.get<uint32_t>();
  position.database = reader.get_text();
  const uint32_t count = reader.get<uint32_t>();
  for (uint32_t n = 0; n < count && n < kTablesMax && reader.good(); n++) {
    Table table;
    table.fingerprint = reader.get<uint64_t>();
    table.files = reader.get<uint64_t>();
    table.form.file = reader.get<uint32_t>();
    table.form.toast = reader.get<uint32_t>();
    table.form.columns = reader.get<uint32_t>();
    table.form.definitions = reader.get<uint64_t>();
    table.form.labels = reader.get<uint32_t>();
    table.form.label_texts = reader.get<uint64_t>();
    table.error = reader.get_text();
    position.tables.push_back(std::move(table));
  }
  QW_TRY(reader.finish());
  return position;
}

std::string PgTable::encode() const {
  PositionWriter writer(kTableKind);
  writer.put<uint32_t>(oid).put_text(schema).put_text(name).put<char>(identity);
  writer.put<uint8_t>(partitioned ? 1 : 0).put_text(row_filter);
  writer.put<uint32_t>(static_cast<uint32_t>(columns.size()));
  for (const PgColumn& column : columns) {
    writer.put_text(column.name).put<int16_t>(column.attnum);
    writer.put<uint32_t>(column.type_oid).put<int32_t>(column.typmod);
  }
  return writer.take();
}

Result<PgTable> PgTable::decode(std::string_view bytes) {
  PositionReader reader(kTableKind, bytes);
  PgTable table;
  table.oid = reader.get<uint32_t>();
  table.schema = reader.get_text();
  table.name = reader.get_text();
  table.identity = reader.get<char>();
  table.partitioned = reader.get<uint8_t>() != 0;
  table.row_filter = reader.get_text();
  const uint32_t count = reader.get<uint32_t>();
  for (uint32_t n = 0; n < count && n < limits::kColumnsMax && reader.good(); n++) {
    PgColumn column;
    column.name = reader.get_text();
    column.attnum = reader.get<int16_t>();
    column.type_oid = reader.get<uint32_t>();
    column.typmod = reader.get<int32_t>();
    table.columns.push_back(std::move(column));
  }
  QW_TRY(reader.finish());
  return table;
}

}  // namespace qw::ingest
