// State: record framing, pieces and replay; see state.h.
#include "views/state/state.h"

#include "src/base/hash.h"

namespace qw::views {
namespace {
constexpr size_t kPieceBytes = 256 << 10;
}

State::~State() = default;

void State::end_record(std::string& out, std::vector<std::string>& pieces) {
  if (hashing_) {
    // Each record is hashed alone and added up, so that the order does not matter.
    hash_sum_ += hash_bytes(out);
    out.clear();
    return;
  }
  if (out.size() < kPieceBytes) return;
  if (sink_ != nullptr) {
    sink_open_ = sink_open_ && (*sink_)(out);
    out.clear();
    return;
  }
  pieces.push_back(std::move(out));
  out.clear();
  out.reserve(kPieceBytes + 4096);
}

std::vector<std::string> State::take_log() {
  if (!log_.empty()) {
    pieces_.push_back(std::move(log_));
    log_.clear();
  }
  return std::move(pieces_);
}

uint64_t State::log_bytes() const {
  uint64_t sum = log_.size();
  for (const std::string& piece : pieces_) sum += piece.size();
  return sum;
}

std::vector<std::string> State::write_image(uint32_t partition) {
  std::vector<std::string> pieces;
  std::string out;
  dump(partition, out, pieces);
  if (!out.empty() || pieces.empty()) pieces.push_back(std::move(out));
  image_written(partition);
  return pieces;
}

bool State::write_out(uint32_t partition, const PieceSink& sink) {
  std::vector<std::string> pieces;
  std::string out;
  sink_ = &sink;
  sink_open_ = true;
  dump(partition, out, pieces);
  sink_ = nullptr;
  return sink_open_ && (out.empty() || sink(out));
}

Result<void> State::restore(uint32_t partition, std::string_view piece) {
  const Epoch image_epoch = image_epoch_[partition];
  const uint8_t for_image = changed_[partition] & kForImage;
  image_epoch_[partition] = Epoch{0};
  replaying_ = Epoch{UINT64_MAX};
  Result<void> done = replay(piece);
  image_epoch_[partition] = image_epoch;
  changed_[partition] = for_image;
  return done;
}

Result<void> State::load_image(uint32_t partition, Epoch epoch, std::string_view bytes) {
  QW_ASSERT(partition < kPartitionCount);
  if ((recovered_ >> partition & 1) == 0) return {};
  image_epoch_[partition] = Epoch{0};
  replaying_ = Epoch{UINT64_MAX};
  QW_TRY(replay(bytes));
  image_epoch_[partition] = epoch;
  image_written(partition);
  return {};
}

Result<void> State::apply_log(Epoch epoch, std::string_view bytes) {
  replaying_ = epoch;
  return replay(bytes);
}

uint64_t State::hash() {
  hashing_ = true;
  hash_sum_ = 0;
  std::vector<std::string> pieces;
  std::string out;
  for (uint32_t p = 0; p < kPartitionCount; ++p) dump(p, out, pieces);
  hashing_ = false;
  return hash_sum_;
}

void RowState::append_row(std::string& out, std::string_view row, int64_t weight) {
  append_varint(out, zigzag(weight));
  append_varint(out, row.size());
  out.append(row);
}

Batch RowState::wanted(const Batch& batch, const KeyEncoder& encoder, std::span<const uint32_t> key,
                       Arena& arena) {
  KeyBatch keys;
  encoder.encode(batch, key, arena, keys);
  auto* rows = arena.allocate_array<uint16_t>(keys.count + 1);
  uint32_t count = 0;
  for (uint32_t i = 0; i < keys.count; ++i) {
    rows[count] = static_cast<uint16_t>(batch.row(i));
    count += skips(partition_of(keys.hashes[i])) ? 0U : 1U;
  }
  Batch out = batch;
  if (count < keys.count) out.select(rows, count);
  return out;
}

void RowState::log_row(std::string_view row, int64_t weight) {
  append_row(log(), row, weight);
  end_log_record();
}

void RowState::load_rows(const Batch& batch) {
  begin_replay();
  absorb(batch);
}

Result<void> RowState::replay(std::string_view records) {
  Arena arena;
  std::vector<std::string_view> rows;
  std::vector<int64_t> weights;
  while (!records.empty()) {
    rows.clear();
    weights.clear();
    while (!records.empty() && rows.size() < kBatchRowsMax) {
      const auto weight = read_varint(records);
      const auto size = read_varint(records);
      if (!weight || !size || *size > records.size()) {
        return fail(data_corrupted("state record is damaged"));
      }
      const std::string_view row = records.substr(0, *size);
      if (!codec_.valid(row)) return fail(data_corrupted("state row is damaged"));
      rows.push_back(row);
      weights.push_back(unzigzag(*weight));
      records.remove_prefix(*size);
    }
    arena.reset();
    absorb_packed(rows, weights.data(), arena);
  }
  return {};
}

void RowState::absorb_packed(std::span<const std::string_view> rows, const int64_t* weights,
                             Arena& arena) {
  Batch batch;
  batch.rows = static_cast<uint32_t>(rows.size());
  codec_.unpack(rows, {}, arena, batch.columns);
  batch.weights = weights;
  absorb(batch);
}

}  // namespace qw::views
