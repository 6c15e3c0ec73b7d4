// LmdbKv: see lmdb_kv.h.
#include "storage/lmdb/lmdb_kv.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "storage/lmdb/file_size.h"
#include "storage/lmdb/tree_cursor.h"
#include "storage/lmdb/tree_reader.h"

namespace qw::storage {
namespace {

using Tables = std::array<MDB_dbi, kTableCount>;
constexpr std::array<const char*, kTableCount> kTableNames = {"log", "image", "rows", "meta"};
// Below this much room a short write (EIO from LMDB 0.9) is taken for a full disk.
constexpr uint64_t kFullDiskBytes = 16 << 20;

MDB_val to_val(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};  // NOLINT: LMDB only reads it
}
std::string_view to_view(const MDB_val& val) {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

bool disk_is_full(const std::string& file) {
  struct statvfs fs {};
  return statvfs(file.c_str(), &fs) == 0 && uint64_t{fs.f_bavail} * fs.f_bsize < kFullDiskBytes;
}

Error to_error(int rc, const char* what, const std::string& file) {
  std::string text = fmt::format("{}: {}: {}", what, mdb_strerror(rc), file);
  switch (rc) {
    case MDB_CORRUPTED:
    case MDB_KEYEXIST:  // behind the last key there is none
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_PANIC:
    case MDB_INCOMPATIBLE:
      return data_corrupted(std::move(text));
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return disk_full(std::move(text));
    case EACCES:
    case EPERM:
    case EROFS:
      return insufficient_privilege(std::move(text));
    case MDB_READERS_FULL:
      return program_limit_exceeded(fmt::format("too many open snapshots: {}", kReadersMax));
    case ENOMEM:
      return out_of_memory(std::move(text));
    case EIO:
      return disk_is_full(file) ? disk_full(std::move(text)) : io_error(std::move(text));
    default:
      return io_error(std::move(text));
  }
}

void on_assert(MDB_env* env, const char* text) {
  const char* file = nullptr;
  mdb_env_get_path(env, &file);
  // A damaged page structure must not be walked any further, and LMDB would abort.
  log::error("storage file is damaged: {}: {}", file == nullptr ? "?" : file, text);
  ::_exit(EX_IOERR);
}

struct Environment {
  MDB_env* env = nullptr;
  Tables tables{};
  MDB_dbi main = 0;            // the table of tables
  std::optional<PageMap> map;  // for readers of many keys; without it they ask LMDB for each
  std::string file;
  // Never written to. The kernel tells each descriptor once of a write-back that failed since it
  // was opened: LMDB's own may have been told already, this one has not.
  int witness = -1;

  Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    if (env != nullptr) mdb_env_close(env);
    if (witness >= 0) close(witness);
  }
  tl::unexpected<Error> error(int rc, const char* what) const {
    return fail(to_error(rc, what, file));
  }
  // Where the pages of the newest version end; null: not known.
  const char* pages_end() const {
    MDB_envinfo info{};
    if (!map || mdb_env_info(env, &info) != MDB_SUCCESS) return nullptr;
    return map->begin + (info.me_last_pgno + 1) * map->page_bytes;
  }
};

// Whether a value ends before `end`. Its size may be damaged: LMDB gives it out as it is, and to
// read on behind the file would be a SIGBUS.
bool ends_before(const MDB_val& value, const char* end) {
  const auto* begin = static_cast<const char*>(value.mv_data);
  return end == nullptr || (begin <= end && value.mv_size <= static_cast<size_t>(end - begin));
}

// The pages of a table as a transaction sees it, or, if it writes, as it was before. Nothing when
// LMDB's map is not known.
std::optional<TreeReader> tree_of(const Environment& env, MDB_txn* txn, Table table,
                                  const char* pages_end) {
  MDB_val name = to_val(kTableNames[index_of(table)]), root{};
  if (pages_end == nullptr || mdb_get(txn, env.main, &name, &root) != MDB_SUCCESS) {
    return std::nullopt;
  }
  const auto bytes = static_cast<size_t>(pages_end - env.map->begin);
  return TreeReader(*env.map, bytes / env.map->page_bytes, to_view(root));
}

// One for each table, made when it is first asked for.
class Trees {
 public:
  Trees(const Environment& env, MDB_txn* txn) : env_(env), txn_(txn) {}
  // Null: not known.
  const TreeReader* of(Table table, const char* pages_end) {
    auto& [tree, known] = trees_[index_of(table)];
    if (!known) tree = tree_of(env_, txn_, table, pages_end);
    known = true;
    return tree ? &*tree : nullptr;
  }
  void forget() {
    for (auto& [tree, known] : trees_) known = false;
  }

