// DML: see dml.h.
#include "src/engine/dml.h"

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include "sql/program.h"
#include "src/base/hash.h"
#include "src/engine/database_impl.h"
#include "src/engine/keyed_changes.h"
#include "src/engine/portals.h"
#include "src/engine/snapshot_sources.h"
#include "src/engine/statement_writes.h"
#include "src/engine/system_rows.h"
#include "src/engine/unique_keys.h"
#include "src/types/row_codec.h"

namespace qw::engine {
namespace {

// How often a statement on its own is worked out again after a conflict before it gives up.
constexpr int kAttemptsMax = 50;

std::vector<Type> types_of(const sql::Relation& relation) {
  std::vector<Type> types;
  for (const sql::ColumnInfo& column : relation.columns) types.push_back(column.type);
  return types;
}

Result<sql::Program> compile(const std::vector<sql::ExprPtr>& expressions,
                             const std::vector<Type>& input) {
  std::vector<const sql::Expr*> pointers;
  for (const sql::ExprPtr& expression : expressions) pointers.push_back(expression.get());
  return sql::Program::compile(pointers, input);
}

Result<void> first_error(const sql::RowErrors& errors) {
  if (errors.empty()) return {};
  return fail(errors.entries().front().error);
}

// "(1, null, x)", as PostgreSQL shows a failing row or key.
std::string row_text(const Batch& batch, uint32_t row, std::span<const uint32_t> columns,
                     const TextStyle& style) {
  std::string text = "(";
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i != 0) text += ", ";
    const Vector& vector = batch.columns[columns[i]];
    if (vector.is_null(row))
      text += "null";
    else
      append_text(vector, row, style, text);
  }
  return text + ")";
}

// What the transaction has written to a relation in front of the statement.
std::vector<RowWrite> writes_before(const Transaction& transaction, ObjectId relation) {
  std::vector<RowWrite> before;
  if (const TxnBuffer::Table* table = transaction.writes.find(relation)) {
    for (const auto& [key, entry] : *table) {
      before.push_back({key, entry.expected, entry.row, entry.count});
    }
  }
  return before;
}

// 23505 when a unique index would hold two rows of one key. On its own, a statement is checked by
// the loop; within a transaction the error belongs to the statement.
Result<void> check_unique(const Transaction& transaction, ObjectId relation,
                          const StatementWrites& writes) {
  const auto indexes = transaction.view->unique_indexes(relation);
  if (indexes.empty()) return {};
  const std::vector<RowWrite> before = writes_before(transaction, relation);
  const std::array<std::span<const RowWrite>, 2> lists = {before, writes.list()};
  for (const auto& index : indexes) {
    UniqueClaims claims;
    for (const std::span<const RowWrite> list : lists) {
      UniqueClaims::Held claimed;
      QW_ASSIGN_OR_RETURN(const auto twice,
                          claims.check(*index, list, *transaction.snapshot, claimed));
      if (twice) return fail(index->duplicate(*twice));
      claims.accept(std::move(claimed));
    }
  }
  return {};
}

// One statement's work on one table, within a transaction.
class Changer {
 public:
  Changer(SessionImpl& session, std::shared_ptr<Transaction> transaction,
          std::shared_ptr<BoundWork> work, const sql::Relation& target,
          std::vector<Datum> parameters)
      : session_(&session),
        transaction_(std::move(transaction)),
        work_(std::move(work)),
        target_(&target),
        layout_(work_->view->layout(target.id)),
        parameters_(std::move(parameters)),
        context_(session.eval_context(*transaction_, *work_->view, parameters_)),
        writes_(*layout_, *transaction_->snapshot, transaction_->writes),
        table_columns_(target.columns.size()) {
    std::iota(table_columns_.begin(), table_columns_.end(), 0U);
  }

  StatementWrites& writes() { return writes_; }
  uint64_t rows() const { return rows_; }

