// Catalog: see catalog.h.
#include "storage/catalog.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <mutex>
#include <system_error>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/base/hash.h"
#include "storage/directory/data_directory.h"

namespace qw::storage {
namespace {

// 2: the key's columns come first (SQLite 3.40's quick_check believes to see NULLs otherwise), and
// checksums, because a bit that flips in a definition makes another view of it, and SQLite has
// none. A catalog of version 1 gets them when it is opened.
constexpr int kSchemaVersion = 2;
constexpr uint32_t kFirstObject = 16384;
constexpr SqlState kIoError = "58030";
constexpr SqlState kDataCorrupted = "XX001";
constexpr std::string_view kStoreIdentity = "store_identity";
constexpr const char* kSchema = R"sql(
  CREATE TABLE object (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name_class TEXT NOT NULL,
    schema TEXT NOT NULL, name TEXT NOT NULL, definition BLOB NOT NULL, payload BLOB NOT NULL,
    state INTEGER NOT NULL, created INTEGER NOT NULL, checksum INTEGER NOT NULL DEFAULT 0,
    UNIQUE (name_class, schema, name));
  CREATE TABLE dependency (object INTEGER NOT NULL, position INTEGER NOT NULL,
    depends_on INTEGER NOT NULL, PRIMARY KEY (object, position)) WITHOUT ROWID;
  CREATE TABLE counter (name TEXT PRIMARY KEY, next INTEGER NOT NULL,
    checksum INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
  CREATE TABLE setting (name BLOB PRIMARY KEY, value BLOB NOT NULL,
    checksum INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
  INSERT INTO counter (name, next) VALUES ('object', 16384), ('state', 1);
)sql";
constexpr const char* kAddChecksums = R"sql(
  ALTER TABLE object ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE counter ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE setting ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE sorted (object INTEGER NOT NULL, position INTEGER NOT NULL,
    depends_on INTEGER NOT NULL, PRIMARY KEY (object, position)) WITHOUT ROWID;
  INSERT INTO sorted SELECT object, position, depends_on FROM dependency;
  DROP TABLE dependency;
  ALTER TABLE sorted RENAME TO dependency;
)sql";

// The secrets file: "QWS1", then per secret: object (4), size (4), bytes; last xxh3 of all before
// (8).
constexpr std::string_view kSecretsMagic = "QWS1";

class Statement {
 public:
  Statement(sqlite3* db, std::string_view sql) : db_(db) {
    rc_ = sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  Statement& bind(int64_t value) {
    keep(sqlite3_bind_int64(statement_, ++bound_, value));
    return *this;
  }
  Statement& bind(std::string_view text) {
    keep(sqlite3_bind_text64(statement_, ++bound_, text.empty() ? "" : text.data(), text.size(),
                             SQLITE_STATIC, SQLITE_UTF8));
    return *this;
  }
  Statement& bind_blob(std::string_view bytes) {
    keep(sqlite3_bind_blob64(statement_, ++bound_, bytes.empty() ? "" : bytes.data(), bytes.size(),
                             SQLITE_STATIC));
    return *this;
  }
  // True while there is a row.
  Result<bool> step();
  Result<void> run() {
    QW_TRY(step());
    return {};
  }
  int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string bytes(int column) const {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    const int size = sqlite3_column_bytes(statement_, column);
    return data == nullptr ? std::string() : std::string(data, static_cast<size_t>(size));
  }

 private:
  void keep(int rc) {
    if (rc_ == SQLITE_OK) rc_ = rc;
  }
  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
  int rc_ = SQLITE_OK;
  int bound_ = 0;
};

Error sqlite_error(sqlite3* db, int rc) {
  std::string text =
      fmt::format("catalog: {}", db == nullptr ? sqlite3_errstr(rc) : sqlite3_errmsg(db));
  switch (rc & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return data_corrupted(std::move(text));
    case SQLITE_FULL:
      return disk_full(std::move(text));
    case SQLITE_NOMEM:
      return out_of_memory(std::move(text));
    default:
      return io_error(std::move(text));
  }
}

Result<bool> Statement::step() {
  if (rc_ == SQLITE_OK) rc_ = sqlite3_step(statement_);
  if (rc_ == SQLITE_ROW) {
    rc_ = SQLITE_OK;
    return true;
  }
  if (rc_ == SQLITE_DONE) return false;
  return fail(sqlite_error(db_, rc_));
}

Error file_error(int code, std::string_view what, const std::filesystem::path& path) {
  std::string text =
      fmt::format("{}: {}: {}", what, std::generic_category().message(code), path.string());
  return code == ENOSPC ? disk_full(std::move(text)) : io_error(std::move(text));
}

Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t size = write(fd, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail(file_error(errno, "cannot write", path));
    bytes.remove_prefix(static_cast<size_t>(size));
  }
  return {};
}

Result<void> sync_and_close(int fd, const std::filesystem::path& path) {
  const int rc = fsync(fd);
  const int code = errno;
  close(fd);
  if (rc != 0) return fail(file_error(code, "cannot sync", path));
  return {};
}

Result<std::optional<std::string>> read_file(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return std::nullopt;
  if (fd < 0) return fail(file_error(errno, "cannot open", path));
  std::string bytes;
  for (;;) {
    const size_t at = bytes.size();
    bytes.resize(at + 4096);
    const ssize_t size = read(fd, bytes.data() + at, 4096);
    if (size < 0 && errno != EINTR) {
      const int code = errno;
      close(fd);
      return fail(file_error(code, "cannot read", path));
    }
    bytes.resize(at + static_cast<size_t>(std::max<ssize_t>(size, 0)));
    if (size == 0) break;
  }
  close(fd);
  return bytes;
}

using Secrets = std::map<ObjectId, std::string>;

Result<Secrets> parse_secrets(std::string_view bytes) {
  const auto damaged = [] { return fail(data_corrupted("the secrets file is damaged")); };
  if (bytes.size() < kSecretsMagic.size() + 8 || !bytes.starts_with(kSecretsMagic))
    return damaged();
  const std::string_view body = bytes.substr(0, bytes.size() - 8);
  if (load<uint64_t>(bytes.data() + body.size()) != hash_bytes(body)) return damaged();
  Secrets secrets;
  for (ByteReader reader(body.substr(kSecretsMagic.size())); !reader.done();) {
    const auto id = reader.read<uint32_t>();
    const auto size = reader.read<uint32_t>();
    const auto value = size ? reader.read_bytes(*size) : std::nullopt;
    if (!value) return damaged();
    secrets[ObjectId{*id}] = std::string(*value);
  }
  return secrets;
}

std::string print_secrets(const Secrets& secrets) {
  std::string bytes(kSecretsMagic);
  for (const auto& [id, value] : secrets) {
    append<uint32_t>(bytes, id.value);
    append<uint32_t>(bytes, static_cast<uint32_t>(value.size()));
    bytes += value;
  }
  append<uint64_t>(bytes, hash_bytes(bytes));
  return bytes;
}

Error name_taken(const CatalogObject& object, bool in_transition) {
  const std::string what = object.name_class == "relation" ? "relation" : object.kind;
  if (in_transition) {
    return object_not_in_prerequisite_state(
        fmt::format("{} \"{}\" is being created or dropped", what, object.name));
  }
  std::string text = fmt::format("{} \"{}\" already exists", what, object.name);
  if (object.name_class == "relation") return duplicate_table(std::move(text));
  if (object.name_class == "schema") return duplicate_schema(std::move(text));
  return duplicate_object(std::move(text));
}

constexpr std::string_view kObjectColumns =
    "id, kind, name_class, schema, name, definition, payload, state, created, checksum";
constexpr int kChecksumColumn = 9;

CatalogObject read_object(const Statement& row) {
  CatalogObject object;
  object.id = ObjectId{static_cast<uint32_t>(row.integer(0))};
  object.kind = row.bytes(1);
  object.name_class = row.bytes(2);
  object.schema = row.bytes(3);
  object.name = row.bytes(4);
  object.definition = row.bytes(5);
  object.payload = row.bytes(6);
  object.state = static_cast<ObjectState>(row.integer(7));
  object.created = Epoch{static_cast<uint64_t>(row.integer(8))};
  return object;
}

int64_t to_int(ObjectState state) { return static_cast<int64_t>(state); }

// Fields one after the other, each with its size.
class EntryChecksum {
 public:
  EntryChecksum& add(uint64_t value) {
    append<uint64_t>(bytes_, value);
    return *this;
  }
  EntryChecksum& add(std::string_view field) {
    add(uint64_t{field.size()});
    bytes_ += field;
    return *this;
  }
  int64_t value() const { return static_cast<int64_t>(hash_bytes(bytes_)); }

