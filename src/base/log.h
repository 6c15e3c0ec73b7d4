// Log: text to stderr. Quiet by default: warnings and errors only.
//
//   log::warn("source {}: {}", name, error.message());
//
// Internally synchronised. Secrets never reach it: callers pass scrubbed text.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace qw::log {

enum class Level { debug, info, warn, error, off };

void set_level(Level level);
bool enabled(Level level);
void write(Level level, std::string_view text);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::debug)) write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::info)) write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::warn)) write(Level::warn, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::error)) write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace qw::log