  // Runs the plan and hands its batches to `on_batch`.
  template <typename OnBatch>
  Result<void> for_each(const std::shared_ptr<const sql::Plan>& plan, OnBatch on_batch) {
    QW_TRY(check_view_errors(*transaction_->snapshot, work_->reads));
    std::unique_ptr<views::Query> query;
    if (plan == work_->plan && work_->spare) {
      query = std::move(work_->spare);
    } else {
      QW_ASSIGN_OR_RETURN(query, views::Query::compile(plan));
    }
    SnapshotSources sources(*work_->view, *transaction_->snapshot,
                            transaction_->writes.empty() ? nullptr : &transaction_->writes,
                            system_rows(*session_, *transaction_, *work_->view));
    const views::QueryLimits limits = session_->query_limits();
    QW_TRY(query->start(context_, sources, limits));
    Batch batch;
    while (true) {
      QW_ASSIGN_OR_RETURN(const bool more, query->next(batch));
      if (!more) break;
      QW_TRY(on_batch(batch));
      QW_TRY(session_->check_writes(writes_.bytes()));
    }
    query->close();
    if (plan == work_->plan) work_->spare = std::move(query);
    return {};
  }

  Result<void> prepare_insert(const sql::BoundInsert* insert) {
    insert_ = insert;
    if (insert == nullptr) return {};
    QW_TRY(prepare_returning(insert->returning, types_of(*target_)));
    if (insert->on_conflict) {
      unique_.emplace(*layout_, *transaction_->snapshot, writes_,
                      transaction_->view->unique_indexes(target_->id),
                      insert->on_conflict->columns);
      QW_TRY(unique_->start(writes_before(*transaction_, target_->id)));
    }
    if (insert->on_conflict && insert->on_conflict->action == sql::BoundConflict::Action::update) {
      std::vector<Type> input = types_of(*target_);
      const std::vector<Type> own = input;
      input.insert(input.end(), own.begin(), own.end());
      QW_ASSIGN_OR_RETURN(conflict_row_, compile(insert->on_conflict->new_row, input));
      for (const uint32_t c : table_columns_) {
        const sql::Expr& value = *insert->on_conflict->new_row[c];
        const bool kept = value.kind == sql::ExprKind::column && value.index == c;
        keys_change_ = keys_change_ || (!kept && unique_->covers(c));
      }
      if (insert->on_conflict->where) {
        const sql::Expr* where = insert->on_conflict->where.get();
        QW_ASSIGN_OR_RETURN(conflict_where_, sql::Program::compile({&where, 1}, input));
      }
    }
    return {};
  }

  // UPDATE and DELETE of the rows that `plan` finds.
  Result<void> prepare_change(const sql::BoundReturning& returning, const sql::Plan& plan) {
    rows_repeat_ = may_repeat(plan, layout_->key_columns());
    return prepare_returning(returning, plan.schema.types());
  }

  Result<void> prepare_returning(const sql::BoundReturning& returning,
                                 const std::vector<Type>& input) {
    if (returning.empty()) return {};
    QW_ASSIGN_OR_RETURN(returning_program_, compile(returning.expressions, input));
    returning_.emplace(returning.schema);
    return {};
  }

  Result<void> insert_batch(const Batch& given) {
    scratch_.reset();
    // Rows in front of one that is refused may be refused for another reason, which comes first.
    uint32_t sound = 0;
    std::optional<Error> refused = find_null(given, 0, sound);
    Batch batch = given;
    if (refused) {
      auto* rows = scratch_.allocate_array<uint16_t>(size_t{sound} + 1);
      for (uint32_t i = 0; i < sound; ++i) rows[i] = static_cast<uint16_t>(given.row(i));
      batch.select(rows, sound);
    }
    QW_TRY(unique_ ? insert_or_resolve(batch) : insert_rows(batch));
    if (!refused) return {};
    QW_TRY(check_unique(*transaction_, target_->id, writes_));
    return fail(std::move(*refused));
  }

