// Catalog: the durable list of what exists (SQLite), beside the store that holds its data.
//
// SQLite and LMDB share no transaction, so LMDB is the truth about data and an object goes
// creating -> (its data is in LMDB) -> ready, and dropping -> (its data is gone) -> removed.
// sweep() at start finishes or undoes what stopped half-way. Definitions are SQL text and an opaque
// payload; this file does not interpret them. Secrets lie in a 0600 file beside the database, never
// in it.
//
// One connection, journal_mode=DELETE, synchronous=FULL (Debian's 3.40 has the WAL-reset bug).
// Each call is one durable transaction. Internally synchronised.
// Tests: tests/unit/storage/catalog_test.cc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/ids.h"
#include "src/base/result.h"
#include "storage/commit_fault.h"

namespace qw::storage {

enum class ObjectState : uint8_t { creating, ready, dropping };

struct CatalogObject {
  ObjectId id;
  std::string kind;  // "table", "view", "materialized view", "source", "schema", ...
  std::string name_class = "relation";  // names are unique per (class, schema)
  std::string schema;                   // "" for objects outside schemas
  std::string name;
  std::string definition;  // SQL text
  std::string payload;     // bytes that only the owner of `kind` understands
  ObjectState state = ObjectState::creating;
  Epoch created;  // set by mark_ready
  std::vector<ObjectId> depends_on;
};

class Catalog {
 public:
  // The store that lies beside the catalog.
  struct Beside {
    uint64_t identity = 0;  // Store::identity(); 0: not compared
    bool is_new = true;     // nothing has been committed: the catalog may be missing
  };
  // Opens or makes `dir`/catalog.db and `dir`/secrets. The directory must be locked by a Store (or
  // private). XX001 naming the file when it is missing or belongs to another store. An empty path
  // keeps everything in memory.
  static Result<std::unique_ptr<Catalog>> open(const std::filesystem::path& dir,
                                               const Beside& store);
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;
  ~Catalog();

  // The first of `count` consecutive ids, never given out again (not even after a crash).
  Result<ObjectId> allocate_objects(uint32_t count);
  Result<StateId> allocate_states(uint32_t count);

  // The highest ids in the store beside it: XX001 if one of them was never given out here. Then
  // this is an older copy, and what it does not know must not be taken for what a DROP has left.
  Result<void> require_given_out(ObjectId object, StateId state) const;

  // Several objects of one statement become visible together. A taken name is 42P07 for relations,
  // 42P06 for schemas, 42710 else; while its holder is being created or dropped, 55000.
  Result<void> insert_creating(std::span<const CatalogObject> objects);
  Result<void> mark_ready(std::span<const ObjectId> ids, Epoch epoch);
  Result<void> begin_drop(std::span<const ObjectId> ids);
  Result<void> remove(std::span<const ObjectId> ids);
  // Replaces name, schema, definition, payload and dependencies of an existing object.
  Result<void> update(const CatalogObject& object);

  // In one step: `gone` starts to be dropped under a name that nobody asks for, and `object`, which
  // is being created, becomes ready under its name.
  Result<void> replace(ObjectId gone, const CatalogObject& object, Epoch epoch);

  // All objects, by id.
  Result<std::vector<CatalogObject>> list() const;
  Result<std::optional<CatalogObject>> get(ObjectId id) const;

  // At start: removes what is `dropping`, and what is `creating` unless `keep` says that its data
  // is complete (then it becomes ready). Returns what was removed, so that the caller drops its
  // data.
  Result<std::vector<CatalogObject>> sweep(const std::function<bool(const CatalogObject&)>& keep);

  // Small durable facts (settings, the id of this database). Empty value = erase.
  Result<void> put_setting(std::string_view key, std::string_view value);
  Result<std::optional<std::string>> setting(std::string_view key) const;
  Result<std::vector<std::pair<std::string, std::string>>> settings() const;

  // Secrets by object id. The file is written anew, synced and renamed into place.
  Result<void> put_secret(ObjectId id, std::string_view value);
  Result<void> remove_secret(ObjectId id);
  Result<std::optional<std::string>> secret(ObjectId id) const;
  // `told` is called once, within the change that failed, when the disk does: whether that change
  // has happened only the next start can see, so nothing may be built on either until then.
  void when_broken(std::function<void(const Error&)> told);
  // Simulations: asked before each change of either file is made durable. `lost` and `kept` are for
  // good, as an error of the disk is.
  void set_fault(std::function<CommitFault()> fault);
  // All secret values, for scrubbing them from foreign error texts.
  std::vector<std::string> secret_values() const;

  struct Impl;
  explicit Catalog(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace qw::storage
