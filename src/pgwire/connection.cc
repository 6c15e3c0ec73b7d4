// Connection: see connection.h.
#include "src/pgwire/connection.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "src/base/bytes.h"
#include "src/base/limits.h"
#include "src/base/utf8.h"
#include "src/types/binary.h"
#include "src/types/text.h"

namespace qw::pgwire {
namespace {

constexpr int32_t kSslRequest = 80877103;
constexpr int32_t kGssRequest = 80877104;
constexpr int32_t kCancelRequest = 80877102;
constexpr size_t kFlushBytes = 64 << 10;

Error malformed(std::string_view what) {
  return protocol_violation(fmt::format("invalid {} message", what));
}

// Types whose text is the name of what they point to.
bool names_object(TypeId id) { return type_info(id).name.starts_with("reg"); }

// "-c name=value", "-cname=value", "--name=value", separated by blanks; "\ " is a blank.
std::map<std::string, std::string> parse_options(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      word += text[++i];
    } else if (text[i] == ' ') {
      if (!word.empty()) words.push_back(std::exchange(word, ""));
    } else {
      word += text[i];
    }
  }
  if (!word.empty()) words.push_back(word);
  std::map<std::string, std::string> out;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string item;
    if (words[i] == "-c" && i + 1 < words.size())
      item = words[++i];
    else if (words[i].starts_with("--"))
      item = words[i].substr(2);
    else if (words[i].starts_with("-c"))
      item = words[i].substr(2);
    const size_t equals = item.find('=');
    if (equals == std::string::npos) continue;
    std::string name = item.substr(0, equals);
    std::replace(name.begin(), name.end(), '-', '_');
    out[name] = item.substr(equals + 1);
  }
  return out;
}

}  // namespace

Connection::Connection(Database& database, net::Socket socket, const std::atomic<bool>& stopping)
    : database_(&database), socket_(std::move(socket)), stopping_(&stopping) {}

Connection::~Connection() {
  script_portal_.portal.reset();
  portals_.clear();
}

bool Connection::ready() {
  for (bool drained = false; !drained;) {
    if (!in_.fill(socket_, drained)) return false;
    if (!process_input()) {
      flush();
      return false;
    }
    if (!flush()) return false;
  }
  return true;
}

bool Connection::process_input() {
  while (true) {
    auto message = next_message(in_.bytes(), in_at_, !started_, database_->message_bytes_max());
    if (!message) {
      send_error(message.error(), "FATAL");
      return false;
    }
    if (!*message) break;
    if (!started_) {
      if (!startup((*message)->body)) return false;
    } else if (!handle(**message)) {
      return false;
    }
    if (broken_) return false;
    if (*stopping_) {
      send_error(admin_shutdown("terminating connection due to administrator command"), "FATAL");
      return false;
    }
  }
  in_.use_up(std::exchange(in_at_, 0));
  return true;
}

// ---- start-up ---------------------------------------------------------------------------------

bool Connection::startup(std::string_view body) {
  ByteReader reader(body);
  const auto code = reader.read_be<int32_t>();
  if (!code) return false;
  if (*code == kSslRequest || *code == kGssRequest) {
    out_.push_back('N');
    return flush();
  }
  if (*code == kCancelRequest) {
    const auto pid = reader.read_be<int32_t>();
    const auto key = reader.read_be<uint32_t>();
    if (pid && key) database_->cancel(*pid, *key);
    return false;
  }
  if ((*code >> 16) != 3) {
    send_error(feature_not_supported(
                   fmt::format("unsupported frontend protocol {}.{}: server supports 3.0 to 3.0",
                               *code >> 16, *code & 0xffff)),
               "FATAL");
    return false;
  }
  if (auto session = start_session(body); !session) {
    send_error(session.error(), "FATAL");
    return false;
  }
  started_ = true;
  send_greeting();
  return true;
}