  Result<void> update_batch(const Batch& batch) {
    scratch_.reset();
    const auto width = static_cast<uint32_t>(table_columns_.size());
    QW_TRY(check_not_null(batch, width));
    const uint32_t size = batch.size();
    Batch before = part(batch, 0), after = part(batch, width);
    auto* old_rows = scratch_.allocate_array<std::string_view>(size);
    auto* new_rows = scratch_.allocate_array<std::string_view>(size);
    layout_->pack(before, scratch_, old_rows);
    layout_->pack(after, scratch_, new_rows);
    if (layout_->mode() == KeyMode::multiset) {
      for (uint32_t i = 0; i < size; ++i) {
        writes_.add_copies(old_rows[i], -1);
        writes_.add_copies(new_rows[i], 1);
      }
      rows_ += size;
      return give_back(batch);
    }
    auto* old_keys = scratch_.allocate_array<std::string_view>(size);
    auto* new_keys = scratch_.allocate_array<std::string_view>(size);
    layout_->encode_keys(before, scratch_, old_keys);
    layout_->encode_keys(after, scratch_, new_keys);
    auto* updated = scratch_.allocate_array<uint16_t>(size);
    uint32_t count = 0;
    // Old keys first, so that a statement may shift keys along.
    std::vector<uint32_t> moved;
    for (uint32_t i = 0; i < size; ++i) {
      if (came_before(old_keys[i])) continue;
      updated[count++] = static_cast<uint16_t>(batch.row(i));
      if (old_keys[i] == new_keys[i]) {
        writes_.put(old_keys[i], old_rows[i], new_rows[i]);
      } else {
        writes_.erase(old_keys[i], old_rows[i]);
        moved.push_back(i);
      }
    }
    for (const uint32_t i : moved) {
      moved_.push_back({std::string(new_keys[i]), std::string(new_rows[i]),
                        key_text(batch, batch.row(i), width)});
    }
    rows_ += count;
    Batch done = batch;
    done.select(updated, count);
    return count == 0 ? Result<void>() : give_back(done);
  }

  // Rows whose key changed take their new place once all old ones are gone.
  Result<void> finish_update() {
    for (const Moved& row : moved_) {
      QW_ASSIGN_OR_RETURN(const std::string_view old, writes_.current(row.key));
      if (row_exists(old)) return fail(duplicate_of(row.text));
      writes_.put(row.key, old, row.row);
    }
    return {};
  }

  Result<void> delete_batch(const Batch& batch) {
    scratch_.reset();
    const uint32_t size = batch.size();
    const Batch before = part(batch, 0);
    auto* rows = scratch_.allocate_array<std::string_view>(size);
    layout_->pack(before, scratch_, rows);
    if (layout_->mode() == KeyMode::multiset) {
      for (uint32_t i = 0; i < size; ++i) writes_.add_copies(rows[i], -1);
      rows_ += size;
      return give_back(batch);
    }
    auto* keys = scratch_.allocate_array<std::string_view>(size);
    layout_->encode_keys(before, scratch_, keys);
    auto* deleted = scratch_.allocate_array<uint16_t>(size);
    uint32_t count = 0;
    for (uint32_t i = 0; i < size; ++i) {
      if (came_before(keys[i])) continue;
      writes_.erase(keys[i], rows[i]);
      deleted[count++] = static_cast<uint16_t>(batch.row(i));
    }
    rows_ += count;
    Batch done = batch;
    done.select(deleted, count);
    return count == 0 ? Result<void>() : give_back(done);
  }

  std::optional<RowBuffer> take_returning() { return std::move(returning_); }

 private:
  // Of the rows of the target that `plan` finds, whose columns are its first ones.
  static bool may_repeat(const sql::Plan& plan, std::span<const uint32_t> key) {
    const auto in_key = [&](uint32_t column) {
      return std::find(key.begin(), key.end(), column) != key.end();
    };
    const auto& unique = plan.properties.unique_keys;
    return std::none_of(unique.begin(), unique.end(), [&](const auto& columns) {
      return std::all_of(columns.begin(), columns.end(), in_key);
    });
  }
  bool came_before(std::string_view key) { return rows_repeat_ && !seen_.emplace(key).second; }

  // A proposed row (its place in the batch) and the row that it met.
  struct Conflict {
    uint32_t row;
    std::string_view base, old;
  };
  struct Moved {
    std::string key, row, text;
  };

  // The table's columns starting at `from`, same rows and selection.
  Batch part(const Batch& batch, uint32_t from) const {
    Batch out = batch;
    out.columns.assign(batch.columns.begin() + from,
                       batch.columns.begin() + from + static_cast<int64_t>(table_columns_.size()));
    return out;
  }

