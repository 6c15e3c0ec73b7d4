// The session's time zone, and zones named in arguments, looked up once per call site.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "sql/expr/kernel.h"
#include "src/types/time_zone.h"

namespace qw::sql {

inline const TimeZone& session_zone(const Row& row) {
  const auto& zone = row.context().style.zone;
  return zone == nullptr ? TimeZone::utc() : *zone;
}

// Zones by name as arguments spell them.
class ZoneCache {
 public:
  Result<const TimeZone*> find(std::string_view name) {
    const auto found = zones_.find(name);
    if (found != zones_.end()) return found->second.get();
    // A bare offset is a POSIX zone here, whose sign counts west of Greenwich.
    const char first = name.empty() ? '\0' : name[0];
    std::string flipped(first >= '0' && first <= '9' ? "-" : "");
    flipped += name;
    if (first == '+' || first == '-') flipped[0] = first == '+' ? '-' : '+';
    QW_ASSIGN_OR_RETURN(auto zone, TimeZone::find(flipped));
    if (zones_.size() >= kZonesMax) zones_.clear();
    return zones_.emplace(std::string(name), std::move(zone)).first->second.get();
  }

 private:
  static constexpr size_t kZonesMax = 64;
  std::map<std::string, std::shared_ptr<const TimeZone>, std::less<>> zones_;
};

}  // namespace qw::sql
