// SessionImpl: see session.h.
#include "src/engine/session.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sql/optimizer.h"
#include "sql/system_catalog.h"
#include "src/engine/database_impl.h"
#include "src/engine/portals.h"
#include "src/engine/utility.h"

namespace qw {

size_t Session::script_size(const Script& script) { return script.statements.size(); }
size_t Session::script_offset(const Script& script, size_t index) {
  return static_cast<size_t>(script.statements[index]->begin);
}

}  // namespace qw

namespace qw::engine {

namespace ast = sql::ast;

namespace {

// Statements that a failed block still takes.
bool ends_block(const ast::Statement& statement) {
  const auto* transaction = statement.try_as<ast::Transaction>();
  if (transaction == nullptr) return false;
  using Type = ast::Transaction::Type;
  switch (transaction->type) {
    case Type::commit:
    case Type::rollback:
    case Type::rollback_to:
      return true;
    case Type::begin:
    case Type::start:
    case Type::savepoint:
    case Type::release:
    case Type::prepare:
    case Type::commit_prepared:
    case Type::rollback_prepared:
      return false;
  }
  return false;
}

}  // namespace

SessionImpl::SessionImpl(DatabaseImpl& database, SessionOptions options, int32_t pid, uint32_t key)
    : database_(&database),
      options_(std::move(options)),
      pid_(pid),
      key_(key),
      settings_(options_.user),
      calls_(*this) {}

SessionImpl::~SessionImpl() {
  database_->statement_timer().stop(timeout_);
  cursors_.clear();
  database_->forget(this);
}

Result<void> SessionImpl::start() {
  for (const auto& [name, value] : options_.settings) QW_TRY(settings_.set(name, value));
  return {};
}

// ---- transactions -----------------------------------------------------------------------------

std::shared_ptr<Transaction> SessionImpl::transaction() {
  // An implicit transaction that has written nothing yet need not keep its snapshot.
  if (transaction_ && !transaction_->block && transaction_->writes.empty()) transaction_.reset();
  if (!transaction_) {
    transaction_ = std::make_shared<Transaction>();
    transaction_->now_us = database_->clock().now_us();
    transaction_->read_only = settings_.default_read_only();
  }
  return transaction_;
}

Result<void> SessionImpl::ensure_snapshot(Transaction& transaction) {
  if (transaction.snapshot) return {};
  transaction.view = database_->definitions().view();
  QW_ASSIGN_OR_RETURN(transaction.snapshot, database_->store().snapshot());
  return {};
}

Result<void> SessionImpl::begin_block(bool read_only) {
  if (in_block()) {
    warn(active_sql_transaction("there is already a transaction in progress"));
    return {};
  }
  // What an implicit transaction has written becomes part of the block, as in PostgreSQL.
  if (!transaction_) {
    transaction_ = std::make_shared<Transaction>();
    transaction_->now_us = database_->clock().now_us();
  }
  transaction_->block = true;
  transaction_->read_only |= read_only;
  settings_.begin_block();
  return {};
}

MemoryAccount SessionImpl::new_account() const { return {database_->query_memory()}; }

template <typename Work>
auto SessionImpl::guarded(Work&& work) -> decltype(work()) {
  MemoryAccount account = new_account();
  return MemoryScope::guard(account, std::forward<Work>(work));
}

views::QueryLimits SessionImpl::query_limits() const {
  views::QueryLimits limits;
  limits.cancelled = &cancelled_;
  limits.cache_bytes_max = std::min(limits.cache_bytes_max, database_->memory().queries / 4);
  return limits;
}

Result<void> SessionImpl::check_writes(size_t more) const {
  const uint64_t bytes = more + (transaction_ ? transaction_->writes.bytes() : 0);
  const uint64_t most = database_->memory().writes;
  if (bytes > most) {
    return fail(out_of_memory("out of memory")
                    .with_detail(fmt::format("The transaction writes {} MB; {} MB are allowed.",
                                             bytes >> 20, most >> 20))
                    .with_hint("Write in several transactions, or start the server with a larger "
                               "--memory-limit."));
  }
  return database_->query_memory()->room_for(more);
}

// As one request; the transaction has none left.
ClientWrite SessionImpl::take_writes() {
  ClientWrite write;
  for (const auto& [relation, table] : transaction_->writes.tables()) {
    ClientWrite::Table out;
    out.relation = relation;
    for (const auto& [key, entry] : table) {
      const auto keep = [&](std::string_view bytes) {
        if (bytes.data() == nullptr) return std::string_view();
        write.size += bytes.size();
        return std::string_view(write.bytes->copy(bytes), bytes.size());
      };
      RowWrite row;
      row.key = keep(key);
      row.expected = keep(entry.expected);
      row.row = keep(entry.row);
      row.count = entry.count;
      out.writes.push_back(row);
    }
    write.tables.push_back(std::move(out));
  }
  transaction_->writes.clear();
  return write;
}

Result<void> SessionImpl::commit_writes() {
  if (!transaction_ || transaction_->writes.empty()) return {};
  QW_ASSIGN_OR_RETURN(ClientWrite write,
                      guarded([&]() -> Result<ClientWrite> { return take_writes(); }));
  QW_ASSIGN_OR_RETURN(const bool committed, commit(std::move(write)));
  if (!committed) {
    return fail(serialization_failure("could not serialize access due to concurrent update")
                    .with_hint("The transaction might succeed if retried."));
  }
  return {};
}

Result<bool> SessionImpl::commit(ClientWrite write) {
  if (on_wait_) on_wait_();
  return database_->loop().write(std::move(write));
}

void SessionImpl::rollback() {
  std::erase_if(cursors_, [](const auto& entry) { return !entry.second.hold; });
  settings_.rollback_block();
  transaction_.reset();
}

namespace {

Result<void> need_block(bool in_block, std::string_view command) {
  if (in_block) return {};
  return fail(
      no_active_sql_transaction(fmt::format("{} can only be used in transaction blocks", command)));
}

// The last one of that name.
Result<size_t> find_savepoint(const Transaction& transaction, const std::string& name) {
  for (size_t i = transaction.savepoints.size(); i-- > 0;) {
    if (transaction.savepoints[i].name == name) return i;
  }
  return fail(Error("3B001", fmt::format("savepoint \"{}\" does not exist", name)));
}

}  // namespace

Result<void> SessionImpl::savepoint(const std::string& name) {
  QW_TRY(need_block(in_block(), "SAVEPOINT"));
  transaction_->savepoints.push_back({name, transaction_->writes.mark()});
  return {};
}

Result<void> SessionImpl::release_savepoint(const std::string& name) {
  QW_TRY(need_block(in_block(), "RELEASE SAVEPOINT"));
  QW_ASSIGN_OR_RETURN(const size_t at, find_savepoint(*transaction_, name));
  transaction_->savepoints.resize(at);
  return {};
}

Result<void> SessionImpl::rollback_to_savepoint(const std::string& name) {
  QW_TRY(need_block(in_block(), "ROLLBACK TO SAVEPOINT"));
  QW_ASSIGN_OR_RETURN(const size_t at, find_savepoint(*transaction_, name));
  transaction_->savepoints.resize(at + 1);
  transaction_->writes.go_back(transaction_->savepoints.back().mark);
  transaction_->failed = false;
  return {};
}

Result<std::string> SessionImpl::commit_block() {
  if (!in_block()) {
    warn(no_active_sql_transaction("there is no transaction in progress"));
    return std::string("COMMIT");
  }
  if (transaction_->failed) {
    rollback();
    return std::string("ROLLBACK");
  }
  auto committed = commit_writes();
  if (!committed) {
    rollback();
    return fail(std::move(committed).error());
  }
  std::erase_if(cursors_, [](const auto& entry) { return !entry.second.hold; });
  settings_.commit_block();
  transaction_.reset();
  return std::string("COMMIT");
}

Result<void> SessionImpl::end_script(bool failed) {
  database_->statement_timer().stop(timeout_);
  if (in_block()) return {};
  if (failed) {
    rollback();
    return {};
  }
  auto committed = commit_writes();
  transaction_.reset();
  return committed;
}

Result<void> SessionImpl::sync() {
  database_->statement_timer().stop(timeout_);
  if (in_block()) return {};
  const bool failed = transaction_ && transaction_->failed;
  return end_script(failed);
}

TransactionStatus SessionImpl::status() const {
  if (!in_block()) return TransactionStatus::idle;
  return transaction_->failed ? TransactionStatus::failed : TransactionStatus::in_block;
}

void SessionImpl::mark_failed() {
  if (transaction_) {
    transaction_->failed = true;
    if (!transaction_->block) transaction_->writes.clear();
  }
}

Result<void> SessionImpl::before_definition(const std::string& what) {
  if (in_block()) {
    return fail(feature_not_supported(what + " cannot run inside a transaction block")
                    .with_hint("COMMIT first: definitions are not transactional yet."));
  }
  QW_TRY(commit_writes());
  transaction_.reset();
  if (const auto full = database().loop().no_room()) return fail(*full);
  return {};
}

// ---- statements -------------------------------------------------------------------------------

Result<std::shared_ptr<Session::Script>> SessionImpl::parse(std::string_view sql) {
  auto script = guarded([&] { return parse_script(sql); });
  if (!script) mark_failed();
  return script;
}

// What a parser makes of a text takes many times its size.
constexpr size_t kParsedPerByte = 64;

Result<std::shared_ptr<Session::Script>> SessionImpl::parse_script(std::string_view sql) {
  if (sql.size() > MemoryAccount::kSmallBytes / kParsedPerByte) {
    QW_TRY(database_->query_memory()->room_for(sql.size() * kParsedPerByte));
  }
  auto script = std::make_shared<Script>();
  script->text = sql;
  QW_ASSIGN_OR_RETURN(auto parsed, sql::parse(script->text));
  for (sql::ParsedStatement& statement : parsed) {
    script->statements.push_back(
        std::make_shared<const sql::ParsedStatement>(std::move(statement)));
  }
  return script;
}

Result<std::unique_ptr<Portal>> SessionImpl::run(const Script& script, size_t index) {
  auto statement =
      std::make_shared<Statement>(script.text, script.statements.at(index), std::vector<Type>());
  if (auto allowed = check_runnable(*statement); !allowed) {
    mark_failed();
    return fail(std::move(allowed).error());
  }
  if (auto bound = guarded([&] { return bind(*statement); }); !bound) {
    mark_failed();
    return fail(std::move(bound).error());
  }
  if (!statement->parameters().empty()) {
    mark_failed();
    return fail(undefined_parameter("there is no parameter $1"));
  }
  return open(std::move(statement), {});
}

Result<std::shared_ptr<Prepared>> SessionImpl::prepare(std::string_view sql,
                                                       std::span<const Type> parameter_types) {
  QW_ASSIGN_OR_RETURN(const auto script, parse(sql));
  if (script->statements.size() > 1) {
    mark_failed();
    return fail(syntax_error("cannot insert multiple commands into a prepared statement"));
  }
  auto statement = std::make_shared<Statement>(
      script->text, script->statements.empty() ? nullptr : script->statements[0],
      std::vector<Type>(parameter_types.begin(), parameter_types.end()));
  if (auto allowed = check_runnable(*statement); !allowed) {
    mark_failed();
    return fail(std::move(allowed).error());
  }
  if (auto bound = guarded([&] { return bind(*statement); }); !bound) {
    mark_failed();
    return fail(std::move(bound).error());
  }
  return std::shared_ptr<Prepared>(std::move(statement));
}

Result<void> SessionImpl::check_runnable(const Statement& statement) const {
  if (shutdown_) return fail(cancel_error());
  const bool failed = transaction_ && transaction_->block && transaction_->failed;
  if (failed && !statement.blank() && !ends_block(statement.tree())) {
    return fail(in_failed_sql_transaction(
        "current transaction is aborted, commands ignored until end of transaction block"));
  }
  return {};
}

Result<void> SessionImpl::bind(Statement& statement) {
  const auto view = transaction_ && transaction_->block && transaction_->snapshot
                        ? transaction_->view
                        : database_->definitions().view();
  if (statement.has_work() && statement.work().view->catalog->version == view->catalog->version) {
    return {};
  }
  auto work = std::make_shared<BoundWork>();
  work->view = view;
  if (!statement.blank()) {
    const sql::BindContext context{
        *view->catalog,
        settings_.search_path(),
        options_.user,
        options_.database,
        statement.hints(),
        settings_.style(),
        transaction_ ? transaction_->now_us : database_->clock().now_us(),
        statement.sql()};
    QW_ASSIGN_OR_RETURN(work->bound, sql::bind(statement.tree(), context));
    QW_TRY(plan_work(*this, statement, *work));
  }
  if (statement.has_work()) {
    // Bound again after DDL: the client has seen the old columns.
    const auto before = statement.columns().types(), after = work->columns.types();
    if (before != after) {
      return fail(feature_not_supported("cached plan must not change result type"));
    }
  }
  statement.set_work(std::move(work));
  return {};
}

Result<std::unique_ptr<Portal>> SessionImpl::execute(std::shared_ptr<Prepared> prepared,
                                                     std::vector<Datum> parameters) {
  auto statement = std::static_pointer_cast<Statement>(std::move(prepared));
  if (auto allowed = check_runnable(*statement); !allowed) {
    mark_failed();
    return fail(std::move(allowed).error());
  }
  if (auto bound = guarded([&] { return bind(*statement); }); !bound) {
    mark_failed();
    return fail(std::move(bound).error());
  }
  return open(std::move(statement), std::move(parameters));
}

Result<std::unique_ptr<Portal>> SessionImpl::open(std::shared_ptr<Statement> statement,
                                                  std::vector<Datum> parameters) {
  StatementTimer& timer = database_->statement_timer();
  timer.stop(timeout_);
  timed_out_ = false;
  if (!shutdown_) cancelled_ = false;
  if (settings_.statement_timeout_ms() > 0) {
    timeout_ = timer.start(settings_.statement_timeout_ms(), [this] {
      timed_out_ = true;
      cancelled_ = true;
    });
  }
  auto portal = make_portal(*this, std::move(statement), std::move(parameters));
  if (!portal) return fail(failed(std::move(portal).error()));
  return portal;
}

sql::EvalContext SessionImpl::eval_context(const Transaction& transaction, const CatalogView& view,
                                           std::span<const Datum> parameters) {
  sql::EvalContext context;
  context.now_us = transaction.now_us;
  context.statement_us = database_->clock().now_us();
  context.style = settings_.style();
  context.style.now_us = transaction.now_us;
  context.parameters = parameters;
  context.catalog = view.catalog.get();
  context.user = options_.user;
  context.database = options_.database;
  context.search_path = settings_.search_path();
  context.backend_pid = pid_;
  context.random_seed = static_cast<uint64_t>(context.statement_us);
  context.session = &calls_;
  return context;
}

sql::EvalContext SessionImpl::name_context(const CatalogView& view) const {
  sql::EvalContext context;
  context.catalog = view.catalog.get();
  context.user = options_.user;
  context.search_path = settings_.search_path();
  return context;
}

std::string SessionImpl::object_name(Type type, uint32_t oid) {
  const auto view = database_->definitions().view();
  return sql::object_name(type, oid, name_context(*view));
}

Result<Datum> SessionImpl::parameter(Type type, std::string_view text) {
  if (!sql::names_an_object(type)) return from_text(type, text, settings_.style());
  const auto view = database_->definitions().view();
  QW_ASSIGN_OR_RETURN(const uint32_t oid, sql::object_oid(type, text, name_context(*view)));
  return Datum::of(type, oid);
}

const Schema* SessionImpl::cursor_columns(std::string_view name) const {
  const auto found = cursors_.find(name);
  return found == cursors_.end() ? nullptr : &found->second.columns;
}

// ---- names, settings, notices -----------------------------------------------------------------

Result<void> SessionImpl::store_prepared(std::string_view name,
                                         std::shared_ptr<Prepared> statement) {
  if (!name.empty() && prepared_.contains(name)) {
    mark_failed();
    return fail(duplicate_prepared_statement(
        fmt::format("prepared statement \"{}\" already exists", name)));
  }
  prepared_.insert_or_assign(std::string(name), std::move(statement));
  return {};
}

Result<std::shared_ptr<Prepared>> SessionImpl::find_prepared(std::string_view name) {
  const auto found = prepared_.find(name);
  if (found == prepared_.end()) {
    mark_failed();
    return fail(invalid_sql_statement_name(
        name.empty() ? std::string("unnamed prepared statement does not exist")
                     : fmt::format("prepared statement \"{}\" does not exist", name)));
  }
  return found->second;
}

void SessionImpl::close_prepared(std::string_view name) {
  const auto found = prepared_.find(name);
  if (found != prepared_.end()) prepared_.erase(found);
}

std::vector<std::pair<std::string, std::string>> SessionImpl::changed_settings() {
  return settings_.take_changed();
}

void SessionImpl::on_notice(std::function<void(const Notice&)> callback) {
  on_notice_ = std::move(callback);
}

void SessionImpl::notice(const Notice& notice) {
  if (!on_notice_) return;
  const std::string level = settings_.find("client_min_messages").value_or("notice");
  if (level == "error" || (level == "warning" && notice.severity != "WARNING")) return;
  on_notice_(notice);
}

void SessionImpl::warn(Error error) { notice({"WARNING", std::move(error)}); }

void SessionImpl::cancel(bool shutdown) {
  if (shutdown) shutdown_ = true;
  cancelled_ = true;
}

Error SessionImpl::failed(Error error) {
  mark_failed();
  return cancelled_ && error.code() == SqlState("57014") ? cancel_error() : error;
}

Error SessionImpl::cancel_error() const {
  if (shutdown_) {
    return admin_shutdown("terminating connection due to administrator command");
  }
  return query_canceled(timed_out_ ? "canceling statement due to statement timeout"
                                   : "canceling statement due to user request");
}

}  // namespace qw::engine
