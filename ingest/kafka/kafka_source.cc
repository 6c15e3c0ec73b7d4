// KafkaSource: see kafka_source.h.
#include "ingest/kafka/kafka_source.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include "ingest/options.h"
#include "ingest/position.h"
#include "src/base/assert.h"
#include "src/base/hash.h"
#include "src/base/log.h"

namespace qw::ingest {

namespace {

using std::chrono::milliseconds;

constexpr char kPositionKind = 'k';
constexpr uint32_t kPartitionsMax = 1 << 20;
constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kUnixToPostgresUs = 946'684'800'000'000;
constexpr size_t kBatchMessages = 4096;
constexpr size_t kTxnBytesMax = 1 << 20;
constexpr milliseconds kDescribeTimeout{10'000};
constexpr milliseconds kQueryTimeout{5'000};
constexpr milliseconds kProbeTimeout{1'000};
constexpr int64_t kFetchNowUs = 20'000;
constexpr int64_t kTopicGoneUs = 10 * kSecondUs;
constexpr int64_t kBackOffFirstMs = 200, kBackOffMaxMs = 10'000;

KafkaPosition::Read what_was_read(const rd_kafka_message_s& message) {
  KafkaPosition::Read read;
  read.offset = message.offset;
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  read.timestamp = rd_kafka_message_timestamp(&message, &type);
  // No key, and no value, differ from empty ones.
  const auto part = [&](const void* bytes, size_t size) {
    const uint64_t seed = read.hash * 2 + (bytes == nullptr ? 0 : 1);
    read.hash = hash_bytes({static_cast<const char*>(bytes), bytes == nullptr ? 0 : size}, seed);
  };
  part(message.key, message.key_len);
  part(message.payload, message.len);
  return read;
}

// What may get well without us: brokers come back, credentials and rights are put right.
bool heals(const Error& error) {
  const SqlState code = error.code();
  return code == SqlState("08006") || code == SqlState("28P01") || code == SqlState("42501");
}

}  // namespace

std::string KafkaPosition::encode() const {
  PositionWriter writer(kPositionKind);
  writer.put_text(cluster_id).put<uint32_t>(static_cast<uint32_t>(next.size()));
  for (const auto& [partition, offset] : next) writer.put<int32_t>(partition).put<int64_t>(offset);
  writer.put<uint32_t>(static_cast<uint32_t>(last.size()));
  for (const auto& [partition, read] : last) {
    writer.put<int32_t>(partition).put<int64_t>(read.offset);
    writer.put<int64_t>(read.timestamp).put<uint64_t>(read.hash);
  }
  return writer.take();
}

Result<KafkaPosition> KafkaPosition::decode(std::string_view bytes) {
  PositionReader reader(kPositionKind, bytes);
  KafkaPosition position;
  position.cluster_id = reader.get_text();
  const uint32_t count = reader.get<uint32_t>();
  for (uint32_t n = 0; n < count && n < kPartitionsMax && reader.good(); n++) {
    const int32_t partition = reader.get<int32_t>();
    position.next[partition] = reader.get<int64_t>();
  }
  const uint32_t read_count = reader.get<uint32_t>();
  for (uint32_t n = 0; n < read_count && n < kPartitionsMax && reader.good(); n++) {
    const int32_t partition = reader.get<int32_t>();
    KafkaPosition::Read& read = position.last[partition];
    read.offset = reader.get<int64_t>();
    read.timestamp = reader.get<int64_t>();
    read.hash = reader.get<uint64_t>();
  }
  QW_TRY(reader.finish());
  return position;
}

Result<std::unique_ptr<Source>> KafkaSource::create(const SourceConfig& config, Clock& clock) {
  Settings settings;
  OptionReader reader("Kafka source", config.options);
  settings.topic = reader.required_text("topic");
  const std::string start = reader.text("start_offset", "earliest");
  settings.start_latest = start == "latest" || start == "LATEST";
  if (!settings.start_latest && start != "earliest" && start != "EARLIEST") {
    settings.start_offsets = reader.integers("start_offset");
    for (const int64_t offset : settings.start_offsets) {
      if (offset < 0)
        return fail(invalid_parameter_value(fmt::format("START OFFSET {} is negative", offset)));
    }
  }
  settings.start_us = reader.timestamp_us("start_timestamp");
  settings.discovery_us = reader.duration_us("partition_discovery_interval", 30 * kSecondUs);
  settings.go_on_after_loss =
      reader.one_of("on_data_loss", "error", {"error", "continue"}) == "continue";
  const std::string unit = reader.one_of("unix_time_unit", "ms", {"s", "ms", "us"});
  settings.json.unix_unit = unit == "s"    ? UnixUnit::seconds
                            : unit == "ms" ? UnixUnit::milliseconds
                                           : UnixUnit::microseconds;
  const std::string delimiter = reader.text("csv_delimiter", ",");
  QW_TRY(reader.finish());
  if (delimiter.size() != 1 || delimiter == "\"" || delimiter == "\n") {
    return fail(invalid_parameter_value("CSV DELIMITER must be one character other than a quote"));
  }
  settings.csv_delimiter = delimiter[0];
  if (settings.start_us && reader.has("start_offset")) {
    return fail(invalid_parameter_value("START OFFSET and START TIMESTAMP exclude each other"));
  }
  QW_ASSIGN_OR_RETURN(
      MessageDecoder decoder,
      MessageDecoder::make(config, settings.topic, settings.json, settings.csv_delimiter));
  auto source =
      std::make_unique<KafkaSource>(config, std::move(settings), std::move(decoder), clock);
  QW_TRY(source->stop_.usable());
  return source;
}

KafkaSource::KafkaSource(SourceConfig config, Settings settings, MessageDecoder decoder,
                         Clock& clock)
    : config_(std::move(config)),
      settings_(std::move(settings)),
      clock_(clock),
      decoder_(std::move(decoder)) {}

KafkaSource::~KafkaSource() { stop(); }

Result<std::vector<SourceTable>> KafkaSource::describe() {
  if (!config_.stored_tables.empty()) return config_.stored_tables;
  QW_ASSIGN_OR_RETURN(const auto client, KafkaClient::open(config_));
  QW_ASSIGN_OR_RETURN(const int32_t partitions,
                      client->partition_count(settings_.topic, kDescribeTimeout, stop_));
  if (settings_.start_offsets.size() > static_cast<size_t>(partitions)) {
    return fail(invalid_parameter_value(
        fmt::format("START OFFSET names {} partitions, topic \"{}\" has {}",
                    settings_.start_offsets.size(), settings_.topic, partitions)));
  }
  // Reading a partition's offsets needs the right to read it.
  QW_TRY(client->watermarks(settings_.topic, 0, kDescribeTimeout));
  for (size_t partition = 0; partition < settings_.start_offsets.size(); partition++) {
    const int64_t offset = settings_.start_offsets[partition];
    QW_ASSIGN_OR_RETURN(
        const Watermarks marks,
        client->watermarks(settings_.topic, static_cast<int32_t>(partition), kDescribeTimeout));
    if (offset <= marks.high) continue;
    return fail(invalid_parameter_value(
                    fmt::format("START OFFSET {} lies beyond the end of topic \"{}\" partition {}",
                                offset, settings_.topic, partition))
                    .with_detail(fmt::format("The partition ends at offset {}.", marks.high)));
  }
  return decoder_.tables();
}

Result<void> KafkaSource::start(std::string_view position, SourceSink& sink) {
  QW_ASSERT(!thread_.joinable());
  stop_.clear();
  sink_ = &sink;
  fresh_ = position.empty();
  position_ = {};
  if (!fresh_) {
    QW_ASSIGN_OR_RETURN(position_, KafkaPosition::decode(position));
  }
  durable_ = position_;
  status_ = {};
  status_.tables.resize(decoder_.tables().size());
  thread_ = Thread("qw-kafka", [this] { run(); });
  return {};
}

void KafkaSource::acknowledge(std::string_view position) {
  const std::lock_guard lock(acknowledged_mutex_);
  acknowledged_ = std::string(position);
}

void KafkaSource::stop() {
  stop_.raise();
  thread_.join();
}

void KafkaSource::run() {
  int64_t back_off_ms = kBackOffFirstMs;
  report(SourceState::starting);
  while (!stop_.raised()) {
    Result<void> result = open();
    const bool opened = result.has_value();
    if (opened) {
      back_off_ms = kBackOffFirstMs;
      report(SourceState::running);
      result = consume();
    }
    if (stop_.raised()) break;
    if (result) break;
    // Out of touch alone is no trouble: opening anew finds out what has become of the topic.
    if (opened && client_->lost_touch() && heals(result.error())) {
      client_.reset();
      stop_.wait_drain(milliseconds(kBackOffFirstMs));
      continue;
    }
    const bool again = is_worth_retrying(result.error());
    report_error(again ? SourceState::stalled : SourceState::failed, result.error());
    client_.reset();
    if (!again) break;
    stop_.wait_drain(milliseconds(back_off_ms));
    back_off_ms = std::min(back_off_ms * 2, kBackOffMaxMs);
  }
  client_.reset();
}

// A broker that has just started may not know its topics yet.
bool KafkaSource::is_worth_retrying(const Error& error) {
  if (heals(error)) return true;
  if (error.code() != SqlState("42704")) return false;
  const int64_t now_us = clock_.monotonic_us();
  if (gone_since_us_ == 0) gone_since_us_ = now_us;
  return now_us - gone_since_us_ < kTopicGoneUs;
}

Result<void> KafkaSource::open() {
  QW_ASSIGN_OR_RETURN(client_, KafkaClient::open(config_));
  QW_ASSIGN_OR_RETURN(const int32_t partitions,
                      client_->partition_count(settings_.topic, kQueryTimeout, stop_));
  QW_TRY(check_cluster());
  if (!position_.next.empty() && position_.next.rbegin()->first >= partitions) {
    return fail(
        object_not_in_prerequisite_state(fmt::format("topic \"{}\" was recreated", settings_.topic))
            .with_detail(fmt::format("It has {} partitions, the source read partition {}.",
                                     partitions, position_.next.rbegin()->first))
            .with_hint("DROP SOURCE and create it again to read the new topic."));
  }
  QW_TRY(find_start(partitions));
  assigned_.clear();
  unproven_.clear();
  for (const auto& [partition, offset] : position_.next) QW_TRY(resume(partition));
  last_discovery_us_ = clock_.monotonic_us();
  gone_since_us_ = 0;
  return {};
}

Result<void> KafkaSource::check_cluster() {
  QW_ASSIGN_OR_RETURN(const std::string cluster, client_->cluster_id(kQueryTimeout));
  if (position_.cluster_id.empty()) position_.cluster_id = cluster;
  if (position_.cluster_id == cluster) return {};
  return fail(object_not_in_prerequisite_state("the broker belongs to another Kafka cluster")
                  .with_detail(fmt::format("Its cluster id is {}, it was {}.", cluster,
                                           position_.cluster_id))
                  .with_hint("DROP SOURCE and create it again to read the new cluster."));
}

Result<void> KafkaSource::resume(int32_t partition) {
  const auto last = position_.last.find(partition);
  const bool proves = last != position_.last.end();
  if (proves) unproven_.insert(partition);
  QW_TRY(client_->add_partition(settings_.topic, partition,
                                proves ? last->second.offset : position_.next.at(partition)));
  assigned_.insert(partition);
  return {};
}

// Gives every partition without an offset its first one, and has these stored before any message,
// so that "latest" and "at a time" mean one thing for ever.
Result<void> KafkaSource::find_start(int32_t partition_count) {
  bool found = false;
  for (int32_t partition = 0; partition < partition_count; partition++) {
    if (position_.next.count(partition) != 0) continue;
    found = true;
    QW_ASSIGN_OR_RETURN(const Watermarks marks,
                        client_->watermarks(settings_.topic, partition, kQueryTimeout));
    int64_t offset = marks.low;
    // A partition that came later is read whole.
    if (fresh_) {
      if (static_cast<size_t>(partition) < settings_.start_offsets.size()) {
        offset = settings_.start_offsets[static_cast<size_t>(partition)];
      } else if (settings_.start_latest) {
        offset = marks.high;
      } else if (settings_.start_us) {
        const int64_t unix_ms = (*settings_.start_us + kUnixToPostgresUs + 999) / 1000;
        QW_ASSIGN_OR_RETURN(offset,
                            client_->offset_at(settings_.topic, partition, unix_ms, kQueryTimeout));
      }
    }
    position_.next[partition] = offset;
  }
  if (!found) return {};
  fresh_ = false;
  SourceTxn txn;
  txn.arena = pool_.take();
  if (!push(std::move(txn))) return fail(query_canceled("the source was asked to stop"));
  return {};
}

Result<void> KafkaSource::discover() {
  last_discovery_us_ = clock_.monotonic_us();
  QW_ASSIGN_OR_RETURN(const int32_t partitions,
                      client_->partition_count(settings_.topic, kProbeTimeout, stop_));
  QW_TRY(find_start(partitions));
  // One that got its offset the last time, and no further, is among them.
  for (const auto& [partition, offset] : position_.next) {
    if (assigned_.count(partition) != 0) continue;
    QW_TRY(client_->add_partition(settings_.topic, partition, offset));
    assigned_.insert(partition);
  }
  return {};
}

Result<void> KafkaSource::consume() {
  client_->wake(stop_.fd());
  std::vector<rd_kafka_message_s*> batch;
  while (!stop_.raised()) {
    SourceTxn txn;
    txn.arena = pool_.take();
    decoder_.begin(txn, clock_.now_us());
    txn_bytes_ = 256;
    oldest_us_ = 0;
    uint64_t messages = 0;
    Result<void> result;
    while (txn_bytes_ < kTxnBytesMax && messages < kBatchMessages && result) {
      const size_t taken = client_->take(batch, kBatchMessages / 8);
      if (client_->lost_touch()) {
        result = fail(connection_failure(
            fmt::format("topic \"{}\": the connection to the broker was lost", settings_.topic)));
      }
      for (rd_kafka_message_s* message : batch) {
        // After an error the rest is given back unread; its offsets are still ahead of the
        // position.
        if (result && message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
          result = on_event(*message);
        } else if (result) {
          const Result<bool> news = is_new(*message);
          if (!news) result = fail(news.error());
          if (news && *news) {
            on_message(*message);
            messages++;
          }
        }
        KafkaClient::release(message);
      }
      if (taken == 0) break;
    }
    txn.quarantined = decoder_.finish();
    quarantined_ += txn.quarantined;
    if (messages > 0) {
      last_message_us_ = clock_.monotonic_us();
      txn.bytes = txn_bytes_;
      txn.upstream_commit_us = oldest_us_;
      if (!push(std::move(txn))) return {};
    }
    QW_TRY(std::move(result));
    if (!push_advance()) return {};
    QW_TRY(probe());
    if (messages == 0) {
      fetch_if_behind();
      stop_.wait_drain(milliseconds(100));
    }
  }
  return {};
}

// Nothing to take although the broker is known to have more.
void KafkaSource::fetch_if_behind() {
  const int64_t now_us = clock_.monotonic_us();
  if (now_us - last_fetch_now_us_ < kFetchNowUs || status_.state != SourceState::running) return;
  for (const auto& [partition, next] : position_.next) {
    const auto ended = ended_.find(partition);
    if (ended != ended_.end() && ended->second == next) continue;  // more is not committed yet
    if (client_->cached_high(settings_.topic, partition).value_or(0) <= next) continue;
    last_fetch_now_us_ = now_us;
    client_->fetch_now(settings_.topic, partition);
    return;
  }
}

// Control records alone move the position too, lest lag never becomes zero; not in every epoch,
// since most are followed by messages.
bool KafkaSource::push_advance() {
  if (!advanced_ || clock_.monotonic_us() - last_message_us_ < kSecondUs / 2) return true;
  SourceTxn txn;
  txn.arena = pool_.take();
  return push(std::move(txn));
}

void KafkaSource::on_message(const rd_kafka_message_s& message) {
  message_.partition = message.partition;
  message_.offset = message.offset;
  message_.key.reset();
  message_.value.reset();
  if (message.key != nullptr)
    message_.key.emplace(static_cast<const char*>(message.key), message.key_len);
  if (message.payload != nullptr)
    message_.value.emplace(static_cast<const char*>(message.payload), message.len);
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const int64_t unix_ms = rd_kafka_message_timestamp(&message, &type);
  message_.timestamp_us.reset();
  if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && unix_ms >= 0 && unix_ms < INT64_MAX / 1000) {
    message_.timestamp_us = unix_ms * 1000 - kUnixToPostgresUs;
    if (oldest_us_ == 0 || *message_.timestamp_us < oldest_us_) oldest_us_ = *message_.timestamp_us;
  }
  message_.headers.clear();
  rd_kafka_headers_t* headers = nullptr;
  if (decoder_.wants_headers() &&
      rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (size_t n = 0;
         rd_kafka_header_get_all(headers, n, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         n++) {
      KafkaHeader header;
      header.name = name;
      if (value != nullptr) header.value.emplace(static_cast<const char*>(value), size);
      message_.headers.push_back(header);
    }
  }
  decoder_.decode(message_);
  txn_bytes_ += message.len + message.key_len + 64;
  position_.next[message.partition] = message.offset + 1;
  position_.last[message.partition] = what_was_read(message);
}

Result<bool> KafkaSource::is_new(const rd_kafka_message_s& message) {
  const int32_t partition = message.partition;
  if (unproven_.empty() || unproven_.erase(partition) == 0) return true;
  const KafkaPosition::Read last = position_.last.at(partition);
  const bool same = message.offset == last.offset && what_was_read(message) == last;
  if (same) return false;
  // Compaction or retention may have removed it, but brings nothing before what comes next.
  if (message.offset >= position_.next.at(partition)) return true;
  QW_ASSIGN_OR_RETURN(const Watermarks marks,
                      client_->watermarks(settings_.topic, partition, kQueryTimeout));
  QW_TRY(on_loss(partition, fmt::format("topic \"{}\" was recreated", settings_.topic),
                 fmt::format("Partition {} has another message at offset {} than was read there.",
                             partition, message.offset),
                 marks.low));
  // What else is there of the partition was asked for from the wrong offset.
  return fail(connection_failure(
      fmt::format("topic \"{}\" partition {} is read anew", settings_.topic, partition)));
}

Result<void> KafkaSource::on_event(const rd_kafka_message_s& message) {
  switch (message.err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF: {
      // Its offset is where the next fetch goes: past control records too.
      int64_t& next = position_.next[message.partition];
      const bool unproven = unproven_.erase(message.partition) != 0;
      if (unproven && message.offset < next) return on_lost_offset(message.partition);
      advanced_ |= message.offset > next;
      next = std::max(next, message.offset);
      ended_[message.partition] = next;
      return {};
    }
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      return on_lost_offset(message.partition);
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return fail(insufficient_privilege(
          fmt::format("no permission to read topic \"{}\"", settings_.topic)));
    default:
      // Foreign codes; librdkafka retries what can be retried. Opening anew finds out whether a
      // topic or partition is unknown for good.
      break;  // NOLINT
  }
  return fail(
      connection_failure(fmt::format("topic \"{}\" partition {}: {}", settings_.topic,
                                     message.partition, rd_kafka_message_errstr(&message))));
}

Result<void> KafkaSource::on_lost_offset(int32_t partition) {
  const int64_t wanted = position_.next[partition];
  QW_ASSIGN_OR_RETURN(const Watermarks marks,
                      client_->watermarks(settings_.topic, partition, kQueryTimeout));
  const bool unproven = unproven_.erase(partition) != 0;
  if (unproven && wanted >= marks.low && wanted <= marks.high) {
    // Only the message that was read last is gone: nothing that was not read.
    QW_TRY(client_->remove_partition(settings_.topic, partition));
    return client_->add_partition(settings_.topic, partition, wanted);
  }
  if (wanted < marks.low) {
    QW_TRY(on_loss(partition,
                   fmt::format("messages {} to {} of topic \"{}\" partition {} are gone", wanted,
                               marks.low - 1, settings_.topic, partition),
                   "The broker's retention removed them before they were read.", marks.low));
  } else {
    QW_TRY(on_loss(
        partition,
        fmt::format("topic \"{}\" partition {} ends at offset {}, before the {} that was read",
                    settings_.topic, partition, marks.high, wanted),
        "The topic was truncated or recreated.", marks.low));
  }
  QW_TRY(client_->remove_partition(settings_.topic, partition));
  return client_->add_partition(settings_.topic, partition, marks.low);
}

// Messages are lost, or others stand where they were: an error, or reading goes on at `low`.
Result<void> KafkaSource::on_loss(int32_t partition, const std::string& what,
                                  const std::string& why, int64_t low) {
  if (!settings_.go_on_after_loss) {
    return fail(object_not_in_prerequisite_state(what).with_detail(why).with_hint(
        "DROP SOURCE and create it again, or use WITH (ON DATA LOSS = 'continue')."));
  }
  log::warn("source \"{}\": {}; going on at {}", config_.name, what, low);
  position_.next[partition] = low;
  position_.last.erase(partition);
  return {};
}

// What is due by time: brokers that went or came back, new partitions, status, group offsets.
Result<void> KafkaSource::probe() {
  const int64_t now_us = clock_.monotonic_us();
  const auto side = client_->take_side_error();
  if (side && (side->all_brokers_down || side->error.code() == SqlState("28P01"))) {
    report_error(SourceState::stalled, side->error);
  }
  // Silence may be a topic without news or a broker that is gone, and "well again" is never
  // reported: ask.
  const bool doubtful =
      side || status_.state == SourceState::stalled || now_us - last_message_us_ >= kSecondUs;
  if (doubtful && now_us - last_probe_us_ >= kSecondUs) {
    const auto alive = client_->partition_count(settings_.topic, kProbeTimeout, stop_);
    last_probe_us_ = clock_.monotonic_us();
    if (alive) {
      if (status_.state == SourceState::stalled) report(SourceState::running);
    } else if (heals(alive.error())) {
      report_error(SourceState::stalled, alive.error());
    } else {
      return fail(alive.error());
    }
  }
  if (status_.state == SourceState::running &&
      now_us - last_discovery_us_ >= settings_.discovery_us) {
    if (const auto found = discover(); !found && !heals(found.error())) return fail(found.error());
  }
  if (now_us - last_status_us_ >= kSecondUs / 2 && status_.state == SourceState::running) {
    report(SourceState::running);
  }
  if (now_us - last_commit_us_ >= 5 * kSecondUs) commit_acknowledged();
  return {};
}

void KafkaSource::commit_acknowledged() {
  last_commit_us_ = clock_.monotonic_us();
  take_acknowledged();
  if (durable_.next == told_) return;
  told_ = durable_.next;
  client_->commit(settings_.topic, told_);
}

void KafkaSource::take_acknowledged() {
  std::string acknowledged;
  {
    const std::lock_guard lock(acknowledged_mutex_);
    acknowledged.swap(acknowledged_);
  }
  if (acknowledged.empty()) return;
  // They are our own.
  if (auto position = KafkaPosition::decode(acknowledged)) durable_ = std::move(*position);
}

bool KafkaSource::push(SourceTxn txn) {
  txn.position = position_.encode();
  advanced_ = false;
  return sink_->push(std::move(txn));
}

void KafkaSource::report(SourceState state, const std::string& message, const std::string& hint,
                         SqlState code) {
  last_status_us_ = clock_.monotonic_us();
  status_.state = state;
  status_.message = message;
  status_.hint = hint;
  status_.code = code;
  status_.quarantined = quarantined_;
  for (TableStatus& table : status_.tables) table.state = state;
  take_acknowledged();
  status_.upstream_position.clear();
  status_.partitions.clear();
  int64_t lag = 0;
  for (const auto& [partition, next] : durable_.next) {
    if (!status_.upstream_position.empty()) status_.upstream_position += ", ";
    status_.upstream_position += fmt::format("{}:{}", partition, next);
    int64_t high = -1;
    if (client_ != nullptr) {
      high = client_->cached_high(settings_.topic, partition).value_or(-1);
    }
    if (lag >= 0) lag = high >= 0 ? lag + std::max<int64_t>(high - next, 0) : -1;
    status_.partitions.push_back({partition, next, high});
    // Committed readers are told that the partition has ended, while its end has moved on.
    const auto ended = ended_.find(partition);
    if (state == SourceState::running && next < high && ended != ended_.end() &&
        ended->second == next && last_status_us_ - last_message_us_ >= kSecondUs) {
      status_.message =
          fmt::format("partition {} waits at offset {} for an open transaction", partition, next);
    }
  }
  status_.lag = durable_.next.empty() ? -1 : lag;
  sink_->status(status_);
}

void KafkaSource::report_error(SourceState state, const Error& error) {
  const Error safe = scrub(error, config_.secrets);
  std::string text = safe.message();
  if (!safe.detail().empty()) text += fmt::format(" ({})", safe.detail());
  if (status_.message != text) log::warn("source \"{}\": {}", config_.name, text);
  report(state, text, safe.hint(), safe.code());
}

}  // namespace qw::ingest
