// Graph: the way of a batch; see graph.h.
#include "views/graph.h"

#include "src/base/assert.h"
#include "views/operators/join.h"

namespace qw::views {

void Graph::deliver(const Edge& edge, const Batch& batch) {
  Node& node = *edge.to;
  if (node.host != nullptr && node.host->failed()) return;
  if (node.index != nullptr) {
    for (const Edge& next : node.before) deliver(next, batch);
    const Arena::Mark mark = index_arena_.mark();
    if (node.settled_by == nullptr) {
      node.index->update(batch, index_arena_);
    } else if (const Batch rest = node.settled_by->unmatched(batch); !rest.empty()) {
      node.index->update(rest, index_arena_);
    }
    index_arena_.rewind(mark);
    // A join may feed another one that probes the same index. That one must have taken this change
    // in before it sees what follows from it: before the update those upstream come first, after
    // it those downstream, so that for each join the index changes at one moment.
    for (auto next = node.outputs.rbegin(); next != node.outputs.rend(); ++next) {
      deliver(*next, batch);
    }
    return;
  }
  if (node.sink != nullptr) {
    node.sink->push(batch);
    push_relation(node.view, batch);
    return;
  }
  node.op->accept(edge.port, batch);
  drain(node);
}

void Graph::drain(Node& node) {
  Batch out;
  while (node.op->produce(out)) {
    for (const Edge& edge : node.outputs) deliver(edge, out);
  }
}

void Graph::push_relation(ObjectId relation, const Batch& batch) {
  const auto it = roots.find(relation);
  if (it == roots.end()) return;
  for (const Root& root : it->second) {
    if (root.live) deliver({root.node, 0}, batch);
  }
}

void Graph::finish_epoch() {
  for (const auto& node : nodes) {
    if (node->index != nullptr) {
      if (node->index->negative_rows() == 0) continue;
      for (const ObjectId user : node->users) {
        hosts.at(user)->fail(internal_error("more rows were taken away than there were"));
      }
      continue;
    }
    if (node->op == nullptr || !node->op->needs_finish()) continue;
    if (node->host != nullptr && node->host->failed()) continue;
    node->op->finish();
    drain(*node);
  }
}

}  // namespace qw::views
