// bit_and, bit_or and bit_xor of integers, whose rows may be taken away again.
//
// bit_xor undoes itself, so its bits and the number of rows are all there is. The same does for the
// other two where rows only come. Else it takes, per bit, how many rows have it: as long as all
// rows have one value the value stands for them, and the counters come with the second one.
#include "views/operators/bit_accumulator.h"

#include <array>
#include <type_traits>

#include "views/state/varint.h"

namespace qw::views {
namespace {

using sql::AggregateKind;

template <typename State, typename T, typename One>
void each_value(const AccumulateCall& call, uint32_t offset, One&& one) {
  const Vector& vector = call.args[0];
  for (uint32_t i = 0; i < call.count; ++i) {
    one(*reinterpret_cast<State*>(call.entries[i]->payload() + offset),
        vector.values<T>()[vector.slot(call.rows[i])],
        call.weights == nullptr ? 1 : call.weights[i]);
  }
}

template <typename State, typename T, typename One>
void bits_of(std::span<const char* const> states, const Type& type, Arena& arena, Vector& out,
             One&& one) {
  const auto count = static_cast<uint32_t>(states.size());
  out = Vector::flat(type, count, arena);
  for (uint32_t i = 0; i < count; ++i) {
    const auto& state = *reinterpret_cast<const State*>(states[i]);
    out.values<T>()[i] = state.count == 0 ? T{0} : static_cast<T>(one(state));
    if (state.count == 0) out.set_null(i, count, arena);
  }
}

// One value stands for all rows.
template <typename T>
class Bits final : public Accumulator {
 public:
  struct State {
    int64_t bits;  // of a T
    int64_t count;
  };
  explicit Bits(AggregateKind kind) : kind_(kind) {}
  uint32_t bytes() const override { return sizeof(State); }
  Result<void> update(const AccumulateCall& call) override {
    bool grows = true;
    each_value<State, T>(call, offset, [&](State& state, T value, int64_t weight) {
      const bool odd = weight % 2 != 0;
      add(state, {kind_ == AggregateKind::bit_xor && !odd ? 0 : int64_t{value}, weight});
      grows = grows && weight > 0;
    });
    if (grows || kind_ == AggregateKind::bit_xor) return {};
    return fail(internal_error("rows were taken away from an append-only input"));
  }
  void results(std::span<const char* const> states, Arena& arena, Vector& out,
               sql::RowErrors&) const override {
    bits_of<State, T>(states, result_type, arena, out,
                      [](const State& state) { return state.bits; });
  }
  void save(const char* state, std::string& out) const override {
    append_varint(out, zigzag(reinterpret_cast<const State*>(state)->count));
    append_varint(out, zigzag(reinterpret_cast<const State*>(state)->bits));
  }
  bool load(std::string_view& from, char* state) override {
    const auto count = read_varint(from);
    const auto bits = read_varint(from);
    *reinterpret_cast<State*>(state) = {unzigzag(bits.value_or(0)), unzigzag(count.value_or(0))};
    return count && bits;
  }
  bool merges() const override { return true; }
  void merge(char* into, const char* from) const override {
    const auto& other = *reinterpret_cast<const State*>(from);
    if (other.count != 0) add(*reinterpret_cast<State*>(into), other);
  }