 private:
  const Environment& env_;
  MDB_txn* txn_;
  std::array<std::pair<std::optional<TreeReader>, bool>, kTableCount> trees_;
};

class PageCursor final : public KvCursor {
 public:
  PageCursor(const Environment& env, const TreeReader& tree)
      : env_(env), tree_(tree), cursor_(tree_) {}

  Result<void> seek(std::string_view key, Direction direction) override {
    forward_ = direction == Direction::forward;
    if (cursor_.seek(key) && (forward_ || cursor_.previous())) return {};
    return env_.error(MDB_CORRUPTED, "cannot read");
  }

  Result<size_t> next(std::span<KvEntry> out) override {
    size_t count = 0;
    for (; count < out.size() && !cursor_.at_end(); ++count) {
      out[count] = cursor_.entry();
      if (!(forward_ ? cursor_.next() : cursor_.previous())) {
        return env_.error(MDB_CORRUPTED, "cannot read");
      }
    }
    return count;
  }

 private:
  const Environment& env_;
  const TreeReader tree_;
  TreeCursor cursor_;
  bool forward_ = true;
};

// Where the pages are not known.
class LmdbCursor final : public KvCursor {
 public:
  LmdbCursor(const Environment& env, MDB_cursor* cursor, const char* pages_end)
      : env_(env), cursor_(cursor), pages_end_(pages_end) {}
  ~LmdbCursor() override { mdb_cursor_close(cursor_); }

  Result<void> seek(std::string_view key, Direction direction) override {
    MDB_val k = to_val(key), v{};
    step_ = direction == Direction::forward ? MDB_NEXT : MDB_PREV;
    int rc = key.empty() ? mdb_cursor_get(cursor_, &k, &v, MDB_FIRST)
                         : mdb_cursor_get(cursor_, &k, &v, MDB_SET_RANGE);
    if (direction == Direction::backward) {
      rc = rc == MDB_NOTFOUND  ? mdb_cursor_get(cursor_, &k, &v, MDB_LAST)
           : rc == MDB_SUCCESS ? mdb_cursor_get(cursor_, &k, &v, MDB_PREV)
                               : rc;
    }
    return took(rc, k, v);
  }

  Result<size_t> next(std::span<KvEntry> out) override {
    size_t count = 0;
    while (count < out.size() && !ended_) {
      out[count++] = head_;
      MDB_val k{}, v{};
      const int rc = mdb_cursor_get(cursor_, &k, &v, step_);
      if (rc == MDB_SUCCESS && ends_before(v, pages_end_)) [[likely]] {
        head_ = {to_view(k), to_view(v)};
        continue;
      }
      QW_TRY(took(rc, k, v));
    }
    return count;
  }

 private:
  Result<void> took(int rc, const MDB_val& k, const MDB_val& v) {
    ended_ = rc == MDB_NOTFOUND;
    if (rc == MDB_SUCCESS && !ends_before(v, pages_end_))
      return env_.error(MDB_CORRUPTED, "cannot read");
    if (rc == MDB_SUCCESS) {
      head_ = {to_view(k), to_view(v)};
      return {};
    }
    if (ended_) return {};
    return env_.error(rc, "cannot read");
  }

  const Environment& env_;
  MDB_cursor* cursor_;
  const char* const pages_end_;
  MDB_cursor_op step_ = MDB_NEXT;
  KvEntry head_;  // the entry the cursor stands on, not handed out yet
  bool ended_ = true;
};

class LmdbRead final : public KvRead {
 public:
  LmdbRead(const Environment& env, MDB_txn* txn)
      : env_(env), txn_(txn), pages_end_(env.pages_end()), trees_(env, txn) {}
  ~LmdbRead() override {
    for (MDB_cursor* cursor : found_) {
      if (cursor != nullptr) mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn_);
  }

