// See search.h.
#include "sql/expr/search.h"

#include <emmintrin.h>

#include <bit>
#include <cstring>

namespace qw::sql {
namespace {

constexpr size_t kStep = 16;

inline __m128i load16(const char* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}
inline uint32_t equal16(__m128i a, __m128i b) {
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(a, b)));
}

}  // namespace

size_t find_text(std::string_view text, std::string_view part, size_t from) {
  // Candidates are places whose first and last byte both fit: in real texts hardly ever a wrong
  // one.
  if (part.size() < 2 || text.size() < kStep + part.size()) return text.find(part, from);
  if (from > text.size()) return std::string_view::npos;
  const size_t tail = part.size() - 1, end = text.size() - tail;  // starts are below `end`
  const __m128i first = _mm_set1_epi8(part.front()), last = _mm_set1_epi8(part.back());
  while (from < end) {
    // The last step is moved back to stay inside; what it sees again cannot fit.
    const size_t at = from + kStep <= end ? from : end - kStep;
    uint32_t fits =
        equal16(load16(text.data() + at), first) & equal16(load16(text.data() + at + tail), last);
    fits &= ~uint32_t{0} << (from - at);
    for (; fits != 0; fits &= fits - 1) {
      const size_t start = at + static_cast<size_t>(std::countr_zero(fits));
      if (std::memcmp(text.data() + start + 1, part.data() + 1, tail - 1) == 0) return start;
    }
    from = at + kStep;
  }
  return std::string_view::npos;
}

size_t find_nth(std::string_view text, char separator, size_t from, int64_t nth, int64_t& seen) {
  seen = 0;
  const __m128i wanted = _mm_set1_epi8(separator);
  size_t at = from;
  for (; at + kStep <= text.size(); at += kStep) {
    // One by one: there are few, and counting them is a library call on plain x86-64.
    uint32_t found = equal16(load16(text.data() + at), wanted);
    for (; found != 0; found &= found - 1) {
      if (++seen == nth) return at + static_cast<size_t>(std::countr_zero(found));
    }
  }
  for (; at < text.size(); ++at) {
    if (text[at] == separator && ++seen == nth) return at;
  }
  return std::string_view::npos;
}

}  // namespace qw::sql
