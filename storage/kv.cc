// Kv: see kv.h.
#include "storage/kv.h"

namespace qw::storage {

KvCursor::~KvCursor() = default;
KvRead::~KvRead() = default;
KvWrite::~KvWrite() = default;
Kv::~Kv() = default;

}  // namespace qw::storage
