// generate_series: integers, numeric and timestamps, made as they are read.
//
// A cursor keeps bounds per input row and one running value; nothing but the current batch lies in
// memory. Tests: tests/unit/sql_expr/series_test.cc.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sql/expr/declare.h"
#include "src/types/datetime.h"
#include "src/types/numeric.h"
#include "src/types/time_zone.h"

namespace qw::sql {
namespace {

// Series of T: `Step` knows how to begin, compare and advance.
template <typename Step>
class SeriesCursor final : public SetCursor {
 public:
  using Value = typename Step::Value;

  explicit SeriesCursor(const SetCall& call) : call_(call), step_(call) {}

  uint32_t next(uint32_t rows_max, Arena& arena, uint16_t* parent,
                std::vector<Vector>& out) override {
    Vector result = Vector::flat(Step::kType, rows_max, arena);
    Value* values = result.template values<Value>();
    uint32_t count = 0;
    while (count < rows_max && row_ < call_.rows) {
      if (!running_) {
        running_ = begin();
        if (!running_) {
          ++row_;
          continue;
        }
      }
      if (step_.beyond(current_)) {
        running_ = false;
        ++row_;
        continue;
      }
      parent[count] = static_cast<uint16_t>(row_);
      values[count++] = current_;
      if (!step_.advance(current_, *call_.arena)) {
        running_ = false;
        ++row_;
      }
    }
    out.assign(1, result);
    return count;
  }

 private:
  bool begin() {
    for (const Vector& arg : call_.args) {
      if (arg.is_null(row_)) return false;
    }
    auto error = step_.begin(call_.args, row_, current_);
    if (!error) return true;
    call_.errors->add(row_, std::move(*error));
    return false;
  }

  SetCall call_;
  Step step_;
  uint32_t row_ = 0;
  bool running_ = false;
  Value current_{};
};

using MaybeError = std::optional<Error>;
MaybeError zero_step() { return invalid_parameter_value("step size cannot equal zero"); }

template <typename T, TypeId Id>
class IntegerStep {
 public:
  using Value = T;
  static constexpr Type kType{Id};
  explicit IntegerStep(const SetCall&) {}

  MaybeError begin(std::span<const Vector> args, uint32_t row, T& first) {
    first = args[0].at<T>(row);
    last_ = args[1].at<T>(row);
    step_ = args.size() > 2 ? args[2].at<T>(row) : T{1};
    return step_ == 0 ? zero_step() : std::nullopt;
  }
  bool beyond(T value) const { return step_ > 0 ? value > last_ : value < last_; }
  bool advance(T& value, Arena&) const { return !__builtin_add_overflow(value, step_, &value); }

 private:
  T last_ = 0, step_ = 1;
};

class NumericStep {
 public:
  using Value = Numeric;
  static constexpr Type kType{TypeId::numeric};
  explicit NumericStep(const SetCall&) {}

  MaybeError begin(std::span<const Vector> args, uint32_t row, Numeric& first) {
    static constexpr const char* kNames[] = {"start", "stop", "step size"};
    for (size_t i = 0; i < args.size(); ++i) {
      const Numeric value = args[i].at<Numeric>(row);
      if (value.is_nan()) {
        return invalid_parameter_value(std::string(kNames[i]) + (i == 2 ? "" : " value") +
                                       " cannot be NaN");
      }
      if (value.is_special()) {
        return invalid_parameter_value(std::string(kNames[i]) + (i == 2 ? "" : " value") +
                                       " cannot be infinity");
      }
    }
    first = args[0].at<Numeric>(row);
    last_ = args[1].at<Numeric>(row);
    step_ = args.size() > 2 ? args[2].at<Numeric>(row) : Numeric::of(1);
    return step_.sign() == 0 ? zero_step() : std::nullopt;
  }
  bool beyond(Numeric value) const {
    const int order = numeric::compare(value, last_);
    return step_.sign() > 0 ? order > 0 : order < 0;
  }
  bool advance(Numeric& value, Arena& arena) const {
    auto next = numeric::add(value, step_, arena);
    if (!next) return false;
    value = *next;
    return true;
  }

 private:
  Numeric last_, step_;
};

template <TypeId Id>
class TimestampStep {
 public:
  using Value = int64_t;
  static constexpr Type kType{Id};
  explicit TimestampStep(const SetCall& call)
      : zone_(call.context->style.zone == nullptr ? &TimeZone::utc()
                                                  : call.context->style.zone.get()) {}

  MaybeError begin(std::span<const Vector> args, uint32_t row, int64_t& first) {
    first = args[0].at<int64_t>(row);
    last_ = args[1].at<int64_t>(row);
    step_ = args[2].at<Interval>(row);
    direction_ = interval::compare(step_, Interval{});
    return direction_ == 0 ? zero_step() : std::nullopt;
  }
  bool beyond(int64_t value) const { return direction_ > 0 ? value > last_ : value < last_; }
  bool advance(int64_t& value, Arena&) const {
    auto next =
        Id == TypeId::timestamp ? datetime::add(value, step_) : datetime::add(value, step_, *zone_);
    if (!next) return false;
    const bool stuck = *next == value;  // infinity
    value = *next;
    return !stuck;
  }

 private:
  const TimeZone* zone_;
  int64_t last_ = 0;
  Interval step_;
  int direction_ = 1;
};

template <typename Step>
std::unique_ptr<SetCursor> series(const SetCall& call) {
  return std::make_unique<SeriesCursor<Step>>(call);
}

}  // namespace

void declare_series(Declarations& d) {
  using I4 = IntegerStep<int32_t, TypeId::int4>;
  using I8 = IntegerStep<int64_t, TypeId::int8>;
  d.set(1066, "generate_series(int4,int4,int4) int4", &series<I4>);
  d.set(1067, "generate_series(int4,int4) int4", &series<I4>);
  d.set(1068, "generate_series(int8,int8,int8) int8", &series<I8>);
  d.set(1069, "generate_series(int8,int8) int8", &series<I8>);
  d.set(3259, "generate_series(numeric,numeric,numeric) numeric", &series<NumericStep>);
  d.set(3260, "generate_series(numeric,numeric) numeric", &series<NumericStep>);
  d.set(938, "generate_series(timestamp,timestamp,interval) timestamp",
        &series<TimestampStep<TypeId::timestamp>>);
  d.set(939, "generate_series(timestamptz,timestamptz,interval) timestamptz stable",
        &series<TimestampStep<TypeId::timestamptz>>);
}

}  // namespace qw::sql