Result<void> Connection::start_session(std::string_view body) {
  ByteReader reader(body);
  const int32_t version = reader.read_be<int32_t>().value_or(0);
  SessionOptions options;
  options.user.clear();
  options.database.clear();
  std::vector<std::string> unknown;
  while (true) {
    const auto name = reader.read_cstring();
    if (!name) {
      return fail(
          protocol_violation("invalid startup packet layout: expected terminator as last byte"));
    }
    if (name->empty()) break;
    const auto value = reader.read_cstring();
    if (!value) return fail(protocol_violation("invalid startup packet layout"));
    if (*name == "user")
      options.user = *value;
    else if (*name == "database")
      options.database = *value;
    else if (name->starts_with("_pq_."))
      unknown.emplace_back(*name);
    else if (*name == "options")
      options.settings.merge(parse_options(*value));
    else if (*name == "replication") {
      if (*value != "false" && *value != "off" && *value != "0") {
        return fail(feature_not_supported("replication connections are not supported"));
      }
    } else {
      options.settings[std::string(*name)] = *value;
    }
  }
  if (options.user.empty()) {
    return fail(invalid_authorization("no PostgreSQL user name specified in startup packet"));
  }
  if (options.database.empty()) options.database = options.user;
  if (options.database != "postgres" && options.database != "quickwater" &&
      options.database != options.user) {
    return fail(
        invalid_catalog_name(fmt::format("database \"{}\" does not exist", options.database)));
  }
  if ((version & 0xffff) != 0 || !unknown.empty()) {
    MessageWriter writer(out_);
    writer.begin('v');
    writer.int32(3 << 16);
    writer.int32(static_cast<int32_t>(unknown.size()));
    for (const std::string& name : unknown) writer.text(name);
    writer.end();
  }
  QW_ASSIGN_OR_RETURN(session_, database_->connect(options));
  session_->on_wait([] { net::Reactor::expect_wait(); });
  session_->on_notice([this](const Notice& notice) {
    write_error(out_, 'N', notice.severity, notice.error);
    // Progress is worth nothing late.
    flush();
  });
  return {};
}

void Connection::send_greeting() {
  MessageWriter writer(out_);
  writer.begin('R');
  writer.int32(0);
  writer.end();
  send_settings();
  writer.begin('K');
  writer.int32(session_->backend_pid());
  writer.int32(static_cast<int32_t>(session_->cancel_key()));
  writer.end();
  send_ready();
}

// ---- messages ---------------------------------------------------------------------------------

bool Connection::handle(const Message& message) {
  if (message.type == 'X') return false;
  if (copy_ != CopyMode::none) {
    copy_message(message);
    return true;
  }
  if (skip_to_sync_ && message.type != 'S') return true;
  Result<void> result;
  switch (message.type) {
    case 'Q':
      simple_query(message.body);
      return true;
    case 'P':
      result = parse_message(message.body);
      break;
    case 'B':
      result = bind_message(message.body);
      break;
    case 'D':
      result = describe_message(message.body);
      break;
    case 'E':
      result = execute_message(message.body);
      break;
    case 'C':
      result = close_message(message.body);
      break;
    case 'H':
      flush();
      return true;
    case 'S':
      sync_message();
      return true;
    case 'd':
    case 'c':
    case 'f':
      return true;  // left over from a COPY that has failed
    case 'F':
      result = fail(feature_not_supported("the function call message is not supported"));
      break;
    default:
      send_error(
          protocol_violation(fmt::format("invalid frontend message type {}", int{message.type})),
          "FATAL");
      return false;
  }
  if (!result) extended_error(result.error());
  return true;
}

void Connection::extended_error(const Error& error) {
  send_error(error);
  session_->mark_failed();
  skip_to_sync_ = true;
}

void Connection::sync_message() {
  skip_to_sync_ = false;
  if (auto synced = session_->sync(); !synced) send_error(synced.error());
  if (session_->status() == TransactionStatus::idle) portals_.clear();
  send_ready();
}

// ---- simple protocol --------------------------------------------------------------------------

void Connection::simple_query(std::string_view body) {
  ByteReader reader(body);
  const auto text = reader.read_cstring();
  session_->close_prepared("");
  portals_.erase("");
  if (!text) {
    send_error(malformed("query"));
    return send_ready();
  }
  if (auto valid = check_utf8(*text); !valid) {
    send_error(valid.error());
    return finish_script(true);
  }
  auto script = session_->parse(*text);
  if (!script) {
    send_error(script.error());
    return finish_script(true);
  }
  script_ = std::move(*script);
  script_at_ = 0;
  const size_t size = Session::script_size(*script_);
  if (size == 0) {
    MessageWriter writer(out_);
    writer.begin('I');
    writer.end();
    return finish_script(false);
  }
  session_->commit_at_once(size == 1);
  continue_script();
}

