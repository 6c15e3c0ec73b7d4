// Messages of PostgreSQL's protocol 3.0: frames out of a byte stream, and into one.
//
// Frame: one type byte (none before authentication), int32 length including itself, body. A length
// is checked against the state's limit before anything waits for so many bytes. MessageWriter
// patches the length when a message ends. Plain values. Tests: tests/unit/pgwire/message_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/bytes.h"
#include "src/base/error.h"
#include "src/base/result.h"

namespace qw::pgwire {

struct Message {
  char type = 0;  // 0: a start-up packet
  std::string_view body;
};

// Looks at `bytes` from `at`: a complete message moves `at` behind it, nothing = more bytes needed.
// 08P01 when the length cannot be right, 53200 when it is more than `bytes_max`.
Result<std::optional<Message>> next_message(std::string_view bytes, size_t& at, bool startup,
                                            size_t bytes_max);
// The type of the message that would come next, 0 = not there yet.
char peek_type(std::string_view bytes, size_t at);

class MessageWriter {
 public:
  explicit MessageWriter(std::string& out) : out_(&out) {}
  void begin(char type) {
    out_->push_back(type);
    start_ = out_->size();
    append_be<int32_t>(*out_, 0);
  }
  void end() {
    store_be<int32_t>(out_->data() + start_, static_cast<int32_t>(out_->size() - start_));
  }
  void byte(char value) { out_->push_back(value); }
  void int16(int16_t value) { append_be(*out_, value); }
  void int32(int32_t value) { append_be(*out_, value); }
  void text(std::string_view value) {
    out_->append(value);
    out_->push_back('\0');
  }
  void bytes(std::string_view value) { out_->append(value); }
  std::string& out() { return *out_; }

 private:
  std::string* out_;
  size_t start_ = 0;
};

// ErrorResponse ('E') or NoticeResponse ('N').
void write_error(std::string& out, char type, std::string_view severity, const Error& error);

}  // namespace qw::pgwire
