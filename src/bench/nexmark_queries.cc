// Nexmark's queries in PostgreSQL's SQL; windows are table functions. Numbers are the public ones;
// q6, q10, q11, q13 and q14 are left out (a frame per seller, files, sessions, a side table).
#include "src/bench/nexmark_queries.h"

#include <array>

namespace qw::bench {
namespace {

constexpr std::string_view kQ4 = R"sql(
  SELECT category, avg(final) AS average
  FROM (SELECT max(b.price) AS final, a.category
        FROM auction a JOIN bid b ON a.id = b.auction AND b.ts BETWEEN a.ts AND a.expires
        GROUP BY a.id, a.category) q
  GROUP BY category)sql";

constexpr std::string_view kQ5 = R"sql(
  SELECT c.auction, c.num
  FROM (SELECT auction, count(*) AS num, window_start, window_end
        FROM HOP(bid, ts, INTERVAL '2 seconds', INTERVAL '10 seconds')
        GROUP BY auction, window_start, window_end) c
  JOIN (SELECT max(num) AS maxn, window_start, window_end
        FROM (SELECT count(*) AS num, window_start, window_end
              FROM HOP(bid, ts, INTERVAL '2 seconds', INTERVAL '10 seconds')
              GROUP BY auction, window_start, window_end) n
        GROUP BY window_start, window_end) m
    ON c.window_start = m.window_start AND c.window_end = m.window_end AND c.num >= m.maxn)sql";

constexpr std::string_view kQ7 = R"sql(
  SELECT b.auction, b.price, b.bidder, b.ts, b.extra
  FROM bid b
  JOIN (SELECT max(price) AS maxprice, window_end
        FROM TUMBLE(bid, ts, INTERVAL '10 seconds') GROUP BY window_start, window_end) m
    ON b.price = m.maxprice
  WHERE b.ts BETWEEN m.window_end - INTERVAL '10 seconds' AND m.window_end)sql";

constexpr std::string_view kQ8 = R"sql(
  SELECT p.id, p.name, p.window_start
  FROM (SELECT DISTINCT id, name, window_start, window_end
        FROM TUMBLE(person, ts, INTERVAL '10 seconds')) p
  JOIN (SELECT DISTINCT seller, window_start, window_end
        FROM TUMBLE(auction, ts, INTERVAL '10 seconds')) a
    ON p.id = a.seller AND p.window_start = a.window_start AND p.window_end = a.window_end)sql";

constexpr std::string_view kQ9 = R"sql(
  SELECT id, item_name, description, initial_bid, reserve, ts, expires, seller, category, extra,
         auction, bidder, price, bid_ts, bid_extra
  FROM (SELECT a.*, b.auction, b.bidder, b.price, b.ts AS bid_ts, b.extra AS bid_extra,
               row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.ts) AS rn
        FROM auction a JOIN bid b ON a.id = b.auction AND b.ts BETWEEN a.ts AND a.expires) x
  WHERE rn <= 1)sql";

constexpr std::string_view kQ12 = R"sql(
  SELECT bidder, count(*) AS bids, window_start, window_end
  FROM TUMBLE(bid, proctime, INTERVAL '10 seconds')
  GROUP BY bidder, window_start, window_end)sql";

constexpr std::string_view kQ15 = R"sql(
  SELECT to_char(ts, 'YYYY-MM-DD') AS day, count(*) AS total_bids,
         count(*) FILTER (WHERE price < 10000) AS rank1_bids,
         count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
         count(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
         count(DISTINCT bidder) AS total_bidders,
         count(DISTINCT bidder) FILTER (WHERE price < 10000) AS rank1_bidders,
         count(DISTINCT bidder) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bidders,
         count(DISTINCT bidder) FILTER (WHERE price >= 1000000) AS rank3_bidders,
         count(DISTINCT auction) AS total_auctions,
         count(DISTINCT auction) FILTER (WHERE price < 10000) AS rank1_auctions,
         count(DISTINCT auction) FILTER (WHERE price >= 10000 AND price < 1000000)
           AS rank2_auctions,
         count(DISTINCT auction) FILTER (WHERE price >= 1000000) AS rank3_auctions
  FROM bid GROUP BY to_char(ts, 'YYYY-MM-DD'))sql";

