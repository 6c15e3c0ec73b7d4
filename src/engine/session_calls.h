// SessionCalls: what SQL functions may do with the session that runs them: set_config(),
// pg_sleep(), advisory locks, sizes. The session's thread.
#pragma once

#include <optional>
#include <string>

#include "sql/session_functions.h"

namespace qw::engine {

class SessionImpl;

class SessionCalls final : public sql::SessionFunctions {
 public:
  explicit SessionCalls(SessionImpl& session) : session_(&session) {}

  std::optional<std::string> setting(std::string_view name) override;
  Result<std::string> set_setting(std::string_view name, std::string_view value,
                                  bool local) override;
  bool cancel(int32_t pid, bool terminate) override;
  Result<void> sleep(double seconds) override;
  int64_t stored_bytes(ObjectId relation) override;
  int64_t database_bytes() override;
  int64_t started_us() override;
  Result<bool> lock(int64_t key, bool wait, bool until_commit) override;
  bool unlock(int64_t key) override;
  void unlock_all() override;

 private:
  SessionImpl* session_;
};

}  // namespace qw::engine
