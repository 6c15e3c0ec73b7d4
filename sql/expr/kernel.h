// Kernel templates: an element function in, a batch kernel out.
//
// Three shapes. `total<F>`: `R F(A, B)` that cannot fail or trap on any bits; runs dense through
// NULLs so that the compiler vectorises it. `checked<F, E>`: `R F(A, B, R* out)` whose result is
// negative where it failed; a block is computed with the flags or-ed together and only searched for
// the failing rows when the sum says so. `each<F>`: `R F(A..., Row&)`, row by row, NULLs skipped
// unless the parameter is a std::optional; a std::optional result may be NULL; `row.fail(error)`
// reports. Loops over flat, constant and dictionary arguments, validity and selections are made
// here, once. Pure functions; any thread. Tests: tests/unit/sql_expr/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "sql/function.h"
#include "src/base/arena.h"
#include "src/base/assert.h"
#include "src/base/result.h"
#include "src/types/str.h"
#include "src/types/vector.h"

// One body per instruction set; the loader picks. Sanitizers cannot run before the resolvers do.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__x86_64__) || \
    defined(__clang__)
#define QW_CLONES
#else
#define QW_CLONES __attribute__((target_clones("avx2", "default")))
#endif

namespace qw::sql {

// A kernel and what the planner may assume of it.
struct KernelSpec {
  Kernel run = nullptr;
  bool infallible = false;
};

namespace kernel {

// What is common to all kernels of fixed arity: argument pointers, joint validity, the result.
struct Frame {
  static constexpr uint32_t kArgsMax = 8;

  // Dictionaries are flattened. `through_nulls`: NULL arguments are the element function's
  // business; otherwise a constant NULL argument makes the result a constant NULL (done = true).
  Frame(KernelCall& kernel_call, bool through_nulls);

  template <typename T>
  const T* data(uint32_t arg) const {
    return static_cast<const T*>(args[arg].data);
  }
  bool valid(uint32_t row) const { return validity == nullptr || bit_get(validity, row); }
  // Most rows are live: computing all is cheaper than picking.
  bool dense() const { return call.selection == nullptr || call.selected * 4 >= call.rows; }
  void set_null(uint32_t row);
  template <typename Body>
  void for_rows(Body&& body) const {
    if (call.selection == nullptr) {
      for (uint32_t row = 0; row < call.rows; ++row) body(row);
    } else {
      for (uint32_t i = 0; i < call.selected; ++i) body(call.selection[i]);
    }
  }

  KernelCall& call;
  Vector args[kArgsMax];
  uint32_t row_mask[kArgsMax] = {};  // row & mask = where it is stored; 0 for a constant
  uint64_t* validity = nullptr;      // of the result
  bool owns_validity = false;
  bool done = false;
};

// What an `each` element function sees of its row.
class Row {
 public:
  Row(Frame& frame) : frame_(frame) {}  // NOLINT(google-explicit-constructor)
  Arena& arena() const { return *frame_.call.arena; }
  EvalContext& context() const { return *frame_.call.context; }
  Type result_type() const { return frame_.call.result_type; }
  Type arg_type(uint32_t arg) const { return frame_.call.args[arg].type; }
  const Function* function() const { return frame_.call.function; }
  bool is_constant(uint32_t arg) const { return frame_.call.args[arg].is_constant(); }
  uint32_t index() const { return row_; }
  void at(uint32_t row) { row_ = row; }

  struct Failure {
    template <typename T>
    operator T() const {  // NOLINT(google-explicit-constructor): any element function may return it
      return T{};
    }
  };
  Failure fail(Error error) {
    frame_.call.errors->add(row_, std::move(error));
    return {};
  }
  template <typename T>
  T take(Result<T>&& result) {
    if (!result) [[unlikely]] {
      return fail(std::move(result).error());
    }
    return *result;
  }
  Str text(std::string_view bytes) const { return Str::copy(bytes, arena()); }

