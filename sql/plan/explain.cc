// See sql/explain.h. One line per operator, children indented by two; expressions as SQL.
#include "sql/explain.h"

#include <unordered_map>

#include <fmt/format.h>

#include "sql/catalog.h"
#include "sql/function.h"
#include "sql/plan/equality.h"
#include "sql/plan/walk.h"
#include "src/types/text.h"

namespace qw::sql {

namespace {

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

class Printer {
 public:
  explicit Printer(const Schema* input) : input_(input) {}

  std::string print(const Expr& root) const {
    switch (root.kind) {
      case ExprKind::column:
        return column(root.index);
      case ExprKind::outer_column:
        return fmt::format("outer{}.#{}", root.depth == 1 ? "" : std::to_string(root.depth),
                           root.index);
      case ExprKind::constant:
        return constant(root);
      case ExprKind::parameter:
        return fmt::format("${}", root.index);
      case ExprKind::call:
        return call(root);
      case ExprKind::logical_and:
        return joined(root.args, " AND ", true);
      case ExprKind::logical_or:
        return joined(root.args, " OR ", true);
      case ExprKind::logical_not:
        return "(NOT " + print(*root.args[0]) + ")";
      case ExprKind::is_null:
        return test(root, "IS NULL");
      case ExprKind::is_not_null:
        return test(root, "IS NOT NULL");
      case ExprKind::is_true:
        return test(root, "IS TRUE");
      case ExprKind::is_not_true:
        return test(root, "IS NOT TRUE");
      case ExprKind::is_false:
        return test(root, "IS FALSE");
      case ExprKind::is_not_false:
        return test(root, "IS NOT FALSE");
      case ExprKind::is_distinct:
        return joined(root.args, " IS DISTINCT FROM ", true);
      case ExprKind::is_not_distinct:
        return joined(root.args, " IS NOT DISTINCT FROM ", true);
      case ExprKind::case_when:
        return case_when(root);
      case ExprKind::coalesce:
        return "COALESCE(" + joined(root.args, ", ", false) + ")";
      case ExprKind::nullif:
        return "NULLIF(" + joined(root.args, ", ", false) + ")";
      case ExprKind::greatest:
        return "GREATEST(" + joined(root.args, ", ", false) + ")";
      case ExprKind::least:
        return "LEAST(" + joined(root.args, ", ", false) + ")";
      case ExprKind::in_list: {
        std::string items;
        for (size_t i = 1; i < root.args.size(); ++i) {
          items += (i > 1 ? ", " : "") + print(*root.args[i]);
        }
        return fmt::format("({} IN ({}))", print(*root.args[0]), items);
      }
      case ExprKind::array_op:
        return fmt::format("({} {} {} ({}))", print(*root.args[0]), name(*root.function),
                           root.all ? "ALL" : "ANY", print(*root.args[1]));
      case ExprKind::array_make:
        return "ARRAY[" + joined(root.args, ", ", false) + "]";
      case ExprKind::row_make:
        return "ROW(" + joined(root.args, ", ", false) + ")";
      case ExprKind::field:
        return fmt::format("({}).f{}", print(*root.args[0]), root.index + 1);
      case ExprKind::subscript: {
        std::string out = print(*root.args[0]);
        for (size_t i = 1; i < root.args.size(); ++i) out += "[" + print(*root.args[i]) + "]";
        return out;
      }
      case ExprKind::subquery:
        return "(SubPlan)";
    }
    return "";
  }

  std::string column(uint32_t index) const {
    if (input_ == nullptr || index >= input_->size()) return fmt::format("#{}", index);
    const std::string& name = input_->columns[index].name;
    // A name that stands for two columns would not tell them apart.
    size_t same = 0;
    for (const Column& other : input_->columns) same += other.name == name ? 1U : 0U;
    if (name.empty() || same > 1) return fmt::format("{}#{}", name, index);
    return name;
  }

