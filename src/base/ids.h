// Ids: numbers with a meaning get a type, so that two of them cannot be swapped in a call.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

#include <fmt/format.h>

namespace qw {

template <typename Tag, typename Rep>
struct StrongId {
  Rep value = 0;
  constexpr auto operator<=>(const StrongId&) const = default;
  constexpr explicit operator bool() const { return value != 0; }
};

// A committed step of the engine; 0 = nothing committed yet.
using Epoch = StrongId<struct EpochTag, uint64_t>;
// A catalogue object (relation, index, source, connection, ...): its PostgreSQL oid as well, so
// unique over all classes, >= 16384 for user objects, never used again.
using ObjectId = StrongId<struct ObjectTag, uint32_t>;
// One operator state of the dataflow, unique for the life of a data directory.
using StateId = StrongId<struct StateTag, uint32_t>;

}  // namespace qw

template <typename Tag, typename Rep>
struct std::hash<qw::StrongId<Tag, Rep>> {
  size_t operator()(const qw::StrongId<Tag, Rep>& id) const { return std::hash<Rep>()(id.value); }
};

template <typename Tag, typename Rep>
struct fmt::formatter<qw::StrongId<Tag, Rep>> : fmt::formatter<Rep> {
  template <typename Context>
  auto format(const qw::StrongId<Tag, Rep>& id, Context& context) const {
    return fmt::formatter<Rep>::format(id.value, context);
  }
};