void Connection::continue_script() {
  const size_t size = Session::script_size(*script_);
  while (script_at_ < size) {
    auto portal = session_->run(*script_, script_at_++);
    if (!portal) {
      send_error(portal.error());
      return finish_script(true);
    }
    script_portal_ = OpenPortal();
    script_portal_.portal = std::move(*portal);
    auto ran = run_portal(script_portal_, 0, true);
    if (!ran) {
      script_portal_ = OpenPortal();
      send_error(ran.error());
      return finish_script(true);
    }
    if (!*ran) {
      copy_ = CopyMode::simple;
      copy_failed_ = false;
      return;
    }
    script_portal_ = OpenPortal();
  }
  finish_script(false);
}

void Connection::finish_script(bool failed) {
  script_portal_ = OpenPortal();
  script_.reset();
  if (auto ended = session_->end_script(failed); !ended) send_error(ended.error());
  if (session_->status() == TransactionStatus::idle) portals_.clear();
  send_ready();
}

// ---- extended protocol ------------------------------------------------------------------------

Result<void> Connection::parse_message(std::string_view body) {
  ByteReader reader(body);
  const auto name = reader.read_cstring();
  const auto text = name ? reader.read_cstring() : std::nullopt;
  const auto count = text ? reader.read_be<int16_t>() : std::nullopt;
  if (!count) return fail(malformed("Parse"));
  std::vector<Type> types;
  for (uint16_t i = 0; i < static_cast<uint16_t>(*count); ++i) {
    const auto oid = reader.read_be<uint32_t>();
    if (!oid) return fail(malformed("Parse"));
    const auto type = Type::from_oid(*oid);
    if (!type && *oid != 0) {
      return fail(undefined_object(fmt::format("type with OID {} does not exist", *oid)));
    }
    types.push_back(type.value_or(Type(TypeId::unknown)));
  }
  QW_TRY(check_utf8(*text));
  if (name->empty()) session_->close_prepared("");
  QW_ASSIGN_OR_RETURN(auto prepared, session_->prepare(*text, types));
  QW_TRY(session_->store_prepared(*name, std::move(prepared)));
  MessageWriter writer(out_);
  writer.begin('1');
  writer.end();
  return {};
}

Result<void> Connection::bind_message(std::string_view body) {
  ByteReader reader(body);
  const auto portal_name = reader.read_cstring();
  const auto statement_name = portal_name ? reader.read_cstring() : std::nullopt;
  if (!statement_name) return fail(malformed("Bind"));
  QW_ASSIGN_OR_RETURN(const auto prepared, session_->find_prepared(*statement_name));
  const auto read_formats = [&](std::vector<int16_t>& formats) {
    const auto count = reader.read_be<int16_t>();
    if (!count || *count < 0) return false;
    for (int16_t i = 0; i < *count; ++i) {
      const auto format = reader.read_be<int16_t>();
      if (!format || *format < 0 || *format > 1) return false;
      formats.push_back(*format);
    }
    return true;
  };
  std::vector<int16_t> formats;
  if (!read_formats(formats)) return fail(malformed("Bind"));
  const auto count = reader.read_be<int16_t>();
  if (!count) return fail(malformed("Bind"));
  const auto types = prepared->parameters();
  const auto given = static_cast<uint16_t>(*count);
  if (formats.size() > 1 && formats.size() != given) {
    return fail(protocol_violation(fmt::format(
        "bind message has {} parameter formats but {} parameters", formats.size(), given)));
  }
  if (given != types.size()) {
    return fail(protocol_violation(fmt::format(
        "bind message supplies {} parameters, but prepared statement \"{}\" requires {}", given,
        *statement_name, types.size())));
  }
  std::vector<Datum> values;
  for (uint16_t i = 0; i < given; ++i) {
    const auto size = reader.read_be<int32_t>();
    if (!size) return fail(malformed("Bind"));
    if (*size < 0) {
      values.push_back(Datum::null(types[i]));
      continue;
    }
    const auto bytes = reader.read_bytes(static_cast<size_t>(*size));
    if (!bytes) return fail(malformed("Bind"));
    const int16_t format = formats.empty() ? int16_t{0} : formats[formats.size() == 1 ? 0 : i];
    if (format == 0) QW_TRY(check_utf8(*bytes));
    QW_ASSIGN_OR_RETURN(Datum value, format == 1 ? from_binary(types[i], *bytes)
                                                 : session_->parameter(types[i], *bytes));
    values.push_back(std::move(value));
  }
  OpenPortal open;
  if (!read_formats(open.formats)) return fail(malformed("Bind"));
  const size_t columns = prepared->columns().size();
  if (open.formats.size() > 1 && open.formats.size() != columns) {
    return fail(protocol_violation(
        fmt::format("bind message has {} result formats but query has {} columns",
                    open.formats.size(), columns)));
  }
  if (open.formats.empty()) open.formats.push_back(0);
  if (open.formats.size() == 1) open.formats.assign(columns, open.formats[0]);
  if (!portal_name->empty() && portals_.contains(*portal_name)) {
    return fail(duplicate_cursor(fmt::format("cursor \"{}\" already exists", *portal_name)));
  }
  portals_.erase(std::string(*portal_name));
  QW_ASSIGN_OR_RETURN(open.portal, session_->execute(prepared, std::move(values)));
  portals_.emplace(*portal_name, std::move(open));
  MessageWriter writer(out_);
  writer.begin('2');
  writer.end();
  return {};
}

