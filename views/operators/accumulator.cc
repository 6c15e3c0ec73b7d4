// Accumulators of the aggregates whose state is a sum or a winner; see accumulator.h.
#include "views/operators/accumulator.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "src/base/assert.h"
#include "src/types/interval.h"
#include "src/types/numeric.h"
#include "src/types/str.h"
#include "views/operators/bit_accumulator.h"
#include "views/state/exact_float.h"
#include "views/state/exact_numeric.h"
#include "views/state/state.h"

namespace qw::views {

Accumulator::~Accumulator() = default;
void Accumulator::keep(char*) const {}
void Accumulator::merge(char*, const char*) const { QW_UNREACHABLE(); }
void Accumulator::release(char*) {}
size_t Accumulator::heap_bytes(const char*) const { return 0; }
void Accumulator::save(const char* state, std::string& out) const { out.append(state, bytes()); }
bool Accumulator::load(std::string_view& from, char* state) {
  if (from.size() < bytes()) return false;
  std::memcpy(state, from.data(), bytes());
  from.remove_prefix(bytes());
  return true;
}

namespace {

using sql::AggregateKind;

template <typename T>
const T& at(const char* state) {
  return *reinterpret_cast<const T*>(state);
}

// Calls one(state, value, weight) per row; the argument's NULLs have been taken out.
template <typename State, typename T, typename One>
void each_row(const AccumulateCall& call, uint32_t offset, One&& one) {
  const Vector& vector = call.args[0];
  const T* values = vector.values<T>();
  if (vector.form == Form::flat && call.weights == nullptr) {
    for (uint32_t i = 0; i < call.count; ++i) {
      one(*reinterpret_cast<State*>(call.entries[i]->payload() + offset), values[call.rows[i]], 1);
    }
    return;
  }
  for (uint32_t i = 0; i < call.count; ++i) {
    one(*reinterpret_cast<State*>(call.entries[i]->payload() + offset),
        values[vector.slot(call.rows[i])], call.weights == nullptr ? 1 : call.weights[i]);
  }
}

// The same for DISTINCT: one(state, value, change of the set, change of the multiset).
template <typename State, typename T, typename One>
void each_distinct(const AccumulateCall& call, uint32_t offset, One&& one) {
  const Vector& vector = call.args[0];
  for (uint32_t i = 0; i < call.count; ++i) {
    one(*reinterpret_cast<State*>(call.entries[i]->payload() + offset),
        vector.values<T>()[vector.slot(call.rows[i])], call.weights[i], call.occurrences[i]);
  }
}

tl::unexpected<Error> out_of_range() {
  return fail(numeric_value_out_of_range("bigint out of range"));
}

// Of an accumulator whose rows only come.
Result<void> shrinks() {
  return fail(internal_error("rows were taken away from an append-only input"));
}

Result<int64_t> to_bigint(Int128 sum) {
  if (sum != Int128{static_cast<int64_t>(sum)}) return out_of_range();
  return static_cast<int64_t>(sum);
}

// count(*), and what counts the same: it reads how many rows the group has (offset 0).
class RowCount final : public Accumulator {
 public:
  uint32_t bytes() const override { return 0; }
  Result<void> update(const AccumulateCall&) override { return {}; }
  void results(std::span<const char* const> states, Arena& arena, Vector& out,
               sql::RowErrors&) const override {
    out = Vector::flat(result_type, static_cast<uint32_t>(states.size()), arena);
    for (size_t i = 0; i < states.size(); ++i) out.values<int64_t>()[i] = at<int64_t>(states[i]);
  }
  bool merges() const override { return true; }
};

class CountAccumulator final : public Accumulator {
 public:
  uint32_t bytes() const override { return sizeof(int64_t); }
  Result<void> update(const AccumulateCall& call) override {
    for (uint32_t i = 0; i < call.count; ++i) {
      auto& state = *reinterpret_cast<int64_t*>(state_of(call, i));
      if (__builtin_add_overflow(state, weight_of(call, i), &state)) return out_of_range();
    }
    return {};
  }
  void results(std::span<const char* const> states, Arena& arena, Vector& out,
               sql::RowErrors&) const override {
    out = Vector::flat(result_type, static_cast<uint32_t>(states.size()), arena);
    for (size_t i = 0; i < states.size(); ++i) out.values<int64_t>()[i] = at<int64_t>(states[i]);
  }
  void save(const char* state, std::string& out) const override {
    append_varint(out, zigzag(at<int64_t>(state)));
  }
  bool load(std::string_view& from, char* state) override {
    const auto count = read_varint(from);
    *reinterpret_cast<int64_t*>(state) = unzigzag(count.value_or(0));
    return count.has_value();
  }
  bool merges() const override { return true; }
  void merge(char* into, const char* from) const override {
    *reinterpret_cast<int64_t*>(into) += at<int64_t>(from);
  }
};

// sum and avg of int2, int4, int8.
template <typename T>
class IntegerSum final : public Accumulator {
 public:
  struct State {
    LooseInt128 sum;
    int64_t count;
  };
  explicit IntegerSum(bool average) : average_(average) {}
  uint32_t bytes() const override { return sizeof(State); }
  Result<void> update(const AccumulateCall& call) override {
    each_row<State, T>(call, offset, [](State& state, T value, int64_t weight) {
      state.sum += Int128{value} * weight;
      state.count += weight;
    });
    return {};
  }
  void results(std::span<const char* const> states, Arena& arena, Vector& out,
               sql::RowErrors& errors) const override {
    const auto count = static_cast<uint32_t>(states.size());
    out = Vector::flat(result_type, count, arena);
    for (uint32_t i = 0; i < count; ++i) {
      const State& state = at<State>(states[i]);
      if (state.count == 0) {
        std::memset(static_cast<char*>(out.data) + size_t{i} * out.type.bytes(), 0,
                    out.type.bytes());
        out.set_null(i, count, arena);
      } else if (result_type.physical() == Physical::i64) {
        const auto value = to_bigint(state.sum);
        out.values<int64_t>()[i] = value ? *value : 0;
        if (!value) errors.add(i, value.error());
      } else {
        Numeric& value = out.values<Numeric>()[i];
        value = numeric::from_int128(state.sum, 0, arena);
        if (!average_) continue;
        const auto quotient = numeric::div(value, Numeric::of(state.count), arena);
        if (quotient) value = *quotient;
        if (!quotient) errors.add(i, quotient.error());
      }
    }
  }
  void save(const char* state, std::string& out) const override {
    append_wide_varint(out, at<State>(state).sum);
    append_varint(out, zigzag(at<State>(state).count));
  }
  bool load(std::string_view& from, char* state) override {
    const auto sum = read_wide_varint(from);
    const auto count = read_varint(from);
    *reinterpret_cast<State*>(state) = {sum.value_or(0), unzigzag(count.value_or(0))};
    return sum && count;
  }
  bool merges() const override { return true; }
  void merge(char* into, const char* from) const override {
    auto& state = *reinterpret_cast<State*>(into);
    state.sum += at<State>(from).sum;
    state.count += at<State>(from).count;
  }

