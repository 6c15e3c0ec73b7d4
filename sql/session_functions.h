// SessionFunctions: what SQL functions may ask of the session that runs them. EvalContext carries
// it; it is null where there is no session (views, constant folding), and such a call is an error
// then.
//
// The engine implements it. The session's thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/ids.h"
#include "src/base/result.h"

namespace qw::sql {

class SessionFunctions {
 public:
  SessionFunctions() = default;
  SessionFunctions(const SessionFunctions&) = delete;
  SessionFunctions& operator=(const SessionFunctions&) = delete;
  virtual ~SessionFunctions() = default;

  virtual std::optional<std::string> setting(std::string_view name) = 0;
  // The value as it stands then. `local`: until the end of the transaction.
  virtual Result<std::string> set_setting(std::string_view name, std::string_view value,
                                          bool local) = 0;
  // False when there is no such session.
  virtual bool cancel(int32_t pid, bool terminate) = 0;
  virtual Result<void> sleep(double seconds) = 0;
  virtual int64_t stored_bytes(ObjectId relation) = 0;
  virtual int64_t database_bytes() = 0;
  virtual int64_t started_us() = 0;
  // Locks that mean what the applications agree on. False: somebody else has it.
  virtual Result<bool> lock(int64_t key, bool wait, bool until_commit) = 0;
  virtual bool unlock(int64_t key) = 0;
  virtual void unlock_all() = 0;
};

}  // namespace qw::sql
