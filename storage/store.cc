// Store: see store.h. The public face; the work is in store/.
#include "storage/store.h"

#include <algorithm>
#include <utility>

#include "src/base/assert.h"
#include "storage/journal/journal_file.h"
#include "storage/log/piece.h"
#include "storage/rows/run.h"
#include "storage/store/store_impl.h"

namespace qw::storage {

StagedEpoch::StagedEpoch() = default;
StagedEpoch::StagedEpoch(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
StagedEpoch::StagedEpoch(StagedEpoch&&) noexcept = default;
StagedEpoch& StagedEpoch::operator=(StagedEpoch&&) noexcept = default;
StagedEpoch::~StagedEpoch() = default;
Epoch StagedEpoch::epoch() const { return impl_->write.epoch; }
size_t StagedEpoch::bytes() const { return impl_->bytes; }

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const StoreOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  Run::limit_spare(options.spare_bytes_max);
  QW_TRY(impl->open_files());
  QW_TRY(impl->recover());
  return std::make_unique<Store>(std::move(impl));
}

const std::filesystem::path& Store::path() const { return impl_->path; }
Epoch Store::epoch() const { return impl_->source->current()->epoch; }
uint64_t Store::identity() const { return impl_->identity; }

StagedEpoch Store::stage(EpochWrite write) {
  QW_ASSERT(write.epoch.value == impl_->staged.value + 1);
  impl_->staged = write.epoch;
  auto runs = std::make_shared<StagedRuns>();
  runs->epoch = write.epoch;
  auto staged = std::make_shared<StagedEpoch::Impl>();
  for (const RelationDelta& delta : write.relations) {
    RunPtr run = Run::encode(write.epoch, delta.changes);
    staged->bytes += run->memory_bytes();
    runs->changes.push_back({delta.relation, std::move(run), delta.rows_added, delta.copies_added});
  }
  for (EncodedDelta& delta : write.encoded) {
    staged->bytes += delta.run->memory_bytes();
    runs->changes.push_back(
        {delta.relation, std::move(delta.run), delta.rows_added, delta.copies_added});
  }
  write.encoded.clear();
  std::sort(runs->changes.begin(), runs->changes.end(),
            [](const auto& a, const auto& b) { return a.relation < b.relation; });
  std::sort(write.state_logs.begin(), write.state_logs.end(),
            [](const StateLog& a, const StateLog& b) { return a.state < b.state; });
  for (size_t i = 1; i < runs->changes.size(); ++i) {
    QW_ASSERT(runs->changes[i - 1].relation < runs->changes[i].relation);
  }
  for (size_t i = 1; i < write.state_logs.size(); ++i) {
    QW_ASSERT(write.state_logs[i - 1].state < write.state_logs[i].state);
  }
  for (const StateLog& log : write.state_logs) {
    for (const std::string& piece : log.pieces) staged->bytes += piece.size();
  }
  for (const ImageWrite& image : write.images) {
    for (const std::string& piece : image.pieces) staged->bytes += piece.size();
  }
  write.relations.clear();  // the bytes behind them belong to the caller
  staged->write = std::move(write);
  staged->runs = runs;
  impl_->source->stage(std::move(runs));
  return StagedEpoch(std::move(staged));
}

EncodedDelta Store::encode(Epoch epoch, const RelationDelta& delta) const {
  RunPtr run = Run::encode(epoch, delta.changes, impl_->path);
  return {delta.relation, std::move(run), delta.rows_added, delta.copies_added};
}

void Store::free_spare() { Run::free_spare(); }

Result<Snapshot> Store::latest() const { return impl_->source->latest(); }
Result<Snapshot> Store::snapshot() const { return impl_->source->snapshot(); }

Result<void> Store::commit(const StagedEpoch& staged) {
  QW_ASSERT(staged.impl_ != nullptr);
  return impl_->commit(*staged.impl_);
}

Result<void> Store::commit(EpochWrite write) { return commit(stage(std::move(write))); }
Result<bool> Store::maintain(bool idle) { return impl_->maintain(idle); }
bool Store::is_behind() const {
  return impl_->foldable_bytes() / 2 > impl_->options.overlay_bytes_max;
}

Result<void> Store::recover_state(StateId state, const ImageSink& image, const LogSink& log,
                                  uint64_t partitions) const {
  StateImages images;
  std::deque<LogDirectory::Ref> refs;
  std::unique_ptr<KvRead> read;
  std::vector<std::string> journaled;
  Epoch epoch;
  {
    // Commits change all of them; between two of them they fit together.
    const std::lock_guard lock(impl_->commit_mutex);
    if (const auto it = impl_->images.find(state); it != impl_->images.end()) images = it->second;
    if (const auto* found = impl_->log.find({LogKind::state, state.value})) refs = *found;
    const auto& pieces = impl_->unwritten.pieces;
    if (const auto it = pieces.find(state); it != pieces.end()) journaled = it->second;
    epoch = this->epoch();
    QW_ASSIGN_OR_RETURN(read, impl_->kv->begin_read());
  }
  const auto damaged = [&](std::string_view what) {
    return fail(data_corrupted(fmt::format("stored {} is damaged: state {}", what, state)));
  };
  PieceReader pieces(Table::image);
  for (const auto& [partition, record] : images.partitions) {
    if (partition < 64 && (partitions >> partition & 1) == 0) continue;
    for (uint32_t chunk = 0; chunk < record.chunks; ++chunk) {
      const ImageKey key(state, partition, chunk);
      QW_ASSIGN_OR_RETURN(const auto value, read->get(Table::image, key.view()));
      if (!value) return damaged("image");
      auto piece = pieces.add({key.view(), *value});
      if (!piece) return damaged("image");
      if (*piece) QW_TRY(image(partition, Epoch{record.epoch}, **piece));
    }
    if (pieces.inside_piece()) return damaged("image");
  }
  PieceReader log_pieces(Table::log);
  for (const LogDirectory::Ref& ref : refs) {
    for (uint32_t part = 0; part < ref.parts; ++part) {
      const LogKey key(ref.epoch, {LogKind::state, state.value}, part);
      QW_ASSIGN_OR_RETURN(const auto value, read->get(Table::log, key.view()));
      if (!value) return damaged("log");
      auto piece = log_pieces.add({key.view(), *value});
      if (!piece) return damaged("log");
      if (*piece) QW_TRY(log(ref.epoch, **piece));
    }
    if (log_pieces.inside_piece()) return damaged("log");
  }
  for (const std::string& piece : journaled) QW_TRY(log(epoch, piece));
  return {};
}

Result<std::optional<std::string>> Store::meta(std::string_view key) const {
  QW_ASSIGN_OR_RETURN(const Snapshot now, snapshot());
  return now.meta(key);
}

Result<std::vector<std::pair<std::string, std::string>>> Store::meta_list(
    std::string_view prefix) const {
  QW_ASSIGN_OR_RETURN(const Snapshot now, snapshot());
  return now.meta_list(prefix);
}

StoreStats Store::stats() const {
  const std::lock_guard lock(impl_->commit_mutex);
  StoreStats out = impl_->counters;
  const auto overlay = impl_->source->current();
  out.epoch = overlay->epoch;
  for (const RelationPtr& relation : overlay->relations) out.overlay_bytes += relation->run_bytes();
  if (const auto kv = impl_->kv->stats()) {
    out.file_bytes = kv->file_bytes;
    out.free_bytes = kv->free_bytes;
  }
  out.log_bytes = impl_->log.bytes();
  out.log_entries = impl_->log.entries();
  const SnapshotSource::Alive alive = impl_->source->alive();
  out.snapshots = alive.count;
  out.oldest_snapshot = alive.oldest;
  out.read_only = impl_->failed.has_value();
  return out;
}

std::vector<RelationStats> Store::relations() const {
  std::vector<RelationStats> out;
  const auto overlay = impl_->source->current();
  for (const RelationPtr& state : overlay->relations) {
    out.push_back({state->relation, state->rows, state->base_rows, state->base_bytes,
                   state->run_rows(), state->run_bytes(), state->runs.size(), state->folded});
  }
  return out;
}

std::vector<StateStats> Store::states() const {
  const std::lock_guard lock(impl_->commit_mutex);
  std::map<StateId, StateStats> by_id;
  for (const auto& [state, images] : impl_->images) {
    StateStats& stats = by_id[state];
    stats.partitions = images.partition_count;
    stats.oldest_image = images.covered();
    for (const auto& [partition, image] : images.partitions) stats.image_bytes += image.bytes;
  }
  for (const auto& [stream, refs] : impl_->log.streams()) {
    if (stream.kind == LogKind::state) {
      by_id[StateId{stream.id}].log_bytes = impl_->log.bytes_of(stream);
    }
  }
  for (const auto& [state, pieces] : impl_->unwritten.pieces) {
    for (const std::string& piece : pieces) by_id[state].log_bytes += piece.size();
  }
  std::vector<StateStats> out;
  for (auto& [state, stats] : by_id) {
    stats.state = state;
    out.push_back(stats);
  }
  std::stable_sort(out.begin(), out.end(), [](const StateStats& a, const StateStats& b) {
    return a.log_bytes > b.log_bytes;
  });
  return out;
}

std::vector<ImageAge> Store::images(StateId state) const {
  const std::lock_guard lock(impl_->commit_mutex);
  std::vector<ImageAge> out;
  const auto it = impl_->images.find(state);
  if (it == impl_->images.end()) return out;
  for (uint32_t partition = 0; partition < it->second.partition_count; ++partition) {
    const auto image = it->second.partitions.find(partition);
    out.push_back(image == it->second.partitions.end()
                      ? ImageAge{partition, {}, 0}
                      : ImageAge{partition, Epoch{image->second.epoch}, image->second.bytes});
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const ImageAge& a, const ImageAge& b) { return a.epoch < b.epoch; });
  return out;
}

Result<void> Store::check_readers() {
  QW_TRY(impl_->kv->check_readers());
  return {};
}

Result<void> Store::backup_to(const std::filesystem::path& dir) const {
  QW_TRY(impl_->take_journal_in());
  QW_TRY(impl_->kv->copy_to(dir.string()));
  if (impl_->identity == 0) return {};
  QW_TRY(JournalFile::create(dir / kJournalFile, impl_->identity, Durability::sync));
  return sync_directory(dir);
}

}  // namespace qw::storage