  std::string columns(const std::vector<uint32_t>& list) const {
    std::string out;
    for (uint32_t index : list) out += (out.empty() ? "" : ", ") + column(index);
    return out;
  }

  std::string order(const std::vector<SortKey>& keys) const {
    std::string out;
    for (const SortKey& key : keys) {
      if (!out.empty()) out += ", ";
      out += column(key.column);
      if (key.order.descending) out += " DESC";
      if (key.order.nulls_first != key.order.descending) {
        out += key.order.nulls_first ? " NULLS FIRST" : " NULLS LAST";
      }
    }
    return out;
  }

 private:
  static std::string_view name(const Function& function) {
    const std::string_view op = operator_name(function);
    return op.empty() ? function.name : op;
  }
  std::string test(const Expr& root, std::string_view words) const {
    return fmt::format("({} {})", print(*root.args[0]), words);
  }
  std::string joined(const std::vector<ExprPtr>& args, std::string_view separator,
                     bool parentheses) const {
    std::string out;
    for (const ExprPtr& arg : args) {
      if (&arg != &args.front()) out += separator;
      out += print(*arg);
    }
    return parentheses ? "(" + out + ")" : out;
  }
  static std::string constant(const Expr& root) {
    if (root.value.is_null()) return "NULL::" + root.type.sql_name();
    const std::string text = to_text(root.value);
    switch (root.type.id) {
      case TypeId::boolean:
        return text == "t" ? "true" : "false";
      case TypeId::int2:
      case TypeId::int4:
      case TypeId::int8:
      case TypeId::numeric:
      case TypeId::oid:
        return text;
      default:
        return quoted(text) + "::" + root.type.without_typmod().sql_name();  // NOLINT
    }
  }
  std::string call(const Expr& root) const {
    const std::string_view op = operator_name(*root.function);
    if (!op.empty() && root.args.size() == 2) {
      return fmt::format("({} {} {})", print(*root.args[0]), op, print(*root.args[1]));
    }
    if (!op.empty() && root.args.size() == 1) {
      return fmt::format("({} {})", op, print(*root.args[0]));
    }
    // A cast is called like the type it makes; "#..." are those that SQL cannot spell.
    if (root.function->name[0] == '#' ||
        (root.args.size() == 1 && root.function->name == root.type.type_name())) {
      return fmt::format("({})::{}", print(*root.args[0]), root.type.sql_name());
    }
    return fmt::format("{}({})", root.function->name, joined(root.args, ", ", false));
  }
  std::string case_when(const Expr& root) const {
    std::string out = "CASE";
    for (size_t i = 0; i + 1 < root.args.size(); i += 2) {
      out += " WHEN " + print(*root.args[i]) + " THEN " + print(*root.args[i + 1]);
    }
    return out + " ELSE " + print(*root.args.back()) + " END";
  }

  const Schema* input_;
};

class Tree {
 public:
  explicit Tree(const ExplainOptions& options) : options_(options) {}

  std::vector<std::string> run(const Plan& plan) {
    count(plan);
    node(plan, 0);
    return std::move(lines_);
  }

 private:
  void count(const Plan& plan) {
    if (++parents_[&plan] > 1) return;
    for (const PlanPtr& input : plan.inputs) count(*input);
  }

  void node(const Plan& plan, size_t depth) {
    std::string line(depth * 2, ' ');
    if (parents_[&plan] > 1) {
      auto [at, fresh] = shared_.emplace(&plan, shared_.size() + 1);
      if (!fresh) {
        lines_.push_back(fmt::format("{}Shared {}", line, at->second));
        return;
      }
      line += fmt::format("[{}] ", at->second);
    }
    line += describe(plan);
    if (options_.types) line += types(plan.schema);
    if (options_.properties) line += properties(plan);
    lines_.push_back(std::move(line));
    for (const PlanPtr& input : plan.inputs) node(*input, depth + 1);
  }