  // The error of the first row with a NULL where none may be; `sound` counts the rows before it.
  std::optional<Error> find_null(const Batch& batch, uint32_t from, uint32_t& sound) const {
    sound = batch.size();
    const sql::ColumnInfo* bad = nullptr;
    for (const uint32_t c : table_columns_) {
      const Vector& vector = batch.columns[from + c];
      if (!target_->columns[c].not_null || vector.validity == nullptr) continue;
      for (uint32_t i = 0; i < sound; ++i) {
        if (!vector.is_null(batch.row(i))) continue;
        sound = i;
        bad = &target_->columns[c];
      }
    }
    if (bad == nullptr) return std::nullopt;
    return not_null_violation(fmt::format("null value in column \"{}\" of relation \"{}\" violates "
                                          "not-null constraint",
                                          bad->name, target_->name))
        .with_detail("Failing row contains " +
                     row_text(part(batch, from), batch.row(sound), table_columns_, context_.style) +
                     ".")
        .with_column(target_->name, bad->name);
  }
  Result<void> check_not_null(const Batch& batch, uint32_t from) const {
    uint32_t sound = 0;
    std::optional<Error> refused = find_null(batch, from, sound);
    return refused ? Result<void>(fail(std::move(*refused))) : Result<void>();
  }

  std::string key_text(const Batch& batch, uint32_t row, uint32_t from) const {
    std::string names;
    for (const uint32_t column : layout_->key_columns()) {
      names += (names.empty() ? "" : ", ") + target_->columns[column].name;
    }
    return fmt::format("Key ({})={}", names,
                       row_text(part(batch, from), row, layout_->key_columns(), context_.style));
  }
  Error duplicate_of(const std::string& key) const {
    return unique_violation(fmt::format("duplicate key value violates unique constraint \"{}\"",
                                        target_->primary_key_name))
        .with_detail(key + " already exists.")
        .with_constraint(target_->name, target_->primary_key_name);
  }
  Error duplicate(const Batch& batch, uint32_t row, uint32_t from) const {
    return duplicate_of(key_text(batch, row, from));
  }

  Result<void> insert_rows(const Batch& batch) {
    const uint32_t size = batch.size();
    auto* packed = scratch_.allocate_array<std::string_view>(size);
    layout_->pack(batch, scratch_, packed);
    if (layout_->mode() == KeyMode::multiset) {
      for (uint32_t i = 0; i < size; ++i) writes_.add_copies(packed[i], 1);
    } else {
      auto* keys = scratch_.allocate_array<std::string_view>(size);
      layout_->encode_keys(batch, scratch_, keys);
      for (uint32_t i = 0; i < size; ++i) {
        QW_ASSIGN_OR_RETURN(const std::string_view old, writes_.current(keys[i]));
        if (row_exists(old)) return fail(duplicate(batch, batch.row(i), 0));
        writes_.put(keys[i], old, packed[i]);
      }
    }
    rows_ += size;
    return give_back(batch);
  }

