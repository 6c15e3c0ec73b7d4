// ArrayBuilder: collects elements and lays them out as array.h describes. One thread.
// Tests: tests/unit/types/array_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/types/array.h"

namespace qw {

// Bytes of a stored element; 0 = variable.
uint32_t array_element_width(TypeId element);

class ArrayBuilder {
 public:
  explicit ArrayBuilder(TypeId element) : element_(element), width_(array_element_width(element)) {}

  uint32_t count() const { return count_; }
  void add_null() {
    data_.append(width_, '\0');
    close(true);
  }
  // An element as ArrayView::raw() gives it.
  void add_raw(std::string_view bytes) {
    data_ += bytes;
    close(false);
  }
  void add(const Vector& values, uint32_t row);
  void add(const ArrayView& array, uint32_t index);

  // One dimension from 1, or the given ones.
  Str finish(Arena& arena) const;
  Str finish(std::span<const ArrayDimension> dimensions, Arena& arena) const;
  std::string finish(std::span<const ArrayDimension> dimensions) const;

 private:
  void close(bool null) {
    if (width_ == 0) ends_.push_back(static_cast<uint32_t>(data_.size()));
    null_.push_back(null);
    ++count_;
  }
  TypeId element_;
  uint32_t width_, count_ = 0;
  std::vector<bool> null_;
  std::vector<uint32_t> ends_;
  std::string data_, scratch_;
};

}  // namespace qw
