// Window functions over one partition: positions, neighbours, and aggregates over frames. See
// window.h.
#include <algorithm>
#include <cstring>

#include "src/base/assert.h"
#include "src/types/key_codec.h"
#include "views/operators/collect.h"
#include "views/operators/window.h"

namespace qw::views {
namespace {

using sql::AggregateKind;
using sql::WindowKind;
using Bound = sql::WindowCall::Bound;
using Mode = sql::WindowCall::Mode;

constexpr uint32_t kNoRow = UINT32_MAX;

int64_t integer_at(const Vector& vector, uint32_t row) {
  switch (vector.type.physical()) {
    case Physical::i16:
      return vector.at<int16_t>(row);
    case Physical::i32:
      return vector.at<int32_t>(row);
    default:
      return vector.at<int64_t>(row);  // NOLINT: the planner casts to integers
  }
}

struct Frame {
  uint32_t begin, end;
};

// Row `i`'s frame as [begin, end).
Result<Frame> frame_of(const sql::WindowCall& call, const WindowRows& rows, uint32_t i) {
  int64_t offsets[2] = {0, 0};
  const std::optional<uint32_t> columns[2] = {call.start_offset, call.end_offset};
  for (int side = 0; side < 2; ++side) {
    if (!columns[side]) continue;
    const Vector& column = rows.columns[*columns[side]];
    const char* which = side == 0 ? "frame starting offset" : "frame ending offset";
    if (column.is_null(i))
      return fail(null_value_not_allowed(std::string(which) + " must not be null"));
    offsets[side] = integer_at(column, i);
    if (offsets[side] < 0) {
      return fail(Error(SqlState("22013"), std::string(which) + " must not be negative"));
    }
  }
  const auto groups = static_cast<int64_t>(rows.group_begin.size()) - 1;
  const int64_t count = rows.count;
  // `extent`: 0 = first row of where the bound points, 1 = one past its last row.
  const auto place = [&](Bound bound, int64_t offset, int64_t extent) -> int64_t {
    int64_t shift = 0;
    switch (bound) {
      case Bound::unbounded_preceding:
        return 0;
      case Bound::unbounded_following:
        return count;
      case Bound::preceding:
        shift = -offset;
        break;
      case Bound::following:
        shift = offset;
        break;
      case Bound::current_row:
        break;
    }
    if (call.mode == Mode::rows) {
      if (shift > count) return count;
      return std::clamp<int64_t>(int64_t{i} + shift + extent, 0, count);
    }
    if (shift > groups) return count;
    const int64_t group = int64_t{rows.peer_group[i]} + shift + extent;
    return rows.group_begin[static_cast<size_t>(std::clamp<int64_t>(group, 0, groups))];
  };
  const int64_t begin = place(call.start, offsets[0], 0), end = place(call.end, offsets[1], 1);
  return Frame{static_cast<uint32_t>(begin), static_cast<uint32_t>(std::max(begin, end))};
}

// Row i of the result is row pick[i] of `from`; kNoRow = NULL.
Vector gather(const Vector& from, Type type, const std::vector<uint32_t>& pick, Arena& arena) {
  const auto count = static_cast<uint32_t>(pick.size());
  Vector out = Vector::flat(type, count, arena);
  const uint32_t bytes = type.bytes();
  for (uint32_t i = 0; i < count; ++i) {
    char* to = static_cast<char*>(out.data) + size_t{bytes} * i;
    if (pick[i] == kNoRow || from.is_null(pick[i])) {
      std::memset(to, 0, bytes);
      out.set_null(i, count, arena);
    } else {
      std::memcpy(to, static_cast<const char*>(from.data) + size_t{bytes} * pick[i], bytes);
    }
  }
  return out;
}

Vector numbers(const sql::WindowCall& call, const WindowRows& rows, Arena& arena) {
  Vector out = Vector::flat(call.type, rows.count, arena);
  const auto last = static_cast<double>(rows.count);
  for (uint32_t i = 0; i < rows.count; ++i) {
    switch (call.function->window) {
      case WindowKind::row_number:
        out.values<int64_t>()[i] = int64_t{i} + 1;
        break;
      case WindowKind::rank:
        out.values<int64_t>()[i] = int64_t{rows.peer_begin[i]} + 1;
        break;
      case WindowKind::dense_rank:
        out.values<int64_t>()[i] = int64_t{rows.peer_group[i]} + 1;
        break;
      case WindowKind::percent_rank:
        out.values<double>()[i] = rows.count < 2 ? 0.0 : rows.peer_begin[i] / (last - 1);
        break;
      case WindowKind::cume_dist:
        out.values<double>()[i] = rows.peer_end[i] / last;
        break;
      case WindowKind::none:
      case WindowKind::ntile:
      case WindowKind::lag:
      case WindowKind::lead:
      case WindowKind::first_value:
      case WindowKind::last_value:
      case WindowKind::nth_value:
        QW_UNREACHABLE();
    }
  }
  return out;
}

// Buckets of equal size, the first ones one larger. As in PostgreSQL the first row with an argument
// says how many; rows before it are in none, but count for the size.
Result<Vector> ntile(const sql::WindowCall& call, const WindowRows& rows, Arena& arena) {
  Vector out = Vector::flat(call.type, rows.count, arena);
  const Vector& argument = rows.columns[call.arguments[0]];
  uint32_t first = 0;
  for (; first < rows.count && argument.is_null(first); ++first) {
    out.values<int32_t>()[first] = 0;
    out.set_null(first, rows.count, arena);
  }
  if (first == rows.count) return out;
  const int64_t buckets = integer_at(argument, first);
  if (buckets <= 0)
    return fail(Error(SqlState("22014"), "argument of ntile must be greater than zero"));
  const int64_t size = rows.count / buckets, larger = rows.count % buckets;
  for (uint32_t i = first; i < rows.count; ++i) {
    const int64_t at = i - first, in_larger = larger * (size + 1);
    const int64_t bucket = at < in_larger ? at / (size + 1) : larger + (at - in_larger) / size;
    out.values<int32_t>()[i] = static_cast<int32_t>(bucket + 1);
  }
  return out;
}

// lag and lead.
Vector neighbour(const sql::WindowCall& call, const WindowRows& rows, Arena& arena) {
  const Vector& value = rows.columns[call.arguments[0]];
  std::vector<uint32_t> pick(rows.count, kNoRow);
  std::vector<uint32_t> defaulted;
  for (uint32_t i = 0; i < rows.count; ++i) {
    int64_t offset = 1;
    if (call.arguments.size() > 1) {
      const Vector& offsets = rows.columns[call.arguments[1]];
      if (offsets.is_null(i)) continue;
      offset = integer_at(offsets, i);
    }
    const int64_t at = int64_t{i} + (call.function->window == WindowKind::lag ? -offset : offset);
    if (at >= 0 && at < int64_t{rows.count}) {
      pick[i] = static_cast<uint32_t>(at);
    } else if (call.arguments.size() > 2) {
      defaulted.push_back(i);
    }
  }
  Vector out = gather(value, call.type, pick, arena);
  for (const uint32_t i : defaulted) {
    const Vector& fallback = rows.columns[call.arguments[2]];
    if (fallback.is_null(i)) continue;
    const uint32_t bytes = call.type.bytes();
    std::memcpy(static_cast<char*>(out.data) + size_t{bytes} * i,
                static_cast<const char*>(fallback.data) + size_t{bytes} * i, bytes);
    bit_set(out.validity, i);
  }
  return out;
}

Result<Vector> framed_value(const sql::WindowCall& call, const WindowRows& rows, Arena& arena) {
  std::vector<uint32_t> pick(rows.count, kNoRow);
  for (uint32_t i = 0; i < rows.count; ++i) {
    QW_ASSIGN_OR_RETURN(const Frame frame, frame_of(call, rows, i));
    const bool empty = frame.begin == frame.end;
    if (call.function->window == WindowKind::first_value) {
      if (!empty) pick[i] = frame.begin;
    } else if (call.function->window == WindowKind::last_value) {
      if (!empty) pick[i] = frame.end - 1;
    } else {
      // What n must be holds for empty frames, too.
      const Vector& nth = rows.columns[call.arguments[1]];
      if (nth.is_null(i)) continue;
      const int64_t n = integer_at(nth, i);
      if (n <= 0)
        return fail(Error(SqlState("22016"), "argument of nth_value must be greater than zero"));
      if (n <= int64_t{frame.end} - frame.begin)
        pick[i] = frame.begin + static_cast<uint32_t>(n - 1);
    }
  }
  return gather(rows.columns[call.arguments[0]], call.type, pick, arena);
}

bool counts(const sql::WindowCall& call, const WindowRows& rows, uint32_t row) {
  if (call.filter) {
    const Vector& filter = rows.columns[*call.filter];
    if (filter.is_null(row) || filter.at<uint8_t>(row) == 0) return false;
  }
  return call.function->aggregate == AggregateKind::count_star || call.arguments.empty() ||
         collects_nulls(call.function->aggregate) || !rows.columns[call.arguments[0]].is_null(row);
}

// min and max over frames: the best row, looked for anew when it leaves the frame.
Result<Vector> extremes(const sql::WindowCall& call, const WindowRows& rows, Arena& arena) {
  const bool greatest = call.function->aggregate == AggregateKind::max;
  const Vector& value = rows.columns[call.arguments[0]];
  std::vector<std::string_view> keys(rows.count);
  const KeyCodec codec({{value.type, {}}});
  const uint32_t columns[1] = {0};
  for (uint32_t from = 0; from < rows.count; from += kBatchRowsMax) {
    const Batch batch = flat_slice({&value, 1}, from, std::min(kBatchRowsMax, rows.count - from));
    codec.encode(batch, columns, arena, keys.data() + from);
  }
  std::vector<uint32_t> pick(rows.count, kNoRow);
  uint32_t best = kNoRow;
  Frame last{0, 0};
  for (uint32_t i = 0; i < rows.count; ++i) {
    QW_ASSIGN_OR_RETURN(const Frame frame, frame_of(call, rows, i));
    uint32_t from = last.end;
    if (frame.end < last.end || frame.begin > last.end || frame.begin < last.begin ||
        (best != kNoRow && best < frame.begin)) {
      best = kNoRow;
      from = frame.begin;
    }
    for (uint32_t row = std::max(from, frame.begin); row < frame.end; ++row) {
      if (!counts(call, rows, row)) continue;
      if (best == kNoRow || (greatest ? keys[best] < keys[row] : keys[row] < keys[best]))
        best = row;
    }
    last = frame;
    pick[i] = best;
  }
  return gather(value, call.type, pick, arena);
}

// An exact accumulator slides along: rows that leave the frame are taken away again.
class Slider {
 public:
  Slider(const sql::WindowCall& call, const WindowRows& rows, Accumulator& accumulator)
      : call_(call),
        rows_(rows),
        accumulator_(accumulator),
        slot_(sizeof(Entry) + accumulator.bytes() + 64) {
    accumulator_.offset = 0;
    const auto at = reinterpret_cast<uintptr_t>(slot_.data());
    entry_ = reinterpret_cast<Entry*>((at + 15) / 16 * 16);
  }
  ~Slider() { accumulator_.release(entry_->payload()); }
  Slider(const Slider&) = delete;
  Slider& operator=(const Slider&) = delete;

