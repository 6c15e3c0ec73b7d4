// Settings: see settings.h.
#include "src/engine/settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "src/types/time_zone.h"

namespace qw::engine {
namespace {

enum class Kind : uint8_t {
  text,
  boolean,
  integer,
  real,
  milliseconds,
  choice,
  zone,
  date_style,
  fixed
};

struct Parameter {
  std::string_view name;
  Kind kind;
  std::string_view initial;
  bool reported = false;          // ParameterStatus
  std::string_view choices = {};  // of Kind::choice: "a|b|c"
};

// PostgreSQL 15's names and defaults. "fixed" can be shown, not set.
constexpr auto kParameters = std::to_array<Parameter>({
    {"allow_system_table_mods", Kind::boolean, "off"},
    {"application_name", Kind::text, "", true},
    {"array_nulls", Kind::boolean, "on"},
    {"backslash_quote", Kind::choice, "safe_encoding", false, "safe_encoding|on|off"},
    {"block_size", Kind::fixed, "8192"},
    {"bytea_output", Kind::choice, "hex", false, "hex|escape"},
    {"check_function_bodies", Kind::boolean, "on"},
    {"client_encoding", Kind::choice, "UTF8", true, "utf8|utf-8|unicode"},
    {"client_min_messages", Kind::choice, "notice", false,
     "debug5|debug4|debug3|debug2|debug1|debug|log|notice|warning|error|info"},
    {"cluster_name", Kind::fixed, ""},
    {"cpu_tuple_cost", Kind::real, "0.01"},
    {"cursor_tuple_fraction", Kind::real, "0.1"},
    {"data_directory", Kind::fixed, ""},
    {"DateStyle", Kind::date_style, "ISO, MDY", true},
    {"deadlock_timeout", Kind::milliseconds, "1s"},
    {"default_table_access_method", Kind::text, "heap"},
    {"default_tablespace", Kind::text, ""},
    {"default_text_search_config", Kind::text, "pg_catalog.simple"},
    {"default_transaction_deferrable", Kind::boolean, "off"},
    {"default_transaction_isolation", Kind::choice, "serializable", false,
     "serializable|repeatable read|read committed|read uncommitted"},
    {"default_transaction_read_only", Kind::boolean, "off", true},
    {"default_with_oids", Kind::boolean, "off"},
    {"effective_cache_size", Kind::text, "4GB"},
    {"enable_bitmapscan", Kind::boolean, "on"},
    {"enable_hashagg", Kind::boolean, "on"},
    {"enable_hashjoin", Kind::boolean, "on"},
    {"enable_indexonlyscan", Kind::boolean, "on"},
    {"enable_indexscan", Kind::boolean, "on"},
    {"enable_material", Kind::boolean, "on"},
    {"enable_mergejoin", Kind::boolean, "on"},
    {"enable_nestloop", Kind::boolean, "on"},
    {"enable_seqscan", Kind::boolean, "on"},
    {"enable_sort", Kind::boolean, "on"},
    {"escape_string_warning", Kind::boolean, "on"},
    {"extra_float_digits", Kind::integer, "1"},
    {"fsync", Kind::fixed, "on"},
    {"geqo", Kind::boolean, "on"},
    {"idle_in_transaction_session_timeout", Kind::milliseconds, "0"},
    {"idle_session_timeout", Kind::milliseconds, "0"},
    {"in_hot_standby", Kind::fixed, "off", true},
    {"integer_datetimes", Kind::fixed, "on", true},
    {"IntervalStyle", Kind::choice, "postgres", true,
     "postgres|postgres_verbose|sql_standard|iso_8601"},
    {"is_superuser", Kind::fixed, "on", true},
    {"jit", Kind::boolean, "off"},
    {"lc_collate", Kind::fixed, "C"},
    {"lc_ctype", Kind::fixed, "C.UTF-8"},
    {"lc_messages", Kind::text, "C.UTF-8"},
    {"lc_monetary", Kind::text, "C.UTF-8"},
    {"lc_numeric", Kind::text, "C.UTF-8"},
    {"lc_time", Kind::text, "C.UTF-8"},
    {"lock_timeout", Kind::milliseconds, "0"},
    {"log_min_duration_statement", Kind::text, "-1"},
    {"log_statement", Kind::text, "none"},
    {"maintenance_work_mem", Kind::text, "64MB"},
    {"max_connections", Kind::fixed, "5000"},
    {"max_identifier_length", Kind::fixed, "63"},
    {"max_index_keys", Kind::fixed, "32"},
    {"max_parallel_workers_per_gather", Kind::integer, "0"},
    {"max_prepared_transactions", Kind::fixed, "0"},
    {"password_encryption", Kind::choice, "scram-sha-256", false, "scram-sha-256|md5"},
    {"plan_cache_mode", Kind::choice, "auto", false, "auto|force_generic_plan|force_custom_plan"},
    {"quote_all_identifiers", Kind::boolean, "off"},
    {"random_page_cost", Kind::real, "4"},
    {"role", Kind::text, "none"},
    {"row_security", Kind::boolean, "on"},
    {"search_path", Kind::text, "\"$user\", public"},
    {"seq_page_cost", Kind::real, "1"},
    {"server_encoding", Kind::fixed, "UTF8", true},
    {"server_version", Kind::fixed, "15.0 (Quickwater 0.1.0)", true},
    {"server_version_num", Kind::fixed, "150000"},
    {"session_authorization", Kind::fixed, "", true},
    {"session_replication_role", Kind::choice, "origin", false, "origin|replica|local"},
    {"shared_buffers", Kind::fixed, "128MB"},
    {"standard_conforming_strings", Kind::choice, "on", true, "on"},
    {"statement_timeout", Kind::milliseconds, "0"},
    {"synchronize_seqscans", Kind::boolean, "on"},
    {"synchronous_commit", Kind::choice, "on", false, "on|off|local|remote_write|remote_apply"},
    {"tcp_keepalives_idle", Kind::integer, "0"},
    {"temp_buffers", Kind::text, "8MB"},
    {"TimeZone", Kind::zone, "UTC", true},
    {"transaction_deferrable", Kind::boolean, "off"},
    {"transaction_isolation", Kind::choice, "serializable", false,
     "serializable|repeatable read|read committed|read uncommitted"},
    {"transaction_read_only", Kind::boolean, "off"},
    {"transform_null_equals", Kind::boolean, "off"},
    {"wal_level", Kind::fixed, "replica"},
    {"wal_sender_timeout", Kind::milliseconds, "1min"},
    {"work_mem", Kind::text, "4MB"},
    {"xmlbinary", Kind::choice, "base64", false, "base64|hex"},
    {"xmloption", Kind::choice, "content", false, "content|document"},
});

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

const Parameter* find_parameter(std::string_view name) {
  const std::string wanted = lower(name);
  for (const Parameter& parameter : kParameters) {
    if (lower(parameter.name) == wanted) return &parameter;
  }
  return nullptr;
}

Error bad_value(std::string_view name, std::string_view value) {
  return invalid_parameter_value(
      fmt::format("invalid value for parameter \"{}\": \"{}\"", name, value));
}

std::optional<bool> parse_boolean(std::string_view text) {
  const std::string value = lower(text);
  if (value == "on" || value == "1") return true;
  if (value == "off" || value == "0") return false;
  const auto starts = [&](std::string_view word) {
    return !value.empty() && word.substr(0, value.size()) == value;
  };
  if (starts("true") || starts("yes")) return true;
  if (starts("false") || starts("no")) return false;
  return std::nullopt;
}

// "250", "250ms", "2s", "1min", "1h", "1d" as milliseconds.
std::optional<int64_t> parse_milliseconds(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  struct Unit {
    std::string_view name;
    double ms;
  };
  static constexpr auto kUnits = std::to_array<Unit>(
      {{"", 1}, {"us", 0.001}, {"ms", 1}, {"s", 1e3}, {"min", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}});
  for (const Unit& known : kUnits) {
    if (known.name == unit) return static_cast<int64_t>(number * known.ms);
  }
  return std::nullopt;
}

std::string show_milliseconds(int64_t ms) {
  if (ms == 0) return "0";
  if (ms % 86'400'000 == 0) return fmt::format("{}d", ms / 86'400'000);
  if (ms % 3'600'000 == 0) return fmt::format("{}h", ms / 3'600'000);
  if (ms % 60'000 == 0) return fmt::format("{}min", ms / 60'000);
  if (ms % 1000 == 0) return fmt::format("{}s", ms / 1000);
  return fmt::format("{}ms", ms);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> out;
  std::string item;
  bool quoted = false, any = false;
  const auto finish = [&] {
    if (any) out.push_back(item);
    item.clear();
    any = false;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
        item += '"';
        ++i;
      } else if (c == '"') {
        quoted = false;
      } else {
        item += c;
      }
    } else if (c == '"') {
      quoted = any = true;
    } else if (c == ',') {
      finish();
    } else if (c != ' ' && c != '\t') {
      item += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      any = true;
    }
  }
  finish();
  return out;
}