constexpr std::string_view kQ16 = R"sql(
  SELECT channel, to_char(ts, 'YYYY-MM-DD') AS day, max(to_char(ts, 'HH24:MI')) AS minute,
         count(*) AS total_bids,
         count(*) FILTER (WHERE price < 10000) AS rank1_bids,
         count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
         count(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
         count(DISTINCT bidder) AS total_bidders,
         count(DISTINCT bidder) FILTER (WHERE price < 10000) AS rank1_bidders,
         count(DISTINCT bidder) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bidders,
         count(DISTINCT bidder) FILTER (WHERE price >= 1000000) AS rank3_bidders,
         count(DISTINCT auction) AS total_auctions,
         count(DISTINCT auction) FILTER (WHERE price < 10000) AS rank1_auctions,
         count(DISTINCT auction) FILTER (WHERE price >= 10000 AND price < 1000000)
           AS rank2_auctions,
         count(DISTINCT auction) FILTER (WHERE price >= 1000000) AS rank3_auctions
  FROM bid GROUP BY channel, to_char(ts, 'YYYY-MM-DD'))sql";

constexpr std::string_view kQ17 = R"sql(
  SELECT auction, to_char(ts, 'YYYY-MM-DD') AS day, count(*) AS total_bids,
         count(*) FILTER (WHERE price < 10000) AS rank1_bids,
         count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
         count(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
         min(price) AS min_price, max(price) AS max_price, avg(price) AS avg_price,
         sum(price) AS sum_price
  FROM bid GROUP BY auction, to_char(ts, 'YYYY-MM-DD'))sql";

constexpr std::string_view kQ18 = R"sql(
  SELECT auction, bidder, price, channel, url, ts, extra
  FROM (SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY ts DESC) AS rn
        FROM bid) x
  WHERE rn <= 1)sql";

constexpr std::string_view kQ19 = R"sql(
  SELECT *
  FROM (SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM bid) x
  WHERE rn <= 10)sql";

constexpr std::string_view kQ20 = R"sql(
  SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.ts, b.extra, a.item_name,
         a.description, a.initial_bid, a.reserve, a.ts AS auction_ts, a.expires, a.seller,
         a.category, a.extra AS auction_extra
  FROM bid b JOIN auction a ON b.auction = a.id
  WHERE a.category = 10)sql";

constexpr std::string_view kQ21 = R"sql(
  SELECT auction, bidder, price, channel,
         CASE lower(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1' WHEN 'facebook' THEN '2'
           WHEN 'baidu' THEN '3' ELSE substring(url FROM '(?:&|^)channel_id=([^&]*)') END
           AS channel_id
  FROM bid
  WHERE lower(channel) IN ('apple', 'google', 'facebook', 'baidu')
     OR substring(url FROM '(?:&|^)channel_id=([^&]*)') IS NOT NULL)sql";

constexpr std::array kQueries = {
    NexmarkQuery{"q0", "SELECT auction, bidder, price, ts, extra FROM bid"},
    NexmarkQuery{"q1", "SELECT auction, bidder, 0.908 * price AS price, ts, extra FROM bid"},
    NexmarkQuery{"q2", "SELECT auction, price FROM bid WHERE mod(auction, 123) = 0"},
    NexmarkQuery{"q3",
                 "SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p "
                 "ON a.seller = p.id WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')"},
    NexmarkQuery{"q4", kQ4},
    NexmarkQuery{"q4_general", kQ4, false, false},
    NexmarkQuery{"q5", kQ5},
    NexmarkQuery{"q7", kQ7},
    NexmarkQuery{"q8", kQ8},
    NexmarkQuery{"q9", kQ9},
    NexmarkQuery{"q12", kQ12, true},
    NexmarkQuery{"q15", kQ15},
    NexmarkQuery{"q16", kQ16},
    NexmarkQuery{"q17", kQ17},
    NexmarkQuery{"q18", kQ18},
    NexmarkQuery{"q19", kQ19},
    NexmarkQuery{"q20", kQ20},
    NexmarkQuery{"q21", kQ21},
    NexmarkQuery{"q22",
                 "SELECT auction, bidder, price, channel, split_part(url, '/', 4) AS dir1, "
                 "split_part(url, '/', 5) AS dir2, split_part(url, '/', 6) AS dir3 FROM bid"},
};

}  // namespace

std::span<const NexmarkQuery> nexmark_queries() { return kQueries; }

}  // namespace qw::bench