 private:
  std::string bytes_;
};

int64_t entry_checksum(const CatalogObject& object) {
  EntryChecksum sum;
  sum.add(object.id.value).add(object.kind).add(object.name_class).add(object.schema);
  sum.add(object.name).add(object.definition).add(object.payload);
  sum.add(static_cast<uint64_t>(to_int(object.state))).add(object.created.value);
  for (const ObjectId id : object.depends_on) sum.add(id.value);
  return sum.value();
}

int64_t entry_checksum(std::string_view name, std::string_view value) {
  return EntryChecksum().add(name).add(value).value();
}

int64_t entry_checksum(std::string_view name, int64_t next) {
  return EntryChecksum().add(name).add(static_cast<uint64_t>(next)).value();
}

Error damaged_entry(std::string_view what) {
  return data_corrupted(fmt::format("catalog: {} is damaged", what))
      .with_hint("Restore the data directory from a backup.");
}

Error damaged_entry(const CatalogObject& object) {
  return damaged_entry(fmt::format("{} \"{}\" ({})", object.kind, object.name, object.id));
}

}  // namespace

struct Catalog::Impl {
  mutable std::mutex mutex;
  sqlite3* db = nullptr;               // guarded by mutex, as all below
  std::filesystem::path secrets_path;  // empty: in memory
  Secrets secrets;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { sqlite3_close(db); }

