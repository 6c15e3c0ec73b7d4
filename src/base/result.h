// Result<T>: a value or an Error. The only way an expected failure travels.
//
//   QW_TRY(expr);                       returns the error of a Result<void> or Result<T>
//   QW_ASSIGN_OR_RETURN(auto x, expr);  binds the value or returns the error
#pragma once

#include <utility>

#include <tl/expected.hpp>

#include "src/base/error.h"

namespace qw {

template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace qw

#define QW_CONCAT_INNER(a, b) a##b
#define QW_CONCAT(a, b) QW_CONCAT_INNER(a, b)

#define QW_TRY(...)                                                          \
  do {                                                                       \
    auto&& qw_try_result = (__VA_ARGS__);                                    \
    if (!qw_try_result) return ::qw::fail(std::move(qw_try_result).error()); \
  } while (false)

#define QW_ASSIGN_OR_RETURN_INNER(result, lhs, ...)          \
  auto result = (__VA_ARGS__);                               \
  if (!result) return ::qw::fail(std::move(result).error()); \
  lhs = std::move(*result)

#define QW_ASSIGN_OR_RETURN(lhs, ...) \
  QW_ASSIGN_OR_RETURN_INNER(QW_CONCAT(qw_result_, __LINE__), lhs, __VA_ARGS__)
