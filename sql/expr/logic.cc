// Runner: the kinds that decide which rows their arguments run for, and those over NULLs.
//
// AND and OR of vectorised arguments that cannot fail run dense over bytes; all others narrow the
// selection argument by argument. Tests: tests/unit/sql_expr/program_test.cc.
#include <algorithm>
#include <cstring>

#include "sql/expr/run.h"

namespace qw::sql {
namespace {

// 1 where the bit is set.
void expand_bits(const uint64_t* bits, uint32_t rows, uint8_t* out) {
  for (uint32_t word = 0; word * 64 < rows; ++word) {
    const uint64_t value = bits[word];
    uint8_t* to = out + word * 64;
    if (value == ~uint64_t{0}) {
      std::memset(to, 1, 64);
      continue;
    }
    for (uint32_t i = 0; i < 64; i += 8) {
      // Spreads eight bits to eight bytes.
      const uint64_t spread = (((value >> i) & 0xff) * 0x0101010101010101U) & 0x8040201008040201U;
      const uint64_t ones = ((spread + 0x7f7f7f7f7f7f7f7fU) >> 7) & 0x0101010101010101U;
      const uint64_t both = ones | ((spread >> 7) & 0x0101010101010101U);
      std::memcpy(to + i, &both, 8);
    }
  }
}

void pack_bits(const uint8_t* bytes, uint32_t rows, uint64_t* bits) {
  for (uint32_t word = 0; word * 64 < rows; ++word) {
    uint64_t value = 0;
    for (uint32_t i = 0; i < 64; i += 8) {
      uint64_t eight;
      std::memcpy(&eight, bytes + word * 64 + i, 8);
      value |= ((eight * 0x0102040810204080U) >> 56) << i;
    }
    bits[word] = value;
  }
}

uint32_t padded(uint32_t rows) { return bitmap_words(rows) * 64; }

// A boolean vector as bytes: known true, and known at all (null = all known).
struct Truth {
  const uint8_t* value;
  const uint8_t* known;
};

Truth truth_of(const Vector& vector, uint32_t rows, Arena& arena) {
  if (vector.is_constant()) {
    auto* value = arena.allocate_array<uint8_t>(padded(rows));
    const bool null = vector.is_null(0);
    std::memset(value, !null && vector.values<bool>()[0] ? 1 : 0, padded(rows));
    if (!null) return {value, nullptr};
    auto* known = arena.allocate_array<uint8_t>(padded(rows));
    std::memset(known, 0, padded(rows));
    return {value, known};
  }
  const Vector flat = vector.flattened(rows, arena);
  if (flat.validity == nullptr) return {flat.values<uint8_t>(), nullptr};
  auto* known = arena.allocate_array<uint8_t>(padded(rows));
  expand_bits(flat.validity, rows, known);
  return {flat.values<uint8_t>(), known};
}

Vector flat_boolean(uint32_t rows, Arena& arena) {
  Vector vector;
  vector.type = TypeId::boolean;
  vector.data = arena.allocate(padded(rows) + 64, 64);
  return vector;
}

template <typename T>
void scatter(const Vector& from, const Live& live, void* to) {
  const T* source = static_cast<const T*>(from.data);
  T* target = static_cast<T*>(to);
  for (uint32_t i = 0; i < live.count; ++i) {
    const uint32_t row = live.row(i);
    target[row] = source[from.slot(row)];
  }
}

struct Sixteen {
  uint64_t low, high;
};

}  // namespace

void Merger::put(const Vector& from, const Live& live) {
  switch (out_.type.bytes()) {
    case 1:
      scatter<uint8_t>(from, live, out_.data);
      break;
    case 2:
      scatter<uint16_t>(from, live, out_.data);
      break;
    case 4:
      scatter<uint32_t>(from, live, out_.data);
      break;
    case 8:
      scatter<uint64_t>(from, live, out_.data);
      break;
    case 16:
      scatter<Sixteen>(from, live, out_.data);
      break;
    default:
      break;  // void has no bytes
  }
  if (from.validity == nullptr) return;
  for (uint32_t i = 0; i < live.count; ++i) {
    const uint32_t row = live.row(i);
    if (from.is_null(row)) bit_clear(out_.ensure_validity(rows_, arena_), row);
  }
}

uint32_t Runner::select_true(const Vector& vector, const Live& live, uint16_t* out,
                             uint16_t* rest) {
  uint32_t count = 0, others = 0;
  if (vector.is_constant()) {
    const bool yes = !vector.is_null(0) && vector.values<bool>()[0];
    uint16_t* to = yes ? out : rest;
    if (to != nullptr) {
      for (uint32_t i = 0; i < live.count; ++i) to[i] = static_cast<uint16_t>(live.row(i));
    }
    return yes ? live.count : 0;
  }
  const Truth truth = truth_of(vector, rows_, arena_);
  for (uint32_t i = 0; i < live.count; ++i) {
    const uint32_t row = live.row(i);
    const uint32_t yes = truth.value[row] & (truth.known == nullptr ? 1U : truth.known[row]);
    out[count] = static_cast<uint16_t>(row);
    count += yes;
    if (rest != nullptr) {
      rest[others] = static_cast<uint16_t>(row);
      others += 1 - yes;
    }
  }
  return count;
}

// Kleene logic on bytes; AND keeps what is known false, OR what is known true.
Vector Runner::logical_dense(const Instruction& instruction, const Live& live) {
  const bool is_and = instruction.kind == ExprKind::logical_and;
  const uint32_t size = padded(rows_);
  Vector out = flat_boolean(rows_, arena_);
  auto* value = out.values<uint8_t>();
  uint8_t* known = nullptr;
  bool first = true;
  for (const Block& part : instruction.blocks) {
    Live same = live;
    run(part, same);
    const Truth truth = truth_of(reg(part.result), rows_, arena_);
    if (first) {
      std::memcpy(value, truth.value, rows_);
      if (truth.known != nullptr) {
        known = arena_.allocate_array<uint8_t>(size);
        std::memcpy(known, truth.known, size);
      }
      first = false;
      continue;
    }
    if (known == nullptr && truth.known == nullptr) {
      if (is_and) {
        for (uint32_t i = 0; i < rows_; ++i) value[i] = value[i] & truth.value[i];
      } else {
        for (uint32_t i = 0; i < rows_; ++i) value[i] = value[i] | truth.value[i];
      }
      continue;
    }
    if (known == nullptr) {
      known = arena_.allocate_array<uint8_t>(size);
      std::memset(known, 1, size);
    }
    for (uint32_t i = 0; i < rows_; ++i) {
      const uint8_t b_known = truth.known == nullptr ? 1 : truth.known[i];
      // The deciding value: false for AND, true for OR.
      const uint8_t a = is_and ? value[i] ^ 1 : value[i],
                    b = is_and ? truth.value[i] ^ 1 : truth.value[i];
      const uint8_t decided = static_cast<uint8_t>((a & known[i]) | (b & b_known));
      value[i] = is_and ? decided ^ 1 : decided;
      known[i] = static_cast<uint8_t>(decided | (known[i] & b_known));
    }
  }
  if (known != nullptr) {
    out.validity = arena_.allocate_array<uint64_t>(bitmap_words(rows_));
    pack_bits(known, rows_, out.validity);
  }
  return out;
}

Vector Runner::logical(const Instruction& instruction, Live& live) {
  const bool is_and = instruction.kind == ExprKind::logical_and;
  bool dense = true;
  for (const Block& part : instruction.blocks) dense = dense && part.infallible;
  if (dense && live.count * 4 >= rows_) return logical_dense(instruction, live);

  Vector out = flat_boolean(rows_, arena_);
  auto* value = out.values<uint8_t>();
  uint8_t* null_seen = nullptr;
  Live rest = live;
  for (const Block& part : instruction.blocks) {
    run(part, rest);
    if (rest.count == 0) break;
    const Truth truth = truth_of(reg(part.result), rows_, arena_);
    uint16_t* open = row_array(rest.count);
    uint32_t count = 0;
    const uint8_t deciding = is_and ? 0 : 1;
    for (uint32_t i = 0; i < rest.count; ++i) {
      const uint32_t row = rest.row(i);
      const bool known = truth.known == nullptr || truth.known[row] != 0;
      if (known && truth.value[row] == deciding) {
        value[row] = deciding;
        continue;
      }
      open[count++] = static_cast<uint16_t>(row);
      if (!known) {
        if (null_seen == nullptr) {
          null_seen = arena_.allocate_array<uint8_t>(rows_);
          std::memset(null_seen, 0, rows_);
        }
        null_seen[row] = 1;
      }
    }
    rest = {open, count};
  }
  for (uint32_t i = 0; i < rest.count; ++i) {
    const uint32_t row = rest.row(i);
    value[row] = is_and ? 1 : 0;
    if (null_seen != nullptr && null_seen[row] != 0) out.set_null(row, rows_, arena_);
  }
  return out;
}

Vector Runner::boolean_test(const Instruction& instruction, const Live&) {
  const Truth truth = truth_of(reg(instruction.args[0]), rows_, arena_);
  Vector out = flat_boolean(rows_, arena_);
  auto* value = out.values<uint8_t>();
  const uint8_t* known = truth.known;
  if (instruction.kind == ExprKind::logical_not) {
    for (uint32_t i = 0; i < rows_; ++i) value[i] = truth.value[i] ^ 1;
    if (known != nullptr) {
      out.validity = arena_.allocate_array<uint64_t>(bitmap_words(rows_));
      pack_bits(known, rows_, out.validity);
    }
    return out;
  }
  const bool wants_true =
      instruction.kind == ExprKind::is_true || instruction.kind == ExprKind::is_not_true;
  const bool negated =
      instruction.kind == ExprKind::is_not_true || instruction.kind == ExprKind::is_not_false;
  const uint8_t flip = wants_true ? 0 : 1, invert = negated ? 1 : 0;
  for (uint32_t i = 0; i < rows_; ++i) {
    const uint8_t is_known = known == nullptr ? 1 : known[i];
    value[i] = static_cast<uint8_t>(((truth.value[i] ^ flip) & is_known) ^ invert);
  }
  return out;
}

// A row value IS NULL when all its fields are; the binder has spelled that out, so only the value
// itself counts here.
Vector Runner::null_test(const Instruction& instruction, const Live&) {
  const Vector& arg = reg(instruction.args[0]);
  const bool wants_null = instruction.kind == ExprKind::is_null;
  if (arg.is_constant() || arg.validity == nullptr) {
    const bool null = arg.validity != nullptr && arg.is_null(0);
    return Vector::constant<bool>(TypeId::boolean, null == wants_null, arena_);
  }
  Vector out = flat_boolean(rows_, arena_);
  auto* value = out.values<uint8_t>();
  if (arg.form == Form::flat) {
    expand_bits(arg.validity, rows_, value);
    if (wants_null) {
      for (uint32_t i = 0; i < rows_; ++i) value[i] ^= 1;
    }
    return out;
  }
  for (uint32_t i = 0; i < rows_; ++i) value[i] = arg.is_null(i) == wants_null ? 1 : 0;
  return out;
}

Vector Runner::distinct(const Instruction& instruction, const Live& live) {
  const Vector args[2] = {reg(instruction.args[0]), reg(instruction.args[1])};
  const Vector equal = call(*instruction.function, args, TypeId::boolean, live, instruction.cache);
  const bool wants_distinct = instruction.kind == ExprKind::is_distinct;
  Vector out = flat_boolean(rows_, arena_);
  bool* value = out.values<bool>();
  for (uint32_t i = 0; i < live.count; ++i) {
    const uint32_t row = live.row(i);
    const bool a_null = args[0].is_null(row), b_null = args[1].is_null(row);
    const bool same = a_null || b_null ? a_null && b_null : equal.at<bool>(row);
    value[row] = same != wants_distinct;
  }
  return out;
}

Vector Runner::case_when(const Instruction& instruction, Live& live) {
  Merger merger(instruction.type, rows_, arena_);
  Live rest = live;
  const auto& blocks = instruction.blocks;
  for (size_t i = 0; i + 1 < blocks.size() && rest.count != 0; i += 2) {
    run(blocks[i], rest);
    uint16_t* taken = row_array(rest.count);
    uint16_t* others = row_array(rest.count);
    const uint32_t count = select_true(reg(blocks[i].result), rest, taken, others);
    const uint32_t other_count = rest.count - count;
    Live chosen{taken, count};
    if (count != 0) {
      run(blocks[i + 1], chosen);
      merger.put(reg(blocks[i + 1].result), chosen);
    }
    rest = {others, other_count};
  }
  if (rest.count != 0) {
    run(blocks.back(), rest);
    merger.put(reg(blocks.back().result), rest);
  }
  return merger.vector();
}

Vector Runner::coalesce(const Instruction& instruction, Live& live) {
  const Vector& head = reg(instruction.blocks[0].result);
  if (head.validity == nullptr || (head.is_constant() && !head.is_null(0))) {
    Vector out = head;
    out.type = instruction.type;
    return out;
  }
  Merger merger(instruction.type, rows_, arena_);
  Live rest = live;
  for (const Block& part : instruction.blocks) {
    run(part, rest);
    if (rest.count == 0) break;
    const Vector& vector = reg(part.result);
    uint16_t* present = row_array(rest.count);
    uint16_t* absent = row_array(rest.count);
    uint32_t present_count = 0, absent_count = 0;
    for (uint32_t i = 0; i < rest.count; ++i) {
      const uint32_t row = rest.row(i);
      if (vector.is_null(row)) {
        absent[absent_count++] = static_cast<uint16_t>(row);
      } else {
        present[present_count++] = static_cast<uint16_t>(row);
      }
    }
    merger.put(vector, {present, present_count});
    rest = {absent, absent_count};
  }
  if (rest.count != 0) merger.put(Vector::null(instruction.type, arena_), rest);
  return merger.vector();
}

Vector Runner::nullif(const Instruction& instruction, const Live& live) {
  const Vector args[2] = {reg(instruction.args[0]), reg(instruction.args[1])};
  const Vector equal = call(*instruction.function, args, TypeId::boolean, live, instruction.cache);
  Vector out = args[0].flattened(rows_, arena_);
  out.type = instruction.type;
  auto* bits = arena_.allocate_array<uint64_t>(bitmap_words(rows_));
  if (out.validity == nullptr) {
    std::memset(bits, 0xff, bitmap_words(rows_) * sizeof(uint64_t));
  } else {
    std::memcpy(bits, out.validity, bitmap_words(rows_) * sizeof(uint64_t));
  }
  out.validity = bits;
  for (uint32_t i = 0; i < live.count; ++i) {
    const uint32_t row = live.row(i);
    if (!equal.is_null(row) && equal.at<bool>(row)) bit_clear(bits, row);
  }
  return out;
}

Vector Runner::extremum(const Instruction& instruction, const Live& live) {
  Merger best(instruction.type, rows_, arena_);
  best.put(reg(instruction.args[0]), live);
  for (size_t i = 1; i < instruction.args.size(); ++i) {
    const Vector& next = reg(instruction.args[i]);
    const bool greatest = instruction.kind == ExprKind::greatest;
    const Vector args[2] = {greatest ? best.vector() : next, greatest ? next : best.vector()};
    const Vector better =
        call(*instruction.function, args, TypeId::boolean, live, instruction.cache);
    uint16_t* taken = row_array(live.count);
    uint32_t count = 0;
    for (uint32_t k = 0; k < live.count; ++k) {
      const uint32_t row = live.row(k);
      if (next.is_null(row)) continue;
      const bool empty = best.vector().is_null(row);
      if (empty || better.at<bool>(row)) taken[count++] = static_cast<uint16_t>(row);
    }
    if (best.vector().validity != nullptr) {
      for (uint32_t k = 0; k < count; ++k) bit_set(best.vector().validity, taken[k]);
    }
    best.put(next, {taken, count});
  }
  return best.vector();
}

Vector Runner::in_list(const Instruction& instruction, const Live& live) {
  const Vector& arg = reg(instruction.args[0]);
  Vector out = flat_boolean(rows_, arena_);
  bool* found = out.values<bool>();
  bool null_item = false;
  if (instruction.list != nullptr) {
    instruction.list->find(arg, rows_, live.rows, live.count, arena_, found);
    null_item = instruction.list->has_null();
  } else {
    Live rest = live;
    for (uint32_t i = 0; i < live.count; ++i) found[live.row(i)] = false;
    std::vector<uint8_t> unknown(rows_, 0);
    for (size_t i = 1; i < instruction.args.size() && rest.count != 0; ++i) {
      const Vector args[2] = {arg, reg(instruction.args[i])};
      const size_t before = errors_.entries().size();
      const Vector equal =
          call(*instruction.function, args, TypeId::boolean, rest, instruction.cache);
      if (errors_.entries().size() != before) rest = drop_failed(rest, before);
      uint16_t* open = row_array(rest.count);
      uint32_t count = 0;
      for (uint32_t k = 0; k < rest.count; ++k) {
        const uint32_t row = rest.row(k);
        const bool null = equal.is_null(row);
        if (!null && equal.at<bool>(row)) {
          found[row] = true;
          continue;
        }
        if (null) unknown[row] = 1;
        open[count++] = static_cast<uint16_t>(row);
      }
      rest = {open, count};
    }
    for (uint32_t k = 0; k < rest.count; ++k) {
      if (unknown[rest.row(k)] != 0) out.set_null(rest.row(k), rows_, arena_);
    }
    return out;
  }
  for (uint32_t i = 0; i < live.count; ++i) {
    const uint32_t row = live.row(i);
    if (arg.is_null(row) || (null_item && !found[row])) out.set_null(row, rows_, arena_);
  }
  return out;
}

}  // namespace qw::sql
