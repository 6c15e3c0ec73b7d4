// What the declarations of all functions promise.
#include <doctest/doctest.h>

#include "sql/expr/arguments.h"
#include "sql/function.h"
#include "src/types/text.h"

namespace qw::sql {

TEST_CASE("every default of an argument is a value of the argument's type") {
  size_t defaults = 0;
  for (const Function& function : Registry::instance().all_functions()) {
    const auto& texts = argument_info(function).defaults;
    REQUIRE(texts.size() == function.defaults);
    for (size_t i = 0; i < texts.size(); ++i, ++defaults) {
      const Type type = function.args[function.args.size() - texts.size() + i];
      const Result<Datum> value = from_text(type, texts[i], TextStyle{});
      INFO(function.name, " argument of type ", type.name(), " has the default '", texts[i], "'");
      CHECK(value.has_value());
    }
  }
  CHECK(defaults > 2);
}

}  // namespace qw::sql
