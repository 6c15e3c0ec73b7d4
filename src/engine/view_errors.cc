// ViewErrors: see view_errors.h.
#include "src/engine/view_errors.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/bytes.h"

namespace qw::engine {
namespace {

std::string key_prefix(ObjectId view) {
  std::string key;
  append_be<uint32_t>(key, view.value);
  return key;
}

constexpr char kBrokenKind = 0, kRowKind = 1;

std::string make_key(ObjectId view, char kind, const Error& error) {
  std::string key = key_prefix(view);
  key += kind;
  key += error.code().view();
  key += error.message();
  return key;
}

std::string make_rest(const Error& error) {
  std::string rest;
  append<uint32_t>(rest, static_cast<uint32_t>(error.detail().size()));
  rest += error.detail();
  rest += error.hint();
  return rest;
}

Result<ViewError> decode(const storage::RowView& entry) {
  ByteReader key(entry.key), row(entry.row);
  const auto view = key.read_be<uint32_t>();
  const auto kind = key.read<char>();
  const auto code = key.read_bytes(5);
  const auto message = key.read_bytes(key.remaining());
  const auto count = row.read<int64_t>();
  const auto detail_size = row.read<uint32_t>();
  if (!view || !kind || !code || !message || !count || !detail_size) {
    return fail(data_corrupted("a stored view error is damaged"));
  }
  const auto detail = row.read_bytes(*detail_size);
  if (!detail) return fail(data_corrupted("a stored view error is damaged"));
  const auto hint = row.read_bytes(row.remaining());
  Error error(SqlState::from(*code), std::string(*message));
  if (!detail->empty()) error = std::move(error).with_detail(std::string(*detail));
  if (hint && !hint->empty()) error = std::move(error).with_hint(std::string(*hint));
  return ViewError{ObjectId{*view}, *kind == kBrokenKind, std::move(error), *count};
}

}  // namespace

Result<void> ViewErrors::load(const storage::Snapshot& snapshot) {
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor, snapshot.scan(kViewErrors));
  std::array<storage::RowView, 64> rows;
  size_t count = 0;
  do {
    QW_ASSIGN_OR_RETURN(count, cursor.next(rows));
    for (size_t i = 0; i < count; ++i) {
      ByteReader row(rows[i].row);
      const auto stored = row.read<int64_t>();
      if (!stored) return fail(data_corrupted("a stored view error is damaged"));
      Entry entry{*stored, *stored, std::string(rows[i].row.substr(sizeof(int64_t)))};
      entries_.emplace(rows[i].key, std::move(entry));
    }
  } while (count == rows.size());
  return {};
}

void ViewErrors::add(ObjectId view, const Error& error, int64_t weight) {
  const std::string key = make_key(view, kRowKind, error);
  Entry& entry = entries_[key];
  entry.count += weight;
  if (entry.rest.empty()) entry.rest = make_rest(error);
  touched_[key] = true;
}

void ViewErrors::set_broken(ObjectId view, const Error& error) {
  const std::string prefix = key_prefix(view) + kBrokenKind;
  const auto known = entries_.lower_bound(prefix);
  if (known != entries_.end() && known->first.starts_with(prefix)) return;
  const Error lasting =
      Error(error.code(), error.message())
          .with_detail(error.detail())
          .with_hint("Drop the materialized view and what reads it, and create them again.");
  const std::string key = make_key(view, kBrokenKind, lasting);
  entries_[key] = {1, 0, make_rest(lasting)};
  touched_[key] = true;
}

std::vector<std::pair<ObjectId, Error>> ViewErrors::broken() const {
  std::vector<std::pair<ObjectId, Error>> views;
  for (const auto& [key, entry] : entries_) {
    std::string row;
    append<int64_t>(row, entry.count);
    row += entry.rest;
    auto error = decode({key, row});
    if (error && error->broken) views.emplace_back(error->view, std::move(error->error));
  }
  return views;
}

void ViewErrors::forget(ObjectId view) {
  const std::string prefix = key_prefix(view);
  for (auto at = entries_.lower_bound(prefix); at != entries_.end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    at->second.count = 0;
    touched_[at->first] = true;
  }
}

std::optional<storage::RelationDelta> ViewErrors::take_changes() {
  if (touched_.empty()) return std::nullopt;
  bytes_.reset();
  storage::RelationDelta delta;
  delta.relation = kViewErrors;
  const auto keep = [&](std::string_view bytes) {
    return std::string_view(bytes_.copy(bytes), bytes.size());
  };
  for (const auto& [key, unused] : touched_) {
    const auto found = entries_.find(key);
    Entry& entry = found->second;
    if (entry.count != entry.stored) {
      if (entry.count == 0) {
        delta.changes.push_back(storage::RowChange::erase(keep(key)));
        --delta.rows_added;
      } else {
        std::string row;
        append<int64_t>(row, entry.count);
        row += entry.rest;
        delta.changes.push_back(storage::RowChange::put(keep(key), keep(row)));
        if (entry.stored == 0) ++delta.rows_added;
      }
      entry.stored = entry.count;
    }
    if (entry.count == 0) entries_.erase(found);
  }
  touched_.clear();
  if (delta.changes.empty()) return std::nullopt;
  return delta;
}

Result<std::optional<ViewError>> ViewErrors::first(const storage::Snapshot& snapshot,
                                                   ObjectId view) {
  const std::string lower = key_prefix(view);
  const auto upper = storage::prefix_end(lower);
  storage::KeyRange range{lower, std::nullopt};
  if (upper) range.upper = *upper;
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor, snapshot.scan(kViewErrors, range));
  std::array<storage::RowView, 1> rows;
  QW_ASSIGN_OR_RETURN(const size_t count, cursor.next(rows));
  if (count == 0) return std::optional<ViewError>();
  QW_ASSIGN_OR_RETURN(ViewError found, decode(rows[0]));
  return std::optional<ViewError>(std::move(found));
}

Result<std::vector<ViewError>> ViewErrors::list(const storage::Snapshot& snapshot) {
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor, snapshot.scan(kViewErrors));
  std::array<storage::RowView, 64> rows;
  std::vector<ViewError> out;
  size_t count = 0;
  do {
    QW_ASSIGN_OR_RETURN(count, cursor.next(rows));
    for (size_t i = 0; i < count; ++i) {
      QW_ASSIGN_OR_RETURN(ViewError error, decode(rows[i]));
      out.push_back(std::move(error));
    }
  } while (count == rows.size());
  return out;
}

}  // namespace qw::engine