  // Whatever failed but a lack of room may have been a sync, and a sync is not tried again: the
  // first such error is the answer to every later change.
  std::optional<Error> broken;
  std::function<void(const Error&)> when_broken;
  std::function<CommitFault()> fault;

  Result<void> execute(const char* sql) {
    const int rc = sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK) return fail(sqlite_error(db, rc));
    return {};
  }

  // Runs `body` as one transaction: all of it is durable, or nothing.
  template <typename Body>
  Result<void> transaction(const Body& body) {
    const std::lock_guard lock(mutex);
    if (broken) return fail(*broken);
    Result<void> done = execute("BEGIN IMMEDIATE");
    if (done) done = body();
    if (done) done = with_fault([&] { return execute("COMMIT"); });
    if (done) return {};
    (void)execute("ROLLBACK");  // the first error is the one to tell
    if (done.error().code() == kIoError) {
      broken = done.error();
      if (when_broken) when_broken(*broken);
    }
    return done;
  }

  // Makes something durable, unless a simulation has it otherwise.
  template <typename Work>
  Result<void> with_fault(const Work& work) {
    const CommitFault injected = fault ? fault() : CommitFault::none;
    if (injected == CommitFault::full) return fail(disk_full("injected full disk"));
    if (injected != CommitFault::lost) QW_TRY(work());
    if (injected == CommitFault::none) return {};
    return fail(io_error("injected commit fault"));
  }

  Result<int64_t> next_of(std::string_view counter) {
    Statement read(db, "SELECT next, checksum FROM counter WHERE name = ?");
    QW_ASSIGN_OR_RETURN(const bool found, read.bind(counter).step());
    if (!found) return fail(data_corrupted("catalog: counter is missing"));
    const int64_t next = read.integer(0);
    if (read.integer(1) != entry_checksum(counter, next)) return fail(damaged_entry("counter"));
    return next;
  }

  Result<uint32_t> allocate(std::string_view counter, uint32_t count) {
    QW_ASSERT(count > 0);
    int64_t first = 0;
    const auto advance = [&]() -> Result<void> {
      QW_ASSIGN_OR_RETURN(first, next_of(counter));
      if (first + count > int64_t{0xFFFFFFFF}) {
        return fail(program_limit_exceeded("out of object identifiers"));
      }
      return set_counter(counter, first + count);
    };
    QW_TRY(transaction(advance));
    return static_cast<uint32_t>(first);
  }