  static std::string list(const std::vector<std::string>& items) {
    std::string out;
    for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
    return out;
  }

  static std::string describe(const Plan& plan) {
    const Schema* first = plan.inputs.empty() ? nullptr : &plan.inputs[0]->schema;
    const Printer printer(first);
    if (const auto* n = plan.as<Scan>()) return scan(plan, *n);
    if (const auto* n = plan.as<SystemScan>()) {
      return fmt::format("System Scan {} ({})", n->relation->name, names(plan.schema));
    }
    if (const auto* n = plan.as<Values>()) return values(*n);
    if (const auto* n = plan.as<Filter>()) return "Filter " + printer.print(*n->predicate);
    if (const auto* n = plan.as<Project>()) return project(plan, *n, printer);
    if (const auto* n = plan.as<ProjectSet>()) {
      std::string out = fmt::format("Project Set {}(", n->function->name);
      for (size_t i = 0; i < n->arguments.size(); ++i) {
        out += (i > 0 ? ", " : "") + printer.print(*n->arguments[i]);
      }
      out += ")";
      if (n->with_ordinality) out += " WITH ORDINALITY";
      if (n->keep_empty) out += " keep empty";
      return out;
    }
    if (const auto* n = plan.as<WindowExpand>()) {
      const bool tumble = n->size_us == n->slide_us;
      std::string out = fmt::format("{} {} size {} us", tumble ? "Tumble" : "Hop",
                                    printer.column(n->time_column), n->size_us);
      if (!tumble) out += fmt::format(" slide {} us", n->slide_us);
      if (n->offset_us != 0) out += fmt::format(" offset {} us", n->offset_us);
      if (n->end_us != n->size_us) out += fmt::format(" end at {} us", n->end_us);
      return out;
    }
    if (const auto* n = plan.as<Join>()) return join(plan, *n);
    if (const auto* n = plan.as<Aggregate>()) return aggregate(*n, printer);
    if (plan.as<Distinct>()) return "Distinct";
    if (const auto* n = plan.as<TopK>()) {
      std::string out = "Top";
      if (n->limit) out += fmt::format(" {}", *n->limit);
      if (n->offset != 0) out += fmt::format(" offset {}", n->offset);
      if (n->with_ties) out += " with ties";
      if (!n->partition.empty()) out += " per (" + printer.columns(n->partition) + ")";
      if (!n->order.empty()) out += " by " + printer.order(n->order);
      return out + (n->row_number ? " numbered" : "");
    }
    if (const auto* n = plan.as<Window>()) return window(*n, printer);
    if (const auto* n = plan.as<SetOp>()) return set_op(n->kind);
    if (const auto* n = plan.as<Sort>()) return "Sort by " + printer.order(n->keys);
    if (const auto* n = plan.as<Limit>()) {
      std::string out = "Limit";
      if (n->limit != nullptr) out += " " + printer.print(*n->limit);
      if (n->offset != nullptr) out += " offset " + printer.print(*n->offset);
      return out + (n->with_ties ? " with ties" : "");
    }
    if (const auto* n = plan.as<Apply>()) return apply(plan, *n);
    if (const auto* n = plan.as<Recursive>()) {
      return n->distinct ? "Recursive Union" : "Recursive Union All";
    }
    return "Recursive Scan";
  }

  static std::string names(const Schema& schema) {
    std::string out;
    for (const Column& column : schema.columns) out += (out.empty() ? "" : ", ") + column.name;
    return out;
  }

