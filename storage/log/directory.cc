// LogDirectory: see directory.h.
#include "storage/log/directory.h"

#include <algorithm>

#include "src/base/assert.h"

namespace qw::storage {
namespace {

// Below these, obsolete entries wait: each erased one costs about a page.
constexpr size_t kGarbageEntriesMin = 256;
constexpr uint64_t kGarbageBytesMin = 4 << 20;

}  // namespace

void LogDirectory::add(LogStream stream, Epoch epoch, uint32_t parts, uint64_t bytes) {
  entries_ += parts;
  bytes_ += bytes;
  std::deque<Ref>& refs = streams_[stream];
  if (!refs.empty() && refs.back().epoch == epoch) {
    refs.back().parts += parts;
    refs.back().bytes += bytes;
    return;
  }
  QW_ASSERT(refs.empty() || refs.back().epoch < epoch);
  refs.push_back({epoch, parts, bytes});
}

void LogDirectory::discard(LogStream stream, const Ref& ref) {
  garbage_.insert({ref.epoch, stream, ref.parts, ref.bytes});
  garbage_bytes_ += ref.bytes;
}

void LogDirectory::release(LogStream stream, Epoch epoch) {
  const auto it = streams_.find(stream);
  if (it == streams_.end()) return;
  while (!it->second.empty() && it->second.front().epoch <= epoch) {
    discard(stream, it->second.front());
    it->second.pop_front();
  }
  if (it->second.empty()) streams_.erase(it);
}

void LogDirectory::release_all(LogStream stream) { release(stream, Epoch{~uint64_t{0}}); }

const std::deque<LogDirectory::Ref>* LogDirectory::find(LogStream stream) const {
  const auto it = streams_.find(stream);
  return it == streams_.end() ? nullptr : &it->second;
}

uint64_t LogDirectory::bytes_of(LogStream stream) const {
  uint64_t sum = 0;
  if (const std::deque<Ref>* refs = find(stream)) {
    for (const Ref& ref : *refs) sum += ref.bytes;
  }
  return sum;
}

bool LogDirectory::wants_collection() const {
  return garbage_.size() >= kGarbageEntriesMin || garbage_bytes_ >= kGarbageBytesMin;
}

Result<size_t> LogDirectory::collect(KvWrite& txn, size_t entries_max) {
  size_t erased = 0;
  while (!garbage_.empty() && erased < entries_max) {
    const Garbage garbage = *garbage_.begin();
    for (uint32_t part = 0; part < garbage.parts; ++part) {
      const LogKey key(garbage.epoch, garbage.stream, part);
      QW_ASSIGN_OR_RETURN(const auto size, txn.erase(Table::log, key.view()));
      if (!size) return fail(data_corrupted("stored log entry is missing"));
    }
    erased += garbage.parts;
    garbage_.erase(garbage_.begin());
    garbage_bytes_ -= garbage.bytes;
    entries_ -= garbage.parts;
    bytes_ -= garbage.bytes;
  }
  return erased;
}

}  // namespace qw::storage
