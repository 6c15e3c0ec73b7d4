// What a session answers, as text: for unit tests and for the simulation, which knows no test
// framework.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/quickwater.h"
#include "src/types/batch.h"
#include "src/types/text.h"

namespace qw::engine::test {

// The live rows of a batch, each as often as its weight says, e.g. "1 a" or "-1 a" for -1.
inline std::string text_of(const Batch& batch, std::string_view separator = " ") {
  std::string out;
  for (uint32_t i = 0; i < batch.size(); ++i) {
    const uint32_t row = batch.row(i);
    if (i > 0) out += ", ";
    if (batch.weight(row) != 1) out += std::to_string(batch.weight(row)) + "x ";
    for (size_t c = 0; c < batch.columns.size(); ++c) {
      if (c > 0) out += separator;
      if (batch.columns[c].is_null(row)) {
        out += "NULL";
      } else {
        append_text(batch.columns[c], row, {}, out);
      }
    }
  }
  return out;
}

// Runs text as the simple protocol does: the rows of all statements, or the first error.
inline Result<std::string> run_script(Session& session, std::string_view sql) {
  QW_ASSIGN_OR_RETURN(const auto script, session.parse(sql));
  const size_t size = Session::script_size(*script);
  session.commit_at_once(size == 1);
  std::string out;
  for (size_t i = 0; i < size; ++i) {
    QW_ASSIGN_OR_RETURN(const auto portal, session.run(*script, i));
    Batch batch;
    while (true) {
      QW_ASSIGN_OR_RETURN(const bool more, portal->next(batch));
      if (!more) break;
      const std::string rows = text_of(batch);
      if (!out.empty() && !rows.empty()) out += ", ";
      out += rows;
    }
  }
  return out;
}

// The same, and ends the script as the protocol does.
inline Result<std::string> answer_to(Session& session, std::string_view sql) {
  auto answer = run_script(session, sql);
  if (!answer) session.mark_failed();
  const auto ended = session.end_script(!answer);
  if (answer && !ended) return fail(ended.error());
  return answer;
}

}  // namespace qw::engine::test
