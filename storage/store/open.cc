// Open: from a directory to a running store. Meta records say how far everything is; the keys of
// the log (not its values) fill the directory; the runs of relations are read back and merged to
// one each.
//
// Nothing is repaired here and nothing is skipped: what does not add up is XX001. Of a relation's
// log that is only said to those who read the relation.
// Tests: tests/unit/storage/store_test.cc, tests/crash/.
#include <algorithm>
#include <array>
#include <utility>

#include "src/base/assert.h"
#include "src/base/random.h"
#include "storage/journal/epoch_record.h"
#include "storage/journal/journal_file.h"
#include "storage/lmdb/lmdb_kv.h"
#include "storage/log/piece.h"
#include "storage/store/store_impl.h"

namespace qw::storage {
namespace {

constexpr size_t kScanEntries = 512;

Error damaged(std::string_view what) {
  return data_corrupted(fmt::format("stored {} is damaged", what))
      .with_hint("Run quickwater check, and restore the data directory from a backup.");
}

// Calls `visit` for every meta record of a class.
template <typename Visit>
Result<void> each_meta(KvRead& read, char meta_class, size_t id_bytes, const Visit& visit) {
  const std::string prefix = meta_key(meta_class);
  QW_ASSIGN_OR_RETURN(const auto cursor, read.cursor(Table::meta));
  QW_TRY(cursor->seek(prefix, Direction::forward));
  for (KvEntry entry;;) {
    QW_ASSIGN_OR_RETURN(const size_t count, cursor->next({&entry, 1}));
    if (count == 0 || !entry.key.starts_with(prefix)) return {};
    if (entry.key.size() != 1 + id_bytes) return fail(damaged("meta key"));
    QW_TRY(visit(entry.key.data() + 1, entry));
  }
}

}  // namespace

Result<void> Store::Impl::open_files() {
  if (options.kv) {
    kv = options.kv;
    journal = options.journal;
    return {};
  }
  if (options.ephemeral) {
    QW_ASSIGN_OR_RETURN(directory, DataDirectory::open_private(options.dir));
  } else {
    QW_ASSIGN_OR_RETURN(directory, DataDirectory::open(options.dir, options.may_create));
  }
  path = directory->path();
  QW_ASSIGN_OR_RETURN(kv, open_lmdb(directory->store_file(), durability()));
  return options.ephemeral ? Result<void>() : directory->sync();
}

Result<void> Store::Impl::recover() {
  QW_ASSIGN_OR_RETURN(auto read, kv->begin_read());
  QW_ASSIGN_OR_RETURN(auto format, read->get(Table::meta, meta_key(kMetaFormat)));
  if (!format) {
    read.reset();
    QW_ASSIGN_OR_RETURN(const auto txn, kv->begin_write());
    QW_TRY(put_meta_record(*txn, meta_key(kMetaFormat), kFormatVersion));
    QW_TRY(put_meta_record(*txn, meta_key(kMetaEpoch), EpochRecord{}));
    if (directory) {
      // Before there is a store that needs it.
      const uint64_t made = options.ephemeral ? 0 : entropy_u64() | 1;
      QW_ASSIGN_OR_RETURN(journal,
                          JournalFile::create(directory->journal_file(), made, durability()));
      if (!options.ephemeral) {
        QW_TRY(put_meta_record(*txn, meta_key(kMetaIdentity), made));
        QW_TRY(directory->sync());
      }
    }
    QW_TRY(txn->commit());
    QW_ASSIGN_OR_RETURN(read, kv->begin_read());
    QW_ASSIGN_OR_RETURN(format, read->get(Table::meta, meta_key(kMetaFormat)));
    if (!format) return fail(damaged("format version"));
  }
  QW_ASSIGN_OR_RETURN(const auto version,
                      read_meta_record<uint32_t>(meta_key(kMetaFormat), *format));
  if (version != kFormatVersion) {
    return fail(object_not_in_prerequisite_state(fmt::format(
        "data directory has format {}, this program reads format {}", version, kFormatVersion)));
  }
  QW_ASSIGN_OR_RETURN(const auto identifying, read->get(Table::meta, meta_key(kMetaIdentity)));
  if (identifying) {
    QW_ASSIGN_OR_RETURN(identity,
                        read_meta_record<uint64_t>(meta_key(kMetaIdentity), *identifying));
  }
  if (directory && !journal) {
    QW_ASSIGN_OR_RETURN(journal,
                        JournalFile::open(directory->journal_file(), identity, durability()));
  }
  EpochRecord record;
  QW_TRY(recover_directories(*read, record));

  Overlay overlay;
  overlay.epoch = Epoch{record.epoch};
  std::vector<std::shared_ptr<RelationState>> relations;
  const auto add_relation = [&](const char* id, const KvEntry& entry) -> Result<void> {
    QW_ASSIGN_OR_RETURN(const auto stored,
                        read_meta_record<RelationRecord>(entry.key, entry.value));
    auto state = std::make_shared<RelationState>();
    state->relation = ObjectId{load_be<uint32_t>(id)};
    state->rows = stored.rows;
    state->copies = stored.copies;
    state->base_rows = stored.base_rows;
    state->base_bytes = stored.base_bytes;
    state->folded = Epoch{stored.folded};
    overlay.set(state);
    relations.push_back(std::move(state));
    return {};
  };
  QW_TRY(each_meta(*read, kMetaRelation, 4, add_relation));
  release_obsolete(overlay);
  for (const auto& state : relations) {
    const auto* refs = log.find({LogKind::relation, state->relation.value});
    if (refs == nullptr) continue;
    auto run = read_runs(*read, state->relation, *refs);
    if (run) {
      state->runs = {std::move(*run)};
    } else if (run.error().code() == kDamaged) {
      state->damaged = std::make_shared<const Error>(std::move(run).error());
    } else {
      return fail(std::move(run).error());
    }
  }
  staged = overlay.epoch;
  source = std::make_shared<SnapshotSource>(kv, directory);
  source->announce(read->version(), std::make_shared<const Overlay>(std::move(overlay)));
  source->publish();
  return journal ? replay_journal() : Result<void>();
}

Result<void> Store::Impl::replay_journal() {
  return journal->replay(staged, [&](Epoch epoch, std::string_view bytes) -> Result<void> {
    QW_ASSIGN_OR_RETURN(const StagedEpoch::Impl epoch_read, read_record(epoch, bytes));
    keep(epoch_read);
    staged = epoch;
    return {};
  });
}

Result<void> Store::Impl::recover_directories(KvRead& read, EpochRecord& record) {
  log = LogDirectory();
  images.clear();
  passes.clear();
  dropping_relations.clear();
  dropping_states.clear();
  counters.image_bytes = 0;
  QW_TRY(recover_meta(read, record));
  return recover_log_keys(read, record);
}

void Store::Impl::release_obsolete(const Overlay& overlay) {
  for (const RelationPtr& relation : overlay.relations) {
    log.release({LogKind::relation, relation->relation.value}, relation->folded);
  }
  for (auto it = log.streams().begin(); it != log.streams().end();) {
    const LogStream stream = it->first;
    ++it;  // before the stream may go
    if (stream.kind == LogKind::relation && overlay.find(ObjectId{stream.id}) == nullptr) {
      log.release_all(stream);  // dropped before its entries were erased
    }
    if (stream.kind != LogKind::state) continue;
    const auto state = images.find(StateId{stream.id});
    if (state != images.end()) log.release(stream, state->second.covered());
  }
}

Result<void> Store::Impl::recover_meta(KvRead& read, EpochRecord& record) {
  const std::string epoch_key = meta_key(kMetaEpoch);
  QW_ASSIGN_OR_RETURN(const auto epoch, read.get(Table::meta, epoch_key));
  if (!epoch) return fail(damaged("epoch"));
  QW_ASSIGN_OR_RETURN(record, read_meta_record<EpochRecord>(epoch_key, *epoch));
  const auto add_state = [&](const char* id, const KvEntry& entry) -> Result<void> {
    QW_ASSIGN_OR_RETURN(images[StateId{load_be<uint32_t>(id)}].partition_count,
                        read_meta_record<uint32_t>(entry.key, entry.value));
    return {};
  };
  const auto add_image = [&](const char* id, const KvEntry& entry) -> Result<void> {
    QW_ASSIGN_OR_RETURN(const auto image, read_meta_record<ImageRecord>(entry.key, entry.value));
    images[StateId{load_be<uint32_t>(id)}].partitions[load_be<uint32_t>(id + 4)] = image;
    counters.image_bytes += image.bytes;
    return {};
  };
  const auto add_dropping_relation = [&](const char* id, const KvEntry& entry) -> Result<void> {
    dropping_relations.insert(ObjectId{load_be<uint32_t>(id)});
    QW_TRY(read_meta(entry.key, entry.value));
    return {};
  };
  const auto add_dropping_state = [&](const char* id, const KvEntry& entry) -> Result<void> {
    dropping_states.insert(StateId{load_be<uint32_t>(id)});
    QW_TRY(read_meta(entry.key, entry.value));
    return {};
  };
  QW_TRY(each_meta(read, kMetaState, 4, add_state));
  QW_TRY(each_meta(read, kMetaImage, 8, add_image));
  QW_TRY(each_meta(read, kMetaDropRelation, 4, add_dropping_relation));
  return each_meta(read, kMetaDropState, 4, add_dropping_state);
}

Result<void> Store::Impl::recover_log_keys(KvRead& read, const EpochRecord& record) {
  QW_ASSIGN_OR_RETURN(const auto cursor, read.cursor(Table::log));
  QW_TRY(cursor->seek({}, Direction::forward));
  std::vector<KvEntry> entries(kScanEntries);
  LogPosition last;
  for (size_t count = kScanEntries; count == kScanEntries;) {
    QW_ASSIGN_OR_RETURN(count, cursor->next(entries));
    for (size_t i = 0; i < count; ++i) {
      const auto at = parse_log_key(entries[i].key);
      if (!at || at->epoch.value > record.epoch) return fail(damaged("log key"));
      const bool same = at->epoch == last.epoch && at->stream == last.stream;
      const bool ordered =
          same ? at->part == last.part + 1
               : at->part == 0 && (last.epoch < at->epoch ||
                                   (last.epoch == at->epoch && last.stream < at->stream));
      if (!ordered) return fail(damaged("log key"));
      last = *at;
      log.add(at->stream, at->epoch, 1, entries[i].value.size());
    }
  }
  if (log.entries() != record.log_entries || log.bytes() != record.log_bytes) {
    return fail(data_corrupted(fmt::format("stored log is incomplete: {} of {} entries",
                                           log.entries(), record.log_entries)));
  }
  return {};
}

// All runs of a relation come to lie in one memory: up to hundreds of MB, of which each byte is
// written once and no small page is touched.
Result<RunPtr> Store::Impl::read_runs(KvRead& read, ObjectId relation,
                                      const std::deque<LogDirectory::Ref>& refs) const {
  std::vector<Blob> blobs;
  size_t size = 0;
  for (const LogDirectory::Ref& ref : refs) {
    for (uint32_t part = 0; part < ref.parts; ++part) {
      const LogKey key(ref.epoch, {LogKind::relation, relation.value}, part);
      QW_ASSIGN_OR_RETURN(const auto value, read.get(Table::log, key.view()));
      if (!value) return fail(damaged_row(relation));
      const auto blob = open_blob(Table::log, {key.view(), *value});
      if (!blob || blob->goes_on != (part + 1 < ref.parts)) return fail(damaged_row(relation));
      size += blob->raw_size;
      blobs.push_back(*blob);
    }
  }
  const std::shared_ptr<char[]> memory = Run::allocate(size);
  std::vector<RunPtr> runs;
  char* to = memory.get();
  auto blob = blobs.begin();
  for (const LogDirectory::Ref& ref : refs) {
    const char* const records = to;
    for (uint32_t part = 0; part < ref.parts; ++part, ++blob) {
      if (!expand_blob(Table::log, *blob, to)) return fail(damaged_row(relation));
      to += blob->raw_size;
    }
    QW_ASSIGN_OR_RETURN(RunPtr run, Run::decode(relation, ref.epoch, memory,
                                                {records, static_cast<size_t>(to - records)}));
    runs.push_back(std::move(run));
  }
  std::reverse(runs.begin(), runs.end());  // newest first
  return Run::gather(runs);
}

}  // namespace qw::storage
