// KafkaClient: see client.h. Besides kafka_source.cc the only file that calls librdkafka.
#include "ingest/kafka/client.h"

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include "ingest/options.h"
#include "src/base/log.h"

namespace qw::ingest {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstSlice{500};
constexpr milliseconds kLeaderWait{50};
constexpr milliseconds kFetchNowTimeout{100};
// What a message costs librdkafka beside its bytes, about.
constexpr size_t kMessageBytes = 256;

// librdkafka 2.0 keeps references to assigned partitions of a deleted topic, and an ordinary end of
// the handle waits for them for ever. This flag, which its header does not show, does not wait: two
// idle threads stay behind.
constexpr int kDestroyAtOnce = 0x4;

int ms(milliseconds time) { return static_cast<int>(time.count()); }

struct TopicPartitions {
  rd_kafka_topic_partition_list_t* list;
  TopicPartitions() : list(rd_kafka_topic_partition_list_new(1)) {}
  TopicPartitions(const TopicPartitions&) = delete;
  TopicPartitions& operator=(const TopicPartitions&) = delete;
  ~TopicPartitions() { rd_kafka_topic_partition_list_destroy(list); }
  void add(const std::string& topic, int32_t partition, int64_t offset) {
    rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = offset;
  }
};

struct Setting {
  const char* name;
  std::string value;
};

// Our names of connection options and librdkafka's.
struct OptionName {
  std::string_view option;
  const char* setting;
};
constexpr std::array kConnectionOptions = {
    OptionName{"sasl_username", "sasl.username"},
    OptionName{"sasl_password", "sasl.password"},
    OptionName{"ssl_ca", "ssl.ca.pem"},
    OptionName{"ssl_certificate", "ssl.certificate.pem"},
    OptionName{"ssl_key", "ssl.key.pem"},
    OptionName{"ssl_key_password", "ssl.key.password"},
};

std::vector<Setting> fixed_settings(const SourceConfig& config) {
  return {
      {"client.id", "quickwater"},
      {"group.id", fmt::format("quickwater_{}_{}", config.database_id, config.id)},
      // Offsets live in our commits.
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      // A lost offset is an error, never a silent jump.
      {"auto.offset.reset", "error"},
      {"isolation.level", "read_committed"},
      {"check.crcs", "true"},
      {"enable.partition.eof", "true"},
      {"allow.auto.create.topics", "false"},
      // Latency over fewer requests when idle; enough read ahead when not. The bounds are of the
      // one queue that all partitions share.
      {"fetch.wait.max.ms", "50"},
      {"fetch.min.bytes", "1"},
      {"fetch.message.max.bytes", "8388608"},
      {"queued.min.messages", fmt::format("{}", config.read_ahead_bytes / kMessageBytes)},
      {"queued.max.messages.kbytes", fmt::format("{}", config.read_ahead_bytes >> 10)},
      {"socket.nagle.disable", "true"},
      {"socket.keepalive.enable", "true"},
      {"reconnect.backoff.ms", "100"},
      {"reconnect.backoff.max.ms", "5000"},
      {"log.connection.close", "true"},
      // Errors come through their callback; the log is only listened to, see on_log().
      {"debug", "topic"},
  };
}

}  // namespace

void KafkaClient::on_error(rd_kafka_s* handle, int code, const char* reason, void* self) {
  static_cast<void>(handle);
  auto& client = *static_cast<Heard*>(self)->client;
  const std::string text =
      scrub(reason == nullptr ? std::string() : std::string(reason), client.secrets_);
  const bool down = code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
  if (down) client.all_down_ = true;
  // "All brokers down" says less than the reason that came before it.
  if (!down) client.last_reason_ = text;
  const std::string& best = down && !client.last_reason_.empty() ? client.last_reason_ : text;
  if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION) client.refused_ = true;
  Error error = client.refused_ ? invalid_password(best) : connection_failure(best);
  if (best.find("while in state APIVERSION_QUERY") != std::string::npos ||
      best.find("ApiVersionRequest") != std::string::npos) {
    error = std::move(error).with_hint(
        "Does the broker expect TLS on this port? See SECURITY PROTOCOL.");
  }
  client.side_error_ = SideError{std::move(error), down};
}