 private:
  bool average_;
};

class NumericSum final : public Accumulator {
 public:
  explicit NumericSum(bool average) : average_(average) {}
  uint32_t bytes() const override { return sizeof(ExactNumeric); }
  Result<void> update(const AccumulateCall& call) override {
    if (call.occurrences != nullptr) {
      Arena scratch;
      each_distinct<ExactNumeric, Numeric>(
          call, offset,
          [&](ExactNumeric& state, Numeric value, int64_t change, int64_t occurrences) {
            state.add_distinct(value, change, occurrences, scratch);
          });
      return {};
    }
    each_row<ExactNumeric, Numeric>(
        call, offset,
        [](ExactNumeric& state, Numeric value, int64_t weight) { state.add(value, weight); });
    return {};
  }
  void results(std::span<const char* const> states, Arena& arena, Vector& out,
               sql::RowErrors& errors) const override {
    const auto count = static_cast<uint32_t>(states.size());
    out = Vector::flat(result_type, count, arena);
    for (uint32_t i = 0; i < count; ++i) {
      const auto& state = at<ExactNumeric>(states[i]);
      out.values<Numeric>()[i] = Numeric();
      if (state.total == 0) {
        out.set_null(i, count, arena);
        continue;
      }
      auto value = state.value(arena);
      if (value && average_) value = numeric::div(*value, Numeric::of(state.total), arena);
      if (value) out.values<Numeric>()[i] = *value;
      if (!value) errors.add(i, value.error());
    }
  }
  void keep(char* copy) const override { reinterpret_cast<ExactNumeric*>(copy)->keep(); }
  void release(char* state) override { reinterpret_cast<ExactNumeric*>(state)->release(); }
  bool hangs() const override { return true; }
  size_t heap_bytes(const char* state) const override { return at<ExactNumeric>(state).bytes(); }
  void save(const char* state, std::string& out) const override {
    at<ExactNumeric>(state).save(out);
  }
  bool load(std::string_view& from, char* state) override {
    return reinterpret_cast<ExactNumeric*>(state)->load(from);
  }

