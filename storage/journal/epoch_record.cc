// Epoch record: see epoch_record.h.
#include "storage/journal/epoch_record.h"

#include <cstring>
#include <memory>
#include <utility>

#include "src/base/bytes.h"

namespace qw::storage {
namespace {

enum class Part : uint8_t { relation = 1, state = 2, meta = 3 };

void append_bytes(std::string& to, std::string_view bytes) {
  append<uint32_t>(to, static_cast<uint32_t>(bytes.size()));
  to += bytes;
}

std::optional<std::string_view> read_sized(ByteReader& from) {
  const auto size = from.read<uint32_t>();
  return size ? from.read_bytes(*size) : std::nullopt;
}

Error damaged() { return data_corrupted("journaled epoch is damaged"); }

Result<StagedRuns::Change> read_relation(Epoch epoch, ByteReader& from) {
  const auto relation = from.read<uint32_t>();
  const auto rows = from.read<int64_t>();
  const auto copies = from.read<int64_t>();
  const auto records = read_sized(from);
  if (!relation || !rows || !copies || !records) return fail(damaged());
  const std::shared_ptr<char[]> memory = Run::allocate(records->size());
  if (!records->empty()) std::memcpy(memory.get(), records->data(), records->size());
  const ObjectId id{*relation};
  QW_ASSIGN_OR_RETURN(RunPtr run, Run::decode(id, epoch, memory, {memory.get(), records->size()}));
  return StagedRuns::Change{id, std::move(run), *rows, *copies};
}

}  // namespace

bool has_record(const EpochWrite& write) {
  return write.images.empty() && write.dropped_relations.empty() && write.dropped_states.empty();
}

void append_record(std::string& to, const StagedEpoch::Impl& staged) {
  for (const StagedRuns::Change& change : staged.runs->changes) {
    append(to, Part::relation);
    append<uint32_t>(to, change.relation.value);
    append<int64_t>(to, change.rows_added);
    append<int64_t>(to, change.copies_added);
    append_bytes(to, change.run->records());
  }
  for (const StateLog& log : staged.write.state_logs) {
    for (const std::string& piece : log.pieces) {
      append(to, Part::state);
      append<uint32_t>(to, log.state.value);
      append_bytes(to, piece);
    }
  }
  for (const MetaPut& put : staged.write.meta) {
    append(to, Part::meta);
    append_bytes(to, put.key);
    append_bytes(to, put.value);
  }
}

Result<StagedEpoch::Impl> read_record(Epoch epoch, std::string_view record) {
  StagedEpoch::Impl out;
  out.write.epoch = epoch;
  auto runs = std::make_shared<StagedRuns>();
  runs->epoch = epoch;
  for (ByteReader from(record); !from.done();) {
    switch (*from.read<Part>()) {
      case Part::relation: {
        QW_ASSIGN_OR_RETURN(StagedRuns::Change change, read_relation(epoch, from));
        runs->changes.push_back(std::move(change));
        continue;
      }
      case Part::state: {
        const auto state = from.read<uint32_t>();
        const auto piece = read_sized(from);
        if (!state || !piece) return fail(damaged());
        auto& logs = out.write.state_logs;
        if (logs.empty() || logs.back().state != StateId{*state})
          logs.push_back({StateId{*state}, {}});
        logs.back().pieces.emplace_back(*piece);
        continue;
      }
      case Part::meta: {
        const auto key = read_sized(from);
        const auto value = read_sized(from);
        if (!key || !value) return fail(damaged());
        out.write.meta.push_back({std::string(*key), std::string(*value)});
        continue;
      }
    }
    return fail(damaged());
  }
  out.runs = std::move(runs);
  return out;
}

}  // namespace qw::storage
