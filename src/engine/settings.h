// Settings: the run-time parameters of one session (SET, SHOW, RESET), PostgreSQL's GUCs.
//
// A table row per parameter says its default, its class and how a value is checked. Parameters that
// only steer PostgreSQL's own machinery (enable_*, work_mem, jit ...) are stored and shown and do
// nothing. SET is transactional: begin_block() / commit_block() / rollback_block() keep what a
// block must undo; SET LOCAL ends with the block. Names with a dot are free for the user. One
// thread at a time. Tests: tests/unit/engine/settings_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/result.h"
#include "src/types/text.h"

namespace qw::engine {

class Settings {
 public:
  // `user` and `database` show in session_authorization and the defaults that name them.
  explicit Settings(const std::string& user);

  // A start-up parameter or SET; 42704 for an unknown name, 22023 for a bad value, 55P02-like
  // refusal of what cannot change.
  Result<void> set(std::string_view name, std::string_view value, bool local = false);
  Result<void> reset(std::string_view name);
  void reset_all();
  Result<std::string> show(std::string_view name) const;
  std::optional<std::string> find(std::string_view name) const;
  struct Row {
    std::string name, value, initial, description;
    bool fixed = false;  // can be shown, not set
  };
  std::vector<Row> all() const;

  void begin_block();
  void commit_block();
  void rollback_block();

  // What the client must be told since the last call: ParameterStatus pairs. The first call gives
  // all.
  std::vector<std::pair<std::string, std::string>> take_changed();

  const TextStyle& style() const { return style_; }
  const std::vector<std::string>& search_path() const { return search_path_; }
  int64_t statement_timeout_ms() const { return statement_timeout_ms_; }
  bool default_read_only() const { return default_read_only_; }

 private:
  using Values = std::map<std::string, std::string, std::less<>>;
  void apply();

  Values defaults_;  // after start-up: what RESET goes back to
  Values values_;
  bool in_block_ = false;
  Values before_block_;  // to undo the block
  Values after_block_;   // what COMMIT leaves: SET without LOCAL
  Values reported_;
  TextStyle style_;
  std::vector<std::string> search_path_;
  int64_t statement_timeout_ms_ = 0;
  bool default_read_only_ = false;
  bool changed_ = true;  // perhaps, since take_changed()
};

}  // namespace qw::engine
