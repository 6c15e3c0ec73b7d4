// Text from any values: || with a non-text, concat, concat_ws, format, quoting.
// Tests: tests/unit/sql_expr/cases/text_any.tsv.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "sql/expr/declare.h"
#include "sql/expr/quote.h"
#include "sql/expr/utf8.h"
#include "src/types/array.h"
#include "src/types/text.h"

namespace qw::sql {

namespace {

// Keywords that PostgreSQL does not take as a plain name everywhere.
constexpr std::string_view kKeywords[] = {"all",
                                          "analyse",
                                          "analyze",
                                          "and",
                                          "any",
                                          "array",
                                          "as",
                                          "asc",
                                          "asymmetric",
                                          "authorization",
                                          "between",
                                          "bigint",
                                          "binary",
                                          "bit",
                                          "boolean",
                                          "both",
                                          "case",
                                          "cast",
                                          "char",
                                          "character",
                                          "check",
                                          "coalesce",
                                          "collate",
                                          "collation",
                                          "column",
                                          "concurrently",
                                          "constraint",
                                          "create",
                                          "cross",
                                          "current_catalog",
                                          "current_date",
                                          "current_role",
                                          "current_schema",
                                          "current_time",
                                          "current_timestamp",
                                          "current_user",
                                          "dec",
                                          "decimal",
                                          "default",
                                          "deferrable",
                                          "desc",
                                          "distinct",
                                          "do",
                                          "else",
                                          "end",
                                          "except",
                                          "exists",
                                          "extract",
                                          "false",
                                          "fetch",
                                          "float",
                                          "for",
                                          "foreign",
                                          "freeze",
                                          "from",
                                          "full",
                                          "grant",
                                          "greatest",
                                          "group",
                                          "grouping",
                                          "having",
                                          "ilike",
                                          "in",
                                          "initially",
                                          "inner",
                                          "inout",
                                          "int",
                                          "integer",
                                          "intersect",
                                          "interval",
                                          "into",
                                          "is",
                                          "isnull",
                                          "join",
                                          "lateral",
                                          "leading",
                                          "least",
                                          "left",
                                          "like",
                                          "limit",
                                          "localtime",
                                          "localtimestamp",
                                          "national",
                                          "natural",
                                          "nchar",
                                          "none",
                                          "normalize",
                                          "not",
                                          "notnull",
                                          "null",
                                          "nullif",
                                          "numeric",
                                          "offset",
                                          "on",
                                          "only",
                                          "or",
                                          "order",
                                          "out",
                                          "outer",
                                          "overlaps",
                                          "overlay",
                                          "placing",
                                          "position",
                                          "precision",
                                          "primary",
                                          "real",
                                          "references",
                                          "returning",
                                          "right",
                                          "row",
                                          "select",
                                          "session_user",
                                          "setof",
                                          "similar",
                                          "smallint",
                                          "some",
                                          "substring",
                                          "symmetric",
                                          "table",
                                          "tablesample",
                                          "then",
                                          "time",
                                          "timestamp",
                                          "to",
                                          "trailing",
                                          "treat",
                                          "trim",
                                          "true",
                                          "union",
                                          "unique",
                                          "user",
                                          "using",
                                          "values",
                                          "varchar",
                                          "variadic",
                                          "verbose",
                                          "when",
                                          "where",
                                          "window",
                                          "with",
                                          "xmlattributes",
                                          "xmlconcat",
                                          "xmlelement",
                                          "xmlexists",
                                          "xmlforest",
                                          "xmlnamespaces",
                                          "xmlparse",
                                          "xmlpi",
                                          "xmlroot",
                                          "xmlserialize",
                                          "xmltable"};

}  // namespace

void append_identifier(std::string_view name, std::string& out) {
  bool plain = !name.empty() && ((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_');
  for (const char c : name) {
    plain = plain && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
  }
  if (plain && !std::binary_search(std::begin(kKeywords), std::end(kKeywords), name)) {
    out.append(name);
    return;
  }
  out.push_back('"');
  for (const char c : name) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

void append_literal(std::string_view text, std::string& out) {
  if (text.find('\\') != std::string_view::npos) out.push_back('E');
  out.push_back('\'');
  for (const char c : text) {
    if (c == '\'' || c == '\\') out.push_back(c);
    out.push_back(c);
  }
  out.push_back('\'');
}

namespace {

using View = std::string_view;
using kernel::Frame;

void append_arg(const Frame& frame, uint32_t arg, uint32_t row, std::string& out) {
  // A boolean prints as t or f here: this is its output function.
  append_text(frame.args[arg], row & frame.row_mask[arg], frame.call.context->style, out);
}

template <typename Body>
void text_kernel(KernelCall& call, bool strict, Body&& body) {
  Frame frame(call, !strict);
  if (frame.done) return;
  Str* out = kernel::result_of<Str>(frame);
  std::string text;
  frame.for_rows([&](uint32_t row) {
    out[row] = Str();
    if (strict && !frame.valid(row)) return;
    text.clear();
    if (body(frame, row, text)) {
      out[row] = Str::copy(text, *call.arena);
    } else {
      frame.set_null(row);
    }
  });
  call.result->validity = frame.validity;
}

void concat_any(KernelCall& call) {
  text_kernel(call, true, [](Frame& frame, uint32_t row, std::string& out) {
    append_arg(frame, 0, row, out);
    append_arg(frame, 1, row, out);
    return true;
  });
}

// Calls with more arguments than a Frame holds work on the vectors themselves.
template <typename Body>
void variadic_text_kernel(KernelCall& call, Body&& body) {
  Vector& result = *call.result;
  result = Vector::flat(call.result_type, call.rows, *call.arena);
  Str* out = result.values<Str>();
  std::string text;
  const auto one = [&](uint32_t row) {
    text.clear();
    out[row] = Str();
    if (body(row, text)) {
      out[row] = Str::copy(text, *call.arena);
    } else {
      result.set_null(row, call.rows, *call.arena);
    }
  };
  if (call.selection == nullptr) {
    for (uint32_t row = 0; row < call.rows; ++row) one(row);
  } else {
    for (uint32_t i = 0; i < call.selected; ++i) one(call.selection[i]);
  }
}
void append_value(const KernelCall& call, size_t arg, uint32_t row, std::string& out) {
  Vector vector = call.args[arg];
  if (vector.form == Form::dictionary) {
    row = vector.slot(row);
    vector.form = Form::flat;
  }
  append_text(vector, vector.slot(row), call.context->style, out);
}

void concat(KernelCall& call) {
  variadic_text_kernel(call, [&](uint32_t row, std::string& out) {
    for (size_t i = 0; i < call.args.size(); ++i) {
      if (!call.args[i].is_null(row)) append_value(call, i, row, out);
    }
    return true;
  });
}
void concat_ws(KernelCall& call) {
  variadic_text_kernel(call, [&](uint32_t row, std::string& out) {
    if (call.args[0].is_null(row)) return false;
    const View separator = call.args[0].at<Str>(row).view();
    bool first = true;
    for (size_t i = 1; i < call.args.size(); ++i) {
      if (call.args[i].is_null(row)) continue;
      if (!first) out.append(separator);
      first = false;
      append_value(call, i, row, out);
    }
    return true;
  });
}

// ---- format() -----------------------------------------------------------------------------------

class Formatter {
 public:
  Formatter(const KernelCall& call, uint32_t row, std::string& out)
      : call_(call), row_(row), out_(out) {}

  Result<void> run(View format);

 private:
  Result<void> directive();
  Result<bool> number(int32_t& value);
  Result<void> convert(char kind, int64_t argument, int32_t width, bool left);

  const KernelCall& call_;
  uint32_t row_;
  std::string& out_;
  View format_;
  size_t at_ = 0;
  int64_t next_ = 1;
};

Error unterminated() {
  return invalid_parameter_value("unterminated format() type specifier")
      .with_hint("For a single \"%\" use \"%%\".");
}

Result<bool> Formatter::number(int32_t& value) {
  bool any = false;
  int64_t result = 0;
  while (at_ < format_.size() && format_[at_] >= '0' && format_[at_] <= '9') {
    result = result * 10 + (format_[at_++] - '0');
    any = true;
    if (result > INT32_MAX) {
      return fail(numeric_value_out_of_range("number is out of range"));
    }
  }
  if (any && at_ >= format_.size()) return fail(unterminated());
  value = static_cast<int32_t>(result);
  return any;
}

Result<void> Formatter::convert(char kind, int64_t argument, int32_t width, bool left) {
  if (argument < 1 || argument >= static_cast<int64_t>(call_.args.size())) {
    return fail(invalid_parameter_value("too few arguments for format()"));
  }
  const auto arg = static_cast<size_t>(argument);
  std::string text;
  if (call_.args[arg].is_null(row_)) {
    if (kind == 'I') {
      return fail(null_value_not_allowed("null values cannot be formatted as an SQL identifier"));
    }
    if (kind == 'L') text = "NULL";
  } else {
    std::string value;
    append_value(call_, arg, row_, value);
    if (kind == 's') text = std::move(value);
    if (kind == 'I') append_identifier(value, text);
    if (kind == 'L') append_literal(value, text);
  }
  const auto have = static_cast<int64_t>(utf8::count(text));
  const auto missing = static_cast<size_t>(std::max<int64_t>(0, width - have));
  if (!left) out_.append(missing, ' ');
  out_.append(text);
  if (left) out_.append(missing, ' ');
  return {};
}

// %[position$][flags][width]type
Result<void> Formatter::directive() {
  int64_t argument = -1;
  int32_t width = 0;
  bool left = false;
  QW_ASSIGN_OR_RETURN(bool given, number(width));
  if (given && format_[at_] == '$') {
    argument = width;
    if (argument == 0) {
      return fail(invalid_parameter_value(
          "format specifies argument 0, but arguments are numbered from 1"));
    }
    ++at_;
    width = 0;
    given = false;
  }
  if (!given) {
    while (at_ < format_.size() && format_[at_] == '-') left = true, ++at_;
    if (at_ >= format_.size()) return fail(unterminated());
    if (format_[at_] == '*') {
      ++at_;
      int32_t position = 0;
      QW_ASSIGN_OR_RETURN(const bool positional, number(position));
      int64_t source = next_;
      if (positional) {
        if (at_ >= format_.size() || format_[at_] != '$') {
          return fail(invalid_parameter_value("width argument position must be ended by \"$\""));
        }
        ++at_;
        source = position;
      } else {
        ++next_;
      }
      if (source < 1 || source >= static_cast<int64_t>(call_.args.size())) {
        return fail(invalid_parameter_value("too few arguments for format()"));
      }
      std::string text = "0";
      if (!call_.args[static_cast<size_t>(source)].is_null(row_)) {
        text.clear();
        append_value(call_, static_cast<size_t>(source), row_, text);
      }
      QW_ASSIGN_OR_RETURN(const Datum parsed, from_text(TypeId::int4, text));
      width = parsed.get<int32_t>();
    } else {
      QW_TRY(number(width));
    }
  }
  if (width < 0) left = true, width = -width;
  if (at_ >= format_.size()) return fail(unterminated());
  const char kind = format_[at_];
  if (kind != 's' && kind != 'I' && kind != 'L') {
    return fail(invalid_parameter_value(fmt::format("unrecognized format() type specifier \"{}\"",
                                                    format_.substr(at_, utf8::width(format_, at_))))
                    .with_hint("For a single \"%\" use \"%%\"."));
  }
  ++at_;
  if (argument < 0) argument = next_;
  next_ = argument + 1;
  return convert(kind, argument, width, left);
}

Result<void> Formatter::run(View format) {
  format_ = format;
  while (at_ < format_.size()) {
    if (format_[at_] != '%') {
      out_.push_back(format_[at_++]);
      continue;
    }
    ++at_;
    if (at_ >= format_.size()) return fail(unterminated());
    if (format_[at_] == '%') {
      out_.push_back('%');
      ++at_;
      continue;
    }
    QW_TRY(directive());
  }
  return {};
}

void format(KernelCall& call) {
  variadic_text_kernel(call, [&](uint32_t row, std::string& out) {
    if (call.args[0].is_null(row)) return false;
    auto done = Formatter(call, row, out).run(call.args[0].at<Str>(row).view());
    if (!done) call.errors->add(row, std::move(done).error());
    return true;
  });
}

// ---- quoting
// --------------------------------------------------------------------------------------

Str quote_ident(View name, Row& row) {
  std::string out;
  append_identifier(name, out);
  return row.text(out);
}
Str quote_literal(View text, Row& row) {
  std::string out;
  append_literal(text, out);
  return row.text(out);
}
Str quote_nullable(std::optional<View> text, Row& row) {
  return text ? quote_literal(*text, row) : Str(View("NULL"));
}
void quote_literal_any(KernelCall& call) {
  text_kernel(call, true, [](Frame& frame, uint32_t row, std::string& out) {
    std::string text;
    append_arg(frame, 0, row, text);
    append_literal(text, out);
    return true;
  });
}
void quote_nullable_any(KernelCall& call) {
  text_kernel(call, false, [](Frame& frame, uint32_t row, std::string& out) {
    if (frame.args[0].is_null(row)) {
      out = "NULL";
      return true;
    }
    std::string text;
    append_arg(frame, 0, row, text);
    append_literal(text, out);
    return true;
  });
}

void count_nulls(KernelCall& call, bool nulls) {
  Vector& result = *call.result;
  result = Vector::flat(call.result_type, call.rows, *call.arena);
  for (uint32_t row = 0; row < call.rows; ++row) {
    int32_t count = 0;
    for (const Vector& arg : call.args) count += arg.is_null(row) == nulls ? 1 : 0;
    result.values<int32_t>()[row] = count;
  }
}
void num_nulls(KernelCall& call) { count_nulls(call, true); }
void num_nonnulls(KernelCall& call) { count_nulls(call, false); }

// Stands for GROUPING(..) until the binder has replaced it.
void never_runs(KernelCall&) { QW_UNREACHABLE(); }

}  // namespace

void declare_text_any(Declarations& d) {
  d.add(2004, "anytextcat(anynonarray,text) text stable", {&concat_any, true});
  d.add(2003, "textanycat(text,anynonarray) text stable", {&concat_any, true});
  d.add(3058, "concat(variadic any) text stable nonstrict", {&concat, true});
  d.add(3059, "concat_ws(text,variadic any) text stable nonstrict", {&concat_ws, true});
  d.add(3539, "format(text,variadic any) text stable nonstrict", {&format, false});
  d.add(3540, "format(text) text stable nonstrict", {&format, false});
  d.add(1282, "quote_ident(text) text", each<quote_ident>());
  d.add(1283, "quote_literal(text) text", each<quote_literal>());
  d.add(1285, "quote_literal(anyelement) text stable", {&quote_literal_any, true});
  d.add(1289, "quote_nullable(text) text nonstrict", each<quote_nullable>());
  d.add(1290, "quote_nullable(anyelement) text stable nonstrict", {&quote_nullable_any, true});
  d.add(0, "#grouping(variadic any) int4 nonstrict", {&never_runs, false});
  d.add(438, "num_nulls(variadic any) int4 nonstrict", {&num_nulls, true});
  d.add(440, "num_nonnulls(variadic any) int4 nonstrict", {&num_nonnulls, true});
}

}  // namespace qw::sql
