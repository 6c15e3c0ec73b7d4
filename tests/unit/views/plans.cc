// Random plans; see plans.h.
#include "tests/unit/views/plans.h"

#include <fmt/format.h>

#include "sql/function.h"
#include "src/base/assert.h"
#include "src/types/numeric.h"
#include "src/types/str.h"

namespace qw::views::testing {
namespace {

const char* const kTexts[] = {"a", "b", "a text that is longer than twelve bytes", "c"};

// Polymorphic results resolved.
Type result_type(const sql::Function& function, Type argument) {
  if (function.result.id == TypeId::anyelement) return argument;
  if (function.result.id == TypeId::anyarray) return Type::array_of(argument.id);
  return function.result;
}

sql::PlanPtr make_plan(sql::Plan::Op op, std::vector<sql::PlanPtr> inputs,
                       std::vector<Type> types) {
  auto plan = std::make_shared<sql::Plan>();
  plan->op = std::move(op);
  plan->inputs = std::move(inputs);
  for (size_t i = 0; i < types.size(); ++i) {
    plan->schema.columns.push_back({fmt::format("c{}", i), types[i], true});
  }
  return plan;
}

class TableCursor final : public RowCursor {
 public:
  TableCursor(const Table& table, std::vector<uint32_t> columns) : columns_(std::move(columns)) {
    for (const auto& [row, weight] : table.rows) changes_.push_back({row, weight});
  }
  Result<bool> next(Batch& batch) override {
    if (at_ >= changes_.size()) return false;
    arena_.reset();
    const size_t count = std::min<size_t>(7, changes_.size() - at_);
    const Batch all = make_batch({changes_.begin() + static_cast<std::ptrdiff_t>(at_),
                                  changes_.begin() + static_cast<std::ptrdiff_t>(at_ + count)},
                                 arena_);
    at_ += count;
    batch = all;
    batch.columns.clear();
    for (const uint32_t column : columns_) batch.columns.push_back(all.columns[column]);
    return true;
  }

 private:
  std::vector<Change> changes_;
  std::vector<uint32_t> columns_;
  size_t at_ = 0;
  Arena arena_;
};

class TableSources final : public QuerySources {
 public:
  explicit TableSources(const std::vector<Table>& tables) : tables_(tables) {}
  Result<std::unique_ptr<RowCursor>> scan(const sql::Scan& scan, const ScanBounds*) override {
    for (const Table& table : tables_) {
      if (table.id == scan.relation) return std::make_unique<TableCursor>(table, scan.columns);
    }
    return fail(internal_error("no such table"));
  }
  Result<std::unique_ptr<RowCursor>> system_scan(const sql::SystemScan&) override {
    return fail(internal_error("no system tables here"));
  }

