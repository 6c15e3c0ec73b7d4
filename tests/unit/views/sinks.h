// Where the views of a test put what they make: a bag of rows, and no errors.
#pragma once

#include <cstdint>

#include <doctest/doctest.h>

#include "tests/unit/views/plans.h"
#include "views/dataflow.h"

namespace qw::views::testing {

class BagSink final : public DeltaSink {
 public:
  void push(const Batch& batch) override { add_rows(batch, bag); }
  Bag bag;
};

class NoErrors final : public ErrorSink {
 public:
  void add(const Error& error, int64_t) override { FAIL(error.to_string()); }
};

}  // namespace qw::views::testing
