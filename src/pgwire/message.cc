// Messages: see message.h.
#include "src/pgwire/message.h"

#include <string>
#include <string_view>

#include <fmt/format.h>

#include "src/base/limits.h"

namespace qw::pgwire {

Result<std::optional<Message>> next_message(std::string_view bytes, size_t& at, bool startup,
                                            size_t bytes_max) {
  const size_t header = startup ? 4 : 5;
  if (bytes.size() - at < header) return std::optional<Message>();
  const auto length = load_be<int32_t>(bytes.data() + at + header - 4);
  const size_t limit = startup ? limits::kStartupPacketBytesMax : limits::kMessageBytesMax;
  if (length < 4 || static_cast<size_t>(length) > limit) {
    return fail(protocol_violation(startup ? std::string("invalid length of startup packet")
                                           : fmt::format("invalid message length {}", length)));
  }
  if (static_cast<size_t>(length) > bytes_max) {
    return fail(
        out_of_memory("out of memory")
            .with_detail(fmt::format("A message has {} bytes; {} are allowed.", length, bytes_max))
            .with_hint("Send it in parts, as COPY does, or start the server with a larger "
                       "--memory-limit."));
  }
  const size_t total = header - 4 + static_cast<size_t>(length);
  if (bytes.size() - at < total) return std::optional<Message>();
  Message message;
  message.type = startup ? '\0' : bytes[at];
  message.body = bytes.substr(at + header, total - header);
  at += total;
  return std::optional<Message>(message);
}

char peek_type(std::string_view bytes, size_t at) { return at < bytes.size() ? bytes[at] : '\0'; }

void write_error(std::string& out, char type, std::string_view severity, const Error& error) {
  MessageWriter writer(out);
  writer.begin(type);
  const auto field = [&](char code, std::string_view value) {
    if (value.empty()) return;
    writer.byte(code);
    writer.text(value);
  };
  field('S', severity);
  field('V', severity);
  field('C', error.code().view());
  writer.byte('M');
  writer.text(error.message());
  field('D', error.detail());
  field('H', error.hint());
  if (error.position() > 0) field('P', std::to_string(error.position()));
  field('t', error.table());
  field('c', error.column());
  field('n', error.constraint());
  writer.byte('\0');
  writer.end();
}

}  // namespace qw::pgwire
