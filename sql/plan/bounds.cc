// See bounds.h.
#include "sql/plan/bounds.h"

#include <algorithm>
#include <span>
#include <utility>

#include "sql/function.h"
#include "sql/plan/build.h"
#include "sql/plan/equality.h"
#include "sql/plan/fold.h"
#include "sql/plan/walk.h"
#include "src/types/array.h"
#include "src/types/key_codec.h"

namespace qw::sql {

namespace {

// Each value of a list is a search of its own; a longer list is looked up row by row.
constexpr size_t kListMax = 1024;
// In an index each search also looks through what the transaction itself has written.
constexpr size_t kIndexListMax = 64;

// A term "column op value" with the value brought to the column's type.
struct Bound {
  size_t term = 0;
  uint32_t column = 0;  // of the relation
  std::string_view op;  // "in": one of `values`, or of the array's elements
  ExprPtr value;
  std::vector<Datum> values;  // different ones, in the order of keys
  ExprPtr array, element;     // as Scan::Bounds has them
};

std::string_view mirrored(std::string_view op) {
  if (op == "<") return ">";
  if (op == "<=") return ">=";
  if (op == ">") return "<";
  if (op == ">=") return "<=";
  return op;
}

bool is_known_before(const Expr& root) {
  return root.kind == ExprKind::constant || root.kind == ExprKind::parameter ||
         root.kind == ExprKind::outer_column;
}

struct Source {
  const Scan& scan;
  const Schema& schema;  // as the relation has the columns
};

// Whether a value has the same key under both types: of those that a cast relabels text and
// varchar, oid and regclass; not int4 and oid (signed, unsigned), not varchar and bpchar (spaces at
// the end).
bool same_keys(Type a, Type b) {
  if (a.same(b)) return true;
  if (a.is_array() && b.is_array()) return same_keys(a.element, b.element);
  const auto is_text = [](Type type) {
    return type.id == TypeId::text || type.id == TypeId::varchar;
  };
  if (is_text(a) && is_text(b)) return true;
  return a.physical() == Physical::u32 && b.physical() == Physical::u32;
}

// The operator's order and equality must be those of the keys: in integer = oid the column is read
// as oid, whose order is another one.
bool is_key_column(const Expr& root, const Source& source) {
  return root.kind == ExprKind::column &&
         same_keys(root.type, source.schema.columns[root.index].type);
}

// Constants of the column's type; of NULLs alone the filter knows best.
std::optional<Bound> list_of(uint32_t column, Type type, std::span<const ExprPtr> constants) {
  if (constants.size() > kListMax) return std::nullopt;
  std::vector<Datum> values;
  for (const ExprPtr& constant : constants) {
    if (constant->kind != ExprKind::constant || !constant->value.type().same(type)) {
      return std::nullopt;
    }
    values.push_back(constant->value);
  }
  Bound bound;
  bound.op = "in";
  bound.column = column;
  bound.values = distinct_by_key(type.without_typmod(), values);
  if (bound.values.empty()) return std::nullopt;
  return bound;
}

std::optional<Bound> list_bound(const Expr& term, const Source& source) {
  const Expr& column = *term.args[0];
  if (!is_key_column(column, source)) return std::nullopt;
  return list_of(source.scan.columns[column.index], column.type, std::span(term.args).subspan(1));
}

// column = ANY (array)
std::optional<Bound> array_bound(const Expr& term, const Source& source) {
  const Expr &column = *term.args[0], &array = *term.args[1];
  if (term.all || operator_name(*term.function) != "=") return std::nullopt;
  if (!is_key_column(column, source) || !is_known_before(array)) return std::nullopt;
  const std::optional<Type> element = array_element_type(array.type);
  if (!element) return std::nullopt;
  if (array.kind == ExprKind::constant) {
    if (array.value.is_null()) return std::nullopt;
    const ArrayView view(array.value.bytes());
    std::vector<ExprPtr> constants;
    for (uint32_t i = 0; i < view.size() && i <= kListMax; ++i) {
      constants.push_back(make_constant(view.element(i)));
      if (!widen(constants.back(), column.type)) return std::nullopt;
      fold_constants(constants.back());
    }
    return list_of(source.scan.columns[column.index], column.type, constants);
  }
  Bound bound;
  bound.op = "in";
  bound.column = source.scan.columns[column.index];
  bound.array = array.clone();
  bound.element = make_column(0, *element);
  if (!widen(bound.element, column.type)) return std::nullopt;
  return bound;
}

std::optional<Bound> as_bound(const Expr& term, const Source& source);

// column = a OR column = b: a list of what is not constant is bound as this.
std::optional<Bound> or_bound(const Expr& term, const Source& source) {
  if (term.args.size() > kListMax) return std::nullopt;
  Bound bound;
  bound.op = "in";
  std::vector<ExprPtr> values;
  for (const ExprPtr& arg : term.args) {
    std::optional<Bound> one = as_bound(*arg, source);
    if (!one || one->op != "=") return std::nullopt;
    if (!values.empty() && one->column != bound.column) return std::nullopt;
    bound.column = one->column;
    values.push_back(std::move(one->value));
  }
  const Type type = values[0]->type.without_typmod();
  if (std::optional<Bound> list = list_of(bound.column, type, values)) return list;
  if (type.is_array() || type_info(type.id).array_oid == 0) return std::nullopt;
  bound.array = make_node(ExprKind::array_make, Type::array_of(type.id), std::move(values));
  bound.element = make_column(0, type);
  return bound;
}

std::optional<Bound> as_bound(const Expr& term, const Source& source) {
  if (term.kind == ExprKind::in_list) return list_bound(term, source);
  if (term.kind == ExprKind::array_op) return array_bound(term, source);
  if (term.kind == ExprKind::logical_or) return or_bound(term, source);
  Bound bound;
  bound.op = is_equality_operator(term) ? "=" : comparison_name(term, true);
  if (bound.op.empty()) return std::nullopt;
  const Expr* column = term.args[0].get();
  const Expr* value = term.args[1].get();
  if (column->kind != ExprKind::column) {
    std::swap(column, value);
    bound.op = mirrored(bound.op);
  }
  if (!is_key_column(*column, source) || !is_known_before(*value)) return std::nullopt;
  bound.column = source.scan.columns[column->index];
  bound.value = value->clone();
  if (value->type.same(column->type)) return bound;
  const Cast* cast =
      Registry::instance().cast(value->type.without_typmod(), column->type.without_typmod());
  if (cast == nullptr || cast->context != CastContext::implicit) return std::nullopt;
  if (cast->function == nullptr) {
    if (bound.value->kind == ExprKind::constant) {
      bound.value->value = bound.value->value.with_type(column->type.without_typmod());
    }
    bound.value->type = column->type.without_typmod();
    return bound;
  }
  if (cast->function->volatility != Volatility::immutable) return std::nullopt;
  std::vector<ExprPtr> args;
  args.push_back(std::move(bound.value));
  bound.value = make_call(*cast->function, std::move(args), column->type.without_typmod());
  fold_constants(bound.value);
  if (!is_known_before(*bound.value)) return std::nullopt;
  return bound;
}

const Bound* find_bound(const std::vector<Bound>& bounds, uint32_t column, std::string_view op) {
  for (const Bound& bound : bounds) {
    if (bound.column == column && bound.op == op) return &bound;
  }
  return nullptr;
}

// What one order of rows (the relation's key or an index) can use of the bounds.
struct Choice {
  ObjectId index;
  std::vector<const Bound*> equal;
  const Bound* any = nullptr;
  const Bound* lower = nullptr;
  const Bound* upper = nullptr;
  bool complete = false;  // equality on every column of a unique order
  bool one_each = false;  // each value of the list finds one row at most