  // ON CONFLICT. Rows are looked at one by one, the work on them is done in runs: updates wait
  // until something depends on them.
  Result<void> insert_or_resolve(const Batch& batch) {
    const uint32_t size = batch.size();
    auto* packed = scratch_.allocate_array<std::string_view>(size);
    layout_->pack(batch, scratch_, packed);
    const UniqueKeys::Rows rows = unique_->rows_of(batch, packed, scratch_);
    std::vector<uint16_t> inserted;
    std::vector<Conflict> conflicts;
    absl::flat_hash_set<std::string_view> waiting;
    const auto flush = [&]() -> Result<void> {
      waiting.clear();
      QW_TRY(finish_inserted(batch, inserted));
      inserted.clear();
      QW_TRY(update_conflicting(batch, conflicts));
      conflicts.clear();
      return {};
    };
    for (uint32_t i = 0; i < size; ++i) {
      QW_ASSIGN_OR_RETURN(const auto met, unique_->find(rows, i, UniqueKeys::Which::arbiters));
      if (!met) {
        // RETURNING gives the rows in the order they were proposed in.
        if (returning_ && !conflicts.empty()) QW_TRY(flush());
        QW_TRY(refuse_taken(batch, i, rows, packed[i]));
        add_row(rows.bases[i], packed[i]);
        unique_->take(rows, i);
        inserted.push_back(static_cast<uint16_t>(batch.row(i)));
        continue;
      }
      if (insert_->on_conflict->action == sql::BoundConflict::Action::nothing) continue;
      if (waiting.contains(met->base)) {  // what the update made of it is what this row meets
        QW_TRY(flush());
        --i;
        continue;
      }
      if (unique_->touched(met->base)) {
        return fail(
            cardinality_violation("ON CONFLICT DO UPDATE command cannot affect row a second time")
                .with_hint("Ensure that no rows proposed for insertion within the same "
                           "command have duplicate constrained values."));
      }
      const std::string_view base(scratch_.copy(met->base), met->base.size());
      std::string_view old = base;
      if (layout_->mode() == KeyMode::keyed) {
        QW_ASSIGN_OR_RETURN(old, writes_.current(base));
      }
      conflicts.push_back({batch.row(i), base, old});
      waiting.insert(base);
      if (keys_change_) QW_TRY(flush());
    }
    return flush();
  }

  // 23505 when a row of the table holds one of the row's keys.
  Result<void> refuse_taken(const Batch& batch, uint32_t i, const UniqueKeys::Rows& rows,
                            std::string_view packed) {
    QW_ASSIGN_OR_RETURN(const auto holder, unique_->find(rows, i, UniqueKeys::Which::all));
    if (!holder) return {};
    return fail(holder->index != nullptr ? holder->index->duplicate(packed)
                                         : duplicate(batch, batch.row(i), 0));
  }

  void add_row(std::string_view base, std::string_view packed) {
    if (layout_->mode() == KeyMode::multiset)
      writes_.add_copies(packed, 1);
    else
      writes_.put(base, {}, packed);
  }
  void drop_row(std::string_view base, std::string_view old) {
    if (layout_->mode() == KeyMode::multiset)
      writes_.add_copies(old, -1);
    else
      writes_.erase(base, old);
  }

  Result<void> finish_inserted(const Batch& batch, const std::vector<uint16_t>& inserted) {
    if (inserted.empty()) return {};
    rows_ += inserted.size();
    Batch done = batch;
    done.select(inserted.data(), static_cast<uint32_t>(inserted.size()));
    return give_back(done);
  }

  Result<void> update_conflicting(const Batch& batch, const std::vector<Conflict>& conflicts) {
    if (conflicts.empty()) return {};
    std::vector<std::string_view> old_rows;
    auto* rows = scratch_.allocate_array<uint16_t>(conflicts.size());
    for (size_t i = 0; i < conflicts.size(); ++i) {
      old_rows.push_back(conflicts[i].old);
      rows[i] = static_cast<uint16_t>(conflicts[i].row);
    }
    Batch both;
    layout_->unpack(old_rows, scratch_, both);
    const UniqueKeys::Rows before = unique_->rows_of(both, old_rows.data(), scratch_);
    for (const uint32_t c : table_columns_) {
      both.columns.push_back(
          batch.columns[c].gathered(rows, static_cast<uint32_t>(conflicts.size()), scratch_));
    }
    sql::RowErrors errors;
    if (conflict_where_) {
      auto* kept = scratch_.allocate_array<uint16_t>(both.rows);
      const uint32_t count = conflict_where_->filter(both, context_, scratch_, kept, errors);
      QW_TRY(first_error(errors));
      both.select(kept, count);
      if (count == 0) return {};
    }
    Batch updated = both;
    conflict_row_->run(both, context_, scratch_, updated.columns, errors);
    QW_TRY(first_error(errors));
    QW_TRY(check_not_null(updated, 0));
    const uint32_t size = updated.size();
    auto* packed = scratch_.allocate_array<std::string_view>(size);
    layout_->pack(updated, scratch_, packed);
    const UniqueKeys::Rows after = unique_->rows_of(updated, packed, scratch_);
    for (uint32_t i = 0; i < size; ++i) {
      const uint32_t place = updated.row(i);
      drop_row(conflicts[place].base, conflicts[place].old);
      unique_->leave(before, place);
      QW_TRY(refuse_taken(updated, i, after, packed[i]));
      add_row(after.bases[i], packed[i]);
      unique_->take(after, i);
    }
    rows_ += size;
    return give_back(updated);
  }