 private:
  const std::vector<Table>& tables_;
};

}  // namespace

sql::PlanPtr scan_plan(uint32_t table) {
  sql::Scan scan;
  scan.relation = ObjectId{table};
  scan.name = fmt::format("t{}", table);
  scan.columns = {0, 1, 2, 3};
  return make_plan(std::move(scan), {}, table_types());
}

const sql::Function* aggregate_function(std::string_view name, TypeId argument) {
  for (const sql::Function* function : sql::Registry::instance().functions(name)) {
    if (function->aggregate == sql::AggregateKind::none) continue;
    if (argument == TypeId::void_
            ? function->args.empty()
            : function->args.size() == 1 && function->args[0].id == argument) {
      return function;
    }
  }
  return nullptr;
}

sql::PlanPtr aggregate_plan(std::vector<uint32_t> groups, uint32_t column, bool distinct) {
  sql::PlanPtr input = scan_plan(1);
  const std::vector<Type> input_types = table_types();
  sql::Aggregate aggregate;
  std::vector<Type> types;
  for (const uint32_t group : groups) types.push_back(input_types[group]);
  aggregate.groups = std::move(groups);
  for (const char* name : {"count", "sum", "avg", "min", "max", "bit_and", "bit_or", "bit_xor",
                           "var_pop", "array_agg", "any_value"}) {
    const bool any = std::string_view(name) == "count" || std::string_view(name) == "any_value";
    sql::AggregateCall call;
    call.function = aggregate_function(name, any ? TypeId::any : input_types[column].id);
    if (std::string_view(name) == "any_value") {
      call.function = aggregate_function(name, TypeId::anyelement);
    }
    if (std::string_view(name) == "array_agg") {
      call.function = aggregate_function(name, TypeId::anynonarray);
    }
    if (call.function == nullptr) continue;
    call.arguments = {column};
    call.distinct = distinct;
    call.type = result_type(*call.function, input_types[column]);
    types.push_back(call.type);
    aggregate.calls.push_back(std::move(call));
  }
  sql::AggregateCall rows;
  rows.function = aggregate_function("count", TypeId::void_);
  rows.type = TypeId::int8;
  types.push_back(rows.type);
  aggregate.calls.push_back(std::move(rows));
  return make_plan(std::move(aggregate), {std::move(input)}, std::move(types));
}

sql::PlanPtr distinct_plan() { return make_plan(sql::Distinct{}, {scan_plan(1)}, table_types()); }

sql::PlanPtr top_k_plan(uint32_t limit, bool row_number, bool with_ties) {
  sql::TopK top;
  top.partition = {0};
  top.order = {{3, {false, false}}};
  top.limit = limit;
  top.row_number = row_number;
  top.with_ties = with_ties;
  std::vector<Type> types = table_types();
  if (row_number) types.push_back(TypeId::int8);
  return make_plan(std::move(top), {scan_plan(1)}, std::move(types));
}

namespace {

void add_call(sql::Aggregate& aggregate, std::string_view name, TypeId argument, uint32_t column,
              std::vector<Type>& types) {
  sql::AggregateCall call;
  call.function = aggregate_function(name, argument);
  QW_ASSERT(call.function != nullptr);
  if (argument != TypeId::void_) call.arguments = {column};
  call.type = call.function->result;
  types.push_back(call.type);
  aggregate.calls.push_back(std::move(call));
}

}  // namespace

sql::PlanPtr rising_top_plan(uint32_t limit, bool row_number, bool with_ties) {
  sql::Aggregate aggregate;
  aggregate.groups = {0, 2};
  std::vector<Type> types{table_types()[0], table_types()[2]};
  add_call(aggregate, "max", TypeId::int4, 1, types);
  add_call(aggregate, "count", TypeId::void_, 0, types);
  sql::PlanPtr counts = make_plan(std::move(aggregate), {scan_plan(1)}, types);
  sql::TopK top;
  top.partition = {1};
  top.order = {{3, {true, false}}};
  if (!with_ties) top.order.push_back({0, {false, false}});
  top.limit = limit;
  top.row_number = row_number;
  top.with_ties = with_ties;
  if (row_number) types.push_back(TypeId::int8);
  return make_plan(std::move(top), {std::move(counts)}, std::move(types));
}

sql::PlanPtr hop_plan(int64_t slides, bool by_pane) {
  sql::WindowExpand expand;
  expand.time_column = 0;
  expand.slide_us = 1;
  expand.size_us = by_pane ? 1 : slides;
  expand.end_us = slides;
  std::vector<Type> types = table_types();
  types.insert(types.end(), 2, table_types()[0]);
  sql::PlanPtr windows = make_plan(expand, {scan_plan(1)}, types);
  sql::Aggregate aggregate;
  aggregate.groups = {2, 4, 5};
  if (by_pane) {
    aggregate.hop.borders = {1, 2};
    aggregate.hop.slide_us = 1;
    aggregate.hop.count = static_cast<uint32_t>(slides);
  }
  std::vector<Type> out{types[2], types[4], types[5]};
  add_call(aggregate, "count", TypeId::void_, 0, out);
  for (const char* name : {"sum", "avg"}) add_call(aggregate, name, TypeId::int4, 1, out);
  if (slides == 2) {
    // Under retractions these need all values of a group, which has no panes then.
    for (const char* name : {"min", "max"}) add_call(aggregate, name, TypeId::int4, 1, out);
  }
  return make_plan(std::move(aggregate), {std::move(windows)}, std::move(out));
}

sql::PlanPtr set_op_plan(sql::SetOpKind kind, uint32_t right) {
  return make_plan(sql::SetOp{kind}, {scan_plan(1), scan_plan(right)}, table_types());
}

sql::PlanPtr join_plan(sql::Join join, uint32_t right, bool residual) {
  std::vector<Type> types = table_types();
  if (residual) {
    std::vector<sql::ExprPtr> args;
    args.push_back(sql::make_column(1, TypeId::int4));
    args.push_back(sql::make_column(5, TypeId::int4));
    join.residual = sql::make_call(*sql::Registry::instance().less(TypeId::int4), std::move(args),
                                   TypeId::boolean);
  }
  if (join.type != sql::JoinType::semi && join.type != sql::JoinType::anti) {
    const std::vector<Type> more = table_types();
    types.insert(types.end(), more.begin(), more.end());
  }
  return make_plan(std::move(join), {scan_plan(1), scan_plan(right)}, std::move(types));
}

sql::PlanPtr peak_join_plan(const PeakShape& shape, sql::PlanPtr rows, sql::PlanPtr source) {
  const std::vector<Type> columns = table_types();
  const uint32_t value = shape.value;
  sql::Aggregate aggregate;
  std::vector<Type> types;
  if (shape.grouped) {
    aggregate.groups = {shape.group};
    types.push_back(columns[shape.group]);
  }
  sql::AggregateCall call;
  call.function = aggregate_function(shape.highest ? "max" : "min", columns[value].id);
  call.arguments = {value};
  call.type = columns[value];
  types.push_back(call.type);
  aggregate.calls.push_back(std::move(call));
  const auto peak = static_cast<uint32_t>(types.size() - 1);
  sql::PlanPtr peaks = make_plan(std::move(aggregate), {std::move(source)}, types);
  const bool rows_first = shape.rows_first;
  const auto width = static_cast<uint32_t>(rows_first ? columns.size() : types.size());
  const auto key = [&](uint32_t row, uint32_t other, bool null_safe) {
    return rows_first ? sql::Join::Key{row, other, null_safe}
                      : sql::Join::Key{other, row, null_safe};
  };
  sql::Join join;
  if (shape.grouped) join.keys.push_back(key(shape.group, 0, shape.null_safe));
  if (!shape.residual) {
    join.keys.push_back(key(value, peak, false));
  } else {
    std::vector<sql::ExprPtr> args;
    args.push_back(sql::make_column(rows_first ? width + peak : peak, TypeId::int4));
    args.push_back(sql::make_column(rows_first ? value : width + value, TypeId::int4));
    for (const sql::Operator& op : sql::Registry::instance().all_operators()) {
      if (op.name != "<=" || op.function->args.size() != 2) continue;
      if (op.function->args[0].id != TypeId::int4 || op.function->args[1].id != TypeId::int4) {
        continue;
      }
      join.residual = sql::make_call(*op.function, std::move(args), TypeId::boolean);
      break;
    }
  }
  std::vector<Type> out = columns;
  out.insert(rows_first ? out.end() : out.begin(), types.begin(), types.end());
  sql::PlanPtr left = rows_first ? rows : peaks, right = rows_first ? peaks : rows;
  return make_plan(std::move(join), {std::move(left), std::move(right)}, std::move(out));
}

sql::PlanPtr dimension_join_plan(int32_t bound, uint32_t facts_table, bool null_safe, bool two_keys,
                                 bool dimension_first) {
  std::vector<sql::ExprPtr> args;
  args.push_back(sql::make_column(1, TypeId::int4));
  args.push_back(sql::make_constant(Datum::int4(bound)));
  sql::Filter filter;
  filter.predicate = sql::make_call(*sql::Registry::instance().less(TypeId::int4), std::move(args),
                                    TypeId::boolean);
  sql::PlanPtr facts = scan_plan(facts_table);
  sql::PlanPtr dimension = make_plan(std::move(filter), {scan_plan(1)}, table_types());
  sql::Join join;
  join.keys.push_back({0, 0, null_safe});
  if (two_keys) join.keys.push_back({1, 1, false});
  std::vector<Type> out = table_types();
  const std::vector<Type> more = table_types();
  out.insert(out.end(), more.begin(), more.end());
  if (dimension_first) std::swap(facts, dimension);
  return make_plan(std::move(join), {std::move(facts), std::move(dimension)}, std::move(out));
}

sql::PlanPtr window_plan() {
  sql::Window window;
  window.partition = {0};
  window.order = {{3, {false, false}}};
  std::vector<Type> types = table_types();
  for (const char* name : {"row_number", "rank", "dense_rank"}) {
    for (const sql::Function* function : sql::Registry::instance().functions(name)) {
      if (!function->args.empty()) continue;
      sql::WindowCall call;
      call.function = function;
      call.type = function->result;
      types.push_back(call.type);
      window.calls.push_back(std::move(call));
    }
  }
  sql::WindowCall count;
  count.function = aggregate_function("count", TypeId::void_);
  count.type = TypeId::int8;
  types.push_back(count.type);
  window.calls.push_back(std::move(count));
  return make_plan(std::move(window), {scan_plan(1)}, std::move(types));
}

namespace {

// Window calls over table 1 and, behind its columns, the constants int8 1 (as column 4) and int4 2.
constexpr uint32_t kOne = 4, kTwo = 5;

class WindowMaker {
 public:
  WindowMaker() {
    window_.partition = {0};
    window_.order = {{3, {false, false}}};
    sql::Project project;
    for (uint32_t c = 0; c < types_.size(); ++c) {
      project.expressions.push_back(sql::make_column(c, types_[c]));
    }
    project.expressions.push_back(sql::make_constant(Datum::int8(1)));
    project.expressions.push_back(sql::make_constant(Datum::int4(2)));
    types_.insert(types_.end(), {TypeId::int8, TypeId::int4});
    input_ = make_plan(std::move(project), {scan_plan(1)}, types_);
    out_ = types_;
  }