 private:
  bool average_;
};

template <typename T>
class FloatSum final : public Accumulator {
 public:
  struct State {
    ExactFloat sum;
    int64_t count;
    int64_t negative_zeros;  // the sum of nothing else is -0
  };
  explicit FloatSum(bool average) : average_(average) {}
  uint32_t bytes() const override { return sizeof(State); }
  Result<void> update(const AccumulateCall& call) override {
    // Under DISTINCT -0 may come and 0 go in its place.
    const int64_t counted = call.occurrences == nullptr ? 1 : 0;
    each_row<State, T>(call, offset, [counted](State& state, T value, int64_t weight) {
      state.sum.add(static_cast<double>(value), weight);
      state.count += weight;
      if (value == 0 && std::signbit(value)) state.negative_zeros += weight * counted;
    });
    return {};
  }
  void results(std::span<const char* const> states, Arena& arena, Vector& out,
               sql::RowErrors& errors) const override {
    const auto count = static_cast<uint32_t>(states.size());
    out = Vector::flat(result_type, count, arena);
    const bool single = result_type.physical() == Physical::f32;
    for (uint32_t i = 0; i < count; ++i) {
      const State& state = at<State>(states[i]);
      double value = state.count == 0 ? 0.0 : state.sum.value(single ? 24 : 53);
      const bool overflow = single ? std::isinf(static_cast<float>(value)) : std::isinf(value);
      if (overflow && !state.sum.has_infinite_input()) {
        errors.add(i, numeric_value_out_of_range("value out of range: overflow"));
      }
      if (average_ && state.count != 0) value /= static_cast<double>(state.count);
      if (!average_ && state.count != 0 && state.negative_zeros == state.count) value = -0.0;
      if (single) {
        out.values<float>()[i] = static_cast<float>(value);
      } else {
        out.values<double>()[i] = value;
      }
      if (state.count == 0) out.set_null(i, count, arena);
    }
  }
  void keep(char* copy) const override { reinterpret_cast<State*>(copy)->sum.keep(); }
  void release(char* state) override { reinterpret_cast<State*>(state)->sum.release(); }
  bool hangs() const override { return true; }
  size_t heap_bytes(const char* state) const override { return at<State>(state).sum.bytes(); }
  void save(const char* state, std::string& out) const override {
    append_varint(out, zigzag(at<State>(state).count));
    append_varint(out, zigzag(at<State>(state).negative_zeros));
    at<State>(state).sum.save(out);
  }
  bool load(std::string_view& from, char* state) override {
    const auto count = read_varint(from);
    const auto negative_zeros = read_varint(from);
    auto* to = reinterpret_cast<State*>(state);
    to->count = unzigzag(count.value_or(0));
    to->negative_zeros = unzigzag(negative_zeros.value_or(0));
    return count && negative_zeros && to->sum.load(from);
  }

