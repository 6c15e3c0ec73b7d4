// bytea, hashes, encode and decode, uuid.
// Tests: tests/unit/sql_expr/cases/bytea.tsv.
#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <string>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "sql/expr/declare.h"
#include "src/base/hash.h"
#include "src/base/random.h"
#include "src/base/utf8.h"
#include "src/types/uuid.h"

namespace qw::sql {
namespace {

using View = std::string_view;

int32_t length(View bytes) { return static_cast<int32_t>(bytes.size()); }
int32_t bit_length(View bytes) { return static_cast<int32_t>(bytes.size() * 8); }
Str concat(View a, View b, Row& row) { return row.text(std::string(a).append(b)); }

View slice(View bytes, int64_t start, int64_t end) {  // 1-based [start, end)
  start = std::max<int64_t>(start, 1);
  end = std::min<int64_t>(end, static_cast<int64_t>(bytes.size()) + 1);
  if (end <= start) return {};
  return bytes.substr(static_cast<size_t>(start - 1), static_cast<size_t>(end - start));
}
Error negative_length() { return substring_error("negative substring length not allowed"); }
Str substring(View bytes, int32_t start, int32_t count, Row& row) {
  if (count < 0) return row.fail(negative_length());
  return Str(slice(bytes, start, int64_t{start} + count));
}
Str substring_from(View bytes, int32_t start, Row&) { return Str(slice(bytes, start, INT64_MAX)); }
int64_t bit_count(View bytes) {
  int64_t count = 0;
  for (const char c : bytes) count += __builtin_popcount(static_cast<unsigned char>(c));
  return count;
}
// The only encoding that text has here; PostgreSQL's names for it.
bool is_utf8(View name, Row& row) {
  std::string folded;
  for (const char c : name) {
    if (c != '-' && c != '_')
      folded.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c));
  }
  if (folded == "utf8" || folded == "unicode") return true;
  row.fail(feature_not_supported(fmt::format("encoding \"{}\" is not supported", name)));
  return false;
}
Str convert_from(View bytes, View encoding, Row& row) {
  if (!is_utf8(encoding, row)) return Str();
  if (auto valid = check_utf8(bytes); !valid) return row.fail(std::move(valid).error());
  return Str(bytes);
}
Str convert_to(View text, View encoding, Row& row) {
  return is_utf8(encoding, row) ? Str(text) : Str();
}
int32_t position(View bytes, View part) {
  const size_t at = bytes.find(part);
  return at == View::npos ? 0 : static_cast<int32_t>(at) + 1;
}
Str overlay(View bytes, View with, int32_t start, int32_t count, Row& row) {
  if (start <= 0) return row.fail(negative_length());
  int32_t after;
  if (__builtin_add_overflow(start, count, &after)) {
    return row.fail(numeric_value_out_of_range("integer out of range"));
  }
  std::string out(slice(bytes, 1, start));
  out.append(with).append(slice(bytes, after, INT64_MAX));
  return row.text(out);
}
Str overlay_whole(View bytes, View with, int32_t start, Row& row) {
  return overlay(bytes, with, start, length(with), row);
}
template <int Sides>
Str trim(View bytes, View set, Row&) {
  while ((Sides & 1) != 0 && !bytes.empty() && set.find(bytes.front()) != View::npos) {
    bytes.remove_prefix(1);
  }
  while ((Sides & 2) != 0 && !bytes.empty() && set.find(bytes.back()) != View::npos) {
    bytes.remove_suffix(1);
  }
  return Str(bytes);
}

Error index_error(int64_t index, int64_t last) {
  return array_subscript_error(fmt::format("index {} out of valid range, 0..{}", index, last));
}
int32_t get_byte(View bytes, int32_t at, Row& row) {
  if (at < 0 || static_cast<size_t>(at) >= bytes.size()) {
    return row.fail(index_error(at, length(bytes) - 1));
  }
  return static_cast<unsigned char>(bytes[static_cast<size_t>(at)]);
}
Str set_byte(View bytes, int32_t at, int32_t value, Row& row) {
  if (at < 0 || static_cast<size_t>(at) >= bytes.size()) {
    return row.fail(index_error(at, length(bytes) - 1));
  }
  std::string out(bytes);
  out[static_cast<size_t>(at)] = static_cast<char>(value);
  return row.text(out);
}
int32_t get_bit(View bytes, int64_t at, Row& row) {
  if (at < 0 || at >= static_cast<int64_t>(bytes.size()) * 8) {
    return row.fail(index_error(at, static_cast<int64_t>(bytes.size()) * 8 - 1));
  }
  return (static_cast<unsigned char>(bytes[static_cast<size_t>(at / 8)]) >> (at % 8)) & 1;
}
Str set_bit(View bytes, int64_t at, int32_t value, Row& row) {
  if (at < 0 || at >= static_cast<int64_t>(bytes.size()) * 8) {
    return row.fail(index_error(at, static_cast<int64_t>(bytes.size()) * 8 - 1));
  }
  if (value != 0 && value != 1) return row.fail(invalid_parameter_value("new bit must be 0 or 1"));
  std::string out(bytes);
  auto bits = static_cast<unsigned char>(out[static_cast<size_t>(at / 8)]);
  const unsigned mask = 1U << (at % 8);
  bits = static_cast<unsigned char>(value == 1 ? bits | mask : bits & ~mask);
  out[static_cast<size_t>(at / 8)] = static_cast<char>(bits);
  return row.text(out);
}

