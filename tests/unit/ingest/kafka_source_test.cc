// KafkaSource against librdkafka's mock cluster: resuming, lost offsets, brokers that go and come
// back. The mock knows neither transactions nor lookups by time: those are for a real broker.
#include <array>
#include <chrono>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "ingest/kafka/kafka_source.h"
#include "src/types/text.h"
#include "tests/unit/ingest/sink.h"

namespace qw::ingest {

namespace {

// A broker in this process, and a producer for it.
class MockBroker {
 public:
  explicit MockBroker(int partitions) {
    std::array<char, 256> text{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", text.data(), text.size());
    rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", text.data(), text.size());
    producer_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size());
    REQUIRE(producer_ != nullptr);
    cluster_ = rd_kafka_handle_mock_cluster(producer_);
    REQUIRE(cluster_ != nullptr);
    rd_kafka_mock_topic_create(cluster_, "t", partitions, 1);
    topic_ = rd_kafka_topic_new(producer_, "t", nullptr);
  }
  MockBroker(const MockBroker&) = delete;
  MockBroker& operator=(const MockBroker&) = delete;
  ~MockBroker() {
    rd_kafka_topic_destroy(topic_);
    rd_kafka_destroy(producer_);
  }
  std::string address() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
  void send(int partition, const std::string& value) {
    REQUIRE(rd_kafka_produce(topic_, partition, RD_KAFKA_MSG_F_COPY,
                             const_cast<char*>(value.data()), value.size(), nullptr, 0,
                             nullptr) == 0);
    REQUIRE(rd_kafka_flush(producer_, 10'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  void down() { rd_kafka_mock_broker_set_down(cluster_, 1); }
  void up() { rd_kafka_mock_broker_set_up(cluster_, 1); }

 private:
  rd_kafka_t* producer_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

SourceConfig config_of(const std::string& address) {
  SourceConfig config;
  config.kind = SourceKind::kafka;
  config.name = "s";
  config.id = ObjectId{16400};
  config.database_id = "unit";
  config.connection = {{"broker", address}};
  config.options = {{"topic", "t"}};
  config.columns = {{"n", TypeId::int8, true}};
  return config;
}

uint64_t rows_of(const std::vector<SourceTxn>& txns, uint32_t table) {
  uint64_t rows = 0;
  for (const SourceTxn& txn : txns) {
    for (const TableChunk& chunk : txn.chunks) rows += chunk.table == table ? chunk.rows : 0;
  }
  return rows;
}

int64_t sum_of(const std::vector<SourceTxn>& txns) {
  int64_t sum = 0;
  for (const SourceTxn& txn : txns) {
    for (const TableChunk& chunk : txn.chunks) {
      for (uint32_t row = 0; chunk.table == 0 && row < chunk.rows; row++) {
        sum += chunk.columns[0].at<int64_t>(row);
      }
    }
  }
  return sum;
}

std::unique_ptr<Source> make(const SourceConfig& config, Clock& clock) {
  auto source = Source::create(config, clock);
  REQUIRE_MESSAGE(source.has_value(), source.error().message());
  return std::move(*source);
}

}  // namespace

TEST_CASE("all partitions are read, bad messages are quarantined, and a position resumes exactly") {
  MockBroker broker(3);
  for (int n = 1; n <= 30; n++) broker.send(n % 3, "{\"n\":" + std::to_string(n) + "}");
  broker.send(0, "bad");
  SystemClock clock;
  const SourceConfig config = config_of(broker.address());
  CollectingSink sink;
  auto source = make(config, clock);
  const auto tables = source->describe();
  REQUIRE_MESSAGE(tables.has_value(), tables.error().message());
  REQUIRE(tables->size() == 2);
  REQUIRE(source->start("", sink).has_value());
  REQUIRE(sink.wait(
      [](const auto& txns, const auto&) { return rows_of(txns, 0) + rows_of(txns, 1) == 31; }));
  source->stop();
  const auto first = sink.take();
  CHECK(sum_of(first) == 465);
  CHECK(rows_of(first, 1) == 1);
  // The first txn holds the offsets to start from, before any message.
  REQUIRE(first[0].chunks.empty());
  CHECK(KafkaPosition::decode(first[0].position)->next.size() == 3);

  for (int n = 31; n <= 40; n++) broker.send(n % 3, "{\"n\":" + std::to_string(n) + "}");
  CollectingSink rest;
  auto again = make(config, clock);
  REQUIRE(again->start(first.back().position, rest).has_value());
  REQUIRE(rest.wait([](const auto& txns, const auto&) { return rows_of(txns, 0) == 10; }));
  CHECK(sum_of(rest.take()) == 355);
}

TEST_CASE("an offset that the broker does not have stops the source and says why") {
  MockBroker broker(1);
  broker.send(0, R"({"n":1})");
  SystemClock clock;
  SourceConfig config = config_of(broker.address());
  config.options["start_offset"] = "500";
  CollectingSink sink;
  auto source = make(config, clock);
  const auto refused = source->describe();
  REQUIRE(!refused.has_value());
  CHECK(refused.error().code() == SqlState("22023"));
  CHECK(refused.error().message().find("500 lies beyond the end") != std::string::npos);
  // Whoever starts all the same finds a partition that ends before its position.
  REQUIRE(source->start("", sink).has_value());
  REQUIRE(sink.wait(
      [](const auto&, const SourceStatus& status) { return status.state == SourceState::failed; }));
  const SourceStatus status = sink.last_status();
  CHECK(status.message.find("ends at offset 1, before the 500") != std::string::npos);
  CHECK(status.code == SqlState("55000"));
  CHECK(status.hint.find("ON DATA LOSS") != std::string::npos);

  config.options["on_data_loss"] = "continue";
  CollectingSink rows;
  auto lenient = make(config, clock);
  REQUIRE(lenient->start("", rows).has_value());
  CHECK(rows.wait([](const auto& txns, const auto&) { return rows_of(txns, 0) == 1; }));
}

// What a topic that was made again looks like: as long as the old one, with other messages.
TEST_CASE("a source does not go on in a topic of the same name with other messages") {
  SystemClock clock;
  std::string position;
  {
    MockBroker broker(1);
    for (int n = 1; n <= 3; n++) broker.send(0, "{\"n\":" + std::to_string(n) + "}");
    CollectingSink sink;
    auto source = make(config_of(broker.address()), clock);
    REQUIRE(source->start("", sink).has_value());
    REQUIRE(sink.wait([](const auto& txns, const auto&) { return rows_of(txns, 0) == 3; }));
    source->stop();
    position = sink.take().back().position;
  }
  MockBroker broker(1);
  for (int n = 11; n <= 15; n++) broker.send(0, "{\"n\":" + std::to_string(n) + "}");
  // The mock's clusters differ in nothing but their messages.
  KafkaPosition moved = *KafkaPosition::decode(position);
  REQUIRE(moved.last.size() == 1);
  CHECK(moved.last.at(0).offset == 2);
  moved.cluster_id.clear();
  SourceConfig config = config_of(broker.address());
  CollectingSink sink;
  auto source = make(config, clock);
  REQUIRE(source->start(moved.encode(), sink).has_value());
  REQUIRE(sink.wait(
      [](const auto&, const SourceStatus& status) { return status.state == SourceState::failed; }));
  CHECK(sink.last_status().message.find("topic \"t\" was recreated") != std::string::npos);
  CHECK(sink.last_status().code == SqlState("55000"));
  CHECK(rows_of(sink.take(), 0) == 0);

  config.options["on_data_loss"] = "continue";
  CollectingSink rows;
  auto lenient = make(config, clock);
  REQUIRE(lenient->start(moved.encode(), rows).has_value());
  REQUIRE(rows.wait([](const auto& txns, const auto&) { return rows_of(txns, 0) == 5; }));
  CHECK(sum_of(rows.take()) == 65);
}

TEST_CASE("a broker that goes away stalls the source; it goes on by itself when it is back") {
  MockBroker broker(1);
  broker.send(0, R"({"n":1})");
  SystemClock clock;
  CollectingSink sink;
  auto source = make(config_of(broker.address()), clock);
  REQUIRE(source->start("", sink).has_value());
  REQUIRE(sink.wait([](const auto& txns, const auto&) { return rows_of(txns, 0) == 1; }));
  broker.down();
  REQUIRE(sink.wait([](const auto&, const SourceStatus& status) {
    return status.state == SourceState::stalled;
  }));
  CHECK(!sink.last_status().message.empty());
  broker.up();
  broker.send(0, R"({"n":2})");
  CHECK(sink.wait([](const auto& txns, const auto&) { return rows_of(txns, 0) == 2; }));
  CHECK(sink.wait([](const auto&, const SourceStatus& status) {
    return status.state == SourceState::running;
  }));
}

TEST_CASE("a broker that is not there is an error at CREATE, without secrets in it") {
  SystemClock clock;
  SourceConfig config = config_of("127.0.0.1:1");
  config.connection["sasl_username"] = "me";
  config.connection["sasl_password"] = "very-secret";
  config.secrets = {"very-secret"};
  auto source = make(config, clock);
  const auto tables = source->describe();
  REQUIRE(!tables.has_value());
  CHECK(tables.error().code() == SqlState("08006"));
  CHECK(tables.error().to_string().find("very-secret") == std::string::npos);
  config.connection["security_protocol"] = "smoke";
  auto bad = Source::create(config, clock);
  CHECK((!bad.has_value() || !(*bad)->describe().has_value()));
}

TEST_CASE("a source stops at once, also while it waits for a broker") {
  SystemClock clock;
  CollectingSink sink;
  auto source = make(config_of("127.0.0.1:1"), clock);
  REQUIRE(source->start("", sink).has_value());
  REQUIRE(sink.wait([](const auto&, const SourceStatus& status) {
    return status.state == SourceState::stalled;
  }));
  source->stop();
}

}  // namespace qw::ingest
