// TimeZone: UTC offsets of a named zone, an abbreviation or a POSIX-like fixed offset.
//
// Rules come from the system's tz database. Lookup takes what PostgreSQL's SET TIME ZONE takes:
// "Europe/Berlin" (any case), "EST5EDT", "+02", "-3.5" (hours east), "UTC+3" (POSIX: west), 'EST'.
// Immutable, shared; any thread. Tests: tests/unit/types/time_zone_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.h"

namespace qw {

class TimeZone {
 public:
  struct Local {
    int32_t offset_seconds;  // east of Greenwich
    bool dst;
    std::string_view abbreviation;  // valid as long as the zone
  };

  TimeZone() = default;
  TimeZone(const TimeZone&) = delete;
  TimeZone& operator=(const TimeZone&) = delete;
  virtual ~TimeZone();

  // SET TIME ZONE's names. 22023 with PostgreSQL's text when unknown.
  static Result<std::shared_ptr<const TimeZone>> find(std::string_view name);
  static std::shared_ptr<const TimeZone> fixed(int32_t east_seconds, std::string name);
  static const TimeZone& utc();
  // A zone abbreviation of PostgreSQL's default set ("EST" -> -18000), any case.
  struct Abbreviation {
    int32_t offset_seconds;
    bool dst;
  };
  static std::optional<Abbreviation> abbreviation(std::string_view text);

  // The canonical spelling, as SHOW TimeZone prints it.
  virtual std::string_view name() const = 0;
  // At an instant: microseconds since 2000-01-01 UTC.
  virtual Local at(int64_t utc_us) const = 0;
  // Offset of a local time. In a gap or an overlap the standard (later UTC) reading counts, as in
  // PostgreSQL.
  virtual int32_t offset_of_local(int64_t local_us) const = 0;
  virtual bool is_fixed() const = 0;
};

}  // namespace qw
