// pgoutput: see pgoutput.h. Layout of a message: tag, then big-endian fields; a tuple is a count
// and per column a kind byte and, for text, a 32-bit length and the bytes.
#include "ingest/postgres/pgoutput.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "src/base/bytes.h"
#include "src/base/limits.h"

namespace qw::ingest {

namespace {

// Reads fields; after the first that is missing everything reads as zero and good() is false.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : reader_(bytes) {}
  template <typename T>
  T get() {
    const std::optional<T> value = reader_.read_be<T>();
    good_ = good_ && value.has_value();
    return value.value_or(T{});
  }
  std::string_view text() {
    const auto value = reader_.read_cstring();
    good_ = good_ && value.has_value();
    return value.value_or(std::string_view());
  }
  std::string_view bytes(size_t size) {
    const auto value = reader_.read_bytes(size);
    good_ = good_ && value.has_value();
    return value.value_or(std::string_view());
  }
  size_t remaining() const { return reader_.remaining(); }
  void spoil() { good_ = false; }
  bool good() const { return good_; }

 private:
  ByteReader reader_;
  bool good_ = true;
};

void read_tuple(Fields& fields, std::vector<PgValue>& row) {
  row.clear();
  const uint16_t count = fields.get<uint16_t>();
  if (count > limits::kColumnsMax) fields.spoil();
  for (uint16_t n = 0; n < count && fields.good(); n++) {
    PgValue value;
    value.kind = static_cast<char>(fields.get<uint8_t>());
    if (value.kind == 't') {
      value.text = fields.bytes(fields.get<uint32_t>());
    } else if (value.kind != 'n' && value.kind != 'u') {
      fields.spoil();  // binary was never asked for
    }
    row.push_back(value);
  }
}

void read_relation(Fields& fields, PgRelation& relation) {
  relation.oid = fields.get<uint32_t>();
  relation.schema = fields.text();
  if (relation.schema.empty()) relation.schema = "pg_catalog";
  relation.name = fields.text();
  relation.identity = static_cast<char>(fields.get<uint8_t>());
  const uint16_t count = fields.get<uint16_t>();
  relation.columns.clear();
  for (uint16_t n = 0; n < count && fields.good(); n++) {
    PgRelationColumn column;
    column.key = (fields.get<uint8_t>() & 1U) != 0;
    column.name = fields.text();
    column.type_oid = fields.get<uint32_t>();
    column.typmod = fields.get<int32_t>();
    relation.columns.push_back(std::move(column));
  }
}

// An optional old tuple, then for an update the new one.
void read_change(Fields& fields, PgMessage& out) {
  out.oid = fields.get<uint32_t>();
  out.old_kind = 0;
  out.old_row.clear();
  out.new_row.clear();
  char kind = static_cast<char>(fields.get<uint8_t>());
  if (kind == 'K' || kind == 'O') {
    if (out.tag == PgTag::insert) fields.spoil();
    out.old_kind = kind;
    read_tuple(fields, out.old_row);
    if (out.tag == PgTag::remove) return;
    kind = static_cast<char>(fields.get<uint8_t>());
  }
  if (kind != 'N' || out.tag == PgTag::remove) {
    fields.spoil();
    return;
  }
  read_tuple(fields, out.new_row);
}

}  // namespace

std::string format_lsn(Lsn lsn) { return fmt::format("{:X}/{:X}", lsn >> 32, lsn & 0xffffffffU); }

Result<Lsn> parse_lsn(std::string_view text) {
  const size_t slash = text.find('/');
  uint32_t high = 0, low = 0;
  if (slash != std::string_view::npos) {
    const char* begin = text.data();
    const char* end = begin + text.size();
    const auto first = std::from_chars(begin, begin + slash, high, 16);
    const auto second = std::from_chars(begin + slash + 1, end, low, 16);
    if (first.ec == std::errc() && first.ptr == begin + slash && second.ec == std::errc() &&
        second.ptr == end) {
      return uint64_t{high} << 32 | low;
    }
  }
  return fail(protocol_violation(fmt::format("not a WAL position: \"{}\"", text)));
}

Result<void> parse_pgoutput(std::string_view bytes, PgMessage& out) {
  Fields fields(bytes);
  const char tag = static_cast<char>(fields.get<uint8_t>());
  out.tag = static_cast<PgTag>(tag);
  bool known = true;
  switch (out.tag) {
    case PgTag::begin:
      out.final_lsn = fields.get<uint64_t>();
      out.commit_us = fields.get<int64_t>();
      out.xid = fields.get<uint32_t>();
      break;
    case PgTag::commit:
      fields.get<uint8_t>();
      out.commit_lsn = fields.get<uint64_t>();
      out.end_lsn = fields.get<uint64_t>();
      out.commit_us = fields.get<int64_t>();
      break;
    case PgTag::relation:
      read_relation(fields, out.relation);
      break;
    case PgTag::insert:
    case PgTag::update:
    case PgTag::remove:
      read_change(fields, out);
      break;
    case PgTag::truncate: {
      const uint32_t count = fields.get<uint32_t>();
      fields.get<uint8_t>();
      out.truncated.clear();
      if (count > fields.remaining() / 4) fields.spoil();
      for (uint32_t n = 0; n < count && fields.good(); n++) {
        out.truncated.push_back(fields.get<uint32_t>());
      }
      break;
    }
    case PgTag::origin:
    case PgTag::type:
    case PgTag::message:
      return {};  // nothing in them is needed
    default:
      known = false;  // NOLINT: a foreign byte, not one of ours
  }
  if (known && fields.good() && fields.remaining() == 0) return {};
  return fail(protocol_violation(fmt::format(
      "replication message of type 0x{:02x} is not understood", static_cast<uint8_t>(tag))));
}

}  // namespace qw::ingest