// librdkafka 2.0 knows no topic ids and asks again in silence when a partition's leader is gone.
// Its log is the only place that says so before messages of another topic with the same name
// arrive.
void KafkaClient::on_log(const rd_kafka_s* handle, int level, const char* facility,
                         const char* text) {
  static_cast<void>(level);
  if (handle == nullptr) return;
  const std::string_view what = facility;
  const bool broke =
      what == "FAIL" && std::string_view(text).find("in state UP") != std::string_view::npos;
  if (what != "BROKERUA" && !broke) return;
  auto* heard = static_cast<Heard*>(rd_kafka_opaque(handle));
  if (heard != nullptr) heard->lost_touch = true;
}

Error KafkaClient::error_of(int code, const std::string& doing) const {
  if (refused_) {
    return invalid_password(fmt::format("{}: the broker refuses the credentials", doing))
        .with_detail(last_reason_);
  }
  const std::string what = rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(code));
  Error error = connection_failure(fmt::format("{}: {}", doing, what));
  if (!last_reason_.empty()) error = std::move(error).with_detail(last_reason_);
  if (side_error_) error = std::move(error).with_hint(side_error_->error.hint());
  return error;
}

Result<std::unique_ptr<KafkaClient>> KafkaClient::open(const SourceConfig& config) {
  std::vector<Setting> settings = fixed_settings(config);
  OptionReader reader("Kafka connection", config.connection);
  settings.push_back(
      {"bootstrap.servers", reader.required_text(reader.has("brokers") ? "brokers" : "broker")});
  const std::string protocol = reader.one_of(
      "security_protocol", reader.has("sasl_username") ? "sasl_plaintext" : "plaintext",
      {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"});
  settings.push_back({"security.protocol", protocol});
  if (protocol.starts_with("sasl")) {
    settings.push_back({"sasl.mechanisms", reader.text("sasl_mechanisms", "PLAIN")});
  } else {
    static_cast<void>(reader.text("sasl_mechanisms"));
  }
  for (const OptionName& each : kConnectionOptions) {
    if (std::string value = reader.text(each.option); !value.empty()) {
      settings.push_back({each.setting, std::move(value)});
    }
  }
  QW_TRY(reader.finish());
  std::unique_ptr<KafkaClient> client(new KafkaClient(config));
  std::array<char, 512> text{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  for (const Setting& setting : settings) {
    if (rd_kafka_conf_set(conf, setting.name, setting.value.c_str(), text.data(), text.size()) !=
        RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(conf);
      return fail(scrub(invalid_parameter_value(fmt::format("Kafka connection: {}", text.data())),
                        config.secrets));
    }
  }
  rd_kafka_conf_set_opaque(conf, client->heard_.get());
  rd_kafka_conf_set_error_cb(conf, &KafkaClient::on_error);
  rd_kafka_conf_set_log_cb(conf, &KafkaClient::on_log);
  client->handle_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text.data(), text.size());
  if (client->handle_ == nullptr) {
    rd_kafka_conf_destroy(conf);
    return fail(scrub(invalid_parameter_value(fmt::format("Kafka connection: {}", text.data())),
                      config.secrets));
  }
  client->queue_ = rd_kafka_queue_get_consumer(client->handle_);
  return client;
}

KafkaClient::~KafkaClient() {
  if (queue_ != nullptr) rd_kafka_queue_destroy(queue_);
  if (handle_ == nullptr) return;
  // We never joined a group, so this waits for no broker.
  rd_kafka_consumer_close(handle_);
  rd_kafka_destroy_flags(handle_, keep_references_ ? kDestroyAtOnce : 0);
  if (keep_references_) static_cast<void>(heard_.release());  // the idle threads keep it
}

Result<const rd_kafka_metadata_t*> KafkaClient::metadata(rd_kafka_topic_s* topic,
                                                         milliseconds timeout,
                                                         const StopSignal& stop) {
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  // librdkafka waits for a broker in silence. Asking in slices, ever longer ones for slow brokers,
  // lets us see in between that it is hopeless.
  milliseconds slice = kFirstSlice;
  while (true) {
    const auto elapsed = std::chrono::duration_cast<milliseconds>(Clock::now() - began);
    const rd_kafka_metadata_t* metadata = nullptr;
    const rd_kafka_resp_err_t code = rd_kafka_metadata(
        handle_, 0, topic, &metadata, ms(std::clamp(timeout - elapsed, milliseconds(1), slice)));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      all_down_ = refused_ = false;
      last_reason_.clear();
      return metadata;
    }
    serve_callbacks();
    if (stop.raised()) return fail(query_canceled("the source was asked to stop"));
    const bool over = Clock::now() - began >= timeout;
    if (over || refused_ || (all_down_ && slice > kFirstSlice)) {
      return fail(error_of(code, "cannot reach a Kafka broker"));
    }
    slice *= 2;
  }
}

Result<void> KafkaClient::ping(milliseconds timeout, const StopSignal& stop) {
  QW_ASSIGN_OR_RETURN(const rd_kafka_metadata_t* metadata, this->metadata(nullptr, timeout, stop));
  rd_kafka_metadata_destroy(metadata);
  return {};
}

Result<int32_t> KafkaClient::partition_count(const std::string& topic, milliseconds timeout,
                                             const StopSignal& stop) {
  rd_kafka_topic_t* handle = rd_kafka_topic_new(handle_, topic.c_str(), nullptr);
  if (handle == nullptr)
    return fail(invalid_parameter_value(fmt::format("not a topic name: {}", topic)));
  auto answer = this->metadata(handle, timeout, stop);
  rd_kafka_topic_destroy(handle);
  if (!answer) return fail(std::move(answer).error());
  const rd_kafka_metadata_t* metadata = *answer;
  int32_t count = 0;
  rd_kafka_resp_err_t topic_code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
  if (metadata->topic_cnt == 1) {
    topic_code = metadata->topics[0].err;
    count = metadata->topics[0].partition_cnt;
  }
  rd_kafka_metadata_destroy(metadata);
  if (topic_code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    keep_references_ = assigned_;
    return fail(undefined_object(fmt::format("topic \"{}\" does not exist", topic)));
  }
  if (topic_code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
    return fail(insufficient_privilege(fmt::format("no permission to read topic \"{}\"", topic)));
  }
  if (topic_code != RD_KAFKA_RESP_ERR_NO_ERROR || count == 0) {
    return fail(error_of(topic_code, fmt::format("topic \"{}\"", topic)));
  }
  return count;
}

Result<std::string> KafkaClient::cluster_id(milliseconds timeout) {
  char* id = rd_kafka_clusterid(handle_, ms(timeout));
  if (id == nullptr) return fail(connection_failure("the broker tells no cluster id"));
  std::string out = id;
  rd_kafka_mem_free(handle_, id);
  return out;
}

Result<Watermarks> KafkaClient::watermarks(const std::string& topic, int32_t partition,
                                           milliseconds timeout) {
  Watermarks marks;
  const auto end = std::chrono::steady_clock::now() + timeout;
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  while (true) {
    code = rd_kafka_query_watermark_offsets(handle_, topic.c_str(), partition, &marks.low,
                                            &marks.high, ms(timeout));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return marks;
    // A partition that has just been made, or is moving, has no leader for a moment.
    const bool moving = code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
                        code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
                        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (!moving || std::chrono::steady_clock::now() >= end) break;
    std::this_thread::sleep_for(kLeaderWait);
  }
  return fail(error_of(
      code, fmt::format("cannot read offsets of topic \"{}\" partition {}", topic, partition)));
}

Result<int64_t> KafkaClient::offset_at(const std::string& topic, int32_t partition, int64_t unix_ms,
                                       milliseconds timeout) {
  TopicPartitions query;
  query.add(topic, partition, unix_ms);
  rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(handle_, query.list, ms(timeout));
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) code = query.list->elems[0].err;
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fail(error_of(code, fmt::format("cannot look up a time in topic \"{}\"", topic)));
  }
  if (query.list->elems[0].offset >= 0) return query.list->elems[0].offset;
  QW_ASSIGN_OR_RETURN(const Watermarks marks, watermarks(topic, partition, timeout));
  return marks.high;
}