  Result<void> set_counter(std::string_view counter, int64_t next) {
    Statement write(db, "UPDATE counter SET next = ?, checksum = ? WHERE name = ?");
    return write.bind(next).bind(entry_checksum(counter, next)).bind(counter).run();
  }

  Result<void> put_setting(std::string_view name, std::string_view value) {
    Statement put(db, "INSERT OR REPLACE INTO setting VALUES (?, ?, ?)");
    return put.bind_blob(name).bind_blob(value).bind(entry_checksum(name, value)).run();
  }

  Result<std::optional<std::string>> setting(std::string_view name) {
    Statement row(db, "SELECT value, checksum FROM setting WHERE name = ?");
    QW_ASSIGN_OR_RETURN(const bool found, row.bind_blob(name).step());
    if (!found) return std::nullopt;
    std::string value = row.bytes(0);
    if (row.integer(1) != entry_checksum(name, value)) return fail(damaged_entry("setting"));
    return value;
  }

  // The object as it stands there, and the checksum beside it.
  Result<std::optional<std::pair<CatalogObject, int64_t>>> read(ObjectId id) {
    Statement row(db, fmt::format("SELECT {} FROM object WHERE id = ?", kObjectColumns));
    QW_ASSIGN_OR_RETURN(const bool found, row.bind(id.value).step());
    if (!found) return std::nullopt;
    std::pair<CatalogObject, int64_t> out{read_object(row), row.integer(kChecksumColumn)};
    Statement edges(db, "SELECT depends_on FROM dependency WHERE object = ? ORDER BY position");
    edges.bind(id.value);
    for (;;) {
      QW_ASSIGN_OR_RETURN(const bool more, edges.step());
      if (!more) return out;
      out.first.depends_on.push_back(ObjectId{static_cast<uint32_t>(edges.integer(0))});
    }
  }

  // After every change of an object, in the same transaction.
  Result<void> seal(ObjectId id) {
    QW_ASSIGN_OR_RETURN(const auto object, read(id));
    if (!object) return fail(internal_error(fmt::format("catalog: no such object: {}", id)));
    Statement update(db, "UPDATE object SET checksum = ? WHERE id = ?");
    return update.bind(entry_checksum(object->first)).bind(id.value).run();
  }

  // Computes all checksums: of a new catalog, and of one of version 1.
  Result<void> seal_all() {
    std::vector<ObjectId> ids;
    std::vector<std::pair<std::string, std::string>> settings;
    std::vector<std::pair<std::string, int64_t>> counters;
    Statement objects(db, "SELECT id FROM object"), all(db, "SELECT name, value FROM setting"),
        numbers(db, "SELECT name, next FROM counter");
    for (;;) {
      QW_ASSIGN_OR_RETURN(const bool more, objects.step());
      if (!more) break;
      ids.push_back(ObjectId{static_cast<uint32_t>(objects.integer(0))});
    }
    for (;;) {
      QW_ASSIGN_OR_RETURN(const bool more, all.step());
      if (!more) break;
      settings.emplace_back(all.bytes(0), all.bytes(1));
    }
    for (;;) {
      QW_ASSIGN_OR_RETURN(const bool more, numbers.step());
      if (!more) break;
      counters.emplace_back(numbers.bytes(0), numbers.integer(1));
    }
    for (const ObjectId id : ids) QW_TRY(seal(id));
    for (const auto& [name, value] : settings) QW_TRY(put_setting(name, value));
    for (const auto& [name, next] : counters) QW_TRY(set_counter(name, next));
    return execute(fmt::format("PRAGMA user_version = {}", kSchemaVersion).c_str());
  }

  Result<void> insert_dependencies(const CatalogObject& object) {
    for (size_t i = 0; i < object.depends_on.size(); ++i) {
      Statement insert(db,
                       "INSERT INTO dependency (object, depends_on, position) VALUES (?, ?, ?)");
      QW_TRY(insert.bind(object.id.value)
                 .bind(object.depends_on[i].value)
                 .bind(static_cast<int64_t>(i))
                 .run());
    }
    return {};
  }