struct DateStyleValue {
  DateStyle style = DateStyle::iso;
  DateOrder order = DateOrder::mdy;
};

std::optional<DateStyleValue> parse_date_style(std::string_view text, DateStyleValue current) {
  bool has_order = false;
  for (const std::string& word : split_list(text)) {
    has_order |= word == "mdy" || word == "dmy" || word == "ymd" || word == "us" ||
                 word.starts_with("euro") || word.starts_with("noneuro");
    if (word == "iso")
      current.style = DateStyle::iso;
    else if (word == "sql")
      current.style = DateStyle::sql;
    else if (word.starts_with("postgres"))
      current.style = DateStyle::postgres;
    else if (word == "german")
      current.style = DateStyle::german;
    else if (word == "mdy" || word == "us" || word.starts_with("noneuro"))
      current.order = DateOrder::mdy;
    else if (word == "dmy" || word.starts_with("euro"))
      current.order = DateOrder::dmy;
    else if (word == "ymd")
      current.order = DateOrder::ymd;
    else if (word == "default")
      current = {};
    else
      return std::nullopt;
  }
  // Germans write the day first, unless told otherwise.
  if (!has_order && current.style == DateStyle::german) {
    current.order = DateOrder::dmy;
  }
  return current;
}

std::string show_date_style(DateStyleValue value) {
  static constexpr std::array<std::string_view, 4> kStyles{"ISO", "SQL", "Postgres", "German"};
  static constexpr std::array<std::string_view, 3> kOrders{"MDY", "DMY", "YMD"};
  return fmt::format("{}, {}", kStyles[static_cast<size_t>(value.style)],
                     kOrders[static_cast<size_t>(value.order)]);
}

