// Functions that ask or tell the session: settings, cancelling, advisory locks, sizes.
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "sql/catalog.h"
#include "sql/expr/declare.h"
#include "sql/session_functions.h"
#include "sql/system/catalogue_functions.h"
#include "sql/system/names.h"

namespace qw::sql {
namespace {

using View = std::string_view;

std::nullopt_t failed(Row& row, Error error) {
  row.fail(std::move(error));
  return std::nullopt;
}

Error no_session(Row& row) {
  return feature_not_supported(fmt::format("{}() cannot be called here", row.function()->name));
}

Str version(Row& row) { return row.text("PostgreSQL 15.0 (Quickwater 0.1.0), 64-bit"); }
Str current_user(Row& row) { return row.text(row.context().user); }
Str current_database(Row& row) { return row.text(row.context().database); }
int32_t backend_pid(Row& row) { return row.context().backend_pid; }

// ---- settings -------------------------------------------------------------------------------

std::optional<Str> setting_or_null(View name, bool missing_ok, Row& row) {
  SessionFunctions* session = row.context().session;
  if (session == nullptr) return failed(row, no_session(row));
  const auto value = session->setting(name);
  if (value) return row.text(*value);
  if (missing_ok) return std::nullopt;
  return failed(row,
                undefined_object(fmt::format("unrecognized configuration parameter \"{}\"", name)));
}
std::optional<Str> setting(View name, Row& row) { return setting_or_null(name, false, row); }

std::optional<Str> set_config(std::optional<View> name, std::optional<View> value,
                              std::optional<bool> local, Row& row) {
  SessionFunctions* session = row.context().session;
  if (session == nullptr) return failed(row, no_session(row));
  if (!name) {
    return failed(row, null_value_not_allowed("SET requires parameter name"));
  }
  const auto now = session->set_setting(*name, value.value_or(""), local.value_or(false));
  if (!now) return failed(row, now.error());
  return row.text(*now);
}

// ---- other sessions -------------------------------------------------------------------------

bool cancel_backend(int32_t pid, Row& row) {
  SessionFunctions* session = row.context().session;
  if (session == nullptr) return row.fail(no_session(row));
  return session->cancel(pid, false);
}
bool terminate_backend(int32_t pid, int64_t, Row& row) {
  SessionFunctions* session = row.context().session;
  if (session == nullptr) return row.fail(no_session(row));
  return session->cancel(pid, true);
}

// ---- void results: nothing is stored, so these run row by row by hand -------------------------

template <typename Body>
void void_kernel(KernelCall& call, Body body) {
  kernel::Frame frame(call, false);
  if (frame.done) return;
  *call.result = Vector::flat(call.result_type, call.rows, *call.arena);
  call.result->validity = frame.validity;
  Row row(frame);
  frame.for_rows([&](uint32_t index) {
    if (!frame.valid(index)) return;
    row.at(index);
    body(frame, row, index);
  });
}

template <typename T>
T argument(const kernel::Frame& frame, uint32_t arg, uint32_t row) {
  return frame.data<T>(arg)[row & frame.row_mask[arg]];
}

void sleep(KernelCall& call) {
  void_kernel(call, [](kernel::Frame& frame, Row& row, uint32_t index) {
    SessionFunctions* session = row.context().session;
    if (session == nullptr) return void(row.fail(no_session(row)));
    const auto slept = session->sleep(argument<double>(frame, 0, index));
    if (!slept) row.fail(slept.error());
  });
}

// A key of two halves is a key of its own kind in PostgreSQL; here the upper half tells.
int64_t joined_key(int32_t high, int32_t low) {
  return static_cast<int64_t>((uint64_t{static_cast<uint32_t>(high)} << 32) |
                              static_cast<uint32_t>(low));
}

template <bool kUntilCommit, bool kTwo>
void lock(KernelCall& call) {
  void_kernel(call, [](kernel::Frame& frame, Row& row, uint32_t index) {
    SessionFunctions* session = row.context().session;
    if (session == nullptr) return void(row.fail(no_session(row)));
    int64_t key = 0;
    if constexpr (kTwo) {
      key = joined_key(argument<int32_t>(frame, 0, index), argument<int32_t>(frame, 1, index));
    } else {
      key = argument<int64_t>(frame, 0, index);
    }
    const auto locked = session->lock(key, true, kUntilCommit);
    if (!locked) row.fail(locked.error());
  });
}

void unlock_all(KernelCall& call) {
  void_kernel(call, [](kernel::Frame&, Row& row, uint32_t) {
    SessionFunctions* session = row.context().session;
    if (session == nullptr) return void(row.fail(no_session(row)));
    session->unlock_all();
  });
}

template <bool kUntilCommit>
bool try_lock(int64_t key, Row& row) {
  SessionFunctions* session = row.context().session;
  if (session == nullptr) return row.fail(no_session(row));
  return row.take(session->lock(key, false, kUntilCommit));
}
template <bool kUntilCommit>
bool try_lock_two(int32_t high, int32_t low, Row& row) {
  return try_lock<kUntilCommit>(joined_key(high, low), row);
}
bool unlock(int64_t key, Row& row) {
  SessionFunctions* session = row.context().session;
  if (session == nullptr) return row.fail(no_session(row));
  return session->unlock(key);
}
bool unlock_two(int32_t high, int32_t low, Row& row) { return unlock(joined_key(high, low), row); }

// ---- sizes ----------------------------------------------------------------------------------

std::optional<int64_t> relation_size(uint32_t oid, Row& row) {
  const EvalContext& context = row.context();
  if (context.session == nullptr) return failed(row, no_session(row));
  if (context.catalog->find(ObjectId{oid}) == nullptr) return std::nullopt;
  return context.session->stored_bytes(ObjectId{oid});
}
std::optional<int64_t> fork_size(uint32_t oid, View, Row& row) { return relation_size(oid, row); }
int64_t no_size(uint32_t, Row&) { return 0; }
int64_t database_size(View, Row& row) {
  SessionFunctions* session = row.context().session;
  if (session == nullptr) return row.fail(no_session(row));
  return session->database_bytes();
}
int64_t database_size_by_id(uint32_t, Row& row) { return database_size("", row); }

// 10239 bytes, 10 kB, ... 20479 MB: a unit is left when its number would take a fifth digit, and
// halves round up.
Str size_pretty(int64_t bytes, Row& row) {
  constexpr View kUnits[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
  if (bytes > -10240 && bytes < 10240) return row.text(fmt::format("{} bytes", bytes));
  size_t unit = 1;
  int64_t halves = bytes / 512;  // of the unit
  while ((halves > 20 * 1024 - 1 || halves < -(20 * 1024 - 1)) && unit + 1 < std::size(kUnits)) {
    halves /= 1024;
    ++unit;
  }
  const int64_t rounded = (halves + (halves < 0 ? -1 : 1)) / 2;
  return row.text(fmt::format("{} {}", rounded, kUnits[unit]));
}

int64_t start_time(Row& row) {
  SessionFunctions* session = row.context().session;
  if (session == nullptr) return row.fail(no_session(row));
  return session->started_us();
}

}  // namespace

void declare_session_calls(Declarations& d) {
  d.add(89, "version() text stable", each<version>());
  d.add(745, "current_user() name stable", each<current_user>());
  d.add(746, "session_user() name stable", each<current_user>());
  d.add(861, "current_database() name stable", each<current_database>());
  d.add(2026, "pg_backend_pid() int4 stable", each<backend_pid>());
  d.add(2077, "current_setting(text) text stable", each<setting>());
  d.add(3294, "current_setting(text,bool) text stable", each<setting_or_null>());
  d.add(2078, "set_config(text,text,bool) text volatile nonstrict", each<set_config>());
  d.add(2171, "pg_cancel_backend(int4) bool volatile", each<cancel_backend>());
  d.add(2096, "pg_terminate_backend(int4,int8=0) bool volatile", each<terminate_backend>());
  d.add(2626, "pg_sleep(float8) void volatile", {&sleep, false});
  d.add(2880, "pg_advisory_lock(int8) void volatile", {&lock<false, false>, false});
  d.add(2886, "pg_advisory_lock(int4,int4) void volatile", {&lock<false, true>, false});
  d.add(3089, "pg_advisory_xact_lock(int8) void volatile", {&lock<true, false>, false});
  d.add(3093, "pg_advisory_xact_lock(int4,int4) void volatile", {&lock<true, true>, false});
  d.add(2882, "pg_try_advisory_lock(int8) bool volatile", each<try_lock<false>>());
  d.add(2888, "pg_try_advisory_lock(int4,int4) bool volatile", each<try_lock_two<false>>());
  d.add(3091, "pg_try_advisory_xact_lock(int8) bool volatile", each<try_lock<true>>());
  d.add(3095, "pg_try_advisory_xact_lock(int4,int4) bool volatile", each<try_lock_two<true>>());
  d.add(2884, "pg_advisory_unlock(int8) bool volatile", each<unlock>());
  d.add(2890, "pg_advisory_unlock(int4,int4) bool volatile", each<unlock_two>());
  d.add(2892, "pg_advisory_unlock_all() void volatile", {&unlock_all, false});
  d.add(2325, "pg_relation_size(regclass) int8 volatile", each<relation_size>());
  d.add(2332, "pg_relation_size(regclass,text) int8 volatile", each<fork_size>());
  d.add(2997, "pg_table_size(regclass) int8 volatile", each<relation_size>());
  d.add(2286, "pg_total_relation_size(regclass) int8 volatile", each<relation_size>());
  d.add(2998, "pg_indexes_size(regclass) int8 volatile", each<no_size>());
  d.add(2168, "pg_database_size(name) int8 volatile", each<database_size>());
  d.add(2324, "pg_database_size(oid) int8 volatile", each<database_size_by_id>());
  d.add(2322, "pg_tablespace_size(oid) int8 volatile", each<database_size_by_id>());
  d.add(2323, "pg_tablespace_size(name) int8 volatile", each<database_size>());
  d.add(2288, "pg_size_pretty(int8) text", each<size_pretty>());
  d.add(2560, "pg_postmaster_start_time() timestamptz stable", each<start_time>());
}

}  // namespace qw::sql