 private:
  bool average_;
};

class IntervalSum final : public Accumulator {
 public:
  struct State {
    LooseInt128 us;
    int64_t days, months;
    int64_t count;
  };
  explicit IntervalSum(bool average) : average_(average) {}
  uint32_t bytes() const override { return sizeof(State); }
  Result<void> update(const AccumulateCall& call) override {
    each_row<State, Interval>(call, offset,
                              [](State& state, const Interval& value, int64_t weight) {
                                state.us += Int128{value.us} * weight;
                                state.days += value.days * weight;
                                state.months += value.months * weight;
                                state.count += weight;
                              });
    return {};
  }
  void results(std::span<const char* const> states, Arena& arena, Vector& out,
               sql::RowErrors& errors) const override {
    const auto count = static_cast<uint32_t>(states.size());
    out = Vector::flat(result_type, count, arena);
    for (uint32_t i = 0; i < count; ++i) {
      const State& state = at<State>(states[i]);
      Interval& value = out.values<Interval>()[i];
      value = Interval();
      if (state.count == 0) {
        out.set_null(i, count, arena);
        continue;
      }
      value = {static_cast<int64_t>(state.us), static_cast<int32_t>(state.days),
               static_cast<int32_t>(state.months)};
      if (Int128{value.us} != state.us || value.days != state.days ||
          value.months != state.months) {
        errors.add(i, datetime_field_overflow("interval out of range"));
        continue;
      }
      if (!average_) continue;
      const auto mean = interval::divide(value, static_cast<double>(state.count));
      if (mean) value = *mean;
      if (!mean) errors.add(i, mean.error());
    }
  }

 private:
  bool average_;
};

class BooleanAccumulator final : public Accumulator {
 public:
  struct State {
    int64_t trues, falses;
  };
  explicit BooleanAccumulator(bool all) : all_(all) {}
  uint32_t bytes() const override { return sizeof(State); }
  Result<void> update(const AccumulateCall& call) override {
    each_row<State, uint8_t>(call, offset, [](State& state, uint8_t value, int64_t weight) {
      (value != 0 ? state.trues : state.falses) += weight;
    });
    return {};
  }
  void results(std::span<const char* const> states, Arena& arena, Vector& out,
               sql::RowErrors&) const override {
    const auto count = static_cast<uint32_t>(states.size());
    out = Vector::flat(result_type, count, arena);
    for (uint32_t i = 0; i < count; ++i) {
      const State& state = at<State>(states[i]);
      const bool value = all_ ? state.falses == 0 : state.trues != 0;
      out.values<uint8_t>()[i] = value ? 1 : 0;
      if (state.trues == 0 && state.falses == 0) out.set_null(i, count, arena);
    }
  }
  bool merges() const override { return true; }
  void merge(char* into, const char* from) const override {
    auto& state = *reinterpret_cast<State*>(into);
    state.trues += at<State>(from).trues;
    state.falses += at<State>(from).falses;
  }

