// Portals: see portals.h.
#include "src/engine/portals.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sql/optimizer.h"
#include "src/engine/copy_format.h"
#include "src/engine/copy_options.h"
#include "src/engine/database_impl.h"
#include "src/engine/dml.h"
#include "src/engine/row_buffer.h"
#include "src/engine/snapshot_sources.h"
#include "src/engine/system_rows.h"
#include "src/engine/utility.h"

namespace qw::engine {
namespace {

namespace ast = sql::ast;

// A query that took more is not kept to be run again.
constexpr uint64_t kSpareBytesMax = 4 << 20;
// A statement that took more leaves something behind that is worth being given back.
constexpr uint64_t kLargeBytes = 16 << 20;

// Runs a statement within the memory of queries. One that has failed lets go of everything at once,
// whenever the client closes it.
class GuardedPortal final : public Portal {
 public:
  GuardedPortal(SessionImpl& session, MemoryAccount account, std::unique_ptr<Portal> portal)
      : session_(&session), account_(std::move(account)), portal_(std::move(portal)) {}
  ~GuardedPortal() override {
    portal_.reset();
    if (account_.taken > kLargeBytes) account_.budget->trim();
  }
  const Schema& columns() const override {
    static const Schema none;
    return portal_ == nullptr ? none : portal_->columns();
  }
  bool returns_rows() const override { return portal_ != nullptr && portal_->returns_rows(); }
  Result<bool> next(Batch& rows) override {
    return guarded([&] { return portal_->next(rows); });
  }
  std::string command_tag() const override {
    return portal_ == nullptr ? "" : portal_->command_tag();
  }
  bool wants_copy_in() const override { return portal_ != nullptr && portal_->wants_copy_in(); }
  Result<void> copy_in(std::string_view bytes) override {
    return guarded([&] { return portal_->copy_in(bytes); });
  }
  Result<void> copy_finish() override {
    return guarded([&] { return portal_->copy_finish(); });
  }
  bool is_copy_out() const override { return portal_ != nullptr && portal_->is_copy_out(); }
  Result<bool> copy_out(std::string& bytes) override {
    return guarded([&] { return portal_->copy_out(bytes); });
  }
  uint32_t copy_columns() const override {
    return portal_ == nullptr ? 0 : portal_->copy_columns();
  }
  bool copy_binary() const override { return portal_ != nullptr && portal_->copy_binary(); }

 private:
  template <typename Work>
  auto guarded(Work&& work) -> decltype(work()) {
    if (portal_ == nullptr) return fail(internal_error("the statement has failed"));
    auto done = MemoryScope::guard(account_, work);
    if (done || done.error().code() != SqlState("53200")) return done;
    portal_.reset();
    account_.budget->trim();
    return fail(session_->failed(std::move(done).error()));
  }

  SessionImpl* session_;
  MemoryAccount account_;
  std::unique_ptr<Portal> portal_;
};

// ---- queries ----------------------------------------------------------------------------------

// One run of a plan over the transaction's snapshot.
class QueryRun {
 public:
  QueryRun(SessionImpl& session, std::shared_ptr<BoundWork> work, std::vector<Datum> parameters)
      : session_(&session), work_(std::move(work)), parameters_(std::move(parameters)) {}
  // A large one is not kept: it would keep its memory, too.
  ~QueryRun() {
    if (query_ == nullptr || broken_ || large_ || work_->spare) return;
    query_->close();
    work_->spare = std::move(query_);
  }
  QueryRun(const QueryRun&) = delete;
  QueryRun& operator=(const QueryRun&) = delete;

  Result<void> start() {
    transaction_ = session_->transaction();
    QW_TRY(session_->ensure_snapshot(*transaction_));
    QW_TRY(check_view_errors(*transaction_->snapshot, work_->reads));
    if (work_->spare) {
      query_ = std::move(work_->spare);
    } else {
      QW_ASSIGN_OR_RETURN(query_, views::Query::compile(work_->plan));
    }
    const CatalogView& view = *work_->view;
    context_ = session_->eval_context(*transaction_, view, parameters_);
    sources_.emplace(view, *transaction_->snapshot,
                     transaction_->writes.empty() ? nullptr : &transaction_->writes,
                     system_rows(*session_, *transaction_, view));
    const views::QueryLimits limits = session_->query_limits();
    return query_->start(context_, *sources_, limits);
  }

