// The upstream's catalogs: see catalog.h.
#include "ingest/postgres/catalog.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "src/base/hash.h"

namespace qw::ingest {

namespace {

constexpr int kVersionMin = 100'000;
constexpr int kVersionRowFilters = 150'000;
constexpr int kVersionGenerated = 120'000;
constexpr int kVersionViaRoot = 130'000;

struct Publication {
  bool updates = true, deletes = true, truncates = true;
};

Result<void> check_server(PgConnection& connection) {
  if (connection.server_version() < kVersionMin) {
    return fail(feature_not_supported(
        fmt::format("PostgreSQL {} has no logical replication; 10 or later is needed",
                    connection.server_version())));
  }
  QW_ASSIGN_OR_RETURN(
      const PgAnswer answer,
      connection.query("SELECT current_setting('wal_level'), current_setting('server_encoding'), "
                       "current_setting('max_replication_slots')::int, "
                       "(SELECT count(*) FROM pg_replication_slots), pg_is_in_recovery()"));
  if (answer.text(0, 0) != "logical") {
    return fail(
        object_not_in_prerequisite_state("upstream wal_level is not logical")
            .with_detail(fmt::format("It is \"{}\".", answer.text(0, 0)))
            .with_hint("ALTER SYSTEM SET wal_level = logical; then restart the upstream server."));
  }
  if (answer.text(0, 1) == "SQL_ASCII") {
    return fail(
        feature_not_supported("upstream database has the encoding SQL_ASCII")
            .with_hint("Its texts may be in any encoding. Use a database with a real one."));
  }
  if (answer.number(0, 3) >= answer.number(0, 2)) {
    return fail(object_not_in_prerequisite_state("upstream has no free replication slot")
                    .with_detail(fmt::format("max_replication_slots is {}.", answer.number(0, 2)))
                    .with_hint("Drop an unused slot with pg_drop_replication_slot(), or raise "
                               "max_replication_slots and restart the upstream server."));
  }
  if (answer.flag(0, 4) && connection.server_version() < 160'000) {
    return fail(
        feature_not_supported("upstream is a standby; slots on standbys need PostgreSQL 16"));
  }
  return {};
}

Result<Publication> read_publication(PgConnection& connection, const std::string& name) {
  QW_ASSIGN_OR_RETURN(
      const PgAnswer answer,
      connection.query(
          "SELECT pubupdate, pubdelete, pubtruncate FROM pg_publication WHERE pubname = " +
          connection.quote_text(name)));
  if (answer.rows() == 0) {
    return fail(undefined_object(fmt::format("publication \"{}\" does not exist upstream", name))
                    .with_hint(fmt::format("On the upstream: CREATE PUBLICATION {} FOR ALL TABLES;",
                                           connection.quote_name(name))));
  }
  return Publication{answer.flag(0, 0), answer.flag(0, 1), answer.flag(0, 2)};
}

struct Candidate {
  UpstreamTable upstream;
  std::vector<std::string> key_names;  // of the primary key or the identity index
  std::set<std::string> column_list;   // empty = all
  bool row_security = false, may_select = false;
};

Result<std::vector<Candidate>> read_candidates(PgConnection& connection,
                                               const std::string& publication) {
  const bool filters = connection.server_version() >= kVersionRowFilters;
  // The identity index when the identity is one, else the primary key if it is checked at once.
  const std::string key =
      "(SELECT string_agg(a.attname, E'\\001' ORDER BY k.n) FROM pg_index i "
      "CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n) "
      "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum "
      "WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate AND "
      "CASE WHEN c.relreplident = 'i' THEN i.indisreplident ELSE i.indisprimary END "
      "AND k.n <= i.indnkeyatts)";
  const std::string sql = fmt::format(
      "SELECT c.oid, n.nspname, c.relname, c.relreplident, c.relkind = 'p', {}, {}, "
      "has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), "
      "row_security_active(c.oid), {} "
      "FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname "
      "JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename "
      "WHERE p.pubname = {} ORDER BY n.nspname, c.relname",
      key, filters ? "p.rowfilter" : "NULL",
      filters ? "array_to_string(p.attnames, E'\\001')" : "NULL",
      connection.quote_text(publication));
  QW_ASSIGN_OR_RETURN(const PgAnswer answer, connection.query(sql));
  const auto split = [](const std::string& text) {
    std::vector<std::string> parts;
    size_t from = 0;
    while (!text.empty()) {
      const size_t end = text.find('\001', from);
      parts.push_back(text.substr(from, end - from));
      if (end == std::string::npos) break;
      from = end + 1;
    }
    return parts;
  };
  std::vector<Candidate> candidates;
  for (int row = 0; row < answer.rows(); row++) {
    Candidate candidate;
    PgTable& pg = candidate.upstream.pg;
    pg.oid = static_cast<uint32_t>(answer.number(row, 0));
    pg.schema = answer.text(row, 1);
    pg.name = answer.text(row, 2);
    pg.identity = answer.text(row, 3)[0];
    pg.partitioned = answer.flag(row, 4);
    candidate.key_names = split(answer.text(row, 5));
    pg.row_filter = answer.text(row, 6);
    candidate.may_select = answer.flag(row, 7);
    candidate.row_security = answer.flag(row, 8);
    for (std::string& name : split(answer.text(row, 9)))
      candidate.column_list.insert(std::move(name));
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

std::string alter_identity(const PgConnection& connection, const PgTable& pg) {
  return fmt::format("ALTER TABLE {}.{} REPLICA IDENTITY FULL;", connection.quote_name(pg.schema),
                     connection.quote_name(pg.name));
}

// The type that a column gets here. Domains count as their base type; what has no counterpart comes
// as the text that PostgreSQL prints.
struct ColumnType {
  Type type;
  bool exact = true;
};

ColumnType column_type(uint32_t base_oid, int32_t typmod, char kind, char element_kind) {
  if (kind == 'e') return {TypeId::text, true};
  const std::optional<Type> known = Type::from_oid(base_oid);
  if (known) {
    static constexpr std::array kOddTypes = {
        TypeId::timetz,       TypeId::regclass,     TypeId::regtype,    TypeId::regproc,
        TypeId::regprocedure, TypeId::regnamespace, TypeId::regrole,    TypeId::regoper,
        TypeId::regoperator,  TypeId::regcollation, TypeId::xid,        TypeId::cid,
        TypeId::tid,          TypeId::pg_lsn,       TypeId::int2vector, TypeId::oidvector,
        TypeId::pg_node_tree, TypeId::aclitem,      TypeId::record};
    const TypeId inner = known->is_array() ? known->element : known->id;
    if (std::find(kOddTypes.begin(), kOddTypes.end(), inner) == kOddTypes.end()) {
      Type type = *known;
      type.typmod = typmod;
      return {type, true};
    }
  } else if (element_kind == 'e') {
    return {Type::array_of(TypeId::text), true};
  }
  return {TypeId::text, false};
}

Result<void> read_columns(PgConnection& connection, Candidate& candidate,
                          std::vector<std::pair<std::string, std::string>>& warnings) {
  PgTable& pg = candidate.upstream.pg;
  SourceTable& table = candidate.upstream.table;
  // Follow domains to their base type; the modifier may sit on any of them.
  const std::string sql = fmt::format(
      "SELECT a.attname, a.attnum, a.atttypid, a.atttypmod, a.attnotnull, {}, b.oid, b.typmod, "
      "t.typtype, e.typtype, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a "
      "CROSS JOIN LATERAL (WITH RECURSIVE d AS (SELECT a.atttypid AS oid, a.atttypmod AS typmod, 0 "
      "AS n "
      "UNION ALL SELECT t.typbasetype, CASE WHEN d.typmod >= 0 THEN d.typmod ELSE t.typtypmod END, "
      "d.n + 1 FROM d JOIN pg_type t ON t.oid = d.oid WHERE t.typtype = 'd') "
      "SELECT oid, typmod FROM d ORDER BY n DESC LIMIT 1) b "
      "JOIN pg_type t ON t.oid = b.oid LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory "
      "= 'A' "
      "WHERE a.attrelid = {} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
      connection.server_version() >= kVersionGenerated ? "a.attgenerated <> ''" : "false", pg.oid);
  QW_ASSIGN_OR_RETURN(const PgAnswer answer, connection.query(sql));
  for (int row = 0; row < answer.rows(); row++) {
    PgColumn column;
    column.name = answer.text(row, 0);
    column.attnum = static_cast<int16_t>(answer.number(row, 1));
    column.type_oid = static_cast<uint32_t>(answer.number(row, 2));
    column.typmod = static_cast<int32_t>(answer.number(row, 3));
    if (!candidate.column_list.empty() && candidate.column_list.count(column.name) == 0) continue;
    if (answer.flag(row, 5)) {
      warnings.emplace_back(fmt::format("table {}: generated column \"{}\" is left out, PostgreSQL "
                                        "does not replicate it",
                                        pg.qualified(), column.name),
                            "");
      continue;
    }
    const auto first = [&](int at) {
      return answer.is_null(row, at) ? ' ' : answer.text(row, at)[0];
    };
    const ColumnType type =
        column_type(static_cast<uint32_t>(answer.number(row, 6)),
                    static_cast<int32_t>(answer.number(row, 7)), first(8), first(9));
    if (!type.exact) {
      warnings.emplace_back(fmt::format("table {}: column \"{}\" of type {} comes as text",
                                        pg.qualified(), column.name, answer.text(row, 10)),
                            "");
    }
    table.columns.push_back({column.name, type.type, !answer.flag(row, 4)});
    pg.columns.push_back(std::move(column));
  }
  if (table.columns.empty()) {
    return fail(feature_not_supported(fmt::format("table {} has no columns", pg.qualified())));
  }
  return {};
}

Result<void> check_table(const PgConnection& connection, Candidate& candidate,
                         const Publication& publication) {
  PgTable& pg = candidate.upstream.pg;
  SourceTable& table = candidate.upstream.table;
  const std::string name =
      fmt::format("{}.{}", connection.quote_name(pg.schema), connection.quote_name(pg.name));
  if (!candidate.may_select) {
    return fail(
        insufficient_privilege(
            fmt::format("no permission to read upstream table {}", pg.qualified()))
            .with_hint(fmt::format("On the upstream: GRANT USAGE ON SCHEMA {}, SELECT ON {} "
                                   "to the source's user, each with its own GRANT.",
                                   connection.quote_name(pg.schema), name)));
  }
  if (candidate.row_security) {
    return fail(insufficient_privilege(
                    fmt::format("row security hides rows of upstream table {}", pg.qualified()))
                    .with_hint("Give the source's user BYPASSRLS."));
  }
  for (const std::string& key : candidate.key_names) {
    const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                    [&](const Column& column) { return column.name == key; });
    if (found == table.columns.end()) {
      // FULL with a column list may lack a key column: then rows are their own identity.
      table.primary_key.clear();
      break;
    }
    table.primary_key.push_back(static_cast<uint32_t>(found - table.columns.begin()));
  }
  const bool changes = publication.updates || publication.deletes;
  const bool keyless = table.primary_key.empty();
  if (changes && (pg.identity == 'n' || (keyless && pg.identity != 'f'))) {
    return fail(
        object_not_in_prerequisite_state(
            fmt::format("upstream table {} has no usable replica identity", pg.qualified()))
            .with_detail("Without one PostgreSQL cannot say which row an UPDATE or DELETE meant.")
            .with_hint("On the upstream: " + alter_identity(connection, pg) +
                       " or give the table a primary key."));
  }
  table.append_only = !changes && !publication.truncates;
  return {};
}

Result<void> take_name(UpstreamTable& upstream, const std::string& alias,
                       std::map<std::string, std::string>& taken) {
  upstream.table.name = alias.empty() ? upstream.pg.name : alias;
  upstream.table.upstream = upstream.pg.qualified();
  upstream.table.descriptor = upstream.pg.encode();
  const auto [where, fresh] = taken.emplace(upstream.table.name, upstream.pg.qualified());
  if (fresh) return {};
  return fail(
      duplicate_table(fmt::format("upstream tables {} and {} would both be named \"{}\"",
                                  where->second, upstream.pg.qualified(), upstream.table.name))
          .with_hint(fmt::format("Name them with FOR TABLES ({} AS {}_{}, ...).",
                                 upstream.pg.qualified(), upstream.pg.schema, upstream.pg.name)));
}

Result<std::vector<Candidate>> choose(std::vector<Candidate> all, const SourceConfig& config,
                                      const std::string& publication) {
  if (config.all_tables) {
    if (all.empty()) {
      return fail(object_not_in_prerequisite_state(
                      fmt::format("publication \"{}\" has no tables", publication))
                      .with_hint(fmt::format("On the upstream: ALTER PUBLICATION {} ADD TABLE ...;",
                                             publication)));
    }
    return all;
  }
  std::vector<Candidate> chosen;
  for (const TableChoice& choice : config.tables) {
    const Candidate* found = nullptr;
    for (const Candidate& each : all) {
      const PgTable& pg = each.upstream.pg;
      if (pg.name != choice.name || (!choice.schema.empty() && pg.schema != choice.schema))
        continue;
      if (found != nullptr) {
        return fail(invalid_parameter_value(
                        fmt::format("table name \"{}\" is ambiguous upstream", choice.name))
                        .with_hint(fmt::format("Write {} or {}.", found->upstream.pg.qualified(),
                                               pg.qualified())));
      }
      found = &each;
    }
    const std::string wanted =
        choice.schema.empty() ? choice.name : choice.schema + "." + choice.name;
    if (found == nullptr) {
      return fail(
          undefined_table(fmt::format("table {} is not in publication \"{}\"", wanted, publication))
              .with_hint(fmt::format("On the upstream: ALTER PUBLICATION {} ADD TABLE {};",
                                     publication, wanted)));
    }
    chosen.push_back(*found);
    chosen.back().upstream.table.name = choice.alias;
  }
  return chosen;
}

}  // namespace

Result<Upstream> describe_upstream(PgConnection& connection, const SourceConfig& config,
                                   const std::string& publication) {
  QW_TRY(check_server(connection));
  QW_ASSIGN_OR_RETURN(const Publication published, read_publication(connection, publication));
  QW_ASSIGN_OR_RETURN(std::vector<Candidate> all, read_candidates(connection, publication));
  QW_ASSIGN_OR_RETURN(std::vector<Candidate> chosen, choose(std::move(all), config, publication));
  Upstream upstream;
  std::map<std::string, std::string> taken;
  for (Candidate& candidate : chosen) {
    QW_TRY(read_columns(connection, candidate, upstream.warnings));
    QW_TRY(check_table(connection, candidate, published));
    const std::string alias = candidate.upstream.table.name;
    QW_TRY(take_name(candidate.upstream, alias, taken));
    upstream.tables.push_back(std::move(candidate.upstream));
  }
  if (!published.updates || !published.deletes || !published.truncates) {
    upstream.warnings.emplace_back(
        fmt::format("publication \"{}\" does not publish every kind of change", publication),
        fmt::format("On the upstream: ALTER PUBLICATION {} SET (publish = 'insert, update, delete, "
                    "truncate');",
                    publication));
  }
  return upstream;
}

namespace {

// Columns of the index that says which row a change means: those of our key.
constexpr std::string_view kIdentityKey =
    "(SELECT string_agg(i.indkey::text || '/' || i.indnkeyatts, ',' ORDER BY i.indkey::text) "
    "FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND CASE WHEN c.relreplident = 'i' "
    "THEN i.indisreplident ELSE i.indisprimary END)";
// All partitions below a root.
constexpr std::string_view kPartitions =
    "(SELECT string_agg(t.relid::oid::text, ',' ORDER BY t.relid::oid) "
    "FROM pg_partition_tree(c.oid) t WHERE c.relkind = 'p')";
// Their files: TRUNCATE gives a partition another one, and so does a rewrite.
constexpr std::string_view kPartitionFiles =
    "(SELECT string_agg(pg_relation_filenode(t.relid)::text, ',' ORDER BY t.relid::oid) "
    "FROM pg_partition_tree(c.oid) t WHERE c.relkind = 'p')";

bool is_read(const std::vector<PgTable>& tables, uint32_t oid, int16_t attnum) {
  for (const PgTable& table : tables) {
    if (table.oid != oid) continue;
    return std::any_of(table.columns.begin(), table.columns.end(),
                       [&](const PgColumn& column) { return column.attnum == attnum; });
  }
  return false;
}

// Labels of the enum types of columns, of arrays of them and domains over them, oldest first.
Result<void> read_labels(PgConnection& connection, const std::string& list,
                         const std::vector<PgTable>& tables,
                         std::map<uint32_t, TableState>& states) {
  QW_ASSIGN_OR_RETURN(
      const PgAnswer labels,
      connection.query(fmt::format(
          "SELECT a.attrelid, a.attnum, e.oid, e.enumlabel FROM pg_attribute a "
          "JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype "
          "JOIN pg_enum e ON e.enumtypid IN (t.oid, t.typelem, b.oid, b.typelem) "
          "WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid IN ({}) "
          "ORDER BY a.attrelid, e.oid, a.attnum",
          list)));
  for (int row = 0; row < labels.rows(); row++) {
    const auto state = states.find(static_cast<uint32_t>(labels.number(row, 0)));
    if (state == states.end() ||
        !is_read(tables, state->first, static_cast<int16_t>(labels.number(row, 1)))) {
      continue;
    }
    state->second.label_texts.push_back(labels.text(row, 2) + " " + labels.text(row, 3));
  }
  return {};
}

}  // namespace

Result<std::map<uint32_t, TableState>> read_table_states(PgConnection& connection,
                                                         const std::string& publication,
                                                         const std::vector<PgTable>& tables) {
  std::map<uint32_t, TableState> states;
  if (tables.empty()) return states;
  std::vector<uint32_t> oids;
  for (const PgTable& table : tables) oids.push_back(table.oid);
  const std::string list = fmt::format("{}", fmt::join(oids, ","));
  const int version = connection.server_version();
  const std::string flags = version >= kVersionViaRoot ? "p.pubviaroot" : "false";
  const std::string schemas = version >= kVersionRowFilters
                                  ? "(SELECT string_agg(pn.oid || ' ' || pn.xmin, ',' ORDER BY "
                                    "pn.oid) FROM pg_publication_namespace pn "
                                    "WHERE pn.pnpubid = p.oid AND pn.pnnspid = c.relnamespace)"
                                  : "''";
  const std::string sql = fmt::format(
      "SELECT c.oid, p.oid IS NOT NULL, concat_ws('|', p.oid, p.xmin, {}, "
      "(SELECT string_agg(pr.oid || ' ' || pr.xmin, ',' ORDER BY pr.oid) FROM pg_publication_rel "
      "pr "
      "WHERE pr.prpubid = p.oid AND pr.prrelid = c.oid), {}, c.relreplident, {}, {}), {}, "
      "coalesce(pg_relation_filenode(c.oid), 0), c.reltoastrelid, c.relnatts, "
      "c.relpersistence = 'p' FROM pg_class c LEFT JOIN pg_publication p ON p.pubname = {} WHERE "
      "c.oid IN ({})",
      flags, schemas, kIdentityKey, version >= kVersionViaRoot ? kPartitions : "''",
      version >= kVersionViaRoot ? kPartitionFiles : "''", connection.quote_text(publication),
      list);
  QW_ASSIGN_OR_RETURN(const PgAnswer answer, connection.query(sql));
  for (int row = 0; row < answer.rows(); row++) {
    TableState& state = states[static_cast<uint32_t>(answer.number(row, 0))];
    state.exists = true;
    state.published = answer.flag(row, 1);
    state.fingerprint = hash_bytes(answer.text(row, 2));
    state.files = hash_bytes(answer.text(row, 3));
    state.form.file = static_cast<uint32_t>(answer.number(row, 4));
    state.form.toast = static_cast<uint32_t>(answer.number(row, 5));
    state.form.columns = static_cast<uint32_t>(answer.number(row, 6));
    state.logged = answer.flag(row, 7);
  }
  QW_ASSIGN_OR_RETURN(
      const PgAnswer columns,
      connection.query(fmt::format("SELECT attrelid, attname, attnum, atttypid, atttypmod, xmin "
                                   "FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped "
                                   "AND attrelid IN ({}) ORDER BY attrelid, attnum",
                                   list)));
  for (int row = 0; row < columns.rows(); row++) {
    const auto state = states.find(static_cast<uint32_t>(columns.number(row, 0)));
    if (state == states.end()) continue;
    PgColumn column;
    column.name = columns.text(row, 1);
    column.attnum = static_cast<int16_t>(columns.number(row, 2));
    column.type_oid = static_cast<uint32_t>(columns.number(row, 3));
    column.typmod = static_cast<int32_t>(columns.number(row, 4));
    if (is_read(tables, state->first, column.attnum)) {
      uint64_t& definitions = state->second.form.definitions;
      definitions = hash_bytes(columns.text(row, 5), definitions);
    }
    state->second.columns.emplace(column.name, column);
  }
  QW_TRY(read_labels(connection, list, tables, states));
  return states;
}

Result<std::vector<std::string>> other_tables(PgConnection& connection,
                                              const std::string& publication,
                                              const std::vector<PgTable>& tables) {
  std::vector<uint32_t> oids = {0};
  for (const PgTable& table : tables) oids.push_back(table.oid);
  QW_ASSIGN_OR_RETURN(const PgAnswer answer,
                      connection.query(fmt::format(
                          "SELECT p.schemaname || '.' || p.tablename FROM pg_publication_tables p "
                          "JOIN pg_namespace n ON n.nspname = p.schemaname "
                          "JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename "
                          "WHERE p.pubname = {} AND c.oid NOT IN ({}) ORDER BY 1",
                          connection.quote_text(publication), fmt::join(oids, ","))));
  std::vector<std::string> names;
  for (int row = 0; row < answer.rows(); row++) names.push_back(answer.text(row, 0));
  return names;
}

// VACUUM FULL, CLUSTER and TRUNCATE give a table a new file and leave the rows as the stream tells
// them. ALTER TABLE .. TYPE writes a column's catalog row as well; every rewrite by ALTER TABLE
// (SET LOGGED too) brings a TOAST table with another oid, where the others keep it. One that adds a
// column does so, too, and leaves the other columns alone.
std::string rewrite_problem(PgTableForm& known, const TableState& now) {
  const PgTableForm was = known;
  known = now.form;
  known.labels = static_cast<uint32_t>(now.label_texts.size());
  uint64_t old_labels = 0;
  for (uint32_t n = 0; n < known.labels; n++) {
    known.label_texts = hash_bytes(now.label_texts[n], known.label_texts);
    if (n + 1 == was.labels) old_labels = known.label_texts;
  }
  if (was.file != known.file && was.definitions != known.definitions) {
    return "its rows were rewritten upstream when a column was altered, which is not replicated";
  }
  if (was.toast != 0 && known.toast != 0 && was.toast != known.toast &&
      was.columns == known.columns) {
    return "its rows were rewritten upstream by ALTER TABLE: changes may be missing";
  }
  // Values that were added stand behind the others.
  if (was.labels > known.labels || (was.labels > 0 && old_labels != was.label_texts)) {
    return "a value of an enum type was renamed or dropped upstream, which is not replicated";
  }
  return "";
}

std::string table_problem(const PgTable& table, uint64_t fingerprint, const TableState* now) {
  if (now == nullptr || !now->exists) return "the table was dropped upstream";
  for (const PgColumn& column : table.columns) {
    const auto found = now->columns.find(column.name);
    if (found == now->columns.end()) {
      return fmt::format("column \"{}\" was dropped or renamed upstream", column.name);
    }
    if (found->second.attnum != column.attnum) {
      return fmt::format("column \"{}\" was dropped and made anew upstream", column.name);
    }
    if (found->second.type_oid != column.type_oid || found->second.typmod != column.typmod) {
      return fmt::format("the type of column \"{}\" was changed upstream", column.name);
    }
  }
  if (!now->logged) return "it was made UNLOGGED upstream, so its changes are not replicated";
  if (!now->published) return "the publication was dropped upstream";
  if (now->fingerprint != fingerprint) {
    return "its publication, key, replica identity or partitions were changed upstream: changes "
           "may be missing";
  }
  return "";
}

Result<SystemIdentity> identify_system(PgConnection& replication) {
  QW_ASSIGN_OR_RETURN(const PgAnswer answer, replication.query("IDENTIFY_SYSTEM"));
  SystemIdentity identity;
  identity.system_id = answer.text(0, 0);
  identity.timeline = static_cast<uint32_t>(answer.number(0, 1));
  QW_ASSIGN_OR_RETURN(identity.wal_end, parse_lsn(answer.text(0, 2)));
  identity.database = answer.text(0, 3);
  return identity;
}

}  // namespace qw::ingest
