// KafkaClient: one librdkafka consumer with partitions assigned by us, never by a group.
//
// Wraps the handle, its queue and the questions a source asks: metadata, watermarks, offsets at a
// time. Errors that librdkafka reports on the side (authentication, brokers down) are kept for
// whoever asks next, because the calls themselves only say "timed out". All text is scrubbed of
// secrets. Externally synchronised. Tests: tests/unit/ingest/kafka_source_test.cc,
// tests/peers/ingest/.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ingest/source.h"
#include "ingest/stop_signal.h"
#include "src/base/result.h"

struct rd_kafka_s;
struct rd_kafka_queue_s;
struct rd_kafka_message_s;
struct rd_kafka_conf_s;
struct rd_kafka_topic_s;
struct rd_kafka_metadata;

namespace qw::ingest {

struct Watermarks {
  int64_t low = 0, high = 0;
};

class KafkaClient {
 public:
  // Checks the options; connects later, by itself.
  static Result<std::unique_ptr<KafkaClient>> open(const SourceConfig& config);
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;
  ~KafkaClient();

  // Number of partitions; undefined_object when there is no such topic. Ends early when all brokers
  // are down, refuse the credentials, or `stop` is raised.
  Result<int32_t> partition_count(const std::string& topic, std::chrono::milliseconds timeout,
                                  const StopSignal& stop);
  // Whether a broker answers: the same without a topic.
  Result<void> ping(std::chrono::milliseconds timeout, const StopSignal& stop);
  Result<std::string> cluster_id(std::chrono::milliseconds timeout);
  Result<Watermarks> watermarks(const std::string& topic, int32_t partition,
                                std::chrono::milliseconds timeout);
  // The first offset at or after a time; the end when there is none.
  Result<int64_t> offset_at(const std::string& topic, int32_t partition, int64_t unix_ms,
                            std::chrono::milliseconds timeout);
  // As last heard from the broker, without asking; nothing when never heard.
  std::optional<int64_t> cached_high(const std::string& topic, int32_t partition);

  // Makes librdkafka look whether it should fetch: once its queue was full, version 2.0 does that a
  // second later, however soon the queue is empty (its issue 2879), or when anything else is asked
  // of that broker.
  void fetch_now(const std::string& topic, int32_t partition);

  Result<void> add_partition(const std::string& topic, int32_t partition, int64_t offset);
  Result<void> remove_partition(const std::string& topic, int32_t partition);
  // Tells the broker how far we are, for other people's lag monitors. Does not wait.
  void commit(const std::string& topic, const std::map<int32_t, int64_t>& next_offsets);

  // Writes eight bytes to `fd` when the empty queue gets something.
  void wake(int fd);
  // Messages and events that are there already; each must be given back with release().
  size_t take(std::vector<rd_kafka_message_s*>& out, size_t count_max);
  static void release(rd_kafka_message_s* message);

  // The last side error since the last call, if any; definite ones cannot heal by themselves.
  struct SideError {
    Error error;
    bool all_brokers_down = false;
  };
  std::optional<SideError> take_side_error();
  bool heard_all_down() const { return all_down_; }
  // Whether, since open(), the leader of a partition was lost or a connection broke: the topic may
  // be another one since. True before any message that comes after it can be taken.
  bool lost_touch() const { return heard_->lost_touch; }

 private:
  explicit KafkaClient(const SourceConfig& config) : secrets_(config.secrets) {
    heard_->client = this;
  }
  Error error_of(int code, const std::string& doing) const;
  // Waits for metadata; the caller destroys it.
  Result<const struct rd_kafka_metadata*> metadata(rd_kafka_topic_s* topic,
                                                   std::chrono::milliseconds timeout,
                                                   const StopSignal& stop);
  // Side errors come on a queue of their own, so that no message is taken with them.
  void serve_callbacks();
  static void on_error(rd_kafka_s* handle, int code, const char* reason, void* self);
  // On librdkafka's threads.
  static void on_log(const rd_kafka_s* handle, int level, const char* facility, const char* text);

  const std::set<std::string> secrets_;
  rd_kafka_s* handle_ = nullptr;
  rd_kafka_queue_s* queue_ = nullptr;
  std::optional<SideError> side_error_;
  std::string last_reason_;
  bool refused_ = false;  // the credentials, when we last heard
  bool all_down_ = false;
  bool assigned_ = false;
  // What callbacks get: librdkafka's threads may outlive the client, see kDestroyAtOnce.
  struct Heard {
    KafkaClient* client = nullptr;
    std::atomic<bool> lost_touch = false;
  };
  std::unique_ptr<Heard> heard_ = std::make_unique<Heard>();
  bool keep_references_ = false;  // see kDestroyAtOnce
};

}  // namespace qw::ingest