  // A window function, by how many arguments it takes; its value is of the first one's type.
  sql::WindowCall& add_function(std::string_view name, std::vector<uint32_t> arguments) {
    sql::WindowCall call;
    for (const sql::Function* function : sql::Registry::instance().functions(name)) {
      if (function->args.size() == arguments.size()) call.function = function;
    }
    call.type = types_[arguments[0]];
    call.arguments = std::move(arguments);
    return add(std::move(call));
  }

  sql::WindowCall& add_aggregate(std::string_view name, TypeId argument, uint32_t column) {
    sql::WindowCall call;
    call.function = aggregate_function(name, argument);
    QW_ASSERT(call.function != nullptr);
    call.arguments = {column};
    call.type = result_type(*call.function, types_[column]);
    return add(std::move(call));
  }

  sql::PlanPtr make() && {
    return make_plan(std::move(window_), {std::move(input_)}, std::move(out_));
  }

 private:
  sql::WindowCall& add(sql::WindowCall call) {
    QW_ASSERT(call.function != nullptr);
    out_.push_back(call.type);
    window_.calls.push_back(std::move(call));
    return window_.calls.back();
  }

  sql::Window window_;
  sql::PlanPtr input_;
  std::vector<Type> types_ = table_types(), out_;
};

}  // namespace

sql::PlanPtr neighbour_plan() {
  WindowMaker maker;
  for (const char* name : {"lag", "lead"}) {
    maker.add_function(name, {3});
    maker.add_function(name, {2, kTwo});
    maker.add_function(name, {3, 1});  // 0, 1 or NULL rows away
    maker.add_function(name, {1, kTwo, 1});
  }
  return std::move(maker).make();
}

sql::PlanPtr frame_plan(const FrameShape& shape) {
  using Bound = sql::WindowCall::Bound;
  WindowMaker maker;
  const auto framed = [&](sql::WindowCall& call) {
    call.mode = shape.mode;
    call.start = shape.start;
    call.end = shape.end;
    const auto has_offset = [](Bound bound) {
      return bound == Bound::preceding || bound == Bound::following;
    };
    if (has_offset(shape.start)) call.start_offset = kOne;
    if (has_offset(shape.end)) call.end_offset = kOne;
  };
  framed(maker.add_aggregate("count", TypeId::any, 1));
  framed(maker.add_aggregate("sum", TypeId::int4, 1));
  framed(maker.add_aggregate("sum", TypeId::numeric, 3));
  framed(maker.add_aggregate("max", TypeId::numeric, 3));
  framed(maker.add_aggregate("avg", TypeId::int4, 1));
  framed(maker.add_aggregate("array_agg", TypeId::anynonarray, 2));
  framed(maker.add_function("first_value", {3}));
  framed(maker.add_function("last_value", {3}));
  framed(maker.add_function("nth_value", {2, kTwo}));
  return std::move(maker).make();
}

std::vector<FrameShape> frame_shapes() {
  using Mode = sql::WindowCall::Mode;
  using Bound = sql::WindowCall::Bound;
  const Bound bounds[] = {Bound::unbounded_preceding, Bound::preceding, Bound::current_row,
                          Bound::following, Bound::unbounded_following};
  const auto in_range = [](Bound bound) {
    return bound != Bound::preceding && bound != Bound::following;
  };
  std::vector<FrameShape> out;
  for (const Mode mode : {Mode::range, Mode::rows, Mode::groups}) {
    for (const Bound start : bounds) {
      for (const Bound end : bounds) {
        if (start == Bound::unbounded_following || end == Bound::unbounded_preceding) continue;
        if (start > end) continue;
        if (mode == Mode::range && (!in_range(start) || !in_range(end))) continue;
        out.push_back({mode, start, end});
      }
    }
  }
  return out;
}

sql::PlanPtr series_plan(bool with_ordinality, bool keep_empty) {
  sql::ProjectSet set;
  for (const sql::Function* function : sql::Registry::instance().functions("generate_series")) {
    if (function->args.size() == 2 && function->args[0].id == TypeId::int4) set.function = function;
  }
  QW_ASSERT(set.function != nullptr);
  set.arguments.push_back(sql::make_constant(Datum::int4(0)));
  set.arguments.push_back(sql::make_column(1, TypeId::int4));
  set.result = TypeId::int4;
  set.with_ordinality = with_ordinality;
  set.keep_empty = keep_empty;
  std::vector<Type> types = table_types();
  types.push_back(set.result);
  if (with_ordinality) types.push_back(TypeId::int8);
  return make_plan(std::move(set), {scan_plan(1)}, std::move(types));
}

uint64_t Generator::next() {
  state_ ^= state_ << 13;
  state_ ^= state_ >> 7;
  state_ ^= state_ << 17;
  return state_ >> 11;
}

std::vector<Type> table_types() {
  return {TypeId::int8, TypeId::int4, TypeId::text, TypeId::numeric};
}

TestRow Generator::row() {
  TestRow row;
  for (int c = 0; c < 4; ++c) {
    row.nulls[c] = chance(15);
    row.values[c] = row.nulls[c] ? 0 : below(4);
  }
  return row;
}

Batch make_batch(const std::vector<Change>& changes, Arena& arena) {
  Batch batch;
  batch.rows = static_cast<uint32_t>(changes.size());
  auto* weights = arena.allocate_column<int64_t>(changes.size());
  for (const Type& type : table_types())
    batch.columns.push_back(Vector::flat(type, batch.rows, arena));
  for (uint32_t i = 0; i < batch.rows; ++i) {
    const TestRow& row = changes[i].row;
    weights[i] = changes[i].weight;
    batch.columns[0].values<int64_t>()[i] = row.values[0];
    batch.columns[1].values<int32_t>()[i] = static_cast<int32_t>(row.values[1]);
    batch.columns[2].values<Str>()[i] =
        Str(std::string_view(row.nulls[2] ? "" : kTexts[row.values[2]]));
    // 0, 1.0, 1.00, 2.5: two spellings of one value.
    const Numeric numbers[] = {Numeric::narrow(0, 0), Numeric::narrow(10, 1),
                               Numeric::narrow(100, 2), Numeric::narrow(25, 1)};
    batch.columns[3].values<Numeric>()[i] = numbers[row.values[3]];
    for (uint32_t c = 0; c < 4; ++c) {
      if (row.nulls[c]) batch.columns[c].set_null(i, batch.rows, arena);
    }
  }
  batch.weights = weights;
  return batch;
}

void add_rows(const Batch& batch, Bag& bag) {
  for (uint32_t i = 0; i < batch.size(); ++i) {
    const uint32_t row = batch.row(i);
    std::string text;
    for (const Vector& column : batch.columns) {
      text += "|";
      if (column.is_null(row)) {
        text += "NULL";
        continue;
      }
      switch (column.type.physical()) {
        case Physical::b1:
          text += column.at<uint8_t>(row) != 0 ? "t" : "f";
          break;
        case Physical::i16:
          text += std::to_string(column.at<int16_t>(row));
          break;
        case Physical::i32:
          text += std::to_string(column.at<int32_t>(row));
          break;
        case Physical::i64:
          text += std::to_string(column.at<int64_t>(row));
          break;
        case Physical::numeric:
          numeric::append_text(column.at<Numeric>(row), text);
          break;
        case Physical::string:
          text += column.at<Str>(row).view();
          break;
        case Physical::i1:
        case Physical::u32:
        case Physical::f32:
        case Physical::f64:
        case Physical::wide16:
        case Physical::none:
          text += "?";
          break;
      }
    }
    int64_t& count = bag[text];
    count += batch.weight(row);
    if (count == 0) bag.erase(text);
  }
}

Result<Bag> run_query(std::shared_ptr<const sql::Plan> plan, const std::vector<Table>& tables) {
  QW_ASSIGN_OR_RETURN(auto query, Query::compile(std::move(plan)));
  return run_query(*query, tables);
}

Result<Bag> run_query(Query& query, const std::vector<Table>& tables) {
  sql::EvalContext context;
  TableSources sources(tables);
  QW_TRY(query.start(context, sources, {}));
  Bag bag;
  Batch batch;
  while (true) {
    QW_ASSIGN_OR_RETURN(const bool more, query.next(batch));
    if (!more) break;
    add_rows(batch, bag);
  }
  query.close();
  return bag;
}

int32_t Generator::column_of(const sql::Plan& plan, TypeId type) {
  std::vector<int32_t> found;
  for (size_t c = 0; c < plan.schema.size(); ++c) {
    if (plan.schema.columns[c].type.id == type) found.push_back(static_cast<int32_t>(c));
  }
  return found.empty() ? -1 : found[below(static_cast<uint32_t>(found.size()))];
}

sql::PlanPtr Generator::scan() { return scan_plan(1 + below(3)); }

sql::PlanPtr Generator::narrow(sql::PlanPtr input) {
  sql::Project project;
  std::vector<Type> types;
  for (const Type& type : table_types()) {
    uint32_t taken = 0;
    for (uint32_t c = 0; c < input->schema.size() && taken < 2; ++c) {
      if (!input->schema.columns[c].type.same(type)) continue;
      project.expressions.push_back(sql::make_column(c, type));
      types.push_back(type);
      ++taken;
    }
  }
  if (types.empty()) return input;
  return make_plan(std::move(project), {std::move(input)}, std::move(types));
}

sql::PlanPtr Generator::filter(uint32_t depth) {
  sql::PlanPtr input = plan(depth - 1);
  const int32_t column = column_of(*input, chance(50) ? TypeId::int8 : TypeId::int4);
  if (column < 0) return input;
  const Type type = input->schema.columns[static_cast<size_t>(column)].type;
  std::vector<sql::ExprPtr> args;
  args.push_back(sql::make_column(static_cast<uint32_t>(column), type));
  const int64_t bound = 1 + below(3);
  args.push_back(sql::make_constant(
      type.id == TypeId::int8 ? Datum::int8(bound) : Datum::int4(static_cast<int32_t>(bound))));
  sql::Filter filter;
  filter.predicate =
      sql::make_call(*sql::Registry::instance().less(type), std::move(args), TypeId::boolean);
  std::vector<Type> types = input->schema.types();
  return make_plan(std::move(filter), {std::move(input)}, std::move(types));
}

sql::PlanPtr Generator::join(uint32_t depth) {
  sql::PlanPtr left = plan(depth - 1), right = chance(20) ? left : plan(depth - 1);
  sql::Join join;
  const sql::JoinType kinds[] = {sql::JoinType::inner, sql::JoinType::left, sql::JoinType::right,
                                 sql::JoinType::full,  sql::JoinType::semi, sql::JoinType::anti};
  join.type = kinds[below(6)];
  const TypeId types[] = {TypeId::int8, TypeId::int4, TypeId::text, TypeId::numeric};
  for (uint32_t n = 1 + below(2); n != 0; --n) {
    const TypeId type = types[below(4)];
    const int32_t l = column_of(*left, type), r = column_of(*right, type);
    if (l < 0 || r < 0) continue;
    join.keys.push_back({static_cast<uint32_t>(l), static_cast<uint32_t>(r), chance(20)});
  }
  if (join.type == sql::JoinType::anti && join.keys.size() == 1 && chance(50)) {
    join.null_aware = true;
    join.keys[0].null_safe = false;
  }
  const int32_t l = column_of(*left, TypeId::int4), r = column_of(*right, TypeId::int4);
  if (!join.null_aware && l >= 0 && r >= 0 && chance(40)) {
    std::vector<sql::ExprPtr> args;
    args.push_back(sql::make_column(static_cast<uint32_t>(l), TypeId::int4));
    args.push_back(sql::make_column(
        static_cast<uint32_t>(r) + static_cast<uint32_t>(left->schema.size()), TypeId::int4));
    join.residual = sql::make_call(*sql::Registry::instance().less(TypeId::int4), std::move(args),
                                   TypeId::boolean);
  }
  std::vector<Type> out = left->schema.types();
  if (join.type != sql::JoinType::semi && join.type != sql::JoinType::anti) {
    const std::vector<Type> more = right->schema.types();
    out.insert(out.end(), more.begin(), more.end());
  }
  return narrow(make_plan(std::move(join), {std::move(left), std::move(right)}, std::move(out)));
}

sql::PlanPtr Generator::peak_join() {
  sql::PlanPtr rows = chance(30) ? filter(1) : scan(), source = scan();
  PeakShape shape;
  shape.value = below(4);
  shape.group = (shape.value + 1 + below(3)) % 4;
  shape.grouped = chance(85);
  shape.highest = chance(50);
  shape.rows_first = chance(60);
  shape.null_safe = shape.grouped && chance(30);
  shape.residual = table_types()[shape.value].id == TypeId::int4 && shape.highest && !chance(50);
  return peak_join_plan(shape, std::move(rows), std::move(source));
}

sql::PlanPtr Generator::dimension_join() {
  const int32_t bound = 1 + static_cast<int32_t>(below(3));
  const uint32_t facts = 2 + below(2);
  const bool null_safe = chance(20), two_keys = chance(30);
  return narrow(dimension_join_plan(bound, facts, null_safe, two_keys, chance(40)));
}

sql::PlanPtr Generator::aggregate(uint32_t depth) {
  sql::PlanPtr input = plan(depth - 1);
  sql::Aggregate aggregate;
  std::vector<Type> types;
  for (uint32_t n = below(3); n != 0; --n) {
    const uint32_t column = below(static_cast<uint32_t>(input->schema.size()));
    aggregate.groups.push_back(column);
    types.push_back(input->schema.columns[column].type);
  }
  for (uint32_t n = 1 + below(4); n != 0; --n) {
    const char* const names[] = {"count", "sum", "avg", "min", "max"};
    const char* name = names[below(5)];
    const uint32_t column = below(static_cast<uint32_t>(input->schema.size()));
    const Type type = input->schema.columns[column].type;
    sql::AggregateCall call;
    if (std::string_view(name) == "count" && chance(50)) {
      call.function = aggregate_function(name, TypeId::void_);
    } else {
      call.function =
          aggregate_function(name, std::string_view(name) == "count" ? TypeId::any : type.id);
      call.arguments = {column};
      // Which spelling of a value (1.0, 1.00) gives a distinct sum its scale depends on their
      // order.
      const bool spelled = type.id == TypeId::numeric && std::string_view(name) != "count";
      call.distinct = chance(25) && !spelled;
    }
    if (call.function == nullptr) continue;
    call.type = call.function->result;
    types.push_back(call.type);
    aggregate.calls.push_back(std::move(call));
  }
  if (types.empty()) return input;
  return make_plan(std::move(aggregate), {std::move(input)}, std::move(types));
}

sql::PlanPtr Generator::set_op(uint32_t depth) {
  // Both sides with the table's columns.
  sql::PlanPtr left = scan(), right = depth > 1 && chance(50) ? filter(1) : scan();
  sql::SetOp op;
  op.kind = static_cast<sql::SetOpKind>(below(5));
  sql::PlanPtr made = make_plan(op, {std::move(left), std::move(right)}, table_types());
  return made;
}

sql::PlanPtr Generator::top_k(uint32_t depth) {
  sql::PlanPtr input = plan(depth - 1);
  sql::TopK top;
  const auto columns = static_cast<uint32_t>(input->schema.size());
  if (chance(60)) top.partition.push_back(below(columns));
  if (chance(80)) top.order.push_back({below(columns), {chance(50), chance(50)}});
  if (const auto* counted = input->as<sql::Aggregate>(); counted != nullptr && chance(50)) {
    // Groups by one of their counts.
    const auto groups = static_cast<uint32_t>(counted->groups.size());
    for (uint32_t i = 0; i < counted->calls.size(); ++i) {
      const auto kind = counted->calls[i].function->aggregate;
      if (kind != sql::AggregateKind::count && kind != sql::AggregateKind::count_star) continue;
      top.partition.clear();
      for (uint32_t g = 0; g < groups; ++g) {
        if (chance(50)) top.partition.push_back(g);
      }
      top.order.assign(1, {groups + i, {true, chance(50)}});
      if (chance(50)) top.order.push_back({below(columns), {chance(50), chance(50)}});
      break;
    }
  }
  top.limit = below(4);
  top.offset = chance(25) ? below(3) : 0;
  top.row_number = chance(50);
  top.with_ties = !top.order.empty() && top.offset == 0 && chance(30);
  std::vector<Type> types = input->schema.types();
  if (top.row_number) types.push_back(TypeId::int8);
  return make_plan(std::move(top), {std::move(input)}, std::move(types));
}

sql::PlanPtr Generator::plan(uint32_t depth) {
  if (depth == 0) return scan();
  switch (below(10)) {
    case 0:
      return scan();
    case 7:
      return dimension_join();
    case 6:
      return narrow(peak_join());
    case 1:
      return filter(depth);
    case 2: {
      sql::PlanPtr input = plan(depth - 1);
      std::vector<Type> types = input->schema.types();
      return make_plan(sql::Distinct{}, {std::move(input)}, std::move(types));
    }
    case 3:
      return set_op(depth);
    case 4:
      return top_k(depth);
    case 5:
      return aggregate(depth);
    default:
      return join(depth);
  }
}

std::string describe(const sql::Plan& plan, int indent) {
  static const char* const names[] = {
      "scan",          "system", "values",    "filter",   "project",   "project set",
      "window expand", "join",   "aggregate", "distinct", "top k",     "window",
      "set op",        "sort",   "limit",     "apply",    "recursive", "recursive scan"};
  std::string out(static_cast<size_t>(indent), ' ');
  out += names[plan.op.index()];
  if (const auto* scan = plan.as<sql::Scan>()) out += " " + scan->name;
  if (const auto* join = plan.as<sql::Join>()) {
    out += fmt::format(" type {} residual {} null aware {} keys", static_cast<int>(join->type),
                       join->residual != nullptr, join->null_aware);
    for (const auto& key : join->keys)
      out += fmt::format(" {}={}{}", key.left, key.right, key.null_safe ? "~" : "");
  }
  if (const auto* aggregate = plan.as<sql::Aggregate>()) {
    out += fmt::format(" by {}", fmt::join(aggregate->groups, ","));
    for (const auto& call : aggregate->calls) {
      out += fmt::format(" {}{}({})", call.function->name, call.distinct ? " distinct" : "",
                         fmt::join(call.arguments, ","));
    }
  }
  if (const auto* op = plan.as<sql::SetOp>()) out += fmt::format(" {}", static_cast<int>(op->kind));
  if (const auto* top = plan.as<sql::TopK>()) {
    out +=
        fmt::format(" by {} limit {} offset {} number {} ties {}", fmt::join(top->partition, ","),
                    *top->limit, top->offset, top->row_number, top->with_ties);
  }
  out += "\n";
  for (const auto& input : plan.inputs) out += describe(*input, indent + 2);
  return out;
}

}  // namespace qw::views::testing