  Result<void> give_back(const Batch& batch) {
    if (!returning_) return {};
    sql::RowErrors errors;
    Batch out = batch;
    returning_program_->run(batch, context_, scratch_, out.columns, errors);
    QW_TRY(first_error(errors));
    returning_->add(out);
    return {};
  }

  SessionImpl* session_;
  std::shared_ptr<Transaction> transaction_;
  std::shared_ptr<BoundWork> work_;
  const sql::Relation* target_;
  const RelationLayout* layout_;
  std::vector<Datum> parameters_;
  sql::EvalContext context_;
  StatementWrites writes_;
  std::vector<uint32_t> table_columns_;
  const sql::BoundInsert* insert_ = nullptr;
  std::optional<UniqueKeys> unique_;  // with ON CONFLICT
  bool keys_change_ = false;          // DO UPDATE sets columns of unique keys
  std::optional<sql::Program> conflict_row_, conflict_where_, returning_program_;
  std::optional<RowBuffer> returning_;
  // Rows of the target may come several times, as FROM and USING match them.
  bool rows_repeat_ = true;
  absl::flat_hash_set<std::string, StringHash, StringEqual> seen_;  // their keys, then
  std::vector<Moved> moved_;
  Arena scratch_;
  uint64_t rows_ = 0;
};

Result<void> check_target(const sql::Relation& relation, std::string_view verb) {
  switch (relation.kind) {
    case sql::RelationKind::table:
      return {};
    case sql::RelationKind::source_table:
      return fail(wrong_object_type(fmt::format("cannot {} table \"{}\"", verb, relation.name))
                      .with_detail("Its rows come from a source."));
    case sql::RelationKind::view:
      return fail(Error("55000", fmt::format("cannot {} view \"{}\"", verb, relation.name)));
    case sql::RelationKind::materialized_view:
      return fail(
          wrong_object_type(fmt::format("cannot change materialized view \"{}\"", relation.name)));
    case sql::RelationKind::system:
      return fail(insufficient_privilege(
          fmt::format("permission denied: \"{}\" is a system catalog", relation.name)));
  }
  return {};
}

Result<ChangeResult> change_once(SessionImpl& session, Statement& statement,
                                 const std::vector<Datum>& parameters,
                                 std::optional<ClientWrite>& alone) {
  auto transaction = session.transaction();
  if (transaction->read_only) {
    return fail(
        read_only_sql_transaction("cannot execute INSERT, UPDATE or DELETE in a "
                                  "read-only transaction"));
  }
  QW_TRY(session.ensure_snapshot(*transaction));
  auto work = statement.shared_work();
  const auto* insert = work->bound.as<sql::BoundInsert>();
  const auto* update = work->bound.as<sql::BoundUpdate>();
  const auto* remove = work->bound.as<sql::BoundDelete>();
  const sql::Relation& target = insert != nullptr   ? *insert->target
                                : update != nullptr ? *update->target
                                                    : *remove->target;
  QW_TRY(check_target(target, insert != nullptr   ? "insert into"
                              : update != nullptr ? "update"
                                                  : "delete from"));
  ChangeResult result;
  Changer changer(session, transaction, work, target, parameters);
  if (insert != nullptr) {
    result.verb = "INSERT 0";
    QW_TRY(changer.prepare_insert(insert));
    QW_TRY(changer.for_each(work->plan, [&](const Batch& b) { return changer.insert_batch(b); }));
  } else if (update != nullptr) {
    result.verb = "UPDATE";
    QW_TRY(changer.prepare_change(update->returning, *work->plan));
    QW_TRY(changer.for_each(work->plan, [&](const Batch& b) { return changer.update_batch(b); }));
    QW_TRY(changer.finish_update());
  } else {
    result.verb = "DELETE";
    QW_TRY(changer.prepare_change(remove->returning, *work->plan));
    QW_TRY(changer.for_each(work->plan, [&](const Batch& b) { return changer.delete_batch(b); }));
  }
  result.rows = changer.rows();
  result.returning = changer.take_returning();
  if (changer.writes().empty()) return result;
  if (session.alone() && transaction->writes.empty()) {
    alone.emplace();
    changer.writes().move_into(*alone);
  } else {
    QW_TRY(check_unique(*transaction, changer.writes().relation(), changer.writes()));
    QW_TRY(session.check_writes(changer.writes().bytes()));
    changer.writes().merge_into(transaction->writes);
  }
  return result;
}

}  // namespace

