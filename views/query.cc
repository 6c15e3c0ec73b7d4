// Query: a plan becomes a tree of streams; see query.h.
#include "views/query.h"

#include <map>

#include "src/base/limits.h"
#include "src/types/array.h"
#include "views/query/apply.h"
#include "views/query/hash_join.h"
#include "views/query/sort.h"
#include "views/query/sources.h"
#include "views/query/stream.h"

namespace qw::views {

RowCursor::~RowCursor() = default;
QuerySources::~QuerySources() = default;

namespace {

// Builds the streams of a plan, and the programs in them: columns of enclosing queries are replaced
// by slots of one array.
class StreamBuilder final : public ProgramMaker {
 public:
  StreamBuilder(QueryHost& host, std::vector<Datum>& outer) : host_(host), outer_(outer) {}

  Result<StreamPtr> build(const sql::Plan& plan) {
    count_parents(plan);
    return stream(plan);
  }
  std::vector<std::shared_ptr<Spool>> spools() const {
    std::vector<std::shared_ptr<Spool>> all;
    for (const auto& [plan, spool] : spools_) all.push_back(spool);
    return all;
  }
  bool runs_once() const override { return true; }
  using ProgramMaker::compile;
  Result<sql::Program> compile(std::span<const sql::Expr* const> expressions,
                               std::span<const Type> input) override;

 private:
  void count_parents(const sql::Plan& plan);
  Result<StreamPtr> stream(const sql::Plan& plan);
  Result<StreamPtr> make(const sql::Plan& plan);
  Result<StreamPtr> make_scan(const sql::Scan& scan);
  Result<StreamPtr> make_join(const sql::Plan& plan);
  Result<StreamPtr> make_limit(const sql::Plan& plan);
  Result<StreamPtr> make_apply(const sql::Plan& plan);
  Result<StreamPtr> make_recursive(const sql::Plan& plan);
  Result<StreamPtr> make_plain(const sql::Plan& plan);
  Result<std::vector<StreamPtr>> inputs(const sql::Plan& plan);
  Result<std::optional<sql::Program>> optional_program(const sql::Expr* expression,
                                                       std::span<const Type> input);
  Result<void> number_outer_columns(sql::Expr& expression, uint32_t depth);