  Result<bool> next(Batch& batch) {
    if (session_->cancelled()) return fail(session_->cancel_error());
    broken_ = true;  // should what follows throw
    auto more = query_->next(batch);
    broken_ = false;
    const MemoryAccount* account = MemoryScope::current();
    large_ = account != nullptr && account->taken > kSpareBytesMax;
    return more;
  }

 private:
  SessionImpl* session_;
  std::shared_ptr<BoundWork> work_;
  std::vector<Datum> parameters_;
  std::shared_ptr<Transaction> transaction_;
  sql::EvalContext context_;
  std::optional<SnapshotSources> sources_;
  std::unique_ptr<views::Query> query_;
  bool broken_ = false, large_ = false;
};

class QueryPortal final : public RowsPortal {
 public:
  QueryPortal(SessionImpl& session, std::shared_ptr<Statement> statement,
              std::vector<Datum> parameters)
      : session_(&session),
        statement_(std::move(statement)),
        run_(session, statement_->shared_work(), std::move(parameters)) {}

  Result<void> start() { return run_.start(); }
  const Schema& columns() const override { return statement_->columns(); }
  bool returns_rows() const override { return true; }
  Result<bool> next(Batch& batch) override {
    if (done_) return false;
    auto more = run_.next(batch);
    if (!more) {
      return fail(session_->failed(std::move(more).error()));
    }
    done_ = !*more;
    if (*more) rows_ += batch.size();
    return more;
  }
  std::string command_tag() const override { return fmt::format("SELECT {}", rows_); }

 private:
  SessionImpl* session_;
  std::shared_ptr<Statement> statement_;
  QueryRun run_;
  uint64_t rows_ = 0;
  bool done_ = false;
};

// ---- INSERT, UPDATE, DELETE -------------------------------------------------------------------

class ChangePortal final : public RowsPortal {
 public:
  ChangePortal(SessionImpl& session, std::shared_ptr<Statement> statement,
               std::vector<Datum> parameters)
      : session_(&session), statement_(std::move(statement)), parameters_(std::move(parameters)) {}

  const Schema& columns() const override { return statement_->columns(); }
  bool returns_rows() const override { return statement_->returns_rows(); }
  Result<bool> next(Batch& batch) override {
    if (!result_) {
      auto result = run_change(*session_, *statement_, parameters_);
      if (!result) {
        return fail(session_->failed(std::move(result).error()));
      }
      result_.emplace(std::move(*result));
    }
    return result_->returning ? result_->returning->next(batch) : false;
  }
  std::string command_tag() const override {
    return fmt::format("{} {}", result_ ? result_->verb : "", result_ ? result_->rows : 0);
  }

 private:
  SessionImpl* session_;
  std::shared_ptr<Statement> statement_;
  std::vector<Datum> parameters_;
  std::optional<ChangeResult> result_;
};

// ---- COPY -------------------------------------------------------------------------------------

class CopyInPortal final : public Portal {
 public:
  CopyInPortal(SessionImpl& session, std::shared_ptr<Statement> statement, CopyOptions options)
      : session_(&session), statement_(std::move(statement)), options_(std::move(options)) {}

  Result<void> start() {
    auto loader = CopyLoader::open(*session_, *statement_, options_);
    if (!loader) return fail(std::move(loader).error());
    loader_ = std::move(*loader);
    return {};
  }
  const Schema& columns() const override { return statement_->columns(); }
  bool returns_rows() const override { return false; }
  Result<bool> next(Batch&) override { return false; }
  std::string command_tag() const override { return fmt::format("COPY {}", rows_); }
  bool wants_copy_in() const override { return true; }
  Result<void> copy_in(std::string_view bytes) override {
    if (session_->cancelled()) return failed(session_->cancel_error());
    auto fed = loader_->feed(bytes);
    if (!fed) return failed(std::move(fed).error());
    return {};
  }
  Result<void> copy_finish() override {
    auto rows = loader_->finish();
    if (!rows) return failed(std::move(rows).error());
    rows_ = *rows;
    return {};
  }
  bool is_copy_out() const override { return false; }
  Result<bool> copy_out(std::string&) override { return false; }
  uint32_t copy_columns() const override { return loader_->columns(); }
  bool copy_binary() const override { return options_.format == CopyOptions::Format::binary; }

