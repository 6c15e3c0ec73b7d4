// ViewBuilder: joins of rows with the maximum of their group, where rows only come.
//
// Every other pair of a row and a group's maximum may become an answer some day, so a plain join
// keeps all rows; see operators/peak_join.h for what is different here, and graph.h.
#include "views/graph.h"
#include "views/operators/peak_join.h"

namespace qw::views {

Result<Node*> ViewBuilder::make_peak_join(const sql::Plan& plan) {
  const auto& join = *plan.as<sql::Join>();
  const sql::PeakJoin& peak = *plan.properties.peak;
  const uint32_t rows = peak.rows;
  PeakJoinSpec spec;
  for (size_t k = 0; k < join.keys.size(); ++k) {
    if (k == peak.key) continue;
    spec.row_key.push_back(rows == 0 ? join.keys[k].left : join.keys[k].right);
    spec.peak_key.push_back(rows == 0 ? join.keys[k].right : join.keys[k].left);
    spec.skip_null.push_back(!join.keys[k].null_safe);
  }
  spec.rows = schema_types(*plan.inputs[rows]);
  spec.peaks = schema_types(*plan.inputs[1 - rows]);
  spec.row_value = peak.row_value;
  spec.peak_value = peak.peak_value;
  spec.highest = peak.highest;
  spec.equal = peak.equal;
  spec.rows_first = rows == 0;
  QW_ASSIGN_OR_RETURN(Node * row_node, node_of(*plan.inputs[rows]));
  QW_ASSIGN_OR_RETURN(Node * peak_node, node_of(*plan.inputs[1 - rows]));
  QW_ASSIGN_OR_RETURN(Node * node,
                      add_operator(std::make_unique<PeakJoinOperator>(host_, std::move(spec)),
                                   {row_node, peak_node}));
  if (join.residual == nullptr) return node;
  std::vector<Type> types = schema_types(*plan.inputs[0]);
  const std::vector<Type> right = schema_types(*plan.inputs[1]);
  types.insert(types.end(), right.begin(), right.end());
  return make_filter(*join.residual, node, types);
}

}  // namespace qw::views
