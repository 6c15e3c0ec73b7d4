// Stand-ins until arrays, jsonb and dates land.
#include "src/types/array.h"
#include "src/types/datetime.h"
#include "src/types/jsonb.h"
namespace qw {
std::string_view jsonb::canonical(std::string_view bytes, Arena&) { return bytes; }
std::string_view array::canonical(std::string_view bytes, Arena&) { return bytes; }
void jsonb::append_key(std::string_view bytes, std::string& out) { out += bytes; }
void array::append_key(std::string_view bytes, std::string& out) { out += bytes; }
}