// ---- encode, decode -----------------------------------------------------------------------------

constexpr View kHex = "0123456789abcdef";
constexpr View kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string to_hex(View bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
  return out;
}
// Lines of 76 characters, as PostgreSQL's.
std::string to_base64(View bytes) {
  std::string out;
  size_t line = 0;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t block = 0;
    const size_t count = std::min<size_t>(3, bytes.size() - at);
    for (size_t i = 0; i < 3; ++i) {
      block = (block << 8) | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    if (line == 76) {
      out.push_back('\n');
      line = 0;
    }
    out.push_back(kBase64[(block >> 18) & 63]);
    out.push_back(kBase64[(block >> 12) & 63]);
    out.push_back(count > 1 ? kBase64[(block >> 6) & 63] : '=');
    out.push_back(count > 2 ? kBase64[block & 63] : '=');
    line += 4;
  }
  return out;
}
std::string to_escape(View bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0 || byte >= 128) {
      fmt::format_to(std::back_inserter(out), "\\{:03o}", byte);
    } else {
      if (c == '\\') out.push_back('\\');
      out.push_back(c);
    }
  }
  return out;
}
Error unknown_encoding(View name) {
  return invalid_parameter_value(fmt::format("unrecognized encoding: \"{}\"", name));
}
Str encode(View bytes, View encoding, Row& row) {
  if (encoding == "hex") return row.text(to_hex(bytes));
  if (encoding == "base64") return row.text(to_base64(bytes));
  if (encoding == "escape") return row.text(to_escape(bytes));
  return row.fail(unknown_encoding(encoding));
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
Result<std::string> from_hex(View text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (is_space(text[at])) {
      ++at;
      continue;
    }
    int value = 0;
    for (int i = 0; i < 2; ++i, ++at) {
      if (at >= text.size()) {
        return fail(invalid_parameter_value("invalid hexadecimal data: odd number of digits"));
      }
      const char c = text[at];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) {
        return fail(invalid_parameter_value(fmt::format("invalid hexadecimal digit: \"{}\"", c)));
      }
      value = value * 16 + digit;
    }
    out.push_back(static_cast<char>(value));
  }
  return out;
}
Result<std::string> from_base64(View text) {
  std::string out;
  uint32_t block = 0;
  int position = 0, end = 0;
  for (const char c : text) {
    if (is_space(c)) continue;
    uint32_t value = 0;
    if (c == '=') {
      if (end == 0) {
        if (position == 2) {
          end = 1;
        } else if (position == 3) {
          end = 2;
        } else {
          return fail(invalid_parameter_value("unexpected \"=\" while decoding base64 sequence"));
        }
      }
    } else {
      const size_t index = kBase64.find(c);
      if (index == View::npos || end != 0) {
        return fail(invalid_parameter_value(
            fmt::format("invalid symbol \"{}\" found while decoding base64 sequence", c)));
      }
      value = static_cast<uint32_t>(index);
    }
    block = (block << 6) | value;
    if (++position < 4) continue;
    out.push_back(static_cast<char>(block >> 16));
    if (end == 0 || end > 1) out.push_back(static_cast<char>(block >> 8));
    if (end == 0 || end > 2) out.push_back(static_cast<char>(block));
    block = 0;
    position = 0;
  }
  if (position != 0) {
    return fail(invalid_parameter_value("invalid base64 end sequence")
                    .with_hint("Input data is missing padding, is truncated, or is otherwise "
                               "corrupted."));
  }
  return out;
}
Result<std::string> from_escape(View text) {
  std::string out;
  const auto octal = [&](size_t at, char top) {
    return at < text.size() && text[at] >= '0' && text[at] <= top;
  };
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '\\') {
      out.push_back(text[at++]);
    } else if (octal(at + 1, '3') && octal(at + 2, '7') && octal(at + 3, '7')) {
      out.push_back(static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 +
                                      (text[at + 3] - '0')));
      at += 4;
    } else if (at + 1 < text.size() && text[at + 1] == '\\') {
      out.push_back('\\');
      at += 2;
    } else {
      return fail(invalid_text_representation("invalid input syntax for type bytea"));
    }
  }
  return out;
}
Str decode(View text, View encoding, Row& row) {
  Result<std::string> bytes = encoding == "hex"      ? from_hex(text)
                              : encoding == "base64" ? from_base64(text)
                              : encoding == "escape" ? from_escape(text)
                                                     : fail(unknown_encoding(encoding));
  if (!bytes) return row.fail(std::move(bytes).error());
  return row.text(*bytes);
}

