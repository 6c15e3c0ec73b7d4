// What the declarations of all functions promise.
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "sql/expr/arguments.h"
#include "sql/function.h"
#include "src/types/text.h"

namespace qw::sql {

TEST_CASE("every default of an argument is a value of the argument's type") {
  // Functions of the catalogues and of sessions are among them.
  REQUIRE(Registry::instance().functions("pg_terminate_backend").size() == 1);
  size_t defaults = 0;
  for (const Function& function : Registry::instance().all_functions()) {
    const auto& texts = argument_info(function).defaults;
    REQUIRE(texts.size() == function.defaults);
    for (size_t i = 0; i < texts.size(); ++i, ++defaults) {
      const Type type = function.args[function.args.size() - texts.size() + i];
      const Result<Datum> value = from_text(type, texts[i], TextStyle{});
      const std::string declared =
          fmt::format("{}({}={})", function.name, type.sql_name(), texts[i]);
      CAPTURE(declared);
      CHECK(value.has_value());
    }
  }
  CHECK(defaults >= 2);
}

}  // namespace qw::sql