std::optional<int64_t> KafkaClient::cached_high(const std::string& topic, int32_t partition) {
  Watermarks marks{-1, -1};
  if (rd_kafka_get_watermark_offsets(handle_, topic.c_str(), partition, &marks.low, &marks.high) !=
          RD_KAFKA_RESP_ERR_NO_ERROR ||
      marks.high < 0) {
    return std::nullopt;
  }
  return marks.high;
}

void KafkaClient::fetch_now(const std::string& topic, int32_t partition) {
  int64_t low = 0, high = 0;
  static_cast<void>(rd_kafka_query_watermark_offsets(handle_, topic.c_str(), partition, &low, &high,
                                                     ms(kFetchNowTimeout)));
}

Result<void> KafkaClient::add_partition(const std::string& topic, int32_t partition,
                                        int64_t offset) {
  TopicPartitions added;
  added.add(topic, partition, offset);
  rd_kafka_error_t* error = rd_kafka_incremental_assign(handle_, added.list);
  assigned_ = true;
  if (error == nullptr) return {};
  const Error out = connection_failure(
      fmt::format("cannot assign partition {}: {}", partition, rd_kafka_error_string(error)));
  rd_kafka_error_destroy(error);
  return fail(out);
}

Result<void> KafkaClient::remove_partition(const std::string& topic, int32_t partition) {
  TopicPartitions gone;
  gone.add(topic, partition, RD_KAFKA_OFFSET_INVALID);
  rd_kafka_error_t* error = rd_kafka_incremental_unassign(handle_, gone.list);
  if (error == nullptr) return {};
  const Error out = connection_failure(
      fmt::format("cannot release partition {}: {}", partition, rd_kafka_error_string(error)));
  rd_kafka_error_destroy(error);
  return fail(out);
}

