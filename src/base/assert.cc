// See assert.h.
#include "src/base/assert.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include <fmt/format.h>

namespace qw {
namespace {

[[noreturn]] void die(const std::string& text) noexcept {
  // Straight to the file descriptor: the log may be what is broken.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
  std::abort();
}

}  // namespace

void assert_failed(const char* condition, const char* file, int line) noexcept {
  die(fmt::format("{}:{}: assertion failed: {}\n", file, line, condition));
}

void unreachable(const char* file, int line) noexcept {
  die(fmt::format("{}:{}: reached code that must not be reachable\n", file, line));
}

}  // namespace qw