Result<void> Connection::describe_message(std::string_view body) {
  ByteReader reader(body);
  const auto kind = reader.read<char>();
  const auto name = kind ? reader.read_cstring() : std::nullopt;
  if (!name || (*kind != 'S' && *kind != 'P')) return fail(malformed("Describe"));
  MessageWriter writer(out_);
  if (*kind == 'S') {
    QW_ASSIGN_OR_RETURN(const auto prepared, session_->find_prepared(*name));
    writer.begin('t');
    writer.int16(static_cast<int16_t>(prepared->parameters().size()));
    for (const Type& type : prepared->parameters()) {
      writer.int32(static_cast<int32_t>(type.oid()));
    }
    writer.end();
    if (prepared->returns_rows()) {
      send_row_description(prepared->columns(),
                           std::vector<int16_t>(prepared->columns().size(), 0));
      return {};
    }
  } else {
    const auto found = portals_.find(*name);
    if (found == portals_.end()) {
      // Portals and DECLARE's cursors share their names; a driver asks for a cursor's columns here.
      const Schema* cursor = session_->cursor_columns(*name);
      if (cursor == nullptr) {
        return fail(invalid_cursor_name(fmt::format("portal \"{}\" does not exist", *name)));
      }
      send_row_description(*cursor, std::vector<int16_t>(cursor->size(), 0));
      return {};
    }
    if (found->second.portal->returns_rows()) {
      send_row_description(found->second.portal->columns(), found->second.formats);
      return {};
    }
  }
  writer.begin('n');
  writer.end();
  return {};
}

Result<void> Connection::execute_message(std::string_view body) {
  ByteReader reader(body);
  const auto name = reader.read_cstring();
  const auto rows_max = name ? reader.read_be<int32_t>() : std::nullopt;
  if (!rows_max) return fail(malformed("Execute"));
  const auto found = portals_.find(*name);
  if (found == portals_.end()) {
    return fail(invalid_cursor_name(fmt::format("portal \"{}\" does not exist", *name)));
  }
  // With its Sync right behind it, a statement is a transaction of its own.
  session_->commit_at_once(peek_type(in_.bytes(), in_at_) == 'S');
  QW_ASSIGN_OR_RETURN(
      const bool complete,
      run_portal(found->second, static_cast<uint32_t>(std::max(*rows_max, 0)), false));
  if (!complete) {
    copy_ = CopyMode::extended;
    copy_failed_ = false;
    copy_portal_ = *name;
  }
  return {};
}