  static std::string scan(const Plan& plan, const Scan& scan) {
    std::string out = fmt::format("Scan {} ({})", scan.name, names(plan.schema));
    if (scan.bounds == nullptr) return out;
    const Printer printer(nullptr);
    const auto& bounds = *scan.bounds;
    out += bounds.index == scan.relation ? " by key" : " by index " + bounds.index_name;
    for (size_t i = 0; i < bounds.equal.size(); ++i) {
      out += (i == 0 ? " = " : ", ") + printer.print(*bounds.equal[i]);
    }
    for (size_t i = 0; i < bounds.any.size(); ++i) {
      out += (i == 0 ? " in " : ", ") + printer.print(*make_constant(bounds.any[i]));
    }
    if (bounds.any_array != nullptr) out += " in elements of " + printer.print(*bounds.any_array);
    if (bounds.lower != nullptr) {
      out +=
          fmt::format(" {} {}", bounds.lower_inclusive ? ">=" : ">", printer.print(*bounds.lower));
    }
    if (bounds.upper != nullptr) {
      out +=
          fmt::format(" {} {}", bounds.upper_inclusive ? "<=" : "<", printer.print(*bounds.upper));
    }
    return out;
  }

  static std::string values(const Values& values) {
    if (values.rows.size() != 1) return fmt::format("Values {} rows", values.rows.size());
    if (values.rows[0].empty()) return "Row";
    const Printer printer(nullptr);
    std::string out;
    for (const ExprPtr& value : values.rows[0]) {
      out += (out.empty() ? "" : ", ") + printer.print(*value);
    }
    return "Values (" + out + ")";
  }

  static std::string project(const Plan& plan, const Project& project, const Printer& printer) {
    std::vector<std::string> items;
    for (size_t i = 0; i < project.expressions.size(); ++i) {
      std::string item = printer.print(*project.expressions[i]);
      const std::string& name = plan.schema.columns[i].name;
      if (item != name && !name.empty()) item += " AS " + name;
      items.push_back(std::move(item));
    }
    return "Project " + list(items);
  }

  static std::string_view join_name(JoinType type) {
    switch (type) {
      case JoinType::inner:
        return "Join";
      case JoinType::left:
        return "Left Join";
      case JoinType::right:
        return "Right Join";
      case JoinType::full:
        return "Full Join";
      case JoinType::semi:
        return "Semi Join";
      case JoinType::anti:
        return "Anti Join";
    }
    return "";
  }

  static std::string join(const Plan& plan, const Join& join) {
    const Schema& left = plan.inputs[0]->schema;
    const Schema& right = plan.inputs[1]->schema;
    const bool cross =
        join.type == JoinType::inner && join.keys.empty() && join.residual == nullptr;
    std::string out(cross ? "Cross Join" : join_name(join.type));
    if (join.null_aware) out += " null aware";
    const Printer l(&left), r(&right);
    std::vector<std::string> keys;
    for (const Join::Key& key : join.keys) {
      keys.push_back(fmt::format("{} {} {}", l.column(key.left),
                                 key.null_safe ? "IS NOT DISTINCT FROM" : "=",
                                 r.column(key.right)));
    }
    if (!keys.empty()) out += " on " + list(keys);
    if (join.residual != nullptr) {
      Schema both = left;
      both.columns.insert(both.columns.end(), right.columns.begin(), right.columns.end());
      out += " where " + Printer(&both).print(*join.residual);
    }
    return out;
  }

  static std::string call_text(const Function& function, const std::vector<uint32_t>& arguments,
                               bool distinct, const Printer& printer) {
    std::string out(function.name);
    out += "(";
    if (distinct) out += "DISTINCT ";
    out += function.aggregate == AggregateKind::count_star ? "*" : printer.columns(arguments);
    return out + ")";
  }

  static std::string aggregate(const Aggregate& aggregate, const Printer& printer) {
    std::string out = "Aggregate";
    if (!aggregate.groups.empty()) out += " by " + printer.columns(aggregate.groups);
    std::vector<std::string> calls;
    for (const AggregateCall& call : aggregate.calls) {
      std::string text = call_text(*call.function, call.arguments, call.distinct, printer);
      if (!call.order.empty())
        text.insert(text.size() - 1, " ORDER BY " + printer.order(call.order));
      if (call.filter) text += " FILTER " + printer.column(*call.filter);
      calls.push_back(std::move(text));
    }
    if (!calls.empty()) out += ": " + list(calls);
    if (aggregate.hop.count > 1) {
      out += fmt::format(" in {} windows {} us apart", aggregate.hop.count, aggregate.hop.slide_us);
    }
    return out;
  }