// The value as SHOW will give it, or an error.
Result<std::string> normalise(const Parameter& parameter, std::string_view value,
                              std::string_view current) {
  switch (parameter.kind) {
    case Kind::text:
      return std::string(value);
    case Kind::fixed:
      return fail(
          Error("55P02", fmt::format("parameter \"{}\" cannot be changed", parameter.name)));
    case Kind::boolean: {
      const auto parsed = parse_boolean(value);
      if (!parsed) {
        return fail(invalid_parameter_value(
            fmt::format("parameter \"{}\" requires a Boolean value", parameter.name)));
      }
      return std::string(*parsed ? "on" : "off");
    }
    case Kind::integer: {
      int64_t number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error != std::errc() || end != value.data() + value.size()) {
        return fail(bad_value(parameter.name, value));
      }
      if (parameter.name == "extra_float_digits" && (number < -15 || number > 3)) {
        return fail(invalid_parameter_value(
            fmt::format("{} is outside the valid range for parameter \"{}\" (-15 .. 3)", number,
                        parameter.name)));
      }
      return fmt::format("{}", number);
    }
    case Kind::real: {
      double number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error != std::errc() || end != value.data() + value.size()) {
        return fail(bad_value(parameter.name, value));
      }
      return fmt::format("{}", number);
    }
    case Kind::milliseconds: {
      const auto parsed = parse_milliseconds(value);
      if (!parsed || *parsed < 0) return fail(bad_value(parameter.name, value));
      return show_milliseconds(*parsed);
    }
    case Kind::choice: {
      std::string wanted = lower(value);
      if (wanted.size() >= 2 && wanted.front() == '\'' && wanted.back() == '\'') {
        wanted = wanted.substr(1, wanted.size() - 2);  // asyncpg quotes client_encoding
      }
      std::string_view rest = parameter.choices;
      while (!rest.empty()) {
        const size_t bar = rest.find('|');
        if (rest.substr(0, bar) == wanted) {
          return parameter.name == "client_encoding" ? std::string("UTF8") : wanted;
        }
        rest = bar == std::string_view::npos ? std::string_view() : rest.substr(bar + 1);
      }
      return fail(bad_value(parameter.name, value));
    }
    case Kind::zone: {
      const auto zone = TimeZone::find(value);
      if (!zone) return fail(bad_value(parameter.name, value));
      return std::string((*zone)->name());
    }
    case Kind::date_style: {
      const auto parsed =
          parse_date_style(value, parse_date_style(current, {}).value_or(DateStyleValue{}));
      if (!parsed) return fail(bad_value(parameter.name, value));
      return show_date_style(*parsed);
    }
  }
  return std::string(value);
}

}  // namespace

Settings::Settings(const std::string& user) {
  for (const Parameter& parameter : kParameters) {
    values_.emplace(parameter.name, parameter.initial);
  }
  values_["session_authorization"] = user;
  defaults_ = values_;
  apply();
}

