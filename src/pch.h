// Precompiled header: the standard headers nearly every file includes. Nothing may rely on it; each
// file still names what it uses.

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