  const char* move_to(Frame frame) {
    if (frame.begin >= at_.end || frame.end <= at_.begin || frame.begin < at_.begin ||
        frame.end < at_.end) {
      accumulator_.release(entry_->payload());
      std::memset(entry_->payload(), 0, accumulator_.bytes());
      at_ = {frame.begin, frame.begin};
    }
    for (; at_.end < frame.end; ++at_.end) add(at_.end, 1);
    for (; at_.begin < frame.begin; ++at_.begin) add(at_.begin, -1);
    return entry_->payload();
  }

 private:
  void add(uint32_t row, int64_t weight) {
    if (!counts(call_, rows_, row)) return;
    std::vector<Vector> arguments;
    for (const uint32_t column : call_.arguments) {
      Vector one = rows_.columns[column];
      one.data = static_cast<char*>(one.data) + size_t{one.type.bytes()} * row;
      one.validity = nullptr;
      arguments.push_back(one);
    }
    const uint16_t first = 0;
    // Of one row, of fewer than a bigint counts: it cannot fail.
    const auto added = accumulator_.update({arguments, &first, &weight, nullptr, &entry_, 1});
    QW_ASSERT(added);
  }

  const sql::WindowCall& call_;
  const WindowRows& rows_;
  Accumulator& accumulator_;
  std::vector<char> slot_;
  Entry* entry_ = nullptr;
  Frame at_{0, 0};
};

std::unique_ptr<Accumulator> accumulator_for(const sql::WindowCall& call,
                                             std::span<const Type> arguments) {
  return make_accumulator(call.function->aggregate, arguments, call.type, false);
}

Result<Vector> aggregate(const sql::WindowCall& call, const WindowRows& rows, Arena& arena) {
  std::vector<Type> types;
  for (const uint32_t column : call.arguments) types.push_back(rows.columns[column].type);
  const auto accumulator = accumulator_for(call, types);
  QW_ASSERT(accumulator != nullptr);
  Slider slider(call, rows, *accumulator);
  Vector out = Vector::flat(call.type, rows.count, arena);
  const uint32_t bytes = call.type.bytes();
  for (uint32_t i = 0; i < rows.count; ++i) {
    QW_ASSIGN_OR_RETURN(const Frame frame, frame_of(call, rows, i));
    const char* state = slider.move_to(frame);
    Vector one;
    sql::RowErrors errors;
    accumulator->results({&state, 1}, arena, one, errors);
    if (!errors.empty()) return fail(errors.entries()[0].error);
    std::memcpy(static_cast<char*>(out.data) + size_t{bytes} * i, one.data, bytes);
    if (one.is_null(0)) out.set_null(i, rows.count, arena);
  }
  return out;
}

// The frame's values laid side by side, per row: costs the sum of the frames.
Result<Vector> collected(const sql::WindowCall& call, const WindowRows& rows, Arena& arena) {
  const AggregateKind kind = call.function->aggregate;
  Vector out = Vector::flat(call.type, rows.count, arena);
  const uint32_t bytes = call.type.bytes();
  Arena frames;  // what a frame holds is gone before the next one
  for (uint32_t i = 0; i < rows.count; ++i) {
    frames.reset();
    QW_ASSIGN_OR_RETURN(const Frame frame, frame_of(call, rows, i));
    std::vector<uint32_t> pick;
    for (uint32_t row = frame.begin; row < frame.end; ++row) {
      if (counts(call, rows, row)) pick.push_back(row);
    }
    std::vector<Vector> arguments;
    for (const uint32_t column : call.arguments) {
      arguments.push_back(gather(rows.columns[column], rows.columns[column].type, pick, frames));
    }
    Collected values;
    values.arguments = arguments;
    values.rows = static_cast<uint32_t>(pick.size());
    Vector one;
    QW_TRY(collect({kind, call.type}, values, TextStyle{}, arena, one));
    std::memcpy(static_cast<char*>(out.data) + size_t{bytes} * i, one.data, bytes);
    if (one.is_null(0)) out.set_null(i, rows.count, arena);
  }
  return out;
}

}  // namespace

Batch flat_slice(std::span<const Vector> columns, uint32_t from, uint32_t count) {
  QW_ASSERT(from % 64 == 0);
  Batch out;
  out.rows = count;
  for (const Vector& column : columns) {
    QW_ASSERT(column.form == Form::flat);
    Vector slice = column;
    slice.data = static_cast<char*>(column.data) + size_t{column.type.bytes()} * from;
    if (column.validity != nullptr) slice.validity = column.validity + from / 64;
    out.columns.push_back(slice);
  }
  return out;
}

Result<void> check_window(const sql::WindowCall& call, std::span<const Type> input) {
  if (call.mode == Mode::range && (call.start_offset || call.end_offset)) {
    return fail(feature_not_supported("RANGE with an offset PRECEDING or FOLLOWING"));
  }
  if (call.function->window != WindowKind::none) return {};
  const AggregateKind kind = call.function->aggregate;
  if (kind == AggregateKind::min || kind == AggregateKind::max || is_collected(kind)) return {};
  std::vector<Type> types;
  for (const uint32_t column : call.arguments) types.push_back(input[column]);
  if (kind == AggregateKind::none || accumulator_for(call, types) == nullptr) {
    return fail(feature_not_supported("window function " + std::string(call.function->name) +
                                      " is not supported yet"));
  }
  return {};
}

Result<Vector> compute_window(const sql::WindowCall& call, const WindowRows& rows, Arena& arena) {
  switch (call.function->window) {
    case WindowKind::row_number:
    case WindowKind::rank:
    case WindowKind::dense_rank:
    case WindowKind::percent_rank:
    case WindowKind::cume_dist:
      return numbers(call, rows, arena);
    case WindowKind::ntile:
      return ntile(call, rows, arena);
    case WindowKind::lag:
    case WindowKind::lead:
      return neighbour(call, rows, arena);
    case WindowKind::first_value:
    case WindowKind::last_value:
    case WindowKind::nth_value:
      return framed_value(call, rows, arena);
    case WindowKind::none:
      break;
  }
  const AggregateKind kind = call.function->aggregate;
  if (kind == AggregateKind::min || kind == AggregateKind::max) return extremes(call, rows, arena);
  if (is_collected(kind)) return collected(call, rows, arena);
  return aggregate(call, rows, arena);
}

}  // namespace qw::views