Result<void> Settings::set(std::string_view name, std::string_view value, bool local) {
  const Parameter* parameter = find_parameter(name);
  std::string key, normal;
  if (parameter == nullptr) {
    if (name.find('.') == std::string_view::npos) {
      return fail(
          undefined_object(fmt::format("unrecognized configuration parameter \"{}\"", name)));
    }
    key = lower(name);
    normal = value;
  } else {
    key = parameter->name;
    QW_ASSIGN_OR_RETURN(normal, normalise(*parameter, value, values_[key]));
  }
  values_[key] = normal;
  if (in_block_ && !local) after_block_[key] = normal;
  apply();
  return {};
}

Result<void> Settings::reset(std::string_view name) {
  const Parameter* parameter = find_parameter(name);
  const std::string key = parameter == nullptr ? lower(name) : std::string(parameter->name);
  if (parameter == nullptr && !values_.contains(key)) {
    return fail(undefined_object(fmt::format("unrecognized configuration parameter \"{}\"", name)));
  }
  const auto initial = defaults_.find(key);
  values_[key] = initial == defaults_.end() ? std::string() : initial->second;
  if (in_block_) after_block_[key] = values_[key];
  apply();
  return {};
}

void Settings::reset_all() {
  for (auto& [name, value] : values_) {
    const auto initial = defaults_.find(name);
    value = initial == defaults_.end() ? std::string() : initial->second;
    if (in_block_) after_block_[name] = value;
  }
  apply();
}

std::optional<std::string> Settings::find(std::string_view name) const {
  const Parameter* parameter = find_parameter(name);
  const auto found =
      values_.find(parameter == nullptr ? lower(name) : std::string(parameter->name));
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

Result<std::string> Settings::show(std::string_view name) const {
  auto value = find(name);
  if (!value) {
    return fail(undefined_object(fmt::format("unrecognized configuration parameter \"{}\"", name)));
  }
  return *value;
}

std::vector<Settings::Row> Settings::all() const {
  std::vector<Row> rows;
  for (const auto& [name, value] : values_) {
    const Parameter* parameter = find_parameter(name);
    const auto initial = defaults_.find(name);
    rows.push_back({name, value, initial == defaults_.end() ? std::string() : initial->second, "",
                    parameter != nullptr && parameter->kind == Kind::fixed});
  }
  // As PostgreSQL lists them: the case of a letter does not matter.
  std::sort(rows.begin(), rows.end(),
            [](const Row& a, const Row& b) { return lower(a.name) < lower(b.name); });
  return rows;
}

void Settings::begin_block() {
  in_block_ = true;
  before_block_ = after_block_ = values_;
}

void Settings::commit_block() {
  if (!in_block_) return;
  in_block_ = false;
  values_ = after_block_;
  apply();
}

void Settings::rollback_block() {
  if (!in_block_) return;
  in_block_ = false;
  values_ = before_block_;
  apply();
}

std::vector<std::pair<std::string, std::string>> Settings::take_changed() {
  std::vector<std::pair<std::string, std::string>> changed;
  if (!std::exchange(changed_, false)) return changed;
  for (const Parameter& parameter : kParameters) {
    if (!parameter.reported) continue;
    const std::string name(parameter.name);
    const std::string& value = values_[name];
    const auto last = reported_.find(name);
    if (last != reported_.end() && last->second == value) continue;
    reported_[name] = value;
    changed.emplace_back(name, value);
  }
  return changed;
}

// Derives what is looked at per row or per statement from the texts.
void Settings::apply() {
  const auto dates = parse_date_style(values_["DateStyle"], {}).value_or(DateStyleValue{});
  style_.date_style = dates.style;
  style_.date_order = dates.order;
  const std::string& interval = values_["IntervalStyle"];
  style_.interval_style = interval == "postgres_verbose" ? IntervalStyle::postgres_verbose
                          : interval == "sql_standard"   ? IntervalStyle::sql_standard
                          : interval == "iso_8601"       ? IntervalStyle::iso_8601
                                                         : IntervalStyle::postgres;
  style_.extra_float_digits = std::atoi(values_["extra_float_digits"].c_str());
  style_.bytea_hex = values_["bytea_output"] == "hex";
  if (auto zone = TimeZone::find(values_["TimeZone"])) style_.zone = *zone;
  search_path_ = split_list(values_["search_path"]);
  for (std::string& schema : search_path_) {
    if (schema == "$user") schema = values_["session_authorization"];
  }
  statement_timeout_ms_ = parse_milliseconds(values_["statement_timeout"]).value_or(0);
  default_read_only_ = values_["default_transaction_read_only"] == "on";
  changed_ = true;
}

}  // namespace qw::engine
