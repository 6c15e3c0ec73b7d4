// SystemRows: see system_rows.h.
#include "src/engine/system_rows.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sql/system_catalog.h"
#include "src/engine/database_impl.h"
#include "src/engine/row_blocks.h"
#include "src/engine/view_errors.h"

namespace qw::engine {
namespace {

using Rows = std::vector<sql::SystemRow>;

Datum count(uint64_t value) { return Datum::int8(static_cast<int64_t>(value)); }

// 0: upstream has none.
Datum estimate(uint64_t rows) { return rows == 0 ? Datum::null(TypeId::int8) : count(rows); }

Datum moment(int64_t us) {
  return us == 0 ? Datum::null(TypeId::timestamptz) : Datum::of<int64_t>(TypeId::timestamptz, us);
}

SourceView find_source(SessionImpl& session, const sql::NamedObject& object) {
  auto found = session.database().sources().find(object.id);
  if (found) return std::move(*found);
  SourceView starting;
  starting.id = object.id;
  starting.name = object.name;
  return starting;
}

Result<int64_t> row_count(const Transaction& transaction, const CatalogView& view, ObjectId id) {
  const RelationLayout* layout = view.layout(id);
  return layout == nullptr ? 0 : stored_row_count(*layout, *transaction.snapshot);
}

Result<Rows> source_status(SessionImpl& session, const Transaction& transaction,
                           const CatalogView& view) {
  Rows rows;
  for (const auto& [id, object] : view.catalog->objects) {
    if (object.kind != sql::NamedObject::Kind::source) continue;
    const SourceView source = find_source(session, object);
    const ingest::SourceStatus& status = source.status;
    // Counted by the snapshot that the statement reads, so they agree with what it sees.
    int64_t good = 0, quarantined = 0;
    for (const SourceView::Table& table : source.tables) {
      QW_ASSIGN_OR_RETURN(const int64_t there, row_count(transaction, view, table.relation));
      (table.quarantine ? quarantined : good) += there;
    }
    rows.push_back({Datum::text(object.schema), Datum::text(object.name), Datum::text(object.type),
                    Datum::text(ingest::to_string(status.state)), Datum::text(status.message),
                    Datum::text(status.hint), Datum::text(status.upstream_position),
                    status.lag < 0 ? Datum::null(TypeId::int8) : Datum::int8(status.lag),
                    Datum::int8(good), Datum::int8(quarantined), count(status.snapshot_rows_done),
                    estimate(status.snapshot_rows_estimated), moment(source.last_commit_us),
                    Datum::text(source.last_error), moment(source.last_error_us)});
  }
  return rows;
}

Rows source_partitions(SessionImpl& session, const sql::Catalog& catalog) {
  const auto offset = [](int64_t value) {
    return value < 0 ? Datum::null(TypeId::int8) : Datum::int8(value);
  };
  Rows rows;
  for (const auto& [id, object] : catalog.objects) {
    if (object.kind != sql::NamedObject::Kind::source) continue;
    for (const auto& each : find_source(session, object).status.partitions) {
      const int64_t lag = each.high < 0 ? -1 : std::max<int64_t>(each.high - each.next, 0);
      rows.push_back({Datum::text(object.schema), Datum::text(object.name),
                      Datum::int4(each.partition), Datum::int8(each.next), offset(each.high),
                      offset(lag)});
    }
  }
  return rows;
}

Rows source_tables(SessionImpl& session) {
  Rows rows;
  for (const SourceView& source : session.database().sources().list()) {
    for (size_t t = 0; t < source.tables.size(); ++t) {
      ingest::TableStatus status =
          t < source.status.tables.size() ? source.status.tables[t] : ingest::TableStatus();
      // A source that fails as a whole fails each of its tables.
      if (status.state == ingest::SourceState::failed && status.error.empty()) {
        status.error = source.status.message;
      }
      rows.push_back({Datum::text(source.name), Datum::text(source.tables[t].name),
                      Datum::text(ingest::to_string(status.state)), Datum::text(status.error)});
    }
  }
  return rows;
}

Result<Rows> view_status(SessionImpl& session, const Transaction& transaction,
                         const CatalogView& view) {
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
  // Before it is ready a view cannot be read, whether or not the backfill has begun or ended.
  std::map<ObjectId, bool> hydrated;
  for (const ViewProgress& progress : database.definitions().view_progress()) {
    hydrated[progress.view] = progress.hydrated;
  }
  Rows rows;
  for (const auto& [id, relation] : view.catalog->relations) {
    if (relation->kind != sql::RelationKind::materialized_view) continue;
    QW_ASSIGN_OR_RETURN(const int64_t there, row_count(transaction, view, id));
    rows.push_back({Datum::text(relation->schema), Datum::text(relation->name),
                    Datum::boolean(relation->ready && hydrated[id]), Datum::int8(there),
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
                    estimate(source.status.snapshot_rows_estimated)});
  }
  return rows;
}

// Computed rows, projected to the columns asked for.
class ComputedCursor final : public views::RowCursor {
 public:
  ComputedCursor(sql::SystemRows parts, std::vector<Type> types, std::vector<uint32_t> columns)
      : parts_(std::move(parts)), types_(std::move(types)), columns_(std::move(columns)) {}