Result<void> Connection::close_message(std::string_view body) {
  ByteReader reader(body);
  const auto kind = reader.read<char>();
  const auto name = kind ? reader.read_cstring() : std::nullopt;
  if (!name) return fail(malformed("Close"));
  if (*kind == 'S') {
    session_->close_prepared(*name);
  } else {
    const auto found = portals_.find(*name);
    if (found != portals_.end()) portals_.erase(found);
  }
  MessageWriter writer(out_);
  writer.begin('3');
  writer.end();
  return {};
}

// ---- COPY -------------------------------------------------------------------------------------

void Connection::copy_message(const Message& message) {
  OpenPortal& open = copy_ == CopyMode::simple ? script_portal_ : portals_.at(copy_portal_);
  std::optional<Error> error;
  bool ended = false;
  switch (message.type) {
    case 'd': {
      auto fed = open.portal->copy_in(message.body);
      if (fed) return;
      error = fed.error();
      break;
    }
    case 'c': {
      auto done = open.portal->copy_finish();
      if (!done) error = done.error();
      ended = true;
      break;
    }
    case 'f': {
      ByteReader reader(message.body);
      error = query_canceled(
          fmt::format("COPY from stdin failed: {}", reader.read_cstring().value_or("")));
      break;
    }
    case 'H':
    case 'S':
      return;  // Flush and Sync are ignored during COPY
    default:
      error = protocol_violation(fmt::format(
          "unexpected message type 0x{:02X} during COPY from stdin", int{message.type}));
  }
  const CopyMode mode = std::exchange(copy_, CopyMode::none);
  if (error) {
    session_->mark_failed();
    if (mode == CopyMode::simple) {
      send_error(*error);
      finish_script(true);
    } else {
      extended_error(*error);
      // The Sync that ended the data may be this very message.
      if (message.type == 'S') sync_message();
    }
    return;
  }
  if (!ended) return;
  send_complete(*open.portal);
  if (mode == CopyMode::simple) {
    script_portal_ = OpenPortal();
    continue_script();
  }
}

Result<void> Connection::copy_out(Portal& portal) {
  send_copy_response('H', portal);
  std::string bytes;
  while (true) {
    QW_ASSIGN_OR_RETURN(const bool more, portal.copy_out(bytes));
    if (!more) break;
    if (bytes.empty()) continue;
    if (portal.copy_binary()) {
      MessageWriter writer(out_);
      writer.begin('d');
      writer.bytes(bytes);
      writer.end();
    } else {
      // One row per message, as clients that split by message expect.
      for (size_t at = 0; at < bytes.size();) {
        const size_t end = std::min(bytes.find('\n', at), bytes.size() - 1) + 1;
        MessageWriter writer(out_);
        writer.begin('d');
        writer.bytes(std::string_view(bytes).substr(at, end - at));
        writer.end();
        at = end;
      }
    }
    if (!flush_if_large()) return fail(connection_failure("the client is gone"));
  }
  MessageWriter writer(out_);
  writer.begin('c');
  writer.end();
  return {};
}

// ---- running ----------------------------------------------------------------------------------

Result<bool> Connection::run_portal(OpenPortal& open, uint32_t rows_max, bool describe) {
  Portal& portal = *open.portal;
  if (portal.wants_copy_in()) {
    send_copy_response('G', portal);
    if (!flush()) return fail(connection_failure("the client is gone"));
    return false;
  }
  if (portal.is_copy_out()) {
    QW_TRY(copy_out(portal));
    send_complete(portal);
    return true;
  }
  if (describe && portal.returns_rows()) {
    open.formats.assign(portal.columns().size(), 0);
    // The first rows before the description: what fails at once answers with its error alone.
    QW_ASSIGN_OR_RETURN(const bool more, portal.next(open.batch));
    open.done = !more;
    open.holding = more;
    open.at = 0;
    send_row_description(portal.columns(), open.formats);
  }
  bool suspended = false;
  open.sent = 0;
  QW_TRY(send_rows(open, rows_max, suspended));
  if (suspended) {
    MessageWriter writer(out_);
    writer.begin('s');
    writer.end();
  } else {
    send_complete(portal, open.sent);
  }
  return true;
}