 private:
  void add(State& state, const State& more) const {
    switch (kind_) {
      case AggregateKind::bit_and:
        state.bits = state.count == 0 ? more.bits : state.bits & more.bits;
        break;
      case AggregateKind::bit_or:
        state.bits |= more.bits;
        break;
      default:  // NOLINT: bit_xor, the only other one
        state.bits ^= more.bits;
        break;
    }
    state.count += more.count;
  }
  AggregateKind kind_;
};

// bit_and and bit_or where rows come and go.
template <typename T>
class BitCounts final : public Accumulator {
 public:
  static constexpr uint32_t kBits = sizeof(T) * 8;
  using Counts = std::array<int64_t, kBits>;  // rows that have the bit
  struct State {
    int64_t count;
    int64_t value;   // of all rows, while there are no counts
    Counts* counts;  // null: all rows have one value
  };
  explicit BitCounts(bool all) : all_(all) {}
  uint32_t bytes() const override { return sizeof(State); }
  Result<void> update(const AccumulateCall& call) override {
    each_value<State, T>(call, offset, [](State& state, T value, int64_t weight) {
      if (state.counts == nullptr) {
        if (state.count == 0 || state.value == value) {
          state.count += weight;
          state.value = state.count == 0 ? 0 : int64_t{value};
          return;
        }
        state.counts = new Counts{};  // NOLINT: owned by the slot, freed by release()
        add(*state.counts, static_cast<T>(state.value), state.count);
        state.value = 0;
      }
      add(*state.counts, value, weight);
      state.count += weight;
      if (state.count == 0 && *state.counts == Counts{}) drop(state);
    });
    return {};
  }
  void results(std::span<const char* const> states, Arena& arena, Vector& out,
               sql::RowErrors&) const override {
    bits_of<State, T>(states, result_type, arena, out, [this](const State& state) {
      if (state.counts == nullptr) return static_cast<uint64_t>(state.value);
      uint64_t bits = 0;
      for (uint32_t bit = 0; bit < kBits; ++bit) {
        const int64_t with = (*state.counts)[bit];
        bits |= uint64_t{all_ ? with == state.count : with != 0} << bit;
      }
      return bits;
    });
  }
  void keep(char* copy) const override {
    auto& state = *reinterpret_cast<State*>(copy);
    if (state.counts != nullptr) state.counts = new Counts(*state.counts);  // NOLINT: as above
  }
  void release(char* state) override { drop(*reinterpret_cast<State*>(state)); }
  bool hangs() const override { return true; }
  size_t heap_bytes(const char* state) const override {
    constexpr size_t kBlockBytes = 16;  // what the allocator adds
    return at(state).counts == nullptr ? 0 : sizeof(Counts) + kBlockBytes;
  }
  void save(const char* state, std::string& out) const override {
    append_varint(out, zigzag(at(state).count));
    out.push_back(at(state).counts == nullptr ? 0 : 1);
    if (at(state).counts == nullptr) {
      append_varint(out, zigzag(at(state).value));
      return;
    }
    for (const int64_t count : *at(state).counts) append_varint(out, zigzag(count));
  }
  bool load(std::string_view& from, char* into) override {
    auto& state = *reinterpret_cast<State*>(into);
    drop(state);
    const auto count = read_varint(from);
    if (!count || from.empty()) return false;
    state = {unzigzag(*count), 0, nullptr};
    const bool counted = from.front() != 0;
    from.remove_prefix(1);
    if (!counted) {
      const auto value = read_varint(from);
      state.value = unzigzag(value.value_or(0));
      return value.has_value();
    }
    state.counts = new Counts{};  // NOLINT: as above
    for (int64_t& with : *state.counts) {
      const auto read = read_varint(from);
      if (!read) return false;
      with = unzigzag(*read);
    }
    return true;
  }

 private:
  static const State& at(const char* state) { return *reinterpret_cast<const State*>(state); }
  static void drop(State& state) {
    delete state.counts;
    state.counts = nullptr;
  }
  static void add(Counts& counts, T value, int64_t weight) {
    for (auto left = static_cast<std::make_unsigned_t<T>>(value); left != 0; left &= left - 1) {
      counts[static_cast<uint32_t>(__builtin_ctzll(left))] += weight;
    }
  }
  bool all_;
};

template <typename T>
std::unique_ptr<Accumulator> make_bits_of(AggregateKind kind, bool append_only) {
  if (append_only || kind == AggregateKind::bit_xor) return std::make_unique<Bits<T>>(kind);
  return std::make_unique<BitCounts<T>>(kind == AggregateKind::bit_and);
}

}  // namespace

std::unique_ptr<Accumulator> make_bits(AggregateKind kind, const Type& argument, bool append_only) {
  switch (argument.id) {
    case TypeId::int2:
      return make_bits_of<int16_t>(kind, append_only);
    case TypeId::int4:
      return make_bits_of<int32_t>(kind, append_only);
    case TypeId::int8:
      return make_bits_of<int64_t>(kind, append_only);
    default:
      return nullptr;  // NOLINT: not defined for other types
  }
}

}  // namespace qw::views
