// The functions of json_text.cc. Start-up only, one thread.
#pragma once

namespace qw::sql {

class Declarations;
void declare_json_text(Declarations& d);

}  // namespace qw::sql
