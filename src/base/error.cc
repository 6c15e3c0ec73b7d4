// Error: see error.h.
#include "src/base/error.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "src/base/assert.h"

namespace qw {

SqlState SqlState::from(std::string_view code) {
  SqlState state;
  if (code.size() == 5) std::copy(code.begin(), code.end(), state.code_.begin());
  return state;
}

Error::Error(SqlState code, std::string message) : body_(std::make_unique<Body>()) {
  body_->code = code;
  body_->message = std::move(message);
}

Error::Error(const Error& other) : body_(std::make_unique<Body>(*other.body_)) {}

Error::~Error() = default;

Error& Error::operator=(Error&& other) noexcept = default;

Error& Error::operator=(const Error& other) {
  if (this != &other) body_ = std::make_unique<Body>(*other.body_);
  return *this;
}

Error&& Error::with_detail(std::string detail) && {
  body_->detail = std::move(detail);
  return std::move(*this);
}

Error&& Error::with_hint(std::string hint) && {
  body_->hint = std::move(hint);
  return std::move(*this);
}

Error&& Error::at(int32_t position) && {
  body_->position = position;
  return std::move(*this);
}

Error&& Error::with_constraint(std::string table, std::string constraint) && {
  body_->table = std::move(table);
  body_->constraint = std::move(constraint);
  return std::move(*this);
}

Error&& Error::with_column(std::string table, std::string column) && {
  body_->table = std::move(table);
  body_->column = std::move(column);
  return std::move(*this);
}

Error&& Error::in(std::string_view context) && {
  body_->message = fmt::format("{}: {}", context, body_->message);
  return std::move(*this);
}

std::string Error::to_string() const {
  std::string text = fmt::format("{}: {}", code().view(), message());
  if (!detail().empty()) text += fmt::format(" (DETAIL: {})", detail());
  if (!hint().empty()) text += fmt::format(" (HINT: {})", hint());
  return text;
}

#define QW_DEFINE_CONDITION(name, code) \
  Error name(std::string message) { return {SqlState(code), std::move(message)}; }
QW_ERROR_CONDITIONS(QW_DEFINE_CONDITION)
#undef QW_DEFINE_CONDITION

}  // namespace qw