  // Fails when another object has the name.
  Result<void> require_free_name(const CatalogObject& object) {
    Statement taken(db,
                    "SELECT state FROM object WHERE name_class = ? AND schema = ? AND name = ? "
                    "AND id <> ?");
    taken.bind(std::string_view(object.name_class)).bind(std::string_view(object.schema));
    taken.bind(std::string_view(object.name)).bind(object.id.value);
    QW_ASSIGN_OR_RETURN(const bool found, taken.step());
    if (found) return fail(name_taken(object, taken.integer(0) != to_int(ObjectState::ready)));
    return {};
  }

  Result<void> insert(const CatalogObject& object) {
    QW_ASSERT(object.id.value >= kFirstObject);
    QW_TRY(require_free_name(object));
    Statement insert(db, "INSERT INTO object VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0)");
    insert.bind(object.id.value).bind(std::string_view(object.kind));
    insert.bind(std::string_view(object.name_class)).bind(std::string_view(object.schema));
    insert.bind(std::string_view(object.name)).bind_blob(object.definition);
    insert.bind_blob(object.payload).bind(to_int(ObjectState::creating));
    QW_TRY(insert.run());
    QW_TRY(insert_dependencies(object));
    return seal(object.id);
  }

  Result<void> set_state(ObjectId id, ObjectState state, std::optional<Epoch> created) {
    Statement update(db, created ? "UPDATE object SET state = ?, created = ? WHERE id = ?"
                                 : "UPDATE object SET state = ? WHERE id = ?");
    update.bind(to_int(state));
    if (created) update.bind(static_cast<int64_t>(created->value));
    QW_TRY(update.bind(id.value).run());
    if (sqlite3_changes(db) != 1) {
      return fail(internal_error(fmt::format("catalog: no such object: {}", id)));
    }
    return seal(id);
  }

  Result<void> remove(ObjectId id) {
    for (const char* sql :
         {"DELETE FROM object WHERE id = ?", "DELETE FROM dependency WHERE object = ?"}) {
      Statement erase(db, sql);
      QW_TRY(erase.bind(id.value).run());
    }
    return {};
  }

  Result<std::vector<CatalogObject>> list() {
    std::vector<CatalogObject> out;
    std::vector<int64_t> checksums;
    std::map<ObjectId, size_t> index;
    Statement rows(db, fmt::format("SELECT {} FROM object ORDER BY id", kObjectColumns));
    for (;;) {
      QW_ASSIGN_OR_RETURN(const bool more, rows.step());
      if (!more) break;
      out.push_back(read_object(rows));
      checksums.push_back(rows.integer(kChecksumColumn));
      index[out.back().id] = out.size() - 1;
    }
    Statement edges(db, "SELECT object, depends_on FROM dependency ORDER BY object, position");
    for (;;) {
      QW_ASSIGN_OR_RETURN(const bool more, edges.step());
      if (!more) break;
      const auto it = index.find(ObjectId{static_cast<uint32_t>(edges.integer(0))});
      if (it == index.end()) return fail(data_corrupted("catalog: dependency of no object"));
      out[it->second].depends_on.push_back(ObjectId{static_cast<uint32_t>(edges.integer(1))});
    }
    for (size_t i = 0; i < out.size(); ++i) {
      if (entry_checksum(out[i]) != checksums[i]) return fail(damaged_entry(out[i]));
    }
    return out;
  }

  // Writes the secrets beside the old file, syncs, and renames: a crash leaves one or the other.
  Result<void> write_secrets(const Secrets& changed) {
    if (secrets_path.empty()) return {};
    return with_fault([&] { return replace_secrets(changed); });
  }