  uint64_t version() const override { return mdb_txn_id(txn_); }

  Result<std::optional<std::string_view>> get(Table table, std::string_view key) override {
    if (key.size() > limits::kStoreKeyBytesMax) return std::nullopt;
    if (const TreeReader* tree = trees_.of(table, pages_end_)) {
      KvEntry entry;
      tree->find({&key, 1}, {&entry, 1});
      if (!entry.key.empty()) return entry.value;
      QW_ASSIGN_OR_RETURN(const KvPosition position, find_in(*tree, key));
      return position.exact ? std::optional(position.at.value) : std::nullopt;
    }
    MDB_val k = to_val(key), v{};
    const int rc = mdb_get(txn_, env_.tables[index_of(table)], &k, &v);
    if (rc == MDB_NOTFOUND) return std::nullopt;
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot read");
    if (!ends_before(v, pages_end_)) return env_.error(MDB_CORRUPTED, "cannot read");
    return to_view(v);
  }

  Result<KvPosition> find(Table table, std::string_view key) override {
    if (const TreeReader* tree = trees_.of(table, pages_end_)) return find_in(*tree, key);
    QW_ASSIGN_OR_RETURN(MDB_cursor * cursor, find_cursor(table));
    MDB_val k = to_val(key), v{};
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND) return env_.error(rc, "cannot read");
    KvPosition found;
    if (rc == MDB_SUCCESS && !ends_before(v, pages_end_))
      return env_.error(MDB_CORRUPTED, "cannot read");
    if (rc == MDB_SUCCESS) {
      found.at = {to_view(k), to_view(v)};
      found.exact = found.at.key == key;
      if (found.exact) return found;
    }
    rc = mdb_cursor_get(cursor, &k, &v, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
    if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND) return env_.error(rc, "cannot read");
    if (rc == MDB_SUCCESS && !ends_before(v, pages_end_))
      return env_.error(MDB_CORRUPTED, "cannot read");
    if (rc == MDB_SUCCESS) found.before = {to_view(k), to_view(v)};
    return found;
  }

  void find_many(Table table, std::span<const std::string_view> keys,
                 std::span<KvEntry> out) override {
    const TreeReader* tree = trees_.of(table, pages_end_);
    if (tree == nullptr) return KvRead::find_many(table, keys, out);
    tree->find(keys, out);
  }

  Result<void> ask_for(Table table, std::span<const std::string_view> keys) override {
    const TreeReader* tree = trees_.of(table, pages_end_);
    if (tree == nullptr || tree->ask_for_leaves(keys)) return {};
    return env_.error(MDB_CORRUPTED, "cannot read");
  }

  Result<void> verify(Table table) override {
    const TreeReader* tree = trees_.of(table, pages_end_);
    const auto page = tree == nullptr ? std::nullopt : tree->damaged_page();
    if (!page) return {};
    return fail(data_corrupted(
        fmt::format("page {} of table {} is damaged", *page, kTableNames[index_of(table)])));
  }

  Result<std::unique_ptr<KvCursor>> cursor(Table table) override {
    if (const TreeReader* tree = trees_.of(table, pages_end_)) {
      return std::make_unique<PageCursor>(env_, *tree);
    }
    MDB_cursor* cursor = nullptr;
    const int rc = mdb_cursor_open(txn_, env_.tables[index_of(table)], &cursor);
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot read");
    return std::make_unique<LmdbCursor>(env_, cursor, pages_end_);
  }

  void reset() override {
    mdb_txn_reset(txn_);
    fresh_.fill(false);
    trees_.forget();
  }

  Result<void> renew() override {
    const int rc = mdb_txn_renew(txn_);
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot read");
    pages_end_ = env_.pages_end();
    return {};
  }

