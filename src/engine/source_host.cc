// SourceHost: see source_host.h.
#include "src/engine/source_host.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/log.h"
#include "src/base/thread.h"

namespace qw::engine {

class SourceHost::Running final : public SourceFeed, public ingest::SourceSink {
 public:
  Running(EpochLoop& loop, Clock& clock, ObjectId id, std::string name,
          std::unique_ptr<ingest::Source> source, std::vector<ObjectId> relations)
      : loop_(&loop),
        clock_(&clock),
        id_(id),
        name_(std::move(name)),
        source_(std::move(source)),
        relations_(std::move(relations)) {}

  Result<void> start(const std::string& position) {
    QW_ASSIGN_OR_RETURN(const std::vector<ingest::SourceTable> tables, source_->describe());
    QW_ASSERT(tables.size() == relations_.size());
    for (size_t t = 0; t < tables.size(); ++t) {
      tables_.push_back({tables[t].name, relations_[t], tables[t].quarantine});
    }
    return source_->start(position, *this);
  }
  void stop() {
    // Pushes return false from here on, until no thread pushes any more.
    loop_->close_feed(*this);
    source_->stop();
    loop_->forget_feed(*this);
  }
  ingest::Source& source() { return *source_; }

  // SourceSink, on the source's thread.
  bool push(ingest::SourceTxn txn) override {
    {
      const std::lock_guard lock(mutex_);
      if (refused_) return false;
    }
    return loop_->ingest(*this, std::move(txn));
  }
  void status(const ingest::SourceStatus& status) override {
    {
      const std::lock_guard lock(mutex_);
      if (refused_) return;
      if (status.state != status_.state || status.message != status_.message) {
        log::info("source {}: {} {}", name_, ingest::to_string(status.state), status.message);
      }
      status_ = status;
      remember_error();
    }
    changed_.notify_all();
  }

  // SourceFeed.
  ObjectId id() const override { return id_; }
  ObjectId relation(uint32_t table) const override { return relations_.at(table); }
  void committed(const std::string& position, bool snapshot_done,
                 int64_t upstream_commit_us) override {
    source_->acknowledge(position);
    {
      const std::lock_guard lock(mutex_);
      last_commit_us_ = std::max(last_commit_us_, upstream_commit_us);
      snapshot_done_ |= snapshot_done;
    }
    if (snapshot_done) changed_.notify_all();
  }
  void refused(const Error& error) override {
    {
      const std::lock_guard lock(mutex_);
      refused_ = true;
      status_.state = ingest::SourceState::failed;
      status_.message = error.message();
      status_.code = error.code();
      remember_error();
    }
    changed_.notify_all();
  }

  Result<bool> wait_snapshot(int64_t wait_ms) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] {
      return snapshot_done_ || status_.state == ingest::SourceState::failed;
    });
    if (snapshot_done_) return true;
    if (status_.state == ingest::SourceState::failed) {
      return fail(Error(status_.code, fmt::format("source \"{}\": {}", name_, status_.message))
                      .with_hint(status_.hint));
    }
    return false;
  }

  SourceView view() const {
    const std::lock_guard lock(mutex_);
    return {id_, name_, status_, tables_, last_commit_us_, last_error_, last_error_us_};
  }

 private:
  // With mutex_ held.
  void remember_error() {
    const bool bad = status_.state == ingest::SourceState::stalled ||
                     status_.state == ingest::SourceState::failed;
    std::string text = bad ? status_.message : std::string();
    for (const ingest::TableStatus& table : status_.tables) {
      if (text.empty()) text = table.error;
    }
    // The same trouble counts from when it began.
    if (!text.empty() && (text != last_error_ || !in_trouble_)) {
      last_error_ = text;
      last_error_us_ = clock_->now_us();
    }
    in_trouble_ = !text.empty();
  }

  EpochLoop* loop_;
  Clock* clock_;
  const ObjectId id_;
  const std::string name_;
  std::unique_ptr<ingest::Source> source_;
  const std::vector<ObjectId> relations_;
  std::vector<SourceView::Table> tables_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  ingest::SourceStatus status_;  // guarded by mutex_, as all below
  int64_t last_commit_us_ = 0;
  std::string last_error_;
  int64_t last_error_us_ = 0;
  bool snapshot_done_ = false, refused_ = false, in_trouble_ = false;
};