 private:
  bool all_;
};

// min and max where rows only come.
template <typename T>
class Winner final : public Accumulator {
 public:
  struct State {
    T value;
    int64_t count;
  };
  explicit Winner(bool greatest) : greatest_(greatest) {}
  uint32_t bytes() const override { return sizeof(State); }
  Result<void> update(const AccumulateCall& call) override {
    bool grows = true;
    each_row<State, T>(call, offset, [&](State& state, const T& value, int64_t weight) {
      if (state.count == 0 || (greatest_ ? less(state.value, value) : less(value, state.value))) {
        state.value = value;
      }
      state.count += weight;
      grows = grows && weight > 0;
    });
    return grows ? Result<void>() : shrinks();
  }
  void results(std::span<const char* const> states, Arena& arena, Vector& out,
               sql::RowErrors&) const override {
    const auto count = static_cast<uint32_t>(states.size());
    out = Vector::flat(result_type, count, arena);
    for (uint32_t i = 0; i < count; ++i) {
      const State& state = at<State>(states[i]);
      out.values<T>()[i] = state.value;
      if (state.count == 0) out.set_null(i, count, arena);
    }
  }
  bool merges() const override { return true; }
  void merge(char* into, const char* from) const override {
    auto& state = *reinterpret_cast<State*>(into);
    const auto& other = at<State>(from);
    if (other.count == 0) return;
    const bool better = state.count == 0 || (greatest_ ? less(state.value, other.value)
                                                       : less(other.value, state.value));
    if (better) state.value = other.value;
    state.count += other.count;
  }

 private:
  // PostgreSQL's order: NaN is above everything.
  static bool less(const T& a, const T& b) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(a)) return false;
      return std::isnan(b) || a < b;
    } else {
      return a < b;
    }
  }
  bool greatest_;
};

// min and max of texts where rows only come. The winner's bytes belong to the state when they do
// not fit a Str.
class TextWinner final : public Accumulator {
 public:
  struct State {
    Str value;
    int64_t count;
  };
  explicit TextWinner(bool greatest) : greatest_(greatest) {}
  uint32_t bytes() const override { return sizeof(State); }
  Result<void> update(const AccumulateCall& call) override {
    bool grows = true;
    each_row<State, Str>(call, offset, [&](State& state, const Str& value, int64_t weight) {
      const bool better = state.count == 0 || (greatest_ ? state.value.view() < value.view()
                                                         : value.view() < state.value.view());
      if (better) {
        free_bytes(state);
        state.value = owned(value.view());
      }
      state.count += weight;
      grows = grows && weight > 0;
    });
    return grows ? Result<void>() : shrinks();
  }
  void results(std::span<const char* const> states, Arena& arena, Vector& out,
               sql::RowErrors&) const override {
    const auto count = static_cast<uint32_t>(states.size());
    out = Vector::flat(result_type, count, arena);
    for (uint32_t i = 0; i < count; ++i) {
      const State& state = at<State>(states[i]);
      out.values<Str>()[i] = state.value;
      if (state.count == 0) out.set_null(i, count, arena);
    }
  }
  void keep(char* copy) const override {
    auto& state = *reinterpret_cast<State*>(copy);
    state.value = owned(state.value.view());
  }
  void release(char* state) override {
    free_bytes(*reinterpret_cast<State*>(state));
    *reinterpret_cast<State*>(state) = State();
  }
  bool hangs() const override { return true; }
  size_t heap_bytes(const char* state) const override {
    constexpr size_t kBlockBytes = 16;  // what the allocator adds
    const Str& value = at<State>(state).value;
    return is_inline(value) ? 0 : value.size() + kBlockBytes;
  }
  void save(const char* state, std::string& out) const override {
    const std::string_view value = at<State>(state).value.view();
    append_varint(out, zigzag(at<State>(state).count));
    append_varint(out, value.size());
    out.append(value);
  }
  bool load(std::string_view& from, char* state) override {
    const auto count = read_varint(from);
    const auto size = read_varint(from);
    if (!count || !size || *size > from.size()) return false;
    auto& to = *reinterpret_cast<State*>(state);
    free_bytes(to);
    to.value = owned(from.substr(0, *size));
    to.count = unzigzag(*count);
    from.remove_prefix(*size);
    return true;
  }

