// SystemRows: rows of pg_catalog, information_schema and qw, computed when read.
//
// pg_catalog and information_schema come from the catalogue snapshot (sql/system_catalog.h); the qw
// tables show what runs: sources, views, errors, sessions. One session's thread.
#pragma once

#include "src/engine/session.h"
#include "src/engine/snapshot_sources.h"

namespace qw::engine {

SystemRows system_rows(SessionImpl& session, const Transaction& transaction,
                       const CatalogView& view);

}  // namespace qw::engine
