// Recomputes every materialized view from its inputs and compares: `quickwater check`.
#pragma once

#include <string>
#include <vector>

#include "src/base/result.h"

namespace qw::engine {

class DatabaseImpl;

// One line per view whose rows differ from its query over the same snapshot.
Result<std::vector<std::string>> check_views(DatabaseImpl& database);

}  // namespace qw::engine