  // State of this call site that outlives the batch: compiled patterns and the like.
  template <typename T>
  T& cache() {
    std::shared_ptr<void>& slot = *frame_.call.cache;
    if (slot == nullptr) slot = std::make_shared<T>();
    return *static_cast<T*>(slot.get());
  }

 private:
  Frame& frame_;
  uint32_t row_ = 0;
};

template <typename T>
struct Stored {
  using type = T;
  static T read(const T& value) { return value; }
};
template <>
struct Stored<std::string_view> {
  using type = Str;
  static std::string_view read(const Str& value) { return value.view(); }
};
template <typename T>
struct Stored<const T&> {
  using type = T;
  static const T& read(const T& value) { return value; }
};

template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};

// ---- total ----------------------------------------------------------------------------------

template <auto F, typename R, typename A>
QW_CLONES void total_loop1(const A* a, R* out, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) out[i] = F(a[i]);
}

template <auto F, typename R, typename A, typename B>
QW_CLONES void total_loop2(const A* a, bool a_constant, const B* b, bool b_constant, R* out,
                           uint32_t count) {
  if (b_constant) {
    const B right = b[0];
    for (uint32_t i = 0; i < count; ++i) out[i] = F(a[i], right);
  } else if (a_constant) {
    const A left = a[0];
    for (uint32_t i = 0; i < count; ++i) out[i] = F(left, b[i]);
  } else {
    for (uint32_t i = 0; i < count; ++i) out[i] = F(a[i], b[i]);
  }
}

template <typename R>
R* result_of(Frame& frame) {
  *frame.call.result = Vector::flat(frame.call.result_type, frame.call.rows, *frame.call.arena);
  QW_ASSERT(frame.call.result_type.bytes() == sizeof(R));
  frame.call.result->validity = frame.validity;
  return frame.call.result->values<R>();
}

template <typename Signature, auto F>
struct Total;

template <typename R, typename A, auto F>
struct Total<R (*)(A), F> {
  static void run(KernelCall& call) {
    Frame frame(call, false);
    if (frame.done) return;
    R* out = result_of<R>(frame);
    const A* a = frame.data<A>(0);
    if (frame.args[0].is_constant()) {
      const R value = F(a[0]);
      for (uint32_t i = 0; i < call.rows; ++i) out[i] = value;
    } else if (frame.dense()) {
      total_loop1<F, R, A>(a, out, call.rows);
    } else {
      for (uint32_t i = 0; i < call.selected; ++i) {
        const uint32_t row = call.selection[i];
        out[row] = F(a[row]);
      }
    }
  }
};

template <typename R, typename A, typename B, auto F>
struct Total<R (*)(A, B), F> {
  static void run(KernelCall& call) {
    Frame frame(call, false);
    if (frame.done) return;
    R* out = result_of<R>(frame);
    const A* a = frame.data<A>(0);
    const B* b = frame.data<B>(1);
    const bool ac = frame.args[0].is_constant(), bc = frame.args[1].is_constant();
    if (ac && bc) {
      const R value = F(a[0], b[0]);
      for (uint32_t i = 0; i < call.rows; ++i) out[i] = value;
    } else if (frame.dense()) {
      total_loop2<F, R, A, B>(a, ac, b, bc, out, call.rows);
    } else {
      for (uint32_t i = 0; i < call.selected; ++i) {
        const uint32_t row = call.selection[i];
        out[row] = F(a[ac ? 0 : row], b[bc ? 0 : row]);
      }
    }
  }
};

// ---- checked --------------------------------------------------------------------------------

template <auto F, typename R, typename A>
QW_CLONES R checked_loop1(const A* a, R* out, uint32_t count) {
  R bad = 0;
  for (uint32_t i = 0; i < count; ++i) bad = static_cast<R>(bad | F(a[i], &out[i]));
  return bad;
}