  Result<void> replace_secrets(const Secrets& changed) {
    const std::filesystem::path fresh = secrets_path.string() + ".new";
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return fail(file_error(errno, "cannot create", fresh));
    if (Result<void> written = write_all(fd, print_secrets(changed), fresh); !written) {
      close(fd);
      return written;
    }
    QW_TRY(sync_and_close(fd, fresh));
    if (rename(fresh.c_str(), secrets_path.c_str()) != 0) {
      return fail(file_error(errno, "cannot rename", fresh));
    }
    const std::filesystem::path dir = secrets_path.parent_path();
    const int dir_fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) return fail(file_error(errno, "cannot open", dir));
    return sync_and_close(dir_fd, dir);
  }

  // A secret is written before its object is ready, and erased after it has gone.
  Result<void> forget_orphaned_secrets() {
    const std::lock_guard lock(mutex);
    Secrets owned;
    for (const auto& [id, value] : secrets) {
      QW_ASSIGN_OR_RETURN(const auto object, read(id));
      if (object) owned[id] = value;
    }
    if (owned.size() == secrets.size()) return {};
    QW_TRY(write_secrets(owned));
    secrets = std::move(owned);
    return {};
  }

  Result<void> open_database(const std::filesystem::path& dir, const Beside& store) {
    const std::string file = dir.empty() ? ":memory:" : (dir / kCatalogFile).string();
    std::error_code failed;
    const uint64_t bytes = std::filesystem::file_size(file, failed);
    if (!dir.empty() && !store.is_new && (failed || bytes == 0)) {
      return fail(data_corrupted(fmt::format("{} is {}", file, failed ? "missing" : "empty"))
                      .with_detail(fmt::format("It describes the rows that lie in {}.",
                                               (dir / kStoreFile).string()))
                      .with_hint("Restore the data directory from a backup."));
    }
    const mode_t old_mask = umask(0077);
    const int rc =
        sqlite3_open_v2(file.c_str(), &db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    umask(old_mask);
    if (rc != SQLITE_OK) return fail(sqlite_error(db, rc));
    QW_TRY(
        execute("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;"
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF;"));
    QW_ASSIGN_OR_RETURN(const int64_t version, schema_version());
    if (version == 1) {
      const auto upgrade = [&]() -> Result<void> {
        QW_TRY(execute(kAddChecksums));
        return seal_all();
      };
      QW_TRY(transaction(upgrade));
    }
    QW_TRY(require_sound_pages());
    if (version == 1 || version == kSchemaVersion) return require_same_store(file, store);
    if (version != 0) {
      return fail(object_not_in_prerequisite_state(fmt::format(
          "catalog has format {}, this program reads format {}", version, kSchemaVersion)));
    }
    if (!store.is_new) {
      return fail(data_corrupted(fmt::format("{} holds no catalog", file))
                      .with_hint("Restore the data directory from a backup."));
    }
    return transaction([&]() -> Result<void> {
      QW_TRY(execute(kSchema));
      if (store.identity != 0) QW_TRY(put_setting(kStoreIdentity, std::to_string(store.identity)));
      return seal_all();
    });
  }

  Result<int64_t> schema_version() {
    Statement version(db, "PRAGMA user_version");
    QW_TRY(version.step());
    return version.integer(0);
  }

  // What the checksums of rows cannot see: rows that a damaged page has lost.
  Result<void> require_sound_pages() {
    Statement check(db, "PRAGMA quick_check(1)");
    QW_ASSIGN_OR_RETURN(const bool said, check.step());
    if (said && check.bytes(0) == "ok") return {};
    return fail(damaged_entry(said ? check.bytes(0) : "file"));
  }

  Result<void> require_same_store(const std::string& file, const Beside& store) {
    if (store.identity == 0) return {};
    QW_ASSIGN_OR_RETURN(const auto known, setting(kStoreIdentity));
    if (known && *known == std::to_string(store.identity)) return {};
    return fail(data_corrupted(fmt::format("{} belongs to another store than the {} beside it",
                                           file, kStoreFile))
                    .with_hint("Restore both files from the same backup."));
  }
};

Catalog::Catalog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Catalog::~Catalog() = default;

Result<std::unique_ptr<Catalog>> Catalog::open(const std::filesystem::path& dir,
                                               const Beside& store) {
  auto impl = std::make_unique<Impl>();
  if (auto opened = impl->open_database(dir, store); !opened) {
    // SQLite takes a page that the disk cannot read (EIO) for a damaged one; a backup is the answer
    // to the latter only.
    if (!dir.empty() && opened.error().code() == kDataCorrupted) {
      QW_TRY(read_file(dir / kCatalogFile));
    }
    return fail(std::move(opened).error());
  }
  if (!dir.empty()) {
    impl->secrets_path = dir / "secrets";
    QW_ASSIGN_OR_RETURN(const auto bytes, read_file(impl->secrets_path));
    if (bytes) {
      QW_ASSIGN_OR_RETURN(impl->secrets, parse_secrets(*bytes));
    }
  }
  return std::make_unique<Catalog>(std::move(impl));
}

Result<ObjectId> Catalog::allocate_objects(uint32_t count) {
  QW_ASSIGN_OR_RETURN(const uint32_t first, impl_->allocate("object", count));
  return ObjectId{first};
}

Result<StateId> Catalog::allocate_states(uint32_t count) {
  QW_ASSIGN_OR_RETURN(const uint32_t first, impl_->allocate("state", count));
  return StateId{first};
}

Result<void> Catalog::require_given_out(ObjectId object, StateId state) const {
  const std::lock_guard lock(impl_->mutex);
  QW_ASSIGN_OR_RETURN(const int64_t next_object, impl_->next_of("object"));
  QW_ASSIGN_OR_RETURN(const int64_t next_state, impl_->next_of("state"));
  if (object.value < next_object && state.value < next_state) return {};
  return fail(
      data_corrupted(fmt::format("{} is older than the {} beside it", kCatalogFile, kStoreFile))
          .with_hint("Restore both files from the same backup."));
}

Result<void> Catalog::insert_creating(std::span<const CatalogObject> objects) {
  return impl_->transaction([&]() -> Result<void> {
    for (const CatalogObject& object : objects) QW_TRY(impl_->insert(object));
    return {};
  });
}

Result<void> Catalog::mark_ready(std::span<const ObjectId> ids, Epoch epoch) {
  return impl_->transaction([&]() -> Result<void> {
    for (const ObjectId id : ids) QW_TRY(impl_->set_state(id, ObjectState::ready, epoch));
    return {};
  });
}

Result<void> Catalog::begin_drop(std::span<const ObjectId> ids) {
  return impl_->transaction([&]() -> Result<void> {
    for (const ObjectId id : ids) {
      QW_TRY(impl_->set_state(id, ObjectState::dropping, std::nullopt));
    }
    return {};
  });
}

Result<void> Catalog::remove(std::span<const ObjectId> ids) {
  return impl_->transaction([&]() -> Result<void> {
    for (const ObjectId id : ids) QW_TRY(impl_->remove(id));
    return {};
  });
}

Result<void> Catalog::update(const CatalogObject& object) {
  return impl_->transaction([&]() -> Result<void> {
    QW_TRY(impl_->require_free_name(object));
    Statement update(impl_->db,
                     "UPDATE object SET schema = ?, name = ?, definition = ?, payload = ? "
                     "WHERE id = ?");
    update.bind(std::string_view(object.schema)).bind(std::string_view(object.name));
    QW_TRY(
        update.bind_blob(object.definition).bind_blob(object.payload).bind(object.id.value).run());
    if (sqlite3_changes(impl_->db) != 1) {
      return fail(internal_error(fmt::format("catalog: no such object: {}", object.id)));
    }
    Statement erase(impl_->db, "DELETE FROM dependency WHERE object = ?");
    QW_TRY(erase.bind(object.id.value).run());
    QW_TRY(impl_->insert_dependencies(object));
    return impl_->seal(object.id);
  });
}

Result<void> Catalog::replace(ObjectId gone, const CatalogObject& object, Epoch epoch) {
  return impl_->transaction([&]() -> Result<void> {
    Statement rename(impl_->db, "UPDATE object SET name = name || ? WHERE id = ?");
    const std::string tail = fmt::format(" replaced {}", gone);
    QW_TRY(rename.bind(std::string_view(tail)).bind(gone.value).run());
    QW_TRY(impl_->set_state(gone, ObjectState::dropping, std::nullopt));
    Statement update(impl_->db, "UPDATE object SET schema = ?, name = ?, payload = ? WHERE id = ?");
    update.bind(std::string_view(object.schema)).bind(std::string_view(object.name));
    QW_TRY(update.bind_blob(object.payload).bind(object.id.value).run());
    return impl_->set_state(object.id, ObjectState::ready, epoch);
  });
}

Result<std::vector<CatalogObject>> Catalog::list() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->list();
}

Result<std::optional<CatalogObject>> Catalog::get(ObjectId id) const {
  const std::lock_guard lock(impl_->mutex);
  QW_ASSIGN_OR_RETURN(auto found, impl_->read(id));
  if (!found) return std::nullopt;
  if (entry_checksum(found->first) != found->second) return fail(damaged_entry(found->first));
  return std::move(found->first);
}

Result<std::vector<CatalogObject>> Catalog::sweep(
    const std::function<bool(const CatalogObject&)>& keep) {
  std::vector<CatalogObject> removed;
  const auto settle = [&]() -> Result<void> {
    QW_ASSIGN_OR_RETURN(std::vector<CatalogObject> objects, impl_->list());
    for (CatalogObject& object : objects) {
      if (object.state == ObjectState::ready) continue;
      if (object.state == ObjectState::creating && keep(object)) {
        QW_TRY(impl_->set_state(object.id, ObjectState::ready, std::nullopt));
        continue;
      }
      QW_TRY(impl_->remove(object.id));
      removed.push_back(std::move(object));
    }
    return {};
  };
  QW_TRY(impl_->transaction(settle));
  QW_TRY(impl_->forget_orphaned_secrets());
  return removed;
}

Result<void> Catalog::put_setting(std::string_view key, std::string_view value) {
  return impl_->transaction([&]() -> Result<void> {
    if (value.empty()) {
      Statement erase(impl_->db, "DELETE FROM setting WHERE name = ?");
      return erase.bind_blob(key).run();
    }
    return impl_->put_setting(key, value);
  });
}

Result<std::optional<std::string>> Catalog::setting(std::string_view key) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->setting(key);
}