 private:
  static bool is_inline(const Str& value) { return value.size() <= Str::kInlineBytesMax; }
  static Str owned(std::string_view text) {
    if (text.size() <= Str::kInlineBytesMax) return Str(text);
    char* bytes = new char[text.size()];  // NOLINT: owned by the state, freed by free_bytes()
    std::memcpy(bytes, text.data(), text.size());
    return Str(std::string_view(bytes, text.size()));
  }
  static void free_bytes(State& state) {
    if (!is_inline(state.value)) delete[] state.value.data();
  }
  bool greatest_;
};

// var_*, stddev_*: of integers and numerics exactly as PostgreSQL rounds them.
template <typename T>
class NumericDeviation final : public Accumulator {
 public:
  struct State {
    ExactNumeric sum, squares;
  };
  NumericDeviation(bool sample, bool root) : sample_(sample), root_(root) {}
  uint32_t bytes() const override { return sizeof(State); }
  Result<void> update(const AccumulateCall& call) override {
    Arena scratch;
    if (call.occurrences != nullptr) {
      each_distinct<State, T>(
          call, offset, [&](State& state, T raw, int64_t change, int64_t occurrences) {
            const Numeric value = to_numeric(raw);
            state.sum.add_distinct(value, change, occurrences, scratch);
            state.squares.add_distinct_square(value, change, occurrences, scratch);
            scratch.reset();
          });
      return {};
    }
    each_row<State, T>(call, offset, [&](State& state, T raw, int64_t weight) {
      const Numeric value = to_numeric(raw);
      state.sum.add(value, weight);
      state.squares.add_square(value, weight, scratch);
      scratch.reset();
    });
    return {};
  }
  void results(std::span<const char* const> states, Arena& arena, Vector& out,
               sql::RowErrors& errors) const override {
    const auto count = static_cast<uint32_t>(states.size());
    out = Vector::flat(result_type, count, arena);
    for (uint32_t i = 0; i < count; ++i) {
      const State& state = at<State>(states[i]);
      out.values<Numeric>()[i] = Numeric();
      if (state.sum.total <= (sample_ ? 1 : 0)) {
        out.set_null(i, count, arena);
        continue;
      }
      const auto value = compute(state, arena);
      if (value) out.values<Numeric>()[i] = *value;
      if (!value) errors.add(i, value.error());
    }
  }
  void keep(char* copy) const override {
    reinterpret_cast<State*>(copy)->sum.keep();
    reinterpret_cast<State*>(copy)->squares.keep();
  }
  void release(char* state) override {
    reinterpret_cast<State*>(state)->sum.release();
    reinterpret_cast<State*>(state)->squares.release();
  }
  bool hangs() const override { return true; }
  size_t heap_bytes(const char* state) const override {
    return at<State>(state).sum.bytes() + at<State>(state).squares.bytes();
  }
  void save(const char* state, std::string& out) const override {
    at<State>(state).sum.save(out);
    at<State>(state).squares.save(out);
  }
  bool load(std::string_view& from, char* state) override {
    return reinterpret_cast<State*>(state)->sum.load(from) &&
           reinterpret_cast<State*>(state)->squares.load(from);
  }

 private:
  static Numeric to_numeric(T value) {
    if constexpr (std::is_same_v<T, Numeric>) {
      return value;
    } else {
      return Numeric::of(value);
    }
  }
  Result<Numeric> compute(const State& state, Arena& arena) const {
    if (!state.sum.is_finite()) return Numeric::nan();
    const auto sum = state.sum.parts(arena), squares = state.squares.parts(arena);
    return numeric::deviation({state.sum.total, sum, squares},
                              sample_ ? numeric::Divisor::count_less_one : numeric::Divisor::count,
                              root_ ? numeric::Root::yes : numeric::Root::no, arena);
  }
  bool sample_, root_;
};