 private:
  Result<void> failed(Error error) { return fail(session_->failed(std::move(error))); }
  SessionImpl* session_;
  std::shared_ptr<Statement> statement_;
  CopyOptions options_;
  std::unique_ptr<CopyLoader> loader_;
  uint64_t rows_ = 0;
};

class CopyOutPortal final : public Portal {
 public:
  CopyOutPortal(SessionImpl& session, std::shared_ptr<Statement> statement, CopyOptions options)
      : session_(&session),
        statement_(std::move(statement)),
        run_(session, statement_->shared_work(), {}),
        columns_(statement_->work().plan->schema),
        options_(options),
        writer_(std::move(options), columns_, session.style()) {}

  Result<void> start() { return run_.start(); }
  const Schema& columns() const override { return columns_; }
  bool returns_rows() const override { return false; }
  Result<bool> next(Batch&) override { return false; }
  std::string command_tag() const override { return fmt::format("COPY {}", rows_); }
  bool wants_copy_in() const override { return false; }
  Result<void> copy_in(std::string_view) override { return {}; }
  Result<void> copy_finish() override { return {}; }
  bool is_copy_out() const override { return true; }
  Result<bool> copy_out(std::string& bytes) override {
    bytes.clear();
    if (done_) return false;
    const bool binary = copy_binary();
    if (!begun_) {
      if (binary)
        writer_.begin(bytes);
      else if (options_.header)
        writer_.header(bytes);
      begun_ = true;
    }
    Batch batch;
    auto more = run_.next(batch);
    if (!more) {
      return fail(session_->failed(std::move(more).error()));
    }
    if (*more) {
      rows_ += batch.size();
      writer_.append(batch, bytes);
    } else {
      done_ = true;
      if (binary) writer_.end(bytes);
    }
    return !bytes.empty() || *more;
  }
  uint32_t copy_columns() const override { return static_cast<uint32_t>(columns_.size()); }
  bool copy_binary() const override { return options_.format == CopyOptions::Format::binary; }

 private:
  SessionImpl* session_;
  std::shared_ptr<Statement> statement_;
  QueryRun run_;
  Schema columns_;
  CopyOptions options_;
  CopyWriter writer_;
  uint64_t rows_ = 0;
  bool begun_ = false, done_ = false;
};

// ---- everything else --------------------------------------------------------------------------

class UtilityPortal final : public RowsPortal {
 public:
  UtilityPortal(SessionImpl& session, std::shared_ptr<Statement> statement,
                std::vector<Datum> parameters)
      : session_(&session), statement_(std::move(statement)), parameters_(std::move(parameters)) {}

  const Schema& columns() const override { return statement_->columns(); }
  bool returns_rows() const override { return statement_->returns_rows(); }
  Result<bool> next(Batch& batch) override {
    if (!ran_) {
      ran_ = true;
      auto result = run_utility(*session_, *statement_, parameters_);
      if (!result) {
        return fail(session_->failed(std::move(result).error()));
      }
      result_ = std::move(*result);
    }
    if (result_.inner) {
      auto more = result_.inner->next(batch);
      if (more && !*more) result_.tag = result_.inner->command_tag();
      return more;
    }
    return result_.rows ? result_.rows->next(batch) : false;
  }
  std::string command_tag() const override { return result_.tag; }

 private:
  SessionImpl* session_;
  std::shared_ptr<Statement> statement_;
  std::vector<Datum> parameters_;
  bool ran_ = false;
  UtilityResult result_;
};

// A statement of blanks and comments.
class BlankPortal final : public RowsPortal {
 public:
  const Schema& columns() const override { return columns_; }
  bool returns_rows() const override { return false; }
  Result<bool> next(Batch&) override { return false; }
  std::string command_tag() const override { return ""; }