Result<std::vector<std::pair<std::string, std::string>>> Catalog::settings() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<std::pair<std::string, std::string>> out;
  Statement rows(impl_->db, "SELECT name, value, checksum FROM setting ORDER BY name");
  for (;;) {
    QW_ASSIGN_OR_RETURN(const bool more, rows.step());
    if (!more) return out;
    out.emplace_back(rows.bytes(0), rows.bytes(1));
    if (rows.integer(2) != entry_checksum(out.back().first, out.back().second)) {
      return fail(damaged_entry("setting"));
    }
  }
}

Result<void> Catalog::put_secret(ObjectId id, std::string_view value) {
  const std::lock_guard lock(impl_->mutex);
  Secrets changed = impl_->secrets;
  changed[id] = std::string(value);
  QW_TRY(impl_->write_secrets(changed));
  impl_->secrets = std::move(changed);
  return {};
}

Result<void> Catalog::remove_secret(ObjectId id) {
  const std::lock_guard lock(impl_->mutex);
  Secrets changed = impl_->secrets;
  if (changed.erase(id) == 0) return {};
  QW_TRY(impl_->write_secrets(changed));
  impl_->secrets = std::move(changed);
  return {};
}

Result<std::optional<std::string>> Catalog::secret(ObjectId id) const {
  const std::lock_guard lock(impl_->mutex);
  const auto it = impl_->secrets.find(id);
  if (it == impl_->secrets.end()) return std::nullopt;
  return it->second;
}

void Catalog::when_broken(std::function<void(const Error&)> told) {
  const std::lock_guard lock(impl_->mutex);
  impl_->when_broken = std::move(told);
}

void Catalog::set_fault(std::function<CommitFault()> fault) {
  const std::lock_guard lock(impl_->mutex);
  impl_->fault = std::move(fault);
}

std::vector<std::string> Catalog::secret_values() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<std::string> out;
  for (const auto& [id, value] : impl_->secrets) out.push_back(value);
  return out;
}

}  // namespace qw::storage
