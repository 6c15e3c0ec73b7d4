// The embedded demo of --demo: an auction house made by the load generator, and three views over
// it.
#pragma once

#include <string_view>

namespace qw::server {

std::string_view demo_sql();

}  // namespace qw::server
