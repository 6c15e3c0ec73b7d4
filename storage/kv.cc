// Kv: see kv.h.
#include "storage/kv.h"

namespace qw::storage {

KvCursor::~KvCursor() = default;
KvRead::~KvRead() = default;
KvWrite::~KvWrite() = default;
Kv::~Kv() = default;

void KvRead::find_many(Table table, std::span<const std::string_view> keys,
                       std::span<KvEntry> out) {
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto found = find(table, keys[i]);
    out[i] = found && found->exact ? found->at : KvEntry{};
  }
}

Result<void> KvRead::ask_for(Table, std::span<const std::string_view>) { return {}; }
Result<void> KvRead::verify(Table) { return {}; }

}  // namespace qw::storage