// ---- hashes -------------------------------------------------------------------------------------

using Algorithm = const EVP_MD* (*)();
template <Algorithm A>
std::string digest(View bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  const int done = EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, A(), nullptr);
  QW_ASSERT(done == 1);
  return std::string(reinterpret_cast<const char*>(out.data()), size);
}
Str md5(View bytes, Row& row) { return row.text(to_hex(digest<EVP_md5>(bytes))); }
template <Algorithm A>
Str sha(View bytes, Row& row) {
  return row.text(digest<A>(bytes));
}

// Random, version 4; from the statement's seed when it has one.
Uuid random_uuid(Row& row) {
  Uuid out;
  uint64_t& seed = row.context().random_seed;
  if (seed == 0) seed = entropy_u64();
  for (size_t i = 0; i < 16; i += 8) {
    seed = hash_u64(seed + 0x9e3779b97f4a7c15U);
    std::memcpy(out.bytes.data() + i, &seed, 8);
  }
  out.bytes[6] = static_cast<unsigned char>((out.bytes[6] & 0x0f) | 0x40);
  out.bytes[8] = static_cast<unsigned char>((out.bytes[8] & 0x3f) | 0x80);
  return out;
}

}  // namespace

void declare_bytea(Declarations& d) {
  d.add(2010, "length(bytea) int4", each<length>());
  d.add(720, "octet_length(bytea) int4", each<length>());
  d.add(1810, "bit_length(bytea) int4", each<bit_length>());
  d.add(6163, "bit_count(bytea) int8", each<bit_count>());
  d.add(1714, "convert_from(bytea,name) text stable", each<convert_from>());
  d.add(1717, "convert_to(text,name) bytea stable", each<convert_to>());
  d.add(2011, "byteacat(bytea,bytea) bytea", each<concat>());
  d.add(2012, "substring(bytea,int4,int4) bytea", each<substring>());
  d.add(2013, "substring(bytea,int4) bytea", each<substring_from>());
  d.add(2085, "substr(bytea,int4,int4) bytea", each<substring>());
  d.add(2086, "substr(bytea,int4) bytea", each<substring_from>());
  d.add(2014, "position(bytea,bytea) int4", each<position>());
  d.add(749, "overlay(bytea,bytea,int4,int4) bytea", each<overlay>());
  d.add(752, "overlay(bytea,bytea,int4) bytea", each<overlay_whole>());
  d.add(2015, "btrim(bytea,bytea) bytea", each<trim<3>>());
  d.add(6195, "ltrim(bytea,bytea) bytea", each<trim<1>>());
  d.add(6196, "rtrim(bytea,bytea) bytea", each<trim<2>>());
  d.add(721, "get_byte(bytea,int4) int4", each<get_byte>());
  d.add(722, "set_byte(bytea,int4,int4) bytea", each<set_byte>());
  d.add(723, "get_bit(bytea,int8) int4", each<get_bit>());
  d.add(724, "set_bit(bytea,int8,int4) bytea", each<set_bit>());
  d.add(1946, "encode(bytea,text) text", each<encode>());
  d.add(1947, "decode(text,text) bytea", each<decode>());
  d.add(2311, "md5(text) text", each<md5>());
  d.add(2321, "md5(bytea) text", each<md5>());
  d.add(3419, "sha224(bytea) bytea", each<sha<EVP_sha224>>());
  d.add(3420, "sha256(bytea) bytea", each<sha<EVP_sha256>>());
  d.add(3421, "sha384(bytea) bytea", each<sha<EVP_sha384>>());
  d.add(3422, "sha512(bytea) bytea", each<sha<EVP_sha512>>());
  d.add(3432, "gen_random_uuid() uuid volatile", each<random_uuid>());
}

}  // namespace qw::sql
