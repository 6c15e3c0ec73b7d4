// OrderedBag; see ordered_bag.h.
#include "views/state/ordered_bag.h"

namespace qw::views {

BagRow* OrderedBag::change(std::string_view key, std::string_view row, int64_t weight,
                           BlobHeap& heap, int64_t& negative) {
  total += weight;
  const auto it = rows.find(Less::Probe{key, row});
  if (it == rows.end()) {
    auto* added =
        reinterpret_cast<BagRow*>(heap.allocate(sizeof(BagRow) + key.size() + row.size()));
    *added = {weight,
              0,
              nullptr,
              0,
              0,
              static_cast<uint32_t>(key.size()),
              static_cast<uint32_t>(row.size())};
    char* bytes = reinterpret_cast<char*>(added + 1);
    if (!key.empty()) std::memcpy(bytes, key.data(), key.size());
    if (!row.empty()) std::memcpy(bytes + key.size(), row.data(), row.size());
    if (weight < 0) ++negative;
    rows.insert(added);
    return added;
  }
  BagRow* found = *it;
  negative -= found->weight < 0 ? 1 : 0;
  found->weight += weight;
  negative += found->weight < 0 ? 1 : 0;
  if (found->weight != 0 || found->emitted != 0) return found;
  erase(it, heap);
  return nullptr;
}

void OrderedBag::erase(Rows::iterator at, BlobHeap& heap) {
  BagRow* row = *at;
  rows.erase(at);
  if (row->extra != nullptr) heap.release(row->extra, row->extra_size);
  heap.release(reinterpret_cast<char*>(row), sizeof(BagRow) + row->key_size + row->row_size);
}

void OrderedBag::clear(BlobHeap& heap) {
  for (BagRow* row : rows) {
    if (row->extra != nullptr) heap.release(row->extra, row->extra_size);
    heap.release(reinterpret_cast<char*>(row), sizeof(BagRow) + row->key_size + row->row_size);
  }
  rows.clear();
}

}  // namespace qw::views