// var_*, stddev_* of floats from exact sums of values and of squares.
template <typename T>
class FloatDeviation final : public Accumulator {
 public:
  struct State {
    ExactFloat sum, squares;
    int64_t count;
  };
  FloatDeviation(bool sample, bool root) : sample_(sample), root_(root) {}
  uint32_t bytes() const override { return sizeof(State); }
  Result<void> update(const AccumulateCall& call) override {
    each_row<State, T>(call, offset, [](State& state, T raw, int64_t weight) {
      const auto value = static_cast<double>(raw);
      state.sum.add(value, weight);
      const double square = value * value;
      state.squares.add(square, weight);
      if (std::isfinite(square)) state.squares.add(std::fma(value, value, -square), weight);
      state.count += weight;
    });
    return {};
  }
  void results(std::span<const char* const> states, Arena& arena, Vector& out,
               sql::RowErrors& errors) const override {
    const auto count = static_cast<uint32_t>(states.size());
    out = Vector::flat(result_type, count, arena);
    for (uint32_t i = 0; i < count; ++i) {
      const State& state = at<State>(states[i]);
      out.values<double>()[i] = 0;
      if (state.count <= (sample_ ? 1 : 0)) {
        out.set_null(i, count, arena);
        continue;
      }
      const auto value = compute(state);
      if (value) out.values<double>()[i] = *value;
      if (!value) errors.add(i, value.error());
    }
  }
  void keep(char* copy) const override {
    reinterpret_cast<State*>(copy)->sum.keep();
    reinterpret_cast<State*>(copy)->squares.keep();
  }
  void release(char* state) override {
    reinterpret_cast<State*>(state)->sum.release();
    reinterpret_cast<State*>(state)->squares.release();
  }
  bool hangs() const override { return true; }
  size_t heap_bytes(const char* state) const override {
    return at<State>(state).sum.bytes() + at<State>(state).squares.bytes();
  }
  void save(const char* state, std::string& out) const override {
    append_varint(out, zigzag(at<State>(state).count));
    at<State>(state).sum.save(out);
    at<State>(state).squares.save(out);
  }
  bool load(std::string_view& from, char* state) override {
    const auto count = read_varint(from);
    auto* to = reinterpret_cast<State*>(state);
    to->count = unzigzag(count.value_or(0));
    return count && to->sum.load(from) && to->squares.load(from);
  }

 private:
  static Result<double> overflow() {
    return fail(numeric_value_out_of_range("value out of range: overflow"));
  }
  // Of values whose squares are beyond a double the state only knows how many there are. Alone, one
  // has no variance. PostgreSQL looks at differences and answers also when such values are equal or
  // near each other, which takes a state that holds their squares.
  Result<double> compute(const State& state) const {
    if (state.sum.has_infinite_input()) return std::numeric_limits<double>::quiet_NaN();
    if (state.count == 1) return 0.0;
    if (state.squares.has_infinite_input()) return overflow();
    const auto n = static_cast<__float128>(state.count);
    const __float128 sum = state.sum.precise();
    const __float128 deviation = n * state.squares.precise() - sum * sum;
    if (deviation <= 0) return 0.0;
    const auto variance = static_cast<double>(deviation / (n * (n - (sample_ ? 1 : 0))));
    if (std::isinf(variance)) return overflow();
    return root_ ? std::sqrt(variance) : variance;
  }
  bool sample_, root_;
};

template <typename Made, typename... Args>
std::unique_ptr<Accumulator> make(Args... args) {
  return std::make_unique<Made>(args...);
}

std::unique_ptr<Accumulator> make_sum(const Type& type, bool average) {
  switch (type.id) {
    case TypeId::int2:
      return make<IntegerSum<int16_t>>(average);
    case TypeId::int4:
      return make<IntegerSum<int32_t>>(average);
    case TypeId::int8:
      return make<IntegerSum<int64_t>>(average);
    case TypeId::numeric:
      return make<NumericSum>(average);
    case TypeId::float4:
      return make<FloatSum<float>>(average);
    case TypeId::float8:
      return make<FloatSum<double>>(average);
    case TypeId::interval:
      return make<IntervalSum>(average);
    default:
      return nullptr;  // NOLINT: no sum of other types
  }
}

