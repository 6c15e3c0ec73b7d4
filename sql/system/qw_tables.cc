// The qw schema: what runs. Shapes only; the engine makes the rows (src/engine/system_rows.cc).
#include <string_view>
#include <vector>

#include "sql/system/system_table.h"

namespace qw::sql {
namespace {

template <const char* kName>
Result<std::vector<SystemRow>> engine_rows(const SystemContext& context) {
  if (!context.qw_rows) return std::vector<SystemRow>();
  return context.qw_rows(kName);
}

constexpr char kSourceStatus[] = "source_status";
constexpr char kSourceTables[] = "source_tables";
constexpr char kSourcePartitions[] = "source_partitions";
constexpr char kViewStatus[] = "view_status";
constexpr char kViewErrors[] = "view_errors";
constexpr char kProgress[] = "progress";

}  // namespace

std::vector<SystemTable> qw_tables() {
  std::vector<SystemTable> tables;
  tables.push_back(make_system_table(15900, "qw", kSourceStatus,
                                     {{"schema", TypeId::text},
                                      {"source", TypeId::text},
                                      {"type", TypeId::text},
                                      {"state", TypeId::text},
                                      {"message", TypeId::text},
                                      {"hint", TypeId::text},
                                      {"position", TypeId::text},
                                      {"lag", TypeId::int8},
                                      {"rows", TypeId::int8},
                                      {"quarantined", TypeId::int8},
                                      {"snapshot_rows_done", TypeId::int8},
                                      {"snapshot_rows_estimated", TypeId::int8},
                                      {"last_commit", TypeId::timestamptz},
                                      {"last_error", TypeId::text},
                                      {"last_error_at", TypeId::timestamptz}},
                                     engine_rows<kSourceStatus>));
  tables.push_back(make_system_table(15905, "qw", kSourcePartitions,
                                     {{"schema", TypeId::text},
                                      {"source", TypeId::text},
                                      {"partition", TypeId::int4},
                                      {"next_offset", TypeId::int8},
                                      {"end_offset", TypeId::int8},
                                      {"lag", TypeId::int8}},
                                     engine_rows<kSourcePartitions>));
  tables.push_back(make_system_table(15901, "qw", kSourceTables,
                                     {{"source", TypeId::text},
                                      {"table", TypeId::text},
                                      {"state", TypeId::text},
                                      {"error", TypeId::text}},
                                     engine_rows<kSourceTables>));
  tables.push_back(make_system_table(15902, "qw", kViewStatus,
                                     {{"schema", TypeId::text},
                                      {"view", TypeId::text},
                                      {"hydrated", TypeId::boolean},
                                      {"rows", TypeId::int8},
                                      {"row_bytes", TypeId::int8},
                                      {"state_rows", TypeId::int8},
                                      {"state_bytes", TypeId::int8},
                                      {"epoch", TypeId::int8},
                                      {"errors", TypeId::int8}},
                                     engine_rows<kViewStatus>));
  tables.push_back(make_system_table(15903, "qw", kViewErrors,
                                     {{"schema", TypeId::text},
                                      {"view", TypeId::text},
                                      {"sqlstate", TypeId::text},
                                      {"message", TypeId::text},
                                      {"detail", TypeId::text},
                                      {"hint", TypeId::text},
                                      {"count", TypeId::int8}},
                                     engine_rows<kViewErrors>));
  tables.push_back(make_system_table(15904, "qw", kProgress,
                                     {{"object", TypeId::text},
                                      {"activity", TypeId::text},
                                      {"rows_done", TypeId::int8},
                                      {"rows_estimated", TypeId::int8}},
                                     engine_rows<kProgress>));
  return tables;
}

}  // namespace qw::sql
