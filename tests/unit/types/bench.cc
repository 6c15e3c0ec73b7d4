// Micro-benchmark of the types module: one line per piece, million rows per second of CPU time.
// Built on demand (ninja tests/unit/types/bench_types), never run by the tests.
#include <array>
#include <cstdint>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "src/base/clock.h"
#include "src/types/key_codec.h"
#include "src/types/numeric.h"
#include "src/types/row_codec.h"
#include "src/types/text.h"

namespace {

using qw::Arena;
using qw::Numeric;
using qw::TypeId;
using qw::Vector;
constexpr uint32_t kRows = 4096;

// Runs `body` over a batch for about half a second of CPU.
void measure(const char* name, const std::function<void()>& body) {
  body();
  constexpr int64_t budget_us = 500'000;
  const int64_t begin = qw::process_cpu_us();
  int64_t rounds = 0, spent = 0;
  while ((spent = qw::process_cpu_us() - begin) < budget_us) {
    for (int i = 0; i < 16; ++i) body();
    rounds += 16;
  }
  std::cout << fmt::format("{:<28} {:>8.1f} M rows/s\n", name,
                           static_cast<double>(rounds) * kRows / static_cast<double>(spent));
}

volatile int64_t sink = 0;

void numerics(Arena& arena) {
  std::vector<Numeric> a, b, out(kRows);
  for (uint32_t i = 0; i < kRows; ++i) {
    a.push_back(Numeric::narrow(int64_t{i} * 7919, 2));
    b.push_back(Numeric::narrow(int64_t{i} * 104729, 2));
  }
  measure("numeric add", [&] {
    for (uint32_t i = 0; i < kRows; ++i) out[i] = *qw::numeric::add(a[i], b[i], arena);
    sink = static_cast<int64_t>(out[7].raw());
  });
  measure("numeric multiply", [&] {
    for (uint32_t i = 0; i < kRows; ++i) out[i] = *qw::numeric::mul(a[i], b[i], arena);
    sink = static_cast<int64_t>(out[7].raw());
  });
  measure("numeric compare", [&] {
    int64_t less = 0;
    for (uint32_t i = 0; i < kRows; ++i) less += qw::numeric::compare(a[i], b[i]);
    sink = less;
  });
}

// 60-byte rows: four integers, a timestamp, a float and a short text.
qw::Batch sample(Arena& arena, std::vector<qw::Type>& types) {
  types = {TypeId::int8,        TypeId::int4,   TypeId::int4, TypeId::int8,
           TypeId::timestamptz, TypeId::float8, TypeId::text};
  qw::Batch batch;
  batch.rows = kRows;
  for (const qw::Type type : types) {
    Vector column = Vector::flat(type, kRows, arena);
    for (uint32_t i = 0; i < kRows; ++i) {
      if (type.bytes() == 4) column.values<int32_t>()[i] = static_cast<int32_t>(i);
      if (type.bytes() == 8) column.values<int64_t>()[i] = int64_t{i} * 1000;
      if (type.id == TypeId::text) column.values<qw::Str>()[i] = qw::Str("twelve bytes");
    }
    batch.columns.push_back(column);
  }
  return batch;
}

void codecs(Arena& arena) {
  std::vector<qw::Type> types;
  const qw::Batch batch = sample(arena, types);
  const std::array<uint32_t, 7> columns = {0, 1, 2, 3, 4, 5, 6};
  std::vector<std::string_view> rows(kRows);
  const qw::RowCodec codec(types);
  const Arena::Mark mark = arena.mark();
  measure("row pack (60 bytes)", [&] {
    arena.rewind(mark);
    codec.pack(batch, columns, arena, rows.data());
  });
  measure("row pack_keys (60 bytes)", [&] {
    arena.rewind(mark);
    codec.pack_keys(batch, columns, arena, rows.data());
  });
  codec.pack(batch, columns, arena, rows.data());
  std::vector<Vector> out;
  const Arena::Mark packed = arena.mark();
  measure("row unpack (60 bytes)", [&] {
    arena.rewind(packed);
    codec.unpack(rows, {}, arena, out);
  });
  const qw::KeyCodec keys({{TypeId::int8, {}}, {TypeId::text, {}}});
  const std::array<uint32_t, 2> key_columns = {0, 6};
  measure("key encode (int8, text)", [&] {
    arena.rewind(packed);
    keys.encode(batch, key_columns, arena, rows.data());
  });
}

void texts(Arena& arena) {
  std::vector<std::string> inputs;
  for (uint32_t i = 0; i < kRows; ++i) inputs.push_back(std::to_string(i * 7919));
  Vector column = Vector::flat(TypeId::int8, kRows, arena);
  const qw::TextStyle style;
  measure("int8 parse", [&] {
    for (uint32_t i = 0; i < kRows; ++i) {
      if (!qw::parse_text_into(column, i, inputs[i], style, arena)) sink = 1;
    }
  });
  Vector stamps = Vector::flat(TypeId::timestamptz, kRows, arena);
  measure("timestamptz parse", [&] {
    for (uint32_t i = 0; i < kRows; ++i) {
      if (!qw::parse_text_into(stamps, i, "2024-02-29 12:34:56.789012+00", style, arena)) sink = 1;
    }
  });
  std::string out;
  measure("timestamptz print", [&] {
    out.clear();
    for (uint32_t i = 0; i < kRows; ++i) qw::append_text(stamps, i, style, out);
  });
}

}  // namespace

int main() {
  Arena arena;
  numerics(arena);
  codecs(arena);
  texts(arena);
  return sink == 0x7fffffff ? 1 : 0;
}
