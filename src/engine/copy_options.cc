// COPY's options: see copy_options.h.
#include "src/engine/copy_options.h"

#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace qw::engine {
namespace {

namespace ast = sql::ast;

Result<char> one_byte(const ast::Option& option, std::string_view what) {
  if (option.text.size() != 1) {
    return fail(
        feature_not_supported(fmt::format("COPY {} must be a single one-byte character", what)));
  }
  return option.text[0];
}

Result<bool> flag(const ast::Option& option) {
  if (option.type == ast::Option::Type::none) return true;
  const std::string& text = option.text;
  if (text == "true" || text == "on" || text == "1") return true;
  if (text == "false" || text == "off" || text == "0") return false;
  return fail(syntax_error(fmt::format("{} requires a Boolean value", option.name)));
}

Result<std::vector<bool>> column_set(const ast::Option& option, const Schema& columns) {
  std::vector<bool> set(columns.size(), option.type == ast::Option::Type::star);
  for (const std::string& name : option.list) {
    bool found = false;
    for (size_t c = 0; c < columns.size(); ++c) {
      if (columns.columns[c].name == name) set[c] = found = true;
    }
    if (!found) {
      return fail(invalid_column_reference(
          fmt::format("{} column \"{}\" not referenced by COPY", option.name, name)));
    }
  }
  return set;
}

}  // namespace

Result<CopyOptions> copy_options(const ast::Copy& statement, const Schema& columns) {
  CopyOptions options;
  std::optional<char> delimiter, quote, escape;
  std::optional<std::string> null_text;
  for (const ast::Option& option : statement.options) {
    const std::string& name = option.name;
    if (name == "format") {
      if (option.text == "text")
        options.format = CopyOptions::Format::text;
      else if (option.text == "csv")
        options.format = CopyOptions::Format::csv;
      else if (option.text == "binary")
        options.format = CopyOptions::Format::binary;
      else {
        return fail(
            invalid_parameter_value(fmt::format("COPY format \"{}\" not recognized", option.text)));
      }
    } else if (name == "delimiter") {
      QW_ASSIGN_OR_RETURN(delimiter, one_byte(option, "delimiter"));
    } else if (name == "null") {
      null_text = option.text;
    } else if (name == "header") {
      if (option.text == "match") {
        options.header = true;
      } else {
        QW_ASSIGN_OR_RETURN(options.header, flag(option));
      }
    } else if (name == "quote") {
      QW_ASSIGN_OR_RETURN(quote, one_byte(option, "quote"));
    } else if (name == "escape") {
      QW_ASSIGN_OR_RETURN(escape, one_byte(option, "escape"));
    } else if (name == "force_quote") {
      QW_ASSIGN_OR_RETURN(options.force_quote, column_set(option, columns));
    } else if (name == "force_not_null") {
      QW_ASSIGN_OR_RETURN(options.force_not_null, column_set(option, columns));
    } else if (name == "force_null") {
      QW_ASSIGN_OR_RETURN(options.force_null, column_set(option, columns));
    } else if (name == "freeze") {
      // A promise about visibility that changes nothing here.
    } else if (name == "encoding") {
      if (option.text != "UTF8" && option.text != "utf8" && option.text != "UTF-8") {
        return fail(
            feature_not_supported(fmt::format("COPY encoding \"{}\" is not supported", option.text))
                .with_hint("Send UTF8."));
      }
    } else {
      return fail(syntax_error(fmt::format("option \"{}\" not recognized", name)));
    }
  }
  const bool csv = options.format == CopyOptions::Format::csv;
  options.delimiter = delimiter.value_or(csv ? ',' : '\t');
  options.null_text = null_text.value_or(csv ? "" : "\\N");
  if (!csv && (quote || escape)) {
    return fail(feature_not_supported("COPY quote and escape are available only in CSV mode"));
  }
  options.quote = quote.value_or('"');
  options.escape = escape.value_or(options.quote);
  return options;
}

}  // namespace qw::engine