Result<ChangeResult> run_change(SessionImpl& session, Statement& statement,
                                const std::vector<Datum>& parameters) {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    if (session.cancelled()) return fail(session.cancel_error());
    // A conflict may have been a definition: look again.
    if (attempt > 0) QW_TRY(session.bind(statement));
    std::optional<ClientWrite> alone;
    QW_ASSIGN_OR_RETURN(ChangeResult result, change_once(session, statement, parameters, alone));
    if (!alone) return result;
    Result<bool> committed = session.commit(std::move(*alone));
    if (!committed) {
      // Every key was looked up in the snapshot: a row that came since is met by looking again.
      const auto* insert = statement.shared_work()->bound.as<sql::BoundInsert>();
      const bool resolves = insert != nullptr && insert->on_conflict.has_value();
      if (resolves && committed.error().code() == SqlState("23505")) continue;
      return fail(std::move(committed).error());
    }
    if (*committed) return result;
  }
  return fail(serialization_failure("could not serialize access due to concurrent update")
                  .with_hint("The statement met a concurrent change each time; try it again."));
}

// ---- COPY FROM, TRUNCATE, CREATE TABLE AS -------------------------------------------------------

struct CopyLoader::Impl {
  SessionImpl* session;
  std::shared_ptr<BoundWork> work;
  const sql::BoundCopy* copy;
  std::shared_ptr<Transaction> transaction;
  std::unique_ptr<Changer> changer;
  std::optional<sql::Program> defaults;
  std::vector<int32_t> from_input;  // per target column: input column or -1 = next default
  std::unique_ptr<CopyReader> reader;
  sql::EvalContext context;
  Arena arena;

  Result<void> on_batch(const Batch& input) {
    arena.reset();
    Batch full;
    full.rows = input.rows;
    std::vector<Vector> made;
    if (defaults) {
      sql::RowErrors errors;
      defaults->run(input, context, arena, made, errors);
      QW_TRY(first_error(errors));
    }
    size_t next_default = 0;
    for (const int32_t source : from_input) {
      full.columns.push_back(source >= 0 ? input.columns[static_cast<size_t>(source)]
                                         : made[next_default++]);
    }
    QW_TRY(changer->insert_batch(full));
    return session->check_writes(changer->writes().bytes());
  }
};

CopyLoader::CopyLoader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CopyLoader::~CopyLoader() = default;

Result<std::unique_ptr<CopyLoader>> CopyLoader::open(SessionImpl& session, Statement& statement,
                                                     const CopyOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->session = &session;
  impl->work = statement.shared_work();
  impl->copy = impl->work->bound.as<sql::BoundCopy>();
  const sql::Relation& target = *impl->copy->target;
  QW_TRY(check_target(target, "copy to"));
  impl->transaction = session.transaction();
  QW_TRY(session.ensure_snapshot(*impl->transaction));
  impl->context = session.eval_context(*impl->transaction, *impl->work->view, {});
  impl->changer = std::make_unique<Changer>(session, impl->transaction, impl->work, target,
                                            std::vector<Datum>());
  Schema columns;
  for (const uint32_t column : impl->copy->columns) {
    columns.columns.push_back({target.columns[column].name, target.columns[column].type, true});
  }
  std::vector<const sql::Expr*> defaults;
  for (uint32_t c = 0; c < target.columns.size(); ++c) {
    int32_t source = -1;
    for (size_t i = 0; i < impl->copy->columns.size(); ++i) {
      if (impl->copy->columns[i] == c) source = static_cast<int32_t>(i);
    }
    impl->from_input.push_back(source);
    if (source < 0) defaults.push_back(impl->copy->defaults[c].get());
  }
  if (!defaults.empty()) {
    QW_ASSIGN_OR_RETURN(impl->defaults, sql::Program::compile(defaults, columns.types()));
  }
  Impl* self = impl.get();
  impl->reader =
      std::make_unique<CopyReader>(options, target.name, columns, session.style(),
                                   [self](const Batch& batch) { return self->on_batch(batch); });
  return std::unique_ptr<CopyLoader>(new CopyLoader(std::move(impl)));
}