// Tries to free what a source holds upstream, until it is done or the database stops.
class SourceHost::Abandoned {
 public:
  Abandoned(std::string name, std::unique_ptr<ingest::Source> source)
      : name_(std::move(name)), source_(std::move(source)) {
    thread_ = Thread("qw-drop-source", [this] { run(); });
  }
  Abandoned(const Abandoned&) = delete;
  Abandoned& operator=(const Abandoned&) = delete;
  ~Abandoned() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    source_->stop();
    thread_.join();
  }

 private:
  void run() {
    constexpr std::chrono::seconds kBackOffMax(30);
    std::chrono::seconds back_off(1);
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      const auto dropped = source_->drop_upstream();
      lock.lock();
      if (dropped || stopping_) return;
      log::warn("unfinished source \"{}\": {}", name_, dropped.error().to_string());
      wake_.wait_for(lock, back_off, [&] { return stopping_; });
      back_off = std::min(back_off * 2, kBackOffMax);
    }
  }

  const std::string name_;
  const std::unique_ptr<ingest::Source> source_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  Thread thread_;
};

SourceHost::SourceHost(EpochLoop& loop, Clock& clock) : loop_(&loop), clock_(&clock) {}

SourceHost::~SourceHost() { stop_all(); }

std::shared_ptr<SourceHost::Running> SourceHost::get(ObjectId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(id);
  return found == running_.end() ? nullptr : found->second;
}

Result<void> SourceHost::start(ObjectId id, std::string name,
                               std::unique_ptr<ingest::Source> source,
                               std::vector<ObjectId> relations, const std::string& position) {
  auto running = std::make_shared<Running>(*loop_, *clock_, id, std::move(name), std::move(source),
                                           std::move(relations));
  {
    const std::lock_guard lock(mutex_);
    running_[id] = running;
  }
  auto started = running->start(position);
  if (!started) running->refused(started.error());
  return started;
}

void SourceHost::refuse(ObjectId id, const std::string& name, const Error& error) {
  SourceView view;
  view.id = id;
  view.name = name;
  view.status.state = ingest::SourceState::failed;
  view.status.message = view.last_error = error.message();
  view.status.hint = error.hint();
  view.last_error_us = clock_->now_us();
  const std::lock_guard lock(mutex_);
  if (!running_.contains(id)) refused_[id] = std::move(view);
}

Result<bool> SourceHost::wait_snapshot(ObjectId id, int64_t wait_ms) {
  const auto running = get(id);
  if (!running) return fail(internal_error("the source is not running"));
  return running->wait_snapshot(wait_ms);
}

void SourceHost::stop(ObjectId id) {
  const auto running = get(id);
  if (!running) return;
  running->stop();
  const std::lock_guard lock(mutex_);
  running_.erase(id);
}

Result<void> SourceHost::drop(ObjectId id) {
  const auto running = get(id);
  if (!running) {
    const std::lock_guard lock(mutex_);
    refused_.erase(id);
    return {};
  }
  running->stop();
  auto dropped = running->source().drop_upstream();
  const std::lock_guard lock(mutex_);
  running_.erase(id);
  return dropped;
}

void SourceHost::drop_later(std::string name, std::unique_ptr<ingest::Source> source) {
  auto abandoned = std::make_unique<Abandoned>(std::move(name), std::move(source));
  const std::lock_guard lock(mutex_);
  abandoned_.push_back(std::move(abandoned));
}

void SourceHost::stop_all() {
  std::map<ObjectId, std::shared_ptr<Running>> all;
  std::vector<std::unique_ptr<Abandoned>> abandoned;
  {
    const std::lock_guard lock(mutex_);
    all.swap(running_);
    abandoned.swap(abandoned_);
  }
  abandoned.clear();
  for (const auto& [id, running] : all) running->stop();
}

// While the disk has no room every source stands still, whatever it says itself.
SourceView SourceHost::view_of(const Running& running) const {
  SourceView view = running.view();
  using State = ingest::SourceState;
  const bool works = view.status.state == State::starting || view.status.state == State::running ||
                     view.status.state == State::snapshotting;
  if (const auto full = loop_->no_room(); full && works) {
    view.status.state = State::stalled;
    view.status.message = "waits for room: " + full->message();
    view.status.hint = full->hint();
  }
  return view;
}

std::vector<SourceView> SourceHost::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<SourceView> out;
  for (const auto& [id, running] : running_) out.push_back(view_of(*running));
  for (const auto& [id, view] : refused_) out.push_back(view);
  return out;
}

std::optional<SourceView> SourceHost::find(ObjectId id) const {
  if (const auto running = get(id)) return view_of(*running);
  const std::lock_guard lock(mutex_);
  const auto refused = refused_.find(id);
  if (refused == refused_.end()) return std::nullopt;
  return refused->second;
}

}  // namespace qw::engine