  QueryHost& host_;
  std::vector<Datum>& outer_;
  std::vector<std::shared_ptr<Scope>> scopes_;
  std::map<const sql::Plan*, uint32_t> parents_;
  std::map<const sql::Plan*, std::shared_ptr<Spool>> spools_;
  std::map<uint32_t, std::shared_ptr<RowBuffer>> working_;
  SortStream* last_sort_ = nullptr;
  uint32_t depth_ = 0;
  size_t references_ = 0;  // to enclosing rows and working tables, so far
};

void StreamBuilder::count_parents(const sql::Plan& plan) {
  if (++parents_[&plan] > 1) return;
  for (const auto& input : plan.inputs) count_parents(*input);
}

Result<void> StreamBuilder::number_outer_columns(sql::Expr& expression, uint32_t depth) {
  if (depth > limits::kNestingMax)
    return fail(statement_too_complex("expression is nested too deeply"));
  if (expression.kind == sql::ExprKind::outer_column) {
    if (expression.depth == 0 || expression.depth > scopes_.size()) {
      return fail(internal_error("a column of an enclosing query has no such query"));
    }
    Scope& scope = *scopes_[scopes_.size() - expression.depth];
    const auto [it, added] =
        scope.slots.try_emplace(expression.index, static_cast<uint32_t>(outer_.size()));
    if (added) outer_.push_back(Datum::null(expression.type));
    ++references_;
    expression.index = it->second;
    expression.depth = 1;
    return {};
  }
  for (auto& argument : expression.args) {
    if (argument != nullptr) QW_TRY(number_outer_columns(*argument, depth + 1));
  }
  return {};
}

Result<sql::Program> StreamBuilder::compile(std::span<const sql::Expr* const> expressions,
                                            std::span<const Type> input) {
  if (scopes_.empty()) return sql::Program::compile(expressions, input);
  std::vector<sql::ExprPtr> copies;
  std::vector<const sql::Expr*> pointers;
  for (const sql::Expr* expression : expressions) {
    copies.push_back(expression->clone());
    QW_TRY(number_outer_columns(*copies.back(), 0));
    pointers.push_back(copies.back().get());
  }
  return sql::Program::compile(pointers, input);
}

Result<std::optional<sql::Program>> StreamBuilder::optional_program(const sql::Expr* expression,
                                                                    std::span<const Type> input) {
  if (expression == nullptr) return std::optional<sql::Program>();
  QW_ASSIGN_OR_RETURN(auto program, compile(*expression, input));
  return std::optional<sql::Program>(std::move(program));
}

Result<StreamPtr> StreamBuilder::stream(const sql::Plan& plan) {
  if (++depth_ > limits::kNestingMax)
    return fail(statement_too_complex("query is nested too deeply"));
  StreamPtr made;
  if (parents_[&plan] > 1 && plan.as<sql::Scan>() == nullptr &&
      plan.as<sql::RecursiveScan>() == nullptr) {
    auto& spool = spools_[&plan];
    if (spool == nullptr) {
      const size_t references = references_;
      QW_ASSIGN_OR_RETURN(StreamPtr input, make(plan));
      spool =
          std::make_shared<Spool>(std::move(input), schema_types(plan), references == references_);
    }
    made = std::make_unique<SpoolStream>(host_, spool);
  } else {
    QW_ASSIGN_OR_RETURN(made, make(plan));
  }
  --depth_;
  return made;
}

Result<std::vector<StreamPtr>> StreamBuilder::inputs(const sql::Plan& plan) {
  std::vector<StreamPtr> streams;
  for (const auto& input : plan.inputs) {
    QW_ASSIGN_OR_RETURN(StreamPtr made, stream(*input));
    streams.push_back(std::move(made));
  }
  return streams;
}

Result<StreamPtr> StreamBuilder::make_plain(const sql::Plan& plan) {
  QW_ASSIGN_OR_RETURN(auto streams, inputs(plan));
  QW_ASSIGN_OR_RETURN(auto op, make_operator(host_, plan, *this));
  return std::make_unique<OperatorStream>(host_, std::move(op), std::move(streams));
}

Result<StreamPtr> StreamBuilder::make(const sql::Plan& plan) {
  struct Visitor {
    StreamBuilder& builder;
    const sql::Plan& plan;
    using Made = Result<StreamPtr>;
    Made operator()(const sql::Scan& scan) { return builder.make_scan(scan); }
    Made operator()(const sql::SystemScan& scan) {
      return std::make_unique<ScanStream>(builder.host_, scan);
    }
    Made operator()(const sql::Values&) { return builder.make_plain(plan); }
    Made operator()(const sql::Filter&) { return builder.make_plain(plan); }
    Made operator()(const sql::Project&) { return builder.make_plain(plan); }
    Made operator()(const sql::ProjectSet&) { return builder.make_plain(plan); }
    Made operator()(const sql::WindowExpand&) { return builder.make_plain(plan); }
    Made operator()(const sql::Join&) { return builder.make_join(plan); }
    Made operator()(const sql::Aggregate&) { return builder.make_plain(plan); }
    Made operator()(const sql::Distinct&) { return builder.make_plain(plan); }
    Made operator()(const sql::TopK&) { return builder.make_plain(plan); }
    Made operator()(const sql::Window&) { return builder.make_plain(plan); }
    Made operator()(const sql::SetOp& op) {
      if (op.kind != sql::SetOpKind::union_all) return builder.make_plain(plan);
      QW_ASSIGN_OR_RETURN(auto streams, builder.inputs(plan));
      return std::make_unique<UnionStream>(builder.host_, std::move(streams));
    }
    Made operator()(const sql::Sort& sort) {
      QW_ASSIGN_OR_RETURN(StreamPtr input, builder.stream(*plan.inputs[0]));
      auto made = std::make_unique<SortStream>(builder.host_, sort.keys,
                                               schema_types(*plan.inputs[0]), std::move(input));
      builder.last_sort_ = made.get();
      return made;
    }
    Made operator()(const sql::Limit&) { return builder.make_limit(plan); }
    Made operator()(const sql::Apply&) { return builder.make_apply(plan); }
    Made operator()(const sql::Recursive&) { return builder.make_recursive(plan); }
    Made operator()(const sql::RecursiveScan& scan) {
      const auto it = builder.working_.find(scan.id);
      if (it == builder.working_.end())
        return fail(internal_error("recursive scan outside of its query"));
      ++builder.references_;
      return std::make_unique<BufferStream>(builder.host_, it->second);
    }
  };
  return std::visit(Visitor{*this, plan}, plan.op);
}

Result<StreamPtr> StreamBuilder::make_scan(const sql::Scan& scan) {
  if (scan.bounds == nullptr) return std::make_unique<ScanStream>(host_, scan, std::nullopt);
  ScanStream::Bounds bounds;
  for (const auto& expression : scan.bounds->equal) {
    QW_ASSIGN_OR_RETURN(auto program, compile(*expression, {}));
    bounds.equal.push_back(std::move(program));
  }
  bounds.any = scan.bounds->any;
  QW_ASSIGN_OR_RETURN(bounds.any_array, optional_program(scan.bounds->any_array.get(), {}));
  if (scan.bounds->any_array != nullptr) {
    const Type element = *array_element_type(scan.bounds->any_array->type);
    QW_ASSIGN_OR_RETURN(bounds.any_element,
                        optional_program(scan.bounds->any_element.get(), {&element, 1}));
  }
  bounds.any_max = scan.bounds->any_max;
  QW_ASSIGN_OR_RETURN(bounds.lower, optional_program(scan.bounds->lower.get(), {}));
  QW_ASSIGN_OR_RETURN(bounds.upper, optional_program(scan.bounds->upper.get(), {}));
  bounds.lower_inclusive = scan.bounds->lower_inclusive;
  bounds.upper_inclusive = scan.bounds->upper_inclusive;
  return std::make_unique<ScanStream>(host_, scan, std::move(bounds));
}

Result<StreamPtr> StreamBuilder::make_join(const sql::Plan& plan) {
  const auto& join = *plan.as<sql::Join>();
  std::vector<Type> left = schema_types(*plan.inputs[0]), right = schema_types(*plan.inputs[1]);
  if (join.null_aware && (join.keys.size() != 1 || join.residual != nullptr)) {
    return fail(feature_not_supported("NOT IN over several columns"));
  }
  std::vector<Type> both = left;
  both.insert(both.end(), right.begin(), right.end());
  QW_ASSIGN_OR_RETURN(auto residual, optional_program(join.residual.get(), both));
  QW_ASSIGN_OR_RETURN(auto streams, inputs(plan));
  return std::make_unique<HashJoinStream>(host_, join, std::move(streams[0]), std::move(streams[1]),
                                          std::move(left), std::move(right), std::move(residual));
}

Result<StreamPtr> StreamBuilder::make_limit(const sql::Plan& plan) {
  const auto& limit = *plan.as<sql::Limit>();
  QW_ASSIGN_OR_RETURN(auto count, optional_program(limit.limit.get(), {}));
  QW_ASSIGN_OR_RETURN(auto offset, optional_program(limit.offset.get(), {}));
  last_sort_ = nullptr;
  const auto* sort = plan.inputs[0]->as<sql::Sort>();
  QW_ASSIGN_OR_RETURN(StreamPtr input, stream(*plan.inputs[0]));
  SortStream* below = sort != nullptr && parents_[plan.inputs[0].get()] == 1 ? last_sort_ : nullptr;
  std::vector<sql::SortKey> ties;
  if (limit.with_ties && sort != nullptr) ties = sort->keys;
  return std::make_unique<LimitStream>(host_, std::move(count), std::move(offset), std::move(input),
                                       below, std::move(ties), schema_types(plan));
}

Result<StreamPtr> StreamBuilder::make_apply(const sql::Plan& plan) {
  const auto& apply = *plan.as<sql::Apply>();
  std::vector<Type> left = schema_types(*plan.inputs[0]), right = schema_types(*plan.inputs[1]);
  QW_ASSIGN_OR_RETURN(StreamPtr left_stream, stream(*plan.inputs[0]));
  std::vector<Type> both = left;
  both.insert(both.end(), right.begin(), right.end());
  QW_ASSIGN_OR_RETURN(auto test, optional_program(apply.test.get(), both));
  auto scope = std::make_shared<Scope>();
  scopes_.push_back(scope);
  QW_ASSIGN_OR_RETURN(StreamPtr right_stream, stream(*plan.inputs[1]));
  scopes_.pop_back();
  return std::make_unique<ApplyStream>(host_, apply, std::move(scope), outer_,
                                       std::move(left_stream), std::move(right_stream),
                                       std::move(left), std::move(right), std::move(test));
}

Result<StreamPtr> StreamBuilder::make_recursive(const sql::Plan& plan) {
  const auto& recursive = *plan.as<sql::Recursive>();
  auto working = std::make_shared<RowBuffer>(schema_types(plan));
  working_[recursive.id] = working;
  QW_ASSIGN_OR_RETURN(auto streams, inputs(plan));
  return std::make_unique<RecursiveStream>(host_, recursive.distinct, schema_types(plan),
                                           std::move(streams[0]), std::move(streams[1]), working);
}

}  // namespace

struct Query::Impl {
  std::shared_ptr<const sql::Plan> plan;
  QueryHost host;
  std::vector<Datum> outer;
  StreamPtr top;
  std::vector<std::shared_ptr<Spool>> spools;
  void restart() {
    for (const auto& spool : spools) spool->restart();
    top->restart();
  }
  bool running = false, fresh = true;
};

Query::Query(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Query::~Query() = default;

Result<std::unique_ptr<Query>> Query::compile(std::shared_ptr<const sql::Plan> plan) {
  auto impl = std::make_unique<Impl>();
  impl->plan = std::move(plan);
  StreamBuilder builder(impl->host, impl->outer);
  QW_ASSIGN_OR_RETURN(impl->top, builder.build(*impl->plan));
  impl->spools = builder.spools();
  return std::unique_ptr<Query>(new Query(std::move(impl)));
}

Result<void> Query::start(sql::EvalContext& context, QuerySources& sources,
                          const QueryLimits& limits) {
  if (!impl_->fresh) impl_->restart();
  impl_->fresh = false;
  impl_->host.start(context, sources, limits);
  context.outer = impl_->outer;
  impl_->running = true;
  return {};
}

Result<bool> Query::next(Batch& batch) {
  if (!impl_->running) return false;
  auto more = impl_->top->next(batch);
  if (!more || !*more) impl_->running = false;
  return more;
}

void Query::close() {
  if (!impl_->fresh) impl_->restart();
  impl_->fresh = true;
  impl_->running = false;
}

const Schema& Query::schema() const { return impl_->plan->schema; }

}  // namespace qw::views