Result<void> Connection::send_rows(OpenPortal& open, uint32_t rows_max, bool& suspended) {
  uint32_t sent = 0;
  while (true) {
    if (open.holding) {
      for (; open.at < open.batch.size(); ++open.at) {
        if (rows_max != 0 && sent == rows_max) {
          suspended = true;
          return {};
        }
        send_row(open.batch, open.batch.row(open.at), open.formats);
        ++sent;
        ++open.sent;
        if (out_.size() >= kFlushBytes && !flush()) {
          return fail(connection_failure("the client is gone"));
        }
      }
      open.holding = false;
    }
    // The limit is reached: whether more rows follow is not looked at, as in PostgreSQL.
    if (rows_max != 0 && sent == rows_max) {
      suspended = true;
      return {};
    }
    if (open.done) return {};
    QW_ASSIGN_OR_RETURN(const bool more, open.portal->next(open.batch));
    open.done = !more;
    if (!more) return {};
    open.at = 0;
    open.holding = open.portal->returns_rows();
  }
}

void Connection::send_row_description(const Schema& columns, const std::vector<int16_t>& formats) {
  MessageWriter writer(out_);
  writer.begin('T');
  writer.int16(static_cast<int16_t>(columns.size()));
  for (size_t c = 0; c < columns.size(); ++c) {
    const Column& column = columns.columns[c];
    writer.text(column.name);
    writer.int32(0);
    writer.int16(0);
    writer.int32(static_cast<int32_t>(column.type.oid()));
    writer.int16(column.type.typlen());
    writer.int32(column.type.typmod);
    writer.int16(formats[c]);
  }
  writer.end();
}

void Connection::send_row(const Batch& batch, uint32_t row, const std::vector<int16_t>& formats) {
  MessageWriter writer(out_);
  writer.begin('D');
  writer.int16(static_cast<int16_t>(batch.columns.size()));
  for (size_t c = 0; c < batch.columns.size(); ++c) {
    const Vector& vector = batch.columns[c];
    if (vector.is_null(row)) {
      writer.int32(-1);
      continue;
    }
    const size_t start = out_.size();
    writer.int32(0);
    if (formats[c] == 1)
      append_binary(vector, row, out_);
    else if (vector.type.physical() == Physical::u32 && names_object(vector.type.id))
      out_ += session_->object_name(vector.type, vector.at<uint32_t>(row));
    else
      append_text(vector, row, session_->style(), out_);
    store_be<int32_t>(out_.data() + start, static_cast<int32_t>(out_.size() - start - 4));
  }
  writer.end();
}

void Connection::send_complete(const Portal& portal, uint64_t rows) {
  MessageWriter writer(out_);
  std::string tag = portal.command_tag();
  // A portal read in pieces counts those of the last one.
  if (portal.returns_rows() && tag.starts_with("SELECT ")) tag = fmt::format("SELECT {}", rows);
  writer.begin(tag.empty() ? 'I' : 'C');
  if (!tag.empty()) writer.text(tag);
  writer.end();
}

void Connection::send_copy_response(char type, const Portal& portal) {
  MessageWriter writer(out_);
  const char format = portal.copy_binary() ? 1 : 0;
  writer.begin(type);
  writer.byte(format);
  writer.int16(static_cast<int16_t>(portal.copy_columns()));
  for (uint32_t c = 0; c < portal.copy_columns(); ++c) writer.int16(format);
  writer.end();
}

void Connection::send_settings() {
  for (const auto& [name, value] : session_->changed_settings()) {
    MessageWriter writer(out_);
    writer.begin('S');
    writer.text(name);
    writer.text(value);
    writer.end();
  }
}

void Connection::send_ready() {
  send_settings();
  MessageWriter writer(out_);
  writer.begin('Z');
  writer.byte(static_cast<char>(session_->status()));
  writer.end();
}

void Connection::send_error(const Error& error, std::string_view severity) {
  const bool fatal = error.code().view() == "57P01";
  write_error(out_, 'E', fatal ? "FATAL" : severity, error);
  broken_ |= fatal;
}

bool Connection::flush() {
  if (out_.empty()) return true;
  const bool sent = socket_.write_all(out_, *stopping_);
  out_.clear();
  if (out_.capacity() > (1 << 20)) out_.shrink_to_fit();
  return sent;
}

bool Connection::flush_if_large() { return out_.size() < kFlushBytes || flush(); }

}  // namespace qw::pgwire
