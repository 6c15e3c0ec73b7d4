// Functions over the catalogue and the session, declared into the registry.
#pragma once

namespace qw::sql {

class Declarations;

void declare_catalogue_functions(Declarations& d);
void declare_reg_types(Declarations& d);
void declare_session_calls(Declarations& d);

// Makes the registry ask for them; called once, before the registry is built.
bool add_catalogue_declarations();

}  // namespace qw::sql