template <auto F, typename Flag, typename R, typename A, typename B>
QW_CLONES Flag checked_loop2(const A* a, bool a_constant, const B* b, bool b_constant, R* out,
                             uint32_t count) {
  Flag bad = 0;
  if (b_constant) {
    const B right = b[0];
    for (uint32_t i = 0; i < count; ++i) bad = static_cast<Flag>(bad | F(a[i], right, &out[i]));
  } else if (a_constant) {
    const A left = a[0];
    for (uint32_t i = 0; i < count; ++i) bad = static_cast<Flag>(bad | F(left, b[i], &out[i]));
  } else {
    for (uint32_t i = 0; i < count; ++i) bad = static_cast<Flag>(bad | F(a[i], b[i], &out[i]));
  }
  return bad;
}

template <typename Signature, auto F, auto E>
struct Checked;

template <typename Flag, typename A, typename R, auto F, auto E>
struct Checked<Flag (*)(A, R*), F, E> {
  static void run(KernelCall& call) {
    Frame frame(call, false);
    if (frame.done) return;
    R* out = result_of<R>(frame);
    const A* a = frame.data<A>(0);
    const bool ac = frame.args[0].is_constant();
    if (!ac && frame.dense()) {
      Flag bad = 0;
      if constexpr (std::is_same_v<Flag, R>) {
        bad = checked_loop1<F, R, A>(a, out, call.rows);
      } else {
        for (uint32_t i = 0; i < call.rows; ++i) bad = static_cast<Flag>(bad | F(a[i], &out[i]));
      }
      if (bad >= 0) return;
    }
    frame.for_rows([&](uint32_t row) {
      if (F(a[ac ? 0 : row], &out[row]) < 0 && frame.valid(row)) call.errors->add(row, E());
    });
  }
};

template <typename Flag, typename A, typename B, typename R, auto F, auto E>
struct Checked<Flag (*)(A, B, R*), F, E> {
  static void run(KernelCall& call) {
    Frame frame(call, false);
    if (frame.done) return;
    R* out = result_of<R>(frame);
    const A* a = frame.data<A>(0);
    const B* b = frame.data<B>(1);
    const bool ac = frame.args[0].is_constant(), bc = frame.args[1].is_constant();
    if (!(ac && bc) && frame.dense()) {
      if (checked_loop2<F, Flag, R, A, B>(a, ac, b, bc, out, call.rows) >= 0) return;
    }
    frame.for_rows([&](uint32_t row) {
      if (F(a[ac ? 0 : row], b[bc ? 0 : row], &out[row]) < 0 && frame.valid(row)) {
        call.errors->add(row, E());
      }
    });
  }
};

// ---- each -----------------------------------------------------------------------------------

template <typename P>
struct Reader {
  using S = typename Stored<P>::type;
  static decltype(auto) read(const Frame& frame, uint32_t arg, uint32_t row) {
    return Stored<P>::read(static_cast<const S*>(frame.args[arg].data)[row & frame.row_mask[arg]]);
  }
};
template <typename T>
struct Reader<std::optional<T>> {
  static std::optional<T> read(const Frame& frame, uint32_t arg, uint32_t row) {
    if (frame.args[arg].is_null(row)) return std::nullopt;
    return Reader<T>::read(frame, arg, row);
  }
};

template <typename R>
struct ResultOf {
  using type = R;
  static constexpr bool kNullable = false;
};
template <typename R>
struct ResultOf<std::optional<R>> {
  using type = R;
  static constexpr bool kNullable = true;
};

template <typename Signature, auto F>
struct Each;

template <typename R, typename... P, auto F>
struct Each<R (*)(P...), F> {
  using Params = std::tuple<P...>;
  using Last =
      std::tuple_element_t<sizeof...(P) == 0 ? 0 : sizeof...(P) - 1, std::tuple<P..., int>>;
  static constexpr bool kHasRow = std::is_same_v<Last, Row&>;
  static constexpr size_t kArgs = sizeof...(P) - (kHasRow ? 1 : 0);