 private:
  Schema columns_;
};

template <typename P, typename... Args>
Result<std::unique_ptr<Portal>> started(Args&&... args) {
  auto portal = std::make_unique<P>(std::forward<Args>(args)...);
  QW_TRY(portal->start());
  return std::unique_ptr<Portal>(std::move(portal));
}

Result<std::unique_ptr<Portal>> make_unguarded(SessionImpl& session,
                                               std::shared_ptr<Statement> statement,
                                               std::vector<Datum> parameters);

Result<sql::PlanPtr> optimise_read(sql::PlanPtr plan, const BoundWork& work) {
  return sql::optimize(std::move(plan), sql::OptimizeFor::read, *work.view->catalog);
}

}  // namespace

Result<void> RowsPortal::copy_in(std::string_view) {
  return fail(protocol_violation("unexpected COPY data"));
}
Result<void> RowsPortal::copy_finish() {
  return fail(protocol_violation("unexpected end of COPY data"));
}
Result<bool> RowsPortal::copy_out(std::string&) { return false; }

std::vector<std::pair<ObjectId, std::string>> views_read(const sql::Plan& plan,
                                                         const sql::Catalog& catalog) {
  std::vector<std::pair<ObjectId, std::string>> out;
  std::set<const sql::Plan*> seen;
  std::vector<const sql::Plan*> todo{&plan};
  std::vector<ObjectId> relations;
  while (!todo.empty()) {
    const sql::Plan* node = todo.back();
    todo.pop_back();
    if (!seen.insert(node).second) continue;
    if (const auto* scan = node->as<sql::Scan>()) relations.push_back(scan->relation);
    for (const sql::PlanPtr& input : node->inputs) todo.push_back(input.get());
  }
  // A view lacks what the views below it could not compute.
  std::set<ObjectId> known;
  while (!relations.empty()) {
    const sql::Relation* relation = catalog.find(relations.back());
    relations.pop_back();
    if (relation == nullptr || !known.insert(relation->id).second) continue;
    if (relation->kind == sql::RelationKind::materialized_view) {
      out.emplace_back(relation->id, relation->name);
    }
    relations.insert(relations.end(), relation->depends_on.begin(), relation->depends_on.end());
  }
  return out;
}

Result<void> check_view_errors(const storage::Snapshot& snapshot,
                               const std::vector<std::pair<ObjectId, std::string>>& reads) {
  for (const auto& [id, name] : reads) {
    QW_ASSIGN_OR_RETURN(auto error, ViewErrors::first(snapshot, id));
    if (!error) continue;
    Error& own = error->error;
    const auto with_detail = [&](const std::string& detail) {
      return Error(own.code(), own.message())
          .with_detail(own.detail().empty() ? detail : own.detail() + " " + detail);
    };
    if (error->broken) {
      return fail(with_detail(fmt::format("Materialized view \"{}\" is broken.", name))
                      .with_hint(own.hint()));
    }
    return fail(with_detail(fmt::format("materialized view \"{}\" has rows that failed", name))
                    .with_hint(fmt::format(
                        "SELECT * FROM qw.view_errors WHERE view = '{}' lists them; the view "
                        "answers again once the rows behind them are gone.",
                        name)));
  }
  return {};
}

namespace {

// The protocol counts columns in 16 bits; the limit is PostgreSQL's.
Result<void> check_width(const Schema& columns) {
  constexpr size_t kTargetsMax = 1664;
  if (columns.size() <= kTargetsMax) return {};
  return fail(
      too_many_columns(fmt::format("target lists can have at most {} entries", kTargetsMax)));
}

}  // namespace

Result<void> plan_work(SessionImpl& session, const Statement& statement, BoundWork& work) {
  const auto plan_rows = [&](const sql::PlanPtr& rows) -> Result<void> {
    QW_ASSIGN_OR_RETURN(work.plan, optimise_read(rows, work));
    work.reads = views_read(*work.plan, *work.view->catalog);
    return {};
  };
  const auto returning = [&](const sql::BoundReturning& columns) {
    work.returns_rows = !columns.empty();
    work.columns = columns.schema;
    return check_width(work.columns);
  };
  if (auto* query = work.bound.as<sql::BoundQuery>()) {
    work.parameters = query->parameters;
    QW_TRY(check_width(query->plan->schema));
    if (statement.tree().try_as<ast::DeclareCursor>() != nullptr) return {};
    work.columns = query->plan->schema;
    work.returns_rows = true;
    return plan_rows(query->plan);
  }
  if (auto* insert = work.bound.as<sql::BoundInsert>()) {
    work.parameters = insert->parameters;
    QW_TRY(returning(insert->returning));
    return plan_rows(insert->rows);
  }
  if (auto* update = work.bound.as<sql::BoundUpdate>()) {
    work.parameters = update->parameters;
    QW_TRY(returning(update->returning));
    return plan_rows(update->rows);
  }
  if (auto* remove = work.bound.as<sql::BoundDelete>()) {
    work.parameters = remove->parameters;
    QW_TRY(returning(remove->returning));
    return plan_rows(remove->rows);
  }
  if (auto* copy = work.bound.as<sql::BoundCopy>()) {
    return copy->query ? plan_rows(copy->query) : Result<void>();
  }
  if (auto* create = work.bound.as<sql::BoundCreateTable>()) {
    work.parameters = create->parameters;
    return create->rows ? plan_rows(create->rows) : Result<void>();
  }
  return describe_utility(session, statement, work);
}

Result<std::unique_ptr<Portal>> make_portal(SessionImpl& session,
                                            std::shared_ptr<Statement> statement,
                                            std::vector<Datum> parameters) {
  MemoryAccount account = session.new_account();
  auto portal = MemoryScope::guard(account, [&] {
    return make_unguarded(session, std::move(statement), std::move(parameters));
  });
  if (!portal) return portal;
  return std::make_unique<GuardedPortal>(session, std::move(account), std::move(*portal));
}

namespace {

Result<std::unique_ptr<Portal>> make_unguarded(SessionImpl& session,
                                               std::shared_ptr<Statement> statement,
                                               std::vector<Datum> parameters) {
  if (statement->blank()) return std::make_unique<BlankPortal>();
  const sql::BoundStatement& bound = statement->work().bound;
  // DECLARE binds its query, and runs it when rows are fetched.
  const bool declares = statement->tree().try_as<ast::DeclareCursor>() != nullptr;
  if (bound.as<sql::BoundQuery>() != nullptr && !declares) {
    return started<QueryPortal>(session, std::move(statement), std::move(parameters));
  }
  if (bound.as<sql::BoundInsert>() != nullptr || bound.as<sql::BoundUpdate>() != nullptr ||
      bound.as<sql::BoundDelete>() != nullptr) {
    return std::make_unique<ChangePortal>(session, std::move(statement), std::move(parameters));
  }
  if (const auto* copy = bound.as<sql::BoundCopy>()) {
    const auto& tree = statement->tree().as<ast::Copy>();
    if (!tree.file.empty()) {
      return fail(feature_not_supported("COPY from or to a file or program is not supported")
                      .with_hint("Use COPY ... FROM STDIN or psql's \\copy."));
    }
    Schema columns;
    if (tree.from) {
      for (const uint32_t column : copy->columns) {
        const sql::ColumnInfo& info = copy->target->columns[column];
        columns.columns.push_back({info.name, info.type, true});
      }
    } else {
      columns = statement->work().plan->schema;
    }
    QW_ASSIGN_OR_RETURN(CopyOptions options, copy_options(tree, columns));
    if (tree.from) {
      return started<CopyInPortal>(session, std::move(statement), std::move(options));
    }
    return started<CopyOutPortal>(session, std::move(statement), std::move(options));
  }
  return std::make_unique<UtilityPortal>(session, std::move(statement), std::move(parameters));
}

}  // namespace

}  // namespace qw::engine
