// The embedded demo: see demo.h. Harmless to run again on a data directory that has it.
#include "src/server/demo.h"

#include <string_view>

namespace qw::server {

std::string_view demo_sql() {
  return R"sql(
CREATE SCHEMA IF NOT EXISTS demo;
CREATE SOURCE IF NOT EXISTS demo.house FROM LOAD GENERATOR NEXMARK (EVENT_RATE 1000, RATE 1000);
CREATE MATERIALIZED VIEW IF NOT EXISTS demo.bids_per_channel AS
  SELECT channel, count(*) AS bids, sum(price) AS total, max(price) AS highest
  FROM demo.bid GROUP BY channel;
CREATE MATERIALIZED VIEW IF NOT EXISTS demo.auctions_by_category AS
  SELECT a.category, count(*) AS bids, avg(b.price) AS average
  FROM demo.auction a JOIN demo.bid b ON b.auction = a.id GROUP BY a.category;
CREATE MATERIALIZED VIEW IF NOT EXISTS demo.sellers_by_state AS
  SELECT p.state, count(*) AS auctions FROM demo.auction a JOIN demo.person p ON p.id = a.seller
  GROUP BY p.state;
)sql";
}

}  // namespace qw::server