  Result<bool> next(Batch& batch) override {
    arena_.reset();
    batch = Batch();
    while (part_ < parts_.size() && at_ == parts_[part_]->size()) {
      ++part_;
      at_ = 0;
    }
    if (part_ == parts_.size()) return false;
    const std::vector<sql::SystemRow>& rows = *parts_[part_];
    const auto count = static_cast<uint32_t>(std::min<size_t>(rows.size() - at_, kBatchRowsMax));
    batch.rows = count;
    for (size_t c = 0; c < columns_.size(); ++c) {
      Vector vector = Vector::flat(types_[c], count, arena_);
      for (uint32_t i = 0; i < count; ++i) put(rows[at_ + i][columns_[c]], vector, i, count);
      batch.columns.push_back(vector);
    }
    at_ += count;
    return true;
  }

 private:
  void put(const Datum& value, Vector& vector, uint32_t row, uint32_t rows) {
    const uint32_t width = vector.type.bytes();
    char* to = static_cast<char*>(vector.data) + size_t{row} * width;
    if (value.is_null()) {
      std::memset(to, 0, width);
      vector.set_null(row, rows, arena_);
    } else if (vector.type.physical() == Physical::string) {
      store<Str>(to, Str::copy(value.bytes(), arena_));
    } else {
      std::memcpy(to, value.fixed_bytes(), width);
    }
  }

  sql::SystemRows parts_;
  std::vector<Type> types_;
  std::vector<uint32_t> columns_;
  Arena arena_;
  size_t part_ = 0, at_ = 0;
};

std::vector<sql::SystemStatement> cursor_list(SessionImpl& session) {
  std::vector<sql::SystemStatement> out;
  for (const auto& [name, cursor] : session.cursors()) {
    sql::SystemStatement listed;
    listed.name = name;
    listed.statement = cursor.statement;
    listed.holdable = cursor.hold;
    out.push_back(std::move(listed));
  }
  return out;
}

std::vector<sql::SystemStatement> prepared_list(SessionImpl& session) {
  std::vector<sql::SystemStatement> out;
  for (const auto& [name, prepared] : session.prepared()) {
    if (name.empty()) continue;
    sql::SystemStatement listed;
    listed.name = name;
    listed.statement = prepared->sql();
    listed.parameters.assign(prepared->parameters().begin(), prepared->parameters().end());
    listed.from_sql = false;
    out.push_back(std::move(listed));
  }
  return out;
}

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
      for (Settings::Row& row : session.settings().all()) {
        settings.push_back({row.fixed, std::move(row.name), std::move(row.value),
                            std::move(row.initial), std::move(row.description)});
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
    context.cursors = [&] { return cursor_list(session); };
    context.prepared = [&] { return prepared_list(session); };
    // An estimate everywhere it is used; damage shows where the rows are read.
    context.row_count = [&](ObjectId id) { return row_count(transaction, view, id).value_or(0); };
    context.qw_rows = [&](std::string_view table) -> Result<Rows> {
      if (table == "source_status") return source_status(session, transaction, view);
      if (table == "source_partitions") return source_partitions(session, catalog);
      if (table == "source_tables") return source_tables(session);
      if (table == "view_status") return view_status(session, transaction, view);
      if (table == "view_errors") return view_errors(transaction, catalog);
      if (table == "progress") return progress(session, catalog);
      return fail(internal_error(fmt::format("unknown table qw.{}", table)));
    };
    QW_ASSIGN_OR_RETURN(sql::SystemRows rows, sql::system_rows(*scan.relation, context));
    std::vector<Type> types;
    for (const uint32_t column : scan.columns) {
      types.push_back(scan.relation->columns[column].type);
    }
    return std::make_unique<ComputedCursor>(std::move(rows), std::move(types), scan.columns);
  };
}

}  // namespace qw::engine