  template <size_t I>
  using Param = std::tuple_element_t<I, Params>;
  template <size_t... I>
  static constexpr bool any_optional(std::index_sequence<I...>) {
    return (IsOptional<Param<I>>::value || ... || false);
  }
  static constexpr bool kThroughNulls = any_optional(std::make_index_sequence<kArgs>());

  template <size_t... I>
  static bool required_null(const Frame& frame, uint32_t row, std::index_sequence<I...>) {
    return ((!IsOptional<Param<I>>::value && frame.args[I].is_null(row)) || ... || false);
  }
  template <size_t... I>
  static R invoke(Frame& frame, Row& row, uint32_t index, std::index_sequence<I...>) {
    if constexpr (kHasRow) {
      return F(Reader<Param<I>>::read(frame, I, index)..., row);
    } else {
      return F(Reader<Param<I>>::read(frame, I, index)...);
    }
  }

  static void run(KernelCall& call) {
    using Value = typename ResultOf<R>::type;
    Frame frame(call, kThroughNulls);
    if (frame.done) return;
    Value* out = result_of<Value>(frame);
    Row row(frame);
    constexpr auto kIndices = std::make_index_sequence<kArgs>();
    frame.for_rows([&](uint32_t index) {
      bool null = !frame.valid(index);
      if constexpr (kThroughNulls) {
        if (required_null(frame, index, kIndices)) {
          frame.set_null(index);
          null = true;
        }
      }
      if (null) {
        out[index] = Value{};
        return;
      }
      row.at(index);
      if constexpr (ResultOf<R>::kNullable) {
        const R value = invoke(frame, row, index, kIndices);
        if (value.has_value()) {
          out[index] = *value;
        } else {
          frame.set_null(index);
          out[index] = Value{};
        }
      } else {
        out[index] = invoke(frame, row, index, kIndices);
      }
    });
    call.result->validity = frame.validity;
  }
};

// ---- mixed ----------------------------------------------------------------------------------

template <typename From, typename To>
Vector widened(const Vector& from, Type type, const KernelCall& call) {
  if constexpr (std::is_same_v<From, To>) return from;
  Vector out = from;
  out.type = type;
  const uint32_t count = from.is_constant() ? 1 : call.rows;
  const Vector flat = from.form == Form::dictionary ? from.flattened(count, *call.arena) : from;
  out.data = call.arena->allocate_column<To>(count);
  out.validity = flat.validity;
  if (out.form == Form::dictionary) out.form = Form::flat;
  out.indices = nullptr;
  const From* source = static_cast<const From*>(flat.data);
  To* target = static_cast<To*>(out.data);
  for (uint32_t i = 0; i < count; ++i) target[i] = static_cast<To>(source[i]);
  return out;
}

// Operators over two widths: both arguments are widened to W, then K runs.
template <typename A, typename B, typename W, TypeId Wide, Kernel K>
void mixed(KernelCall& call) {
  const Vector args[2] = {widened<A, W>(call.args[0], Wide, call),
                          widened<B, W>(call.args[1], Wide, call)};
  KernelCall inner = call;
  inner.args = args;
  K(inner);
}

}  // namespace kernel

using kernel::Row;

template <auto F>
constexpr KernelSpec total() {
  return {&kernel::Total<decltype(F), F>::run, true};
}
template <auto F, auto E>
constexpr KernelSpec checked() {
  return {&kernel::Checked<decltype(F), F, E>::run, false};
}
// Kernel K over (W, W), for arguments of types A and B.
template <typename A, typename B, typename W, TypeId Wide, Kernel K>
constexpr KernelSpec mixed(bool infallible) {
  return {&kernel::mixed<A, B, W, Wide, K>, infallible};
}
template <auto F>
constexpr KernelSpec each() {
  return {&kernel::Each<decltype(F), F>::run, !kernel::Each<decltype(F), F>::kHasRow};
}

}  // namespace qw::sql