 private:
  Result<KvPosition> find_in(const TreeReader& tree, std::string_view key) const {
    TreeCursor cursor(tree);
    KvPosition found;
    bool sound = cursor.seek(key);
    found.at = cursor.entry();
    found.exact = !key.empty() && found.at.key == key;
    if (sound && found.exact) return found;
    sound = sound && cursor.previous();
    found.before = cursor.entry();
    if (!sound) return env_.error(MDB_CORRUPTED, "cannot read");
    return found;
  }

  // Cursors for find() are opened once and renewed with the transaction.
  Result<MDB_cursor*> find_cursor(Table table) {
    const size_t index = index_of(table);
    if (!fresh_[index]) {
      const int rc = found_[index] == nullptr
                         ? mdb_cursor_open(txn_, env_.tables[index], &found_[index])
                         : mdb_cursor_renew(txn_, found_[index]);
      if (rc != MDB_SUCCESS) return env_.error(rc, "cannot read");
      fresh_[index] = true;
    }
    return found_[index];
  }

  const Environment& env_;
  MDB_txn* txn_;
  const char* pages_end_;  // a later version has no fewer pages than this one
  Trees trees_;
  std::array<MDB_cursor*, kTableCount> found_{};
  std::array<bool, kTableCount> fresh_{};
};

class LmdbWrite final : public KvWrite {
 public:
  LmdbWrite(const Environment& env, MDB_txn* txn)
      : env_(env), txn_(txn), before_(env, txn), pages_end_(env.pages_end()) {}
  ~LmdbWrite() override {
    close_cursors();
    if (txn_ != nullptr) mdb_txn_abort(txn_);
  }

  uint64_t version() const override { return mdb_txn_id(txn_); }

  Result<std::optional<std::string_view>> get(Table table, std::string_view key) override {
    QW_TRY(check_way(table, key));
    MDB_val k = to_val(key), v{};
    const int rc = mdb_get(txn_, env_.tables[index_of(table)], &k, &v);
    if (rc == MDB_NOTFOUND) return std::nullopt;
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot read");
    return to_view(v);
  }

  Result<KvSlot> put(Table table, std::string_view key, size_t size, PutMode mode) override {
    QW_ASSERT(!key.empty() && key.size() <= limits::kStoreKeyBytesMax);
    if (table != Table::rows) QW_TRY(check_way(table, key));
    QW_ASSIGN_OR_RETURN(MDB_cursor * cursor, cursor_of(table));
    MDB_val k = to_val(key), v{size, nullptr};
    KvSlot slot;
    int rc = mdb_cursor_put(cursor, &k, &v,
                            MDB_RESERVE | (mode == PutMode::append ? MDB_APPEND : MDB_NOOVERWRITE));
    if (rc == MDB_KEYEXIST && mode == PutMode::upsert) {
      slot.replaced = v.mv_size;
      v = {size, nullptr};
      rc = mdb_cursor_put(cursor, &k, &v, MDB_RESERVE);
    }
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot write");
    slot.bytes = static_cast<char*>(v.mv_data);
    return slot;
  }