void KafkaClient::commit(const std::string& topic, const std::map<int32_t, int64_t>& next_offsets) {
  TopicPartitions offsets;
  for (const auto& [partition, next] : next_offsets) offsets.add(topic, partition, next);
  static_cast<void>(rd_kafka_commit(handle_, offsets.list, /*async=*/1));
}

void KafkaClient::wake(int fd) {
  static constexpr uint64_t kOne = 1;
  rd_kafka_queue_io_event_enable(queue_, fd, &kOne, sizeof kOne);
}

void KafkaClient::serve_callbacks() { rd_kafka_poll(handle_, 0); }

size_t KafkaClient::take(std::vector<rd_kafka_message_s*>& out, size_t count_max) {
  out.resize(count_max);
  // With a time-out it would wait for a full batch; without one it takes what is there.
  const ssize_t count = rd_kafka_consume_batch_queue(queue_, 0, out.data(), count_max);
  out.resize(count < 0 ? 0 : static_cast<size_t>(count));
  return out.size();
}

void KafkaClient::release(rd_kafka_message_s* message) { rd_kafka_message_destroy(message); }

std::optional<KafkaClient::SideError> KafkaClient::take_side_error() {
  serve_callbacks();
  return std::exchange(side_error_, std::nullopt);
}

}  // namespace qw::ingest
