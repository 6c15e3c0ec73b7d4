#include "src/types/array.h"
#include "src/types/jsonb.h"
namespace qw {
std::string_view jsonb::canonical(std::string_view bytes, Arena&) { return bytes; }
std::string_view array::canonical(std::string_view bytes, Arena&) { return bytes; }
}
