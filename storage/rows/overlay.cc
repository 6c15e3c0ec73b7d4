// Overlay: see overlay.h.
#include "storage/rows/overlay.h"

#include <algorithm>
#include <utility>

#include "src/base/assert.h"

namespace qw::storage {
namespace {

auto position(const std::vector<RelationPtr>& relations, ObjectId relation) {
  return std::lower_bound(
      relations.begin(), relations.end(), relation,
      [](const RelationPtr& state, ObjectId id) { return state->relation < id; });
}

}  // namespace

const RelationState* Overlay::find(ObjectId relation) const {
  const auto it = position(relations, relation);
  return it != relations.end() && (*it)->relation == relation ? it->get() : nullptr;
}

void Overlay::set(RelationPtr relation) {
  const auto at = position(relations, relation->relation) - relations.begin();
  const auto it = relations.begin() + at;
  if (it != relations.end() && (*it)->relation == relation->relation) {
    *it = std::move(relation);
  } else {
    relations.insert(it, std::move(relation));
  }
}

void Overlay::erase(ObjectId relation) {
  std::erase_if(relations, [&](const RelationPtr& state) { return state->relation == relation; });
}

const StagedRuns::Change* StagedRuns::find(ObjectId relation) const {
  const auto it =
      std::lower_bound(changes.begin(), changes.end(), relation,
                       [](const Change& change, ObjectId id) { return change.relation < id; });
  return it != changes.end() && it->relation == relation ? &*it : nullptr;
}

SnapshotSource::SnapshotSource(std::shared_ptr<Kv> kv, std::shared_ptr<void> keep_alive)
    : keep_alive_(std::move(keep_alive)), kv_(std::move(kv)) {}

// The read transaction decides which version is seen; its overlay is then either the published one
// or the one announced by a commit that is just becoming visible. When neither matches, the version
// was overtaken between the two steps: try again with a newer one.
Result<Snapshot> SnapshotSource::take(bool with_staged) {
  std::unique_ptr<KvRead> read;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      read = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (read) {
    QW_TRY(read->renew());
  } else {
    QW_ASSIGN_OR_RETURN(read, kv_->begin_read());
  }
  auto impl = std::make_shared<Snapshot::Impl>();
  for (;;) {
    const uint64_t version = read->version();
    {
      const std::lock_guard lock(mutex_);
      if (current_.version == version) impl->overlay = current_.overlay;
      if (announced_ && announced_->version == version) impl->overlay = announced_->overlay;
      if (impl->overlay) {
        impl->epoch = impl->overlay->epoch;
        if (with_staged) {
          for (auto it = staged_.rbegin(); it != staged_.rend(); ++it) {
            if ((*it)->epoch > impl->overlay->epoch) impl->staged.push_back(*it);
          }
          if (!impl->staged.empty()) impl->epoch = impl->staged.front()->epoch;
        }
        ++alive_[impl->overlay->epoch];
        break;
      }
    }
    read->reset();
    QW_TRY(read->renew());
  }
  impl->source = shared_from_this();
  impl->read = std::move(read);
  return Snapshot(std::move(impl));
}

void SnapshotSource::stage(std::shared_ptr<const StagedRuns> staged) {
  const std::lock_guard lock(mutex_);
  QW_ASSERT(staged_.empty() || staged_.back()->epoch < staged->epoch);
  staged_.push_back(std::move(staged));
}

void SnapshotSource::announce(uint64_t version, std::shared_ptr<const Overlay> overlay) {
  const std::lock_guard lock(mutex_);
  QW_ASSERT(version >= current_.version);
  announced_ = Version{version, std::move(overlay)};
}

void SnapshotSource::publish() {
  const std::lock_guard lock(mutex_);
  QW_ASSERT(announced_.has_value());
  current_ = *std::exchange(announced_, std::nullopt);
  drop_staged();
}

void SnapshotSource::publish(std::shared_ptr<const Overlay> overlay) {
  const std::lock_guard lock(mutex_);
  announced_.reset();  // of a transaction that has failed
  current_.overlay = std::move(overlay);
  drop_staged();
}

void SnapshotSource::drop_staged() {
  while (!staged_.empty() && staged_.front()->epoch <= current_.overlay->epoch) {
    staged_.pop_front();
  }
}

std::shared_ptr<const Overlay> SnapshotSource::current() const {
  const std::lock_guard lock(mutex_);
  return current_.overlay;
}

void SnapshotSource::give_back(std::unique_ptr<KvRead> read, Epoch epoch) {
  read->reset();
  const std::lock_guard lock(mutex_);
  const auto it = alive_.find(epoch);
  QW_ASSERT(it != alive_.end() && it->second > 0);
  if (--it->second == 0) alive_.erase(it);
  idle_.push_back(std::move(read));
}

SnapshotSource::Alive SnapshotSource::alive() const {
  const std::lock_guard lock(mutex_);
  Alive out;
  for (const auto& [epoch, count] : alive_) out.count += count;
  if (!alive_.empty()) out.oldest = alive_.begin()->first;
  return out;
}

Snapshot::Impl::~Impl() {
  if (read) source->give_back(std::move(read), overlay->epoch);
}

std::vector<RunPtr> Snapshot::Impl::runs_of(ObjectId relation) const {
  std::vector<RunPtr> runs;
  for (const auto& staged_epoch : staged) {
    if (const auto* change = staged_epoch->find(relation)) runs.push_back(change->run);
  }
  if (const RelationState* state = overlay->find(relation)) {
    runs.insert(runs.end(), state->runs.begin(), state->runs.end());
  }
  return runs;
}

}  // namespace qw::storage
