// SystemRows: see system_rows.h.
#include "src/engine/system_rows.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sql/system_catalog.h"
#include "src/engine/database_impl.h"
#include "src/engine/row_buffer.h"
#include "src/engine/view_errors.h"

namespace qw::engine {
namespace {

using Rows = std::vector<sql::SystemRow>;

Datum count(uint64_t value) { return Datum::int8(static_cast<int64_t>(value)); }

Rows source_status(SessionImpl& session, const sql::Catalog& catalog) {
  Rows rows;
  for (const auto& [id, object] : catalog.objects) {
    if (object.kind != sql::NamedObject::Kind::source) continue;
    const SourceView source =
        session.database().sources().find(id).value_or(SourceView{id, object.name, {}, {}, 0, 0});
    const ingest::SourceStatus& status = source.status;
    rows.push_back({Datum::text(object.schema), Datum::text(object.name), Datum::text(object.type),
                    Datum::text(ingest::to_string(status.state)), Datum::text(status.message),
                    Datum::text(status.hint), Datum::text(status.upstream_position),
                    status.lag < 0 ? Datum::null(TypeId::int8) : Datum::int8(status.lag),
                    count(source.rows), count(status.quarantined), count(status.snapshot_rows_done),
                    count(status.snapshot_rows_estimated),
                    source.last_commit_us == 0
                        ? Datum::null(TypeId::timestamptz)
                        : Datum::of<int64_t>(TypeId::timestamptz, source.last_commit_us)});
  }
  return rows;
}

Rows source_tables(SessionImpl& session) {
  Rows rows;
  for (const SourceView& source : session.database().sources().list()) {
    for (size_t t = 0; t < source.tables.size(); ++t) {
      const ingest::TableStatus status =
          t < source.status.tables.size() ? source.status.tables[t] : ingest::TableStatus();
      rows.push_back({Datum::text(source.name), Datum::text(source.tables[t]),
                      Datum::text(ingest::to_string(status.state)), Datum::text(status.error)});
    }
  }
  return rows;
}

Result<Rows> view_status(SessionImpl& session, const Transaction& transaction,
                         const sql::Catalog& catalog) {
  // The dataflow belongs to the epoch thread: ask it there.
  std::map<ObjectId, std::pair<uint64_t, uint64_t>> state;
  DatabaseImpl& database = session.database();
  QW_TRY(database.loop().exclusive([&] {
    for (const views::StateStatus& status : database.loop().dataflow().status()) {
      state[status.view].first += status.rows;
      state[status.view].second += status.bytes;
    }
    return Result<void>();
  }));
  std::map<ObjectId, uint64_t> errors;
  QW_ASSIGN_OR_RETURN(const auto listed, ViewErrors::list(*transaction.snapshot));
  for (const ViewError& error : listed) errors[error.view] += static_cast<uint64_t>(error.count);
  std::map<ObjectId, bool> hydrated;
  for (const ViewProgress& progress : database.definitions().view_progress()) {
    hydrated[progress.view] = progress.hydrated;
  }
  Rows rows;
  for (const auto& [id, relation] : catalog.relations) {
    if (relation->kind != sql::RelationKind::materialized_view) continue;
    rows.push_back({Datum::text(relation->schema), Datum::text(relation->name),
                    Datum::boolean(hydrated[id]), Datum::int8(transaction.snapshot->row_count(id)),
                    count(transaction.snapshot->approximate_bytes(id)), count(state[id].first),
                    count(state[id].second), count(transaction.snapshot->epoch().value),
                    count(errors[id])});
  }
  return rows;
}

Result<Rows> view_errors(const Transaction& transaction, const sql::Catalog& catalog) {
  Rows rows;
  QW_ASSIGN_OR_RETURN(const auto errors, ViewErrors::list(*transaction.snapshot));
  for (const ViewError& error : errors) {
    const sql::Relation* view = catalog.find(error.view);
    if (view == nullptr) continue;
    rows.push_back({Datum::text(view->schema), Datum::text(view->name),
                    Datum::text(error.error.code().view()), Datum::text(error.error.message()),
                    Datum::text(error.error.detail()), Datum::text(error.error.hint()),
                    Datum::int8(error.count)});
  }
  return rows;
}

Rows progress(SessionImpl& session, const sql::Catalog& catalog) {
  Rows rows;
  for (const ViewProgress& view : session.database().definitions().view_progress()) {
    if (view.hydrated) continue;
    const sql::Relation* relation = catalog.find(view.view);
    rows.push_back({Datum::text(relation == nullptr ? "" : relation->name), Datum::text("backfill"),
                    count(view.rows), Datum::null(TypeId::int8)});
  }
  for (const SourceView& source : session.database().sources().list()) {
    if (source.status.state != ingest::SourceState::snapshotting) continue;
    rows.push_back({Datum::text(source.name), Datum::text("snapshot"),
                    count(source.status.snapshot_rows_done),
                    count(source.status.snapshot_rows_estimated)});
  }
  return rows;
}

// Computed rows, projected to the columns asked for.
class ComputedCursor final : public views::RowCursor {
 public:
  ComputedCursor(Schema schema, const Rows& rows, const std::vector<uint32_t>& columns)
      : buffer_(schema) {
    for (const sql::SystemRow& row : rows) {
      sql::SystemRow picked;
      for (const uint32_t column : columns) picked.push_back(row[column]);
      buffer_.add_row(picked);
    }
  }
  Result<bool> next(Batch& batch) override { return buffer_.next(batch); }

 private:
  RowBuffer buffer_;
};

}  // namespace

SystemRows system_rows(SessionImpl& session, const Transaction& transaction,
                       const CatalogView& view) {
  return [&session, &transaction,
          &view](const sql::SystemScan& scan) -> Result<std::unique_ptr<views::RowCursor>> {
    const sql::Catalog& catalog = *view.catalog;
    sql::SystemContext context;
    context.catalog = &catalog;
    context.user = session.options().user;
    context.database = session.options().database;
    context.backend_pid = session.backend_pid();
    context.now_us = transaction.now_us;
    context.settings = [&] {
      std::vector<sql::SystemSetting> settings;
      for (const Settings::Row& row : session.settings().all()) {
        settings.push_back({row.name, row.value, row.value, row.description});
      }
      return settings;
    };
    context.sessions = [&] {
      std::vector<sql::SystemSession> sessions;
      for (const Activity& activity : session.database().activity()) {
        sessions.push_back(
            {activity.pid, activity.user, activity.database, activity.application, "active", ""});
      }
      return sessions;
    };
    context.row_count = [&](ObjectId id) { return transaction.snapshot->row_count(id); };
    context.qw_rows = [&](std::string_view table) -> Result<Rows> {
      if (table == "source_status") return source_status(session, catalog);
      if (table == "source_tables") return source_tables(session);
      if (table == "view_status") return view_status(session, transaction, catalog);
      if (table == "view_errors") return view_errors(transaction, catalog);
      if (table == "progress") return progress(session, catalog);
      return fail(internal_error(fmt::format("unknown table qw.{}", table)));
    };
    QW_ASSIGN_OR_RETURN(const Rows rows, sql::system_rows(*scan.relation, context));
    Schema schema;
    for (const uint32_t column : scan.columns) {
      const sql::ColumnInfo& info = scan.relation->columns[column];
      schema.columns.push_back({info.name, info.type, true});
    }
    return std::make_unique<ComputedCursor>(std::move(schema), rows, scan.columns);
  };
}

}  // namespace qw::engine