uint32_t CopyLoader::columns() const { return static_cast<uint32_t>(impl_->copy->columns.size()); }

Result<void> CopyLoader::feed(std::string_view bytes) { return impl_->reader->feed(bytes); }

namespace {

// Hands a finished statement's writes on: to the loop when alone, else to the transaction.
Result<void> settle(SessionImpl& session, Transaction& transaction, StatementWrites& writes) {
  if (writes.empty()) return {};
  if (!session.alone() || !transaction.writes.empty()) {
    QW_TRY(check_unique(transaction, writes.relation(), writes));
    QW_TRY(session.check_writes(writes.bytes()));
    writes.merge_into(transaction.writes);
    return {};
  }
  ClientWrite write;
  writes.move_into(write);
  QW_ASSIGN_OR_RETURN(const bool committed, session.commit(std::move(write)));
  if (!committed) {
    return fail(serialization_failure("could not serialize access due to concurrent update")
                    .with_hint("The statement might succeed if retried."));
  }
  return {};
}

}  // namespace

Result<uint64_t> CopyLoader::finish() {
  QW_TRY(impl_->reader->finish());
  QW_TRY(settle(*impl_->session, *impl_->transaction, impl_->changer->writes()));
  return impl_->changer->rows();
}

Result<void> truncate_table(SessionImpl& session, const sql::Relation& relation) {
  QW_TRY(check_target(relation, "truncate"));
  auto transaction = session.transaction();
  QW_TRY(session.ensure_snapshot(*transaction));
  const RelationLayout* layout = transaction->view->layout(relation.id);
  StatementWrites writes(*layout, *transaction->snapshot, transaction->writes);
  SnapshotSources sources(*transaction->view, *transaction->snapshot, &transaction->writes, {});
  sql::Scan scan;
  scan.relation = relation.id;
  scan.columns.assign(layout->all_columns().begin(), layout->all_columns().end());
  QW_ASSIGN_OR_RETURN(const auto cursor, sources.scan(scan, nullptr));
  Batch batch;
  Arena arena;
  while (true) {
    QW_ASSIGN_OR_RETURN(const bool more, cursor->next(batch));
    if (!more) break;
    arena.reset();
    auto* rows = arena.allocate_array<std::string_view>(batch.size());
    layout->pack(batch, arena, rows);
    auto* keys = arena.allocate_array<std::string_view>(batch.size());
    if (layout->mode() == KeyMode::keyed) layout->encode_keys(batch, arena, keys);
    for (uint32_t i = 0; i < batch.size(); ++i) {
      if (layout->mode() == KeyMode::keyed)
        writes.erase(keys[i], rows[i]);
      else
        writes.add_copies(rows[i], -batch.weight(batch.row(i)));
    }
  }
  return settle(session, *transaction, writes);
}

Result<uint64_t> insert_query(SessionImpl& session, std::shared_ptr<const sql::Plan> plan,
                              const sql::Relation& target, const std::vector<Datum>& parameters) {
  auto transaction = session.transaction();
  QW_TRY(session.ensure_snapshot(*transaction));
  auto work = std::make_shared<BoundWork>();
  work->view = transaction->view;
  work->reads = views_read(*plan, *work->view->catalog);
  Changer changer(session, transaction, work, target, parameters);
  QW_TRY(changer.for_each(plan, [&](const Batch& batch) { return changer.insert_batch(batch); }));
  QW_TRY(settle(session, *transaction, changer.writes()));
  return changer.rows();
}

}  // namespace qw::engine