  Result<std::optional<size_t>> erase(Table table, std::string_view key) override {
    if (table != Table::rows) QW_TRY(check_way(table, key));
    QW_ASSIGN_OR_RETURN(MDB_cursor * cursor, cursor_of(table));
    MDB_val k = to_val(key), v{};
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET);
    if (rc == MDB_NOTFOUND) return std::nullopt;
    const size_t size = v.mv_size;
    if (rc == MDB_SUCCESS) rc = mdb_cursor_del(cursor, 0);
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot erase");
    return size;
  }

  Result<size_t> erase_while(Table table, std::string_view from, size_t count_max,
                             const std::function<bool(std::string_view)>& matches) override {
    QW_TRY(check_way(table, from));
    QW_ASSIGN_OR_RETURN(MDB_cursor * cursor, cursor_of(table));
    size_t count = 0;
    MDB_val k = to_val(from), v{};
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    while (rc == MDB_SUCCESS && count < count_max && matches(to_view(k))) {
      rc = mdb_cursor_del(cursor, 0);
      if (rc != MDB_SUCCESS) break;
      ++count;
      rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);  // stands on the entry after the erased one
    }
    if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND) return env_.error(rc, "cannot erase");
    return count;
  }

  Result<std::optional<KvEntry>> last_below(Table table, std::string_view bound) override {
    static const std::string kEnd(limits::kStoreKeyBytesMax, '\xFF');
    QW_TRY(check_way(table, bound.empty() ? kEnd : bound));
    QW_ASSIGN_OR_RETURN(MDB_cursor * cursor, cursor_of(table));
    MDB_val k = to_val(bound), v{};
    int rc = bound.empty() ? MDB_NOTFOUND : mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    rc = rc == MDB_NOTFOUND  ? mdb_cursor_get(cursor, &k, &v, MDB_LAST)
         : rc == MDB_SUCCESS ? mdb_cursor_get(cursor, &k, &v, MDB_PREV)
                             : rc;
    if (rc == MDB_NOTFOUND) return std::nullopt;
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot read");
    return KvEntry{to_view(k), to_view(v)};
  }

  Result<void> commit() override {
    close_cursors();
    MDB_txn* txn = txn_;
    txn_ = nullptr;  // LMDB frees it on failure, too
    const int rc = mdb_txn_commit(txn);
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot commit");
    return {};
  }

 private:
  // Of puts and erases of rows, which come in great numbers, their caller has asked (ask_for).
  Result<void> check_way(Table table, std::string_view key) {
    const TreeReader* tree = before_.of(table, pages_end_);
    if (tree == nullptr || tree->ask_for_leaves({&key, 1})) return {};
    return env_.error(MDB_CORRUPTED, "cannot write");
  }
  Result<MDB_cursor*> cursor_of(Table table) {
    MDB_cursor*& cursor = cursors_[index_of(table)];
    if (cursor == nullptr) {
      const int rc = mdb_cursor_open(txn_, env_.tables[index_of(table)], &cursor);
      if (rc != MDB_SUCCESS) return env_.error(rc, "cannot write");
    }
    return cursor;
  }
  void close_cursors() {
    for (MDB_cursor*& cursor : cursors_) {
      if (cursor != nullptr) mdb_cursor_close(cursor);
      cursor = nullptr;
    }
  }

  const Environment& env_;
  MDB_txn* txn_;
  Trees before_;  // what it began with; its own pages are in memory
  const char* const pages_end_;
  std::array<MDB_cursor*, kTableCount> cursors_{};
};

class LmdbKv final : public Kv {
 public:
  Result<void> open(const std::filesystem::path& file, Durability durability) {
    env_.file = file.string();
    QW_TRY(check_file_size(file));
    const auto check = [&](int rc, const char* what) -> Result<void> {
      if (rc != MDB_SUCCESS) return env_.error(rc, what);
      return {};
    };
    QW_TRY(check(mdb_env_create(&env_.env), "cannot open"));
    QW_TRY(check(mdb_env_set_mapsize(env_.env, kMapBytes), "cannot open"));
    QW_TRY(check(mdb_env_set_maxdbs(env_.env, kTableCount), "cannot open"));
    QW_TRY(check(mdb_env_set_maxreaders(env_.env, kReadersMax), "cannot open"));
    QW_TRY(check(mdb_env_set_assert(env_.env, on_assert), "cannot open"));
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS;
    if (durability == Durability::none) flags |= MDB_NOSYNC;
    if (larger_than_memory(file)) flags |= MDB_NORDAHEAD;
    QW_TRY(check(mdb_env_open(env_.env, env_.file.c_str(), flags, 0600), "cannot open"));
    if (durability == Durability::sync) {
      env_.witness = ::open(env_.file.c_str(), O_RDONLY | O_CLOEXEC);
      if (env_.witness < 0) return env_.error(errno, "cannot open");
    }
    MDB_txn* txn = nullptr;
    QW_TRY(check(mdb_txn_begin(env_.env, nullptr, 0, &txn), "cannot open"));
    for (size_t i = 0; i < kTableCount; ++i) {
      const int rc = mdb_dbi_open(txn, kTableNames[i], MDB_CREATE, &env_.tables[i]);
      if (rc != MDB_SUCCESS) {
        mdb_txn_abort(txn);
        return env_.error(rc, "cannot open");
      }
    }
    QW_TRY(check(mdb_dbi_open(txn, nullptr, 0, &env_.main), "cannot open"));
    QW_TRY(check(mdb_txn_commit(txn), "cannot open"));
    return find_map();
  }

