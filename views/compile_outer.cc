// ViewBuilder: outer, semi and anti joins, as inner joins and existence tests.
//
//   left join     = inner join + left rows without a match, padded
//   with residual = the inner join J filtered by it; "match" is then: the left row, whole and
//   exact,
//                   occurs among J's left columns
//   NOT IN        = anti join, less everything when the right side has a NULL, less NULL keys when
//   it
//                   has any row
// See graph.h and operators/existence.h.
#include <algorithm>
#include <numeric>

#include "views/graph.h"
#include "views/operators/existence.h"
#include "views/operators/linear.h"

namespace qw::views {
namespace {

std::vector<uint32_t> column_range(size_t from, size_t count) {
  std::vector<uint32_t> out(count);
  std::iota(out.begin(), out.end(), static_cast<uint32_t>(from));
  return out;
}

sql::ExprPtr null_test(sql::ExprKind kind, uint32_t column, Type type) {
  auto test = std::make_unique<sql::Expr>();
  test->kind = kind;
  test->type = TypeId::boolean;
  test->args.push_back(sql::make_column(column, type));
  return test;
}

}  // namespace

Result<Node*> ViewBuilder::existence(Node* left, Node* right, bool anti, std::vector<Type> before,
                                     std::vector<Type> after) {
  ExistenceOperator::Spec spec;
  spec.anti = anti;
  const auto left_key = left->index->key(), right_key = right->index->key();
  spec.left_key.assign(left_key.begin(), left_key.end());
  spec.right_key.assign(right_key.begin(), right_key.end());
  spec.pad_before = std::move(before);
  spec.pad_after = std::move(after);
  QW_ASSIGN_OR_RETURN(
      Node * node, add_operator(std::make_unique<ExistenceOperator>(host_, *left->index,
                                                                    *right->index, std::move(spec)),
                                {}));
  left->before.push_back({node, 0});
  right->before.push_back({node, 1});
  return node;
}

// Rows of one side of a join that have a match, or have none. `joined` is the inner join when it
// has a residual predicate; the side's columns begin at `first` in it.
Result<Node*> ViewBuilder::side_existence(const sql::Plan& plan, bool left_side, Node* joined,
                                          bool anti, std::vector<Type> before,
                                          std::vector<Type> after) {
  const auto& join = *plan.as<sql::Join>();
  const sql::Plan& side = *plan.inputs[left_side ? 0 : 1];
  const sql::Plan& other = *plan.inputs[left_side ? 1 : 0];
  if (join.residual == nullptr) {
    std::vector<uint32_t> key, other_key;
    std::vector<bool> skip;
    for (const auto& pair : join.keys) {
      key.push_back(left_side ? pair.left : pair.right);
      other_key.push_back(left_side ? pair.right : pair.left);
      skip.push_back(!pair.null_safe);
    }
    // Rows with a NULL in the key match nothing, but an anti join keeps them: existence() sees them
    // on their way to the index.
    QW_ASSIGN_OR_RETURN(Node * rows, arrange(side, key, skip, Sharing::refused));
    QW_ASSIGN_OR_RETURN(Node * others, arrange(other, other_key, skip, Sharing::allowed));
    return existence(rows, others, anti, std::move(before), std::move(after));
  }
  const std::vector<Type> types = schema_types(side);
  const size_t first = left_side ? 0 : plan.inputs[0]->schema.size();
  const std::vector<bool> keep(types.size(), false);
  QW_ASSIGN_OR_RETURN(Node * input, node_of(side));
  QW_ASSIGN_OR_RETURN(Node * rows, arrange_node(input, types, column_range(0, types.size()), keep,
                                                Identity::exact));
  QW_ASSIGN_OR_RETURN(Node * picked, add_operator(std::make_unique<PickOperator>(
                                                      host_, column_range(first, types.size())),
                                                  {joined}));
  QW_ASSIGN_OR_RETURN(Node * matched, arrange_node(picked, types, column_range(0, types.size()),
                                                   keep, Identity::exact));
  return existence(rows, matched, anti, std::move(before), std::move(after));
}

Result<Node*> ViewBuilder::make_not_in(const sql::Plan& plan) {
  const auto& join = *plan.as<sql::Join>();
  if (join.keys.size() != 1 || join.residual != nullptr) {
    return fail(feature_not_supported("NOT IN over several columns in materialized views"));
  }
  const std::vector<Type> types = schema_types(*plan.inputs[0]);
  const std::vector<Type> right_types = schema_types(*plan.inputs[1]);
  const uint32_t left_key = join.keys[0].left, right_key = join.keys[0].right;
  QW_ASSIGN_OR_RETURN(Node * anti, side_existence(plan, true, nullptr, true, {}, {}));
  QW_ASSIGN_OR_RETURN(Node * right, node_of(*plan.inputs[1]));
  // Without any NULL on the right.
  const auto right_null = null_test(sql::ExprKind::is_null, right_key, right_types[right_key]);
  QW_ASSIGN_OR_RETURN(Node * nulls, make_filter(*right_null, right, right_types));
  QW_ASSIGN_OR_RETURN(Node * any_null, arrange_node(nulls, right_types, {}, {}, Identity::equal));
  QW_ASSIGN_OR_RETURN(Node * anti_rows, arrange_node(anti, types, {}, {}, Identity::equal));
  QW_ASSIGN_OR_RETURN(Node * certain, existence(anti_rows, any_null, true, {}, {}));
  // NULL keys only when the right side is empty.
  const auto is_null = null_test(sql::ExprKind::is_null, left_key, types[left_key]);
  const auto not_null = null_test(sql::ExprKind::is_not_null, left_key, types[left_key]);
  QW_ASSIGN_OR_RETURN(Node * with_key, make_filter(*not_null, certain, types));
  QW_ASSIGN_OR_RETURN(Node * without_key, make_filter(*is_null, certain, types));
  QW_ASSIGN_OR_RETURN(Node * without_rows,
                      arrange_node(without_key, types, {}, {}, Identity::equal));
  QW_ASSIGN_OR_RETURN(Node * any_right, arrange_node(right, right_types, {}, {}, Identity::equal));
  QW_ASSIGN_OR_RETURN(Node * lonely, existence(without_rows, any_right, true, {}, {}));
  return add_operator(std::make_unique<PassOperator>(host_), {with_key, lonely});
}

Result<Node*> ViewBuilder::make_outer(const sql::Plan& plan) {
  const auto& join = *plan.as<sql::Join>();
  const bool existence_only = join.type == sql::JoinType::semi || join.type == sql::JoinType::anti;
  if (join.type == sql::JoinType::anti && join.null_aware) return make_not_in(plan);
  // A side whose rows are tested for a match has to come by.
  const bool tests_left = join.type == sql::JoinType::left || join.type == sql::JoinType::full;
  const bool tests_right = join.type == sql::JoinType::right || join.type == sql::JoinType::full;
  Node* joined = nullptr;
  if (!existence_only || join.residual != nullptr) {
    QW_ASSIGN_OR_RETURN(
        joined, make_inner(plan, Keep::all, tests_left ? Sharing::refused : Sharing::allowed,
                           tests_right ? Sharing::refused : Sharing::allowed));
  }
  if (existence_only) {
    return side_existence(plan, true, joined, join.type == sql::JoinType::anti, {}, {});
  }
  std::vector<Node*> parts{joined};
  if (tests_left) {
    QW_ASSIGN_OR_RETURN(
        Node * padded, side_existence(plan, true, joined, true, {}, schema_types(*plan.inputs[1])));
    parts.push_back(padded);
  }
  if (tests_right) {
    QW_ASSIGN_OR_RETURN(Node * padded, side_existence(plan, false, joined, true,
                                                      schema_types(*plan.inputs[0]), {}));
    parts.push_back(padded);
  }
  return add_operator(std::make_unique<PassOperator>(host_), parts);
}

}  // namespace qw::views
