// Making operators from plan nodes; see program_maker.h.
#include "views/program_maker.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "src/base/assert.h"
#include "views/operators/expand.h"
#include "views/operators/group.h"
#include "views/operators/linear.h"
#include "views/operators/top_k.h"
#include "views/operators/top_rows.h"
#include "views/operators/window.h"

namespace qw::views {

ProgramMaker::~ProgramMaker() = default;

Result<sql::Program> ProgramMaker::compile(std::span<const sql::Expr* const> expressions,
                                           std::span<const Type> input) {
  return sql::Program::compile(expressions, input);
}

std::vector<Type> schema_types(const sql::Plan& plan) { return plan.schema.types(); }

namespace {

using Made = Result<std::unique_ptr<Operator>>;

std::vector<const sql::Expr*> pointers(const std::vector<sql::ExprPtr>& expressions) {
  std::vector<const sql::Expr*> out;
  for (const auto& expression : expressions) out.push_back(expression.get());
  return out;
}

Made make_values(Host& host, const sql::Plan& plan, ProgramMaker& programs) {
  std::vector<sql::Program> rows;
  for (const auto& row : plan.as<sql::Values>()->rows) {
    QW_ASSIGN_OR_RETURN(auto program, programs.compile(pointers(row), {}));
    rows.push_back(std::move(program));
  }
  return std::make_unique<ValuesOperator>(host, std::move(rows), schema_types(plan));
}

Made make_group(Host& host, const sql::Plan& plan, const ProgramMaker& programs) {
  GroupSpec spec;
  spec.input = schema_types(*plan.inputs[0]);
  spec.not_null = plan.inputs[0]->properties.not_null;
  spec.runs_once = programs.runs_once();
  spec.append_only = programs.runs_once() || plan.inputs[0]->properties.append_only;
  if (const auto* aggregate = plan.as<sql::Aggregate>()) {
    spec.groups = aggregate->groups;
    spec.calls = aggregate->calls;
    spec.single_row = spec.groups.empty();
    spec.hop = aggregate->hop;
  } else {
    spec.groups.resize(spec.input.size());
    std::iota(spec.groups.begin(), spec.groups.end(), 0U);
  }
  QW_ASSIGN_OR_RETURN(auto made, GroupOperator::make(host, std::move(spec)));
  return made;
}

bool contains(const std::vector<uint32_t>& columns, uint32_t column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

// Whether rows stay in their partition and only move up in it.
bool ranks_rising(const sql::TopK& top, const std::optional<sql::Properties::Rising>& rising) {
  return rising && top.limit && !top.order.empty() && top.order[0].order.descending &&
         contains(rising->columns, top.order[0].column) &&
         std::all_of(top.partition.begin(), top.partition.end(),
                     [&](uint32_t column) { return contains(rising->key, column); });
}

Made make_set_op(Host& host, const sql::Plan& plan) {
  GroupSpec spec;
  switch (plan.as<sql::SetOp>()->kind) {
    case sql::SetOpKind::union_all:
      QW_UNREACHABLE();
    case sql::SetOpKind::except:
      spec.multiplicity = Multiplicity::except;
      break;
    case sql::SetOpKind::except_all:
      spec.multiplicity = Multiplicity::except_all;
      break;
    case sql::SetOpKind::intersect:
      spec.multiplicity = Multiplicity::intersect;
      break;
    case sql::SetOpKind::intersect_all:
      spec.multiplicity = Multiplicity::intersect_all;
      break;
  }
  QW_ASSERT(plan.inputs.size() == 2);
  spec.input = schema_types(plan);
  spec.groups.resize(spec.input.size());
  std::iota(spec.groups.begin(), spec.groups.end(), 0U);
  QW_ASSIGN_OR_RETURN(auto made, GroupOperator::make(host, std::move(spec)));
  return made;
}

}  // namespace

Made make_operator(Host& host, const sql::Plan& plan, ProgramMaker& programs) {
  if (plan.as<sql::Values>() != nullptr) return make_values(host, plan, programs);
  const std::vector<Type> input = schema_types(*plan.inputs[0]);
  if (const auto* filter = plan.as<sql::Filter>()) {
    QW_ASSIGN_OR_RETURN(auto program, programs.compile(*filter->predicate, input));
    return std::make_unique<FilterOperator>(host, std::move(program));
  }
  if (const auto* project = plan.as<sql::Project>()) {
    QW_ASSIGN_OR_RETURN(auto program, programs.compile(pointers(project->expressions), input));
    return std::make_unique<ProjectOperator>(host, std::move(program));
  }
  if (const auto* set = plan.as<sql::ProjectSet>()) {
    if (set->function->set == nullptr) {
      return fail(feature_not_supported(
          "set-returning function " + std::string(set->function->name) + " is not supported yet"));
    }
    QW_ASSIGN_OR_RETURN(auto program, programs.compile(pointers(set->arguments), input));
    return std::make_unique<ProjectSetOperator>(host, *set, std::move(program), schema_types(plan));
  }
  if (const auto* window = plan.as<sql::WindowExpand>()) {
    if (input[window->time_column].physical() != Physical::i64) {
      return fail(feature_not_supported("windows over this type of time column"));
    }
    return std::make_unique<WindowExpandOperator>(host, *window);
  }
  if (plan.as<sql::SetOp>() != nullptr) return make_set_op(host, plan);
  if (plan.as<sql::Aggregate>() != nullptr || plan.as<sql::Distinct>() != nullptr) {
    return make_group(host, plan, programs);
  }
  if (const auto* top = plan.as<sql::TopK>()) {
    const bool append_only = programs.runs_once() || plan.inputs[0]->properties.append_only;
    if (append_only && TopRowsOperator::fits(*top)) {
      return std::make_unique<TopRowsOperator>(host, *top, input);
    }
    using Input = TopKOperator::Input;
    const Input kind = append_only                                             ? Input::append_only
                       : ranks_rising(*top, plan.inputs[0]->properties.rising) ? Input::rising
                                                                               : Input::any;
    return std::make_unique<TopKOperator>(host, *top, input, kind);
  }
  if (const auto* windows = plan.as<sql::Window>()) {
    QW_ASSIGN_OR_RETURN(auto made, WindowOperator::make(host, *windows, input));
    return made;
  }
  return fail(feature_not_supported("this operator is not supported yet"));
}

}  // namespace qw::views