  // Without statistics: a range from both sides is taken to be narrower than a list of values that
  // many rows may have.
  int score() const {
    const int list = any == nullptr ? 0 : one_each ? 3 : 1;
    const int range = (lower != nullptr ? 1 : 0) + (upper != nullptr ? 1 : 0);
    return static_cast<int>(equal.size()) * 4 + (complete ? 1000 : 0) + std::max(list, range);
  }
};

Choice choose(ObjectId id, const std::vector<uint32_t>& columns, bool unique, size_t list_max,
              const std::vector<Bound>& bounds) {
  Choice choice;
  choice.index = id;
  size_t next = 0;
  for (; next < columns.size(); ++next) {
    const Bound* equal = find_bound(bounds, columns[next], "=");
    if (equal == nullptr) break;
    choice.equal.push_back(equal);
  }
  choice.complete = unique && next == columns.size() && next > 0;
  if (next == columns.size()) return choice;
  choice.any = find_bound(bounds, columns[next], "in");
  if (choice.any != nullptr && choice.any->values.size() > list_max) choice.any = nullptr;
  choice.one_each = unique && next + 1 == columns.size();
  // Beside a list whose length is not known yet a range stays, for when it is too long.
  if (choice.any != nullptr && choice.any->array == nullptr) return choice;
  for (const std::string_view op : {">", ">="}) {
    if (choice.lower == nullptr) choice.lower = find_bound(bounds, columns[next], op);
  }
  for (const std::string_view op : {"<", "<="}) {
    if (choice.upper == nullptr) choice.upper = find_bound(bounds, columns[next], op);
  }
  return choice;
}

PlanPtr bound_scan(const PlanPtr& filter, const Catalog& catalog) {
  const PlanPtr& input = filter->inputs[0];
  const Scan& scan = *input->as<Scan>();
  const Relation* relation = catalog.find(scan.relation);
  if (relation == nullptr || scan.bounds != nullptr) return filter;
  std::vector<ExprPtr> terms = split_and(filter->as<Filter>()->predicate->clone());
  const Source source{scan, input->schema};
  std::vector<Bound> bounds;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (std::optional<Bound> bound = as_bound(*terms[i], source)) {
      bound->term = i;
      bounds.push_back(std::move(*bound));
    }
  }
  if (bounds.empty()) return filter;
  Choice best = choose(relation->id, relation->primary_key, true, kListMax, bounds);
  for (const IndexInfo* index : catalog.indexes_of(relation->id)) {
    Choice choice = choose(index->id, index->columns, index->unique, kIndexListMax, bounds);
    if (choice.score() > best.score()) best = std::move(choice);
  }
  if (best.score() == 0) return filter;
  auto out = std::make_shared<Scan::Bounds>();
  out->index = best.index;
  if (const auto index = catalog.indexes.find(best.index); index != catalog.indexes.end()) {
    out->index_name = index->second.name;
  }
  std::vector<bool> used(terms.size(), false);
  for (const Bound* bound : best.equal) {
    out->equal.push_back(bound->value->clone());
    used[bound->term] = true;
  }
  if (best.any != nullptr && best.any->array != nullptr) {
    out->any_array = best.any->array->clone();
    out->any_element = best.any->element->clone();
    out->any_max = best.index == relation->id ? kListMax : kIndexListMax;
  } else if (best.any != nullptr) {
    out->any = best.any->values;
    used[best.any->term] = true;
  }
  if (best.lower != nullptr) {
    out->lower = best.lower->value->clone();
    out->lower_inclusive = best.lower->op == ">=";
    used[best.lower->term] = out->any_array == nullptr;
  }
  if (best.upper != nullptr) {
    out->upper = best.upper->value->clone();
    out->upper_inclusive = best.upper->op == "<=";
    used[best.upper->term] = out->any_array == nullptr;
  }
  std::vector<ExprPtr> rest;
  for (size_t i = 0; i < terms.size(); ++i) {
    if (!used[i]) rest.push_back(std::move(terms[i]));
  }
  Scan bounded = scan;
  bounded.bounds = std::move(out);
  PlanPtr plan = make_node(std::move(bounded), {}, input->schema);
  ExprPtr predicate = make_and(std::move(rest));
  return predicate == nullptr ? plan : make_filter(std::move(plan), std::move(predicate));
}

}  // namespace

PlanPtr set_bounds(PlanPtr plan, const Catalog& catalog) {
  const auto bounded = [&](const PlanPtr& node) {
    const bool fits = node->as<Filter>() != nullptr && node->inputs[0]->as<Scan>() != nullptr;
    return fits ? bound_scan(node, catalog) : node;
  };
  each_plan_node(*plan, [&](Plan& node) {
    for (PlanPtr& input : node.inputs) input = bounded(input);
  });
  return bounded(plan);
}

}  // namespace qw::sql
