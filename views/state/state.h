// State: what an operator remembers between epochs, and how it reaches the store and comes back.
//
// A state has an id, 64 partitions by key hash, a log (records cut from it at the end of each
// epoch) and images (all records that make up a partition). A log and an image are the same kind of
// records: loading an image and applying the log since gives the same logical state.
//
// Rows: most states are multisets of packed rows; their record is a row with a signed weight.
//   record: varint zigzag weight, varint size, packed row
// Slots: aggregate groups; their record is a key with what now stands under it (operators/group.h).
// A state that is its view's output has neither log nor images: the view's rows are both
// (RowState::of_output).
// Epoch thread only. Tests: tests/unit/views/dataflow_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "src/base/ids.h"
#include "src/base/result.h"
#include "src/types/batch.h"
#include "src/types/row_codec.h"
#include "views/state/keys.h"
#include "views/state/varint.h"

namespace qw::views {

class Spillable;

class State {
 public:
  State() { changed_.fill(kChanged); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  virtual ~State();

  // Whatever was logged since the last call, in pieces of whole records.
  std::vector<std::string> take_log();
  uint64_t log_bytes() const;
  std::vector<std::string> write_image(uint32_t partition);
  Result<void> load_image(uint32_t partition, Epoch epoch, std::string_view bytes);
  Result<void> apply_log(Epoch epoch, std::string_view bytes);

  // A partition leaves memory and comes back, see residency.h. `sink` takes pieces; false = stop.
  using PieceSink = std::function<bool(std::string_view piece)>;
  bool write_out(uint32_t partition, const PieceSink& sink);
  Result<void> restore(uint32_t partition, std::string_view piece);
  bool changed_since_spill(uint32_t partition) const {
    return (changed_[partition] & kForSpill) != 0;
  }
  // Changed since its last image, or without one.
  bool image_is_stale(uint32_t partition) const { return (changed_[partition] & kForImage) != 0; }
  // The image was written from what lies outside of memory.
  void image_written(uint32_t partition) { changed_[partition] &= kForSpill; }
  // Of images and log only these partitions are taken in from now on.
  void recover_only(uint64_t partitions) { recovered_ = partitions; }

  virtual uint64_t rows() const = 0;
  virtual uint64_t bytes() const = 0;
  // Order-independent hash over all records.
  uint64_t hash();

  // What its records are, where there are several ways: part of the layout.
  virtual std::string_view form() const { return ""; }

  StateId id;
  Spillable* home = nullptr;  // what takes its partitions out of memory; null = nothing
  std::string layout;
  ObjectId view;         // 0 = shared
  bool logging = false;  // off in run-once queries

  void touch(uint32_t partition) { changed_[partition] = kChanged; }

 protected:
  // Gives every record of the partition to `out`, through end_record() after each.
  virtual void dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) = 0;
  // Applies records; those of partitions with skips(partition) are already contained.
  virtual Result<void> replay(std::string_view records) = 0;
  // From here on records come that no image holds.
  void begin_replay() { replaying_ = Epoch{UINT64_MAX}; }
  // Asked once or more per record. What the image does not contain makes it stale.
  bool skips(uint32_t partition) {
    if (image_epoch_[partition] >= replaying_ || (recovered_ >> partition & 1) == 0) return true;
    touch(partition);
    return false;
  }

  void end_record(std::string& out, std::vector<std::string>& pieces);
  std::string& log() { return log_; }
  void end_log_record() { end_record(log_, pieces_); }

 private:
  static constexpr uint8_t kForImage = 1, kForSpill = 2, kChanged = kForImage | kForSpill;
  std::string log_;
  std::vector<std::string> pieces_;
  std::array<Epoch, kPartitionCount> image_epoch_{};
  std::array<uint8_t, kPartitionCount> changed_;
  Epoch replaying_;
  uint64_t recovered_ = ~uint64_t{0};
  const PieceSink* sink_ = nullptr;
  bool sink_open_ = false;
  bool hashing_ = false;
  uint64_t hash_sum_ = 0;
};

// A state whose records are rows with weights.
class RowState : public State {
 public:
  explicit RowState(std::vector<Type> types) : codec_(std::move(types)) {}
  const RowCodec& codec() const { return codec_; }

  // Not empty: the rows are those of the view's output, whose column of_output[i] is column i here.
  // Whoever keeps that gives it back at recovery.
  std::vector<uint32_t> of_output;
  // Rows with positive weights, or none.
  void load_rows(const Batch& batch);

 protected:
  // Takes rows back in; the batch has one column per type and weights.
  virtual void absorb(const Batch& batch) = 0;
  // Of a batch that absorb() got, the rows of partitions that are wanted.
  Batch wanted(const Batch& batch, const KeyEncoder& encoder, std::span<const uint32_t> key,
               Arena& arena);
  // The same of packed rows, at most a batch of them: unpacks and absorbs.
  virtual void absorb_packed(std::span<const std::string_view> rows, const int64_t* weights,
                             Arena& arena);
  void log_row(std::string_view row, int64_t weight);
  static void append_row(std::string& out, std::string_view row, int64_t weight);
  Result<void> replay(std::string_view records) final;

 private:
  RowCodec codec_;
};

}  // namespace qw::views