std::unique_ptr<Accumulator> make_deviation(const Type& type, bool sample, bool root) {
  switch (type.id) {
    case TypeId::int2:
      return make<NumericDeviation<int16_t>>(sample, root);
    case TypeId::int4:
      return make<NumericDeviation<int32_t>>(sample, root);
    case TypeId::int8:
      return make<NumericDeviation<int64_t>>(sample, root);
    case TypeId::numeric:
      return make<NumericDeviation<Numeric>>(sample, root);
    case TypeId::float4:
      return make<FloatDeviation<float>>(sample, root);
    case TypeId::float8:
      return make<FloatDeviation<double>>(sample, root);
    default:
      return nullptr;  // NOLINT: not defined for other types
  }
}

std::unique_ptr<Accumulator> make_winner(const Type& type, bool greatest) {
  switch (type.physical()) {
    case Physical::b1:
      return make<Winner<uint8_t>>(greatest);
    case Physical::i16:
      return make<Winner<int16_t>>(greatest);
    case Physical::i32:
      return make<Winner<int32_t>>(greatest);
    case Physical::u32:
      return make<Winner<uint32_t>>(greatest);
    case Physical::i64:
      return make<Winner<int64_t>>(greatest);
    case Physical::f32:
      return make<Winner<float>>(greatest);
    case Physical::f64:
      return make<Winner<double>>(greatest);
    case Physical::string:
      // Other strings have several spellings of one value.
      if (type.id == TypeId::text || type.id == TypeId::varchar) return make<TextWinner>(greatest);
      return nullptr;
    case Physical::i1:
    case Physical::wide16:
    case Physical::numeric:
    case Physical::none:
      return nullptr;  // these own bytes or have equal spellings: a bag
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Accumulator> make_row_count(Type result) {
  auto made = std::make_unique<RowCount>();
  made->result_type = result;
  return made;
}

std::unique_ptr<Accumulator> make_accumulator(AggregateKind kind, std::span<const Type> args,
                                              Type result, bool append_only) {
  std::unique_ptr<Accumulator> made;
  switch (kind) {
    case AggregateKind::count_star:
    case AggregateKind::count:
      made = make<CountAccumulator>();
      break;
    case AggregateKind::sum:
      made = make_sum(args[0], false);
      break;
    case AggregateKind::avg:
      made = make_sum(args[0], true);
      break;
    case AggregateKind::min:
    case AggregateKind::max:
      if (append_only) made = make_winner(args[0], kind == AggregateKind::max);
      break;
    case AggregateKind::bool_and:
      made = make<BooleanAccumulator>(true);
      break;
    case AggregateKind::bool_or:
      made = make<BooleanAccumulator>(false);
      break;
    case AggregateKind::bit_and:
    case AggregateKind::bit_or:
    case AggregateKind::bit_xor:
      made = make_bits(kind, args[0], append_only);
      break;
    case AggregateKind::stddev_samp:
      made = make_deviation(args[0], true, true);
      break;
    case AggregateKind::stddev_pop:
      made = make_deviation(args[0], false, true);
      break;
    case AggregateKind::var_samp:
      made = make_deviation(args[0], true, false);
      break;
    case AggregateKind::var_pop:
      made = make_deviation(args[0], false, false);
      break;
    case AggregateKind::none:
    case AggregateKind::array_agg:
    case AggregateKind::string_agg:
    case AggregateKind::json_object_agg:
    case AggregateKind::jsonb_agg:
    case AggregateKind::json_agg:
    case AggregateKind::jsonb_object_agg:
    case AggregateKind::any_value:
      break;
  }
  if (made != nullptr) made->result_type = result;
  return made;
}

}  // namespace qw::views
