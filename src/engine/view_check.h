// `quickwater check` beyond the store: every materialized view is recomputed from its inputs and
// compared, and every index with the rows of its table.
#pragma once

#include <string>
#include <vector>

#include "src/base/result.h"

namespace qw::engine {

class DatabaseImpl;

// One line per view whose rows differ from its query over the same snapshot.
Result<std::vector<std::string>> check_views(DatabaseImpl& database);
// One line per index that has other entries than those of its table's rows.
Result<std::vector<std::string>> check_indexes(DatabaseImpl& database);

}  // namespace qw::engine
