// to_jsonb() of one value, for functions and aggregates. Tests:
// tests/unit/sql_expr/cases/jsonb_build.tsv.
#pragma once

#include "src/base/arena.h"
#include "src/base/result.h"
#include "src/types/jsonb.h"
#include "src/types/text.h"
#include "src/types/vector.h"

namespace qw::sql {

// Row `row` of a flat vector. Records are not supported (0A000).
Result<void> append_json_value(const Vector& vector, uint32_t row, const TextStyle& style,
                               Arena& arena, JsonBuilder& builder);

}  // namespace qw::sql