  static std::string window(const Window& window, const Printer& printer) {
    std::string out = "Window";
    if (!window.partition.empty()) out += " per (" + printer.columns(window.partition) + ")";
    if (!window.order.empty()) out += " by " + printer.order(window.order);
    std::vector<std::string> calls;
    for (const WindowCall& call : window.calls) {
      calls.push_back(call_text(*call.function, call.arguments, false, printer));
    }
    return out + ": " + list(calls);
  }

  static std::string set_op(SetOpKind kind) {
    switch (kind) {
      case SetOpKind::union_all:
        return "Union All";
      case SetOpKind::except:
        return "Except";
      case SetOpKind::except_all:
        return "Except All";
      case SetOpKind::intersect:
        return "Intersect";
      case SetOpKind::intersect_all:
        return "Intersect All";
    }
    return "";
  }

  static std::string apply(const Plan& plan, const Apply& apply) {
    std::string out = "Apply";
    switch (apply.kind) {
      case Apply::Kind::lateral_inner:
        out += " inner";
        break;
      case Apply::Kind::lateral_left:
        out += " left";
        break;
      case Apply::Kind::scalar:
        out += " scalar";
        break;
      case Apply::Kind::exists:
        out += " exists";
        break;
      case Apply::Kind::any:
        out += " any";
        break;
      case Apply::Kind::all:
        out += " all";
        break;
      case Apply::Kind::array:
        out += " array";
        break;
    }
    if (apply.test == nullptr) return out;
    Schema both = plan.inputs[0]->schema;
    const Schema& right = plan.inputs[1]->schema;
    both.columns.insert(both.columns.end(), right.columns.begin(), right.columns.end());
    return out + " " + Printer(&both).print(*apply.test);
  }

  static std::string types(const Schema& schema) {
    std::string out;
    for (const Column& column : schema.columns) {
      out += (out.empty() ? "" : ", ") + column.type.sql_name();
    }
    return " [" + out + "]";
  }

  static std::string properties(const Plan& plan) {
    const Properties& known = plan.properties;
    const Printer printer(&plan.schema);
    std::vector<std::string> items;
    if (known.append_only) items.emplace_back("append-only");
    for (const auto& key : known.unique_keys) {
      items.push_back(key.empty() ? "one row" : "key (" + printer.columns(key) + ")");
    }
    if (!known.monotone.empty()) items.push_back("monotone " + printer.columns(known.monotone));
    if (!known.window.empty()) items.push_back("window " + printer.columns(known.window));
    if (known.rising) items.push_back("rising " + printer.columns(known.rising->columns));
    if (known.peak) {
      const auto column = [&](uint32_t input, uint32_t index) {
        return Printer(&plan.inputs[input]->schema).column(index);
      };
      const PeakJoin& peak = *known.peak;
      items.push_back(
          fmt::format("{} {} {}", column(peak.rows, peak.row_value),
                      peak.equal     ? "="
                      : peak.highest ? ">="
                                     : "<=",
                      (peak.highest ? "peak " : "low ") + column(1 - peak.rows, peak.peak_value)));
    }
    return items.empty() ? "" : " {" + list(items) + "}";
  }

  const ExplainOptions& options_;
  std::vector<std::string> lines_;
  std::unordered_map<const Plan*, int> parents_;
  std::unordered_map<const Plan*, size_t> shared_;
};

}  // namespace

std::vector<std::string> explain(const Plan& plan, const ExplainOptions& options) {
  return Tree(options).run(plan);
}

std::string explain(const Expr& expression, const Schema* input) {
  return Printer(input).print(expression);
}

}  // namespace qw::sql
