// KafkaSource: all partitions of one topic, offsets in our own commits.
//
// Position: cluster id and the next offset per partition. Partitions are assigned, never
// subscribed; new ones are found by asking every so often and read from their first offset. Gaps
// are legal (control records, compaction), so progress follows delivered messages and
// end-of-partition events, never "high watermark - 1". Whenever the source (re)starts reading a
// partition it begins at the message that it read last: a topic that was deleted and made again has
// another one there, and is refused by name instead of read from the middle. A broker that is down
// stalls the source until it is back; an offset that is gone stops it with an error that says what
// happened to the messages.
//
// One thread reads, decodes and pushes. Tests: tests/unit/ingest/kafka_source_test.cc (librdkafka's
// mock cluster for the error paths), tests/peers/ingest/ (a real broker).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ingest/kafka/client.h"
#include "ingest/kafka/message_decoder.h"
#include "ingest/source.h"
#include "ingest/stop_signal.h"
#include "src/base/clock.h"
#include "src/base/thread.h"

namespace qw::ingest {

struct KafkaPosition {
  // What tells a message from another one at its offset.
  struct Read {
    int64_t offset = 0, timestamp = 0;
    uint64_t hash = 0;  // of key and value
    bool operator==(const Read&) const = default;
  };
  std::string cluster_id;
  std::map<int32_t, int64_t> next;  // partition -> offset to read next
  std::map<int32_t, Read> last;     // partition -> the message that was read last, if any

  std::string encode() const;
  static Result<KafkaPosition> decode(std::string_view bytes);
};

class KafkaSource final : public Source {
 public:
  struct Settings {
    std::string topic;
    std::vector<int64_t> start_offsets;  // per partition
    bool start_latest = false;
    std::optional<int64_t> start_us;
    int64_t discovery_us = 0;
    bool go_on_after_loss = false;
    JsonOptions json;
    char csv_delimiter = ',';
  };
  static Result<std::unique_ptr<Source>> create(const SourceConfig& config, Clock& clock);
  KafkaSource(SourceConfig config, Settings settings, MessageDecoder decoder, Clock& clock);
  ~KafkaSource() override;

  Result<std::vector<SourceTable>> describe() override;
  Result<void> start(std::string_view position, SourceSink& sink) override;
  void acknowledge(std::string_view position) override;
  void stop() override;
  Result<void> drop_upstream() override { return {}; }

 private:
  void run();
  Result<void> open();
  bool is_worth_retrying(const Error& error);
  Result<void> find_start(int32_t partition_count);
  Result<void> check_cluster();
  Result<void> discover();
  Result<void> consume();
  Result<void> on_event(const rd_kafka_message_s& message);
  Result<void> on_lost_offset(int32_t partition);
  Result<void> on_loss(int32_t partition, const std::string& what, const std::string& why,
                       int64_t low);
  Result<void> resume(int32_t partition);
  // False for the message that was read last and comes again as the proof that the topic is the
  // same; an error when it is another one.
  Result<bool> is_new(const rd_kafka_message_s& message);
  void on_message(const rd_kafka_message_s& message);
  void fetch_if_behind();
  Result<void> probe();
  bool push(SourceTxn txn);
  bool push_advance();
  void report(SourceState state, const std::string& message = "", const std::string& hint = "",
              SqlState code = {"00000"});
  void report_error(SourceState state, const Error& error);
  void commit_acknowledged();
  void take_acknowledged();

  const SourceConfig config_;
  const Settings settings_;
  Clock& clock_;
  StopSignal stop_;
  SourceSink* sink_ = nullptr;

  // The reading thread's.
  MessageDecoder decoder_;
  std::unique_ptr<KafkaClient> client_;
  ArenaPool pool_;
  KafkaPosition position_;
  KafkaPosition durable_;            // as last acknowledged
  std::map<int32_t, int64_t> told_;  // the broker, as the group's offsets
  bool advanced_ = false;            // position_ has moved past control records since the last push
  std::set<int32_t> assigned_;       // partitions that the client reads
  std::set<int32_t> unproven_;       // partitions whose last read message has not come again yet
  std::map<int32_t, int64_t> ended_;  // partition -> offset of its last end-of-partition event
  bool fresh_ = true;                 // no position yet: find the starting offsets
  KafkaMessage message_;
  size_t txn_bytes_ = 0;
  int64_t oldest_us_ = 0;
  SourceStatus status_;
  int64_t last_discovery_us_ = 0, last_status_us_ = 0, last_probe_us_ = 0, last_commit_us_ = 0;
  int64_t last_message_us_ = 0, last_fetch_now_us_ = 0, gone_since_us_ = 0;
  uint64_t quarantined_ = 0;

  std::mutex acknowledged_mutex_;
  std::string acknowledged_;  // guarded by acknowledged_mutex_

  Thread thread_;
};

}  // namespace qw::ingest