  Result<std::unique_ptr<KvRead>> begin_read() override {
    MDB_txn* txn = nullptr;
    const int rc = mdb_txn_begin(env_.env, nullptr, MDB_RDONLY, &txn);
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot read");
    return std::make_unique<LmdbRead>(env_, txn);
  }

  Result<std::unique_ptr<KvWrite>> begin_write() override {
    MDB_txn* txn = nullptr;
    const int rc = mdb_txn_begin(env_.env, nullptr, 0, &txn);
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot write");
    return std::make_unique<LmdbWrite>(env_, txn);
  }

  Result<void> check_syncs() override {
    if (env_.witness < 0 || fsync(env_.witness) == 0) return {};
    // Once is for good: what the kernel has told this descriptor it will not tell again.
    return fail(io_error(fmt::format("a sync has failed: {}: {}",
                                     std::generic_category().message(errno), env_.file)));
  }

  Result<uint32_t> check_readers() override {
    int dead = 0;
    const int rc = mdb_reader_check(env_.env, &dead);
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot check readers");
    return static_cast<uint32_t>(dead);
  }

  Result<KvStats> stats() override {
    MDB_envinfo info{};
    mdb_env_info(env_.env, &info);
    MDB_txn* txn = nullptr;
    const int rc = mdb_txn_begin(env_.env, nullptr, MDB_RDONLY, &txn);
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot read");
    KvStats out;
    uint64_t pages_used = 0, page_bytes = 4096;
    for (size_t i = 0; i < kTableCount; ++i) {
      MDB_stat stat{};
      mdb_stat(txn, env_.tables[i], &stat);
      const uint64_t pages = stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
      page_bytes = stat.ms_psize;
      out.entries[i] = stat.ms_entries;
      out.bytes[i] = pages * page_bytes;
      pages_used += pages;
    }
    mdb_txn_abort(txn);
    out.file_bytes = (info.me_last_pgno + 1) * page_bytes;
    const uint64_t used_bytes = pages_used * page_bytes;
    out.free_bytes = out.file_bytes > used_bytes ? out.file_bytes - used_bytes : 0;
    out.readers = info.me_numreaders;
    return out;
  }

  Result<void> copy_to(const std::string& dir) override {
    const std::string to = dir + "/" + std::filesystem::path(env_.file).filename().string();
    const int rc = mdb_env_copy2(env_.env, to.c_str(), MDB_CP_COMPACT);
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot copy");
    return {};
  }

 private:
  // mdb_env_info tells the address of a map only if it was asked to be there.
  Result<void> find_map() {
    MDB_txn* txn = nullptr;
    int rc = mdb_txn_begin(env_.env, nullptr, MDB_RDONLY, &txn);
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot open");
    MDB_stat stat{};
    MDB_val name = to_val(kTableNames[index_of(Table::rows)]), root{};
    rc = mdb_stat(txn, env_.main, &stat);
    if (rc == MDB_SUCCESS) rc = mdb_get(txn, env_.main, &name, &root);
    if (rc == MDB_SUCCESS) env_.map = PageMap::around(root.mv_data, stat.ms_psize);
    mdb_txn_abort(txn);
    if (rc != MDB_SUCCESS) return env_.error(rc, "cannot open");
    return {};
  }

  // Read-ahead helps recovery's sequential reads and hurts random reads of what does not fit.
  static bool larger_than_memory(const std::filesystem::path& file) {
    std::error_code ignored;
    const uint64_t bytes = std::filesystem::file_size(file, ignored);
    const auto memory = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                        static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    return !ignored && bytes > memory;
  }

  Environment env_;
};

}  // namespace

Result<std::unique_ptr<Kv>> open_lmdb(const std::filesystem::path& file, Durability durability) {
  auto kv = std::make_unique<LmdbKv>();
  QW_TRY(kv->open(file, durability));
  return kv;
}

}  // namespace qw::storage
