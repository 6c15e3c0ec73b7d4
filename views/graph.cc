// Graph: the way of a batch; see graph.h.
#include "views/graph.h"

#include <set>
#include <utility>
#include <vector>

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
  spread_failures();
}

Node* Graph::index_of(StateId state) const {
  for (const auto& node : nodes) {
    if (node->index != nullptr && node->index->id == state) return node.get();
  }
  return nullptr;
}

// Views that a change of `view` reaches directly: the ends found below the scans of it.
std::set<ObjectId> Graph::readers(ObjectId view) const {
  std::set<ObjectId> found;
  const auto scans = roots.find(view);
  if (scans == roots.end()) return found;
  std::set<const Node*> seen;
  std::vector<const Node*> todo;
  for (const Root& root : scans->second) todo.push_back(root.node);
  while (!todo.empty()) {
    const Node* node = todo.back();
    todo.pop_back();
    if (!seen.insert(node).second) continue;
    if (node->sink != nullptr) found.insert(node->view);
    for (const auto* edges : {&node->before, &node->outputs}) {
      for (const Edge& edge : *edges) todo.push_back(edge.to);
    }
  }
  return found;
}

void Graph::spread_failures() {
  std::vector<ObjectId> todo;
  for (const auto& [view, host] : hosts) {
    if (host->take_news()) todo.push_back(view);
  }
  for (size_t i = 0; i < todo.size(); ++i) {
    const Error error = *hosts.at(todo[i])->failure();
    broken.push_back(todo[i]);
    for (const ObjectId reader : readers(todo[i])) {
      ViewHost& host = *hosts.at(reader);
      host.fail(error);
      if (host.take_news()) todo.push_back(reader);
    }
  }
}

}  // namespace qw::views
