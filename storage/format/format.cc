// Format: see format.h.
#include "storage/format/format.h"

#include <fmt/format.h>

#include "src/base/assert.h"

namespace qw::storage {

void write_row_value(const RowKey& physical, std::string_view key, std::string_view row, char* to) {
  char* at = to + kChecksumBytes;
  if (physical.is_long()) {
    store<uint32_t>(at, static_cast<uint32_t>(key.size()));
    std::memcpy(at + 4, key.data(), key.size());
    at += 4 + key.size();
  }
  if (!row.empty()) std::memcpy(at, row.data(), row.size());
  const auto size = static_cast<size_t>(at - to) + row.size();
  seal(Table::rows, physical.view(), to, size);
}

Error damaged_row(ObjectId relation) {
  return data_corrupted(fmt::format("stored row is damaged: relation {}", relation))
      .with_hint("Run quickwater check, and restore the data directory from a backup.");
}

Error of_relation(Error error, ObjectId relation) {
  return error.code() == kDamaged ? damaged_row(relation) : error;
}

Result<RowParts> read_row(const KvEntry& entry) {
  if (entry.key.size() < kObjectBytes) return fail(damaged_row(ObjectId{}));
  const auto rest = unseal(Table::rows, entry.key, entry.value);
  if (!rest) [[unlikely]]
    return fail(damaged_row(row_relation(entry.key)));
  if (!is_long_row_key(entry.key)) return RowParts{entry.key.substr(kObjectBytes), *rest};
  ByteReader reader(*rest);
  const auto size = reader.read<uint32_t>();
  const auto key = size ? reader.read_bytes(*size) : std::nullopt;
  if (!key || key->size() <= kRowKeyBytesMax) return fail(damaged_row(row_relation(entry.key)));
  return RowParts{*key, rest->substr(reader.position())};
}

std::optional<LogPosition> parse_log_key(std::string_view key) {
  if (key.size() != kLogKeyBytes) return std::nullopt;
  const auto kind = static_cast<uint8_t>(key[8]);
  if (kind != 1 && kind != 2) return std::nullopt;
  return LogPosition{Epoch{load_be<uint64_t>(key.data())},
                     {static_cast<LogKind>(kind), load_be<uint32_t>(key.data() + 9)},
                     load_be<uint32_t>(key.data() + 13)};
}

Result<void> put_meta(KvWrite& txn, std::string_view key, std::string_view value) {
  const size_t size = kChecksumBytes + value.size();
  QW_ASSIGN_OR_RETURN(const KvSlot slot, txn.put(Table::meta, key, size, PutMode::upsert));
  if (!value.empty()) std::memcpy(slot.bytes + kChecksumBytes, value.data(), value.size());
  seal(Table::meta, key, slot.bytes, size);
  return {};
}

Result<std::string_view> read_meta(std::string_view key, std::string_view value) {
  const auto rest = unseal(Table::meta, key, value);
  if (!rest) {
    return fail(data_corrupted(
        fmt::format("stored meta record is damaged: {}", key.empty() ? '?' : key[0])));
  }
  return *rest;
}

}  // namespace qw::storage
