// TreeReader: see tree_reader.h.
#include "storage/lmdb/tree_reader.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "storage/lmdb/tree_cursor.h"

namespace qw::storage {
namespace {

constexpr size_t kLineBytes = 64;
constexpr size_t kAskedBytesMax = 512;   // of a value; what is longer the processor asks for itself
constexpr size_t kAskedEntryBytes = 32;  // header and key, mostly
// Header and offsets of a page.
constexpr size_t kAskedLeafBytes = 128, kAskedBranchBytes = 384;
constexpr size_t kSearchesInFlight = 32;
constexpr int kGuessesMax = 3;  // then the rest is halved: keys may be spread as badly as they like

constexpr size_t kPageHeaderBytes = 16, kEntryHeaderBytes = 8, kTableBytes = 48;
constexpr size_t kMetaBytes = 28;  // as far as is looked at
constexpr uint16_t kBranch = 1, kLeaf = 2, kOverflow = 4, kMeta = 8;
constexpr uint16_t kLargeValue = 1;
constexpr uint64_t kPageNumberMask = 0xFFFFFFFFFFFF;
constexpr uint32_t kMagic = 0xBEEFC0DE, kVersion = 1;

uint64_t page_number(const char* page) { return load<uint64_t>(page); }
uint16_t page_flags(const char* page) { return load<uint16_t>(page + 10); }
std::string_view entry_key(const char* entry) {
  return {entry + kEntryHeaderBytes, load<uint16_t>(entry + 6)};
}

// What an entry takes of its page; entries begin at even places.
size_t entry_bytes(const char* entry, bool leaf) {
  size_t bytes = kEntryHeaderBytes + load<uint16_t>(entry + 6);
  if (leaf) {
    const bool large = load<uint16_t>(entry + 4) == kLargeValue;
    bytes += large ? sizeof(uint64_t) : load<uint32_t>(entry);
  }
  return (bytes + 1) & ~size_t{1};
}

void ask_for(const char* from, size_t bytes) {
  for (size_t at = 0; at < bytes; at += kLineBytes) __builtin_prefetch(from + at);
  __builtin_prefetch(from + bytes - 1);
}

size_t common_prefix(std::string_view a, std::string_view b) {
  const size_t end = std::min(a.size(), b.size());
  size_t at = 0;
  while (at + 8 <= end && load<uint64_t>(a.data() + at) == load<uint64_t>(b.data() + at)) at += 8;
  while (at < end && a[at] == b[at]) ++at;
  return at;
}

// Eight bytes of a key as a number that orders like them; missing bytes count as zero.
uint64_t rank_of(std::string_view key, size_t from) {
  if (from + 8 <= key.size()) [[likely]]
    return load_be<uint64_t>(key.data() + from);
  uint64_t rank = 0;
  for (size_t i = from; i < from + 8; ++i) {
    rank = rank << 8U | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0U);
  }
  return rank;
}

}  // namespace

std::optional<PageMap> PageMap::around(const void* value, size_t page_bytes) {
  if (page_bytes < 512 || page_bytes > 32768 || (page_bytes & (page_bytes - 1)) != 0) return {};
  const auto address = reinterpret_cast<uintptr_t>(value);
  const uintptr_t page = address & ~(static_cast<uintptr_t>(page_bytes) - 1);
  const auto number = load<uint64_t>(reinterpret_cast<const void*>(page));
  if (number > page / page_bytes) return {};
  const uintptr_t begin = page - number * page_bytes;
  // The number may be damaged, and nothing readable there: the kernel copies it for us or says so.
  const auto* first = reinterpret_cast<const char*>(begin);
  std::array<char, kPageHeaderBytes + kMetaBytes> copy;
  const iovec to{copy.data(), copy.size()}, from{const_cast<char*>(first), copy.size()};  // NOLINT
  const ssize_t copied = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
  if (copied != static_cast<ssize_t>(copy.size())) return {};
  const char* meta = copy.data() + kPageHeaderBytes;
  if (page_number(copy.data()) != 0 || page_flags(copy.data()) != kMeta ||
      load<uint32_t>(meta) != kMagic || load<uint32_t>(meta + 4) != kVersion ||
      load<uint32_t>(meta + 24) != page_bytes) {
    return {};
  }
  return PageMap{first, page_bytes};
}

// One key on its way down. On its page, entry `low` (if any) is known to be no greater than the key
// and entry `high` (if any) to be greater.
struct TreeReader::Search {
  std::string_view key;
  const char* page = nullptr;     // null = given up
  std::string_view lower, upper;  // every key of the page is in [lower, upper); empty = open
  int low = 0, high = 0, probe = 0;
  const char* entry = nullptr;  // of the probe; at the end of a level, the one found or null
  // For guesses: what low, high and the key say in the eight bytes from `rank_from` on.
  size_t rank_from = 0;
  uint64_t rank = 0, rank_low = 0, rank_high = 0;
  int guesses = 0;
  bool exact = false;
};

TreeReader::TreeReader(const PageMap& map, uint64_t page_count, std::string_view table)
    : map_(map), page_count_(page_count) {
  if (table.size() != kTableBytes || load<uint16_t>(table.data() + 4) != 0) return;
  const auto depth = load<uint16_t>(table.data() + 6);
  if (depth > kDepthMax) return;
  root_ = load<uint64_t>(table.data() + 40);
  depth_ = depth;
  readable_ = true;
}

bool TreeReader::enter(Search& search, uint64_t page) const {
  search.page = nullptr;
  if (page >= page_count_) return false;
  search.page = map_.begin + page * map_.page_bytes;
  return true;
}

size_t TreeReader::entry_count(const char* page) {
  return (load<uint16_t>(page + 12) - kPageHeaderBytes) / 2;
}

const char* TreeReader::page_at(uint64_t number, bool leaf) const {
  if (number >= page_count_) return nullptr;
  const char* page = map_.begin + number * map_.page_bytes;
  const size_t lower = load<uint16_t>(page + 12), upper = load<uint16_t>(page + 14);
  if (page_number(page) != number || page_flags(page) != (leaf ? kLeaf : kBranch)) return nullptr;
  if (lower < kPageHeaderBytes || lower > upper || upper > map_.page_bytes) return nullptr;
  return entry_count(page) < (leaf ? 1 : 2) ? nullptr : page;
}

std::optional<std::string_view> TreeReader::key_at(const char* page, size_t index) const {
  const size_t offset = load<uint16_t>(page + kPageHeaderBytes + 2 * index);
  if (offset + kEntryHeaderBytes > map_.page_bytes) return std::nullopt;
  const std::string_view key = entry_key(page + offset);
  if (key.data() + key.size() > page + map_.page_bytes) return std::nullopt;
  return key;
}

std::optional<uint64_t> TreeReader::child_at(const char* page, size_t index) const {
  const auto key = key_at(page, index);
  if (!key) return std::nullopt;
  return load<uint64_t>(key->data() - kEntryHeaderBytes) & kPageNumberMask;
}

KvEntry TreeReader::entry_at(const char* page, size_t index) const {
  const auto key = key_at(page, index);
  return key ? take(page, key->data() - kEntryHeaderBytes) : KvEntry{};
}

// Looks at the page's header.
bool TreeReader::measure(Search& search, bool leaf) const {
  const uint64_t number = static_cast<uint64_t>(search.page - map_.begin) / map_.page_bytes;
  if (page_at(number, leaf) == nullptr) return false;
  search.high = static_cast<int>(entry_count(search.page));
  search.low = leaf ? -1 : 0;
  search.guesses = search.lower.empty() || search.upper.empty() ? kGuessesMax : 0;
  search.exact = false;
  if (search.guesses == 0) {
    search.rank_from = common_prefix(search.lower, search.upper);
    search.rank = rank_of(search.key, search.rank_from);
    search.rank_low = rank_of(search.lower, search.rank_from);
    search.rank_high = rank_of(search.upper, search.rank_from);
  }
  return aim(search);
}

// Chooses the next entry to look at, if there is one, and asks for it.
bool TreeReader::aim(Search& search) const {
  const int first = search.low + 1, between = search.high - first;
  if (between <= 0) {
    search.entry = nullptr;
    return true;
  }
  int ahead = between / 2;
  if (search.guesses < kGuessesMax && search.rank_low < search.rank_high &&
      search.rank >= search.rank_low) {
    ++search.guesses;
    const int low = std::max(search.low, 0);
    const double share = static_cast<double>(search.rank - search.rank_low) /
                         static_cast<double>(search.rank_high - search.rank_low);
    const double at = share * static_cast<double>(search.high - low) + low;
    ahead = std::clamp(static_cast<int>(std::min(at, 65536.0)) - first, 0, between - 1);
  }
  search.probe = first + ahead;
  const size_t offset =
      load<uint16_t>(search.page + kPageHeaderBytes + 2 * static_cast<size_t>(search.probe));
  if (offset + kEntryHeaderBytes > map_.page_bytes) return false;
  search.entry = search.page + offset;
  ask_for(search.entry, kAskedEntryBytes);
  return true;
}

// Compares with the entry that was asked for. False when something is wrong; the level is done when
// no entry is left to look at, or the key is found.
bool TreeReader::step(Search& search) const {
  const std::string_view key = entry_key(search.entry);
  if (key.data() + key.size() > search.page + map_.page_bytes) return false;
  const int order = search.key.compare(key);
  if (order == 0) {
    search.exact = true;
    search.low = search.probe;
    search.high = search.probe + 1;
    search.lower = key;
    return true;
  }
  if (order > 0) {
    search.low = search.probe;
    search.lower = key;
    if (search.guesses < kGuessesMax) search.rank_low = rank_of(key, search.rank_from);
  } else {
    search.high = search.probe;
    search.upper = key;
    if (search.guesses < kGuessesMax) search.rank_high = rank_of(key, search.rank_from);
  }
  return aim(search);
}

// Finds each search's place on its page, all of them a step at a time.
void TreeReader::find_level(std::span<Search> searches, bool leaf) const {
  std::array<uint8_t, kSearchesInFlight> active;
  size_t count = 0;
  const auto goes_on = [&](Search& search, bool sound) {
    if (!sound) search.page = nullptr;
    return sound && !search.exact && search.entry != nullptr;
  };
  for (size_t i = 0; i < searches.size(); ++i) {
    Search& search = searches[i];
    if (search.page == nullptr) continue;
    if (goes_on(search, measure(search, leaf))) active[count++] = static_cast<uint8_t>(i);
  }
  while (count > 0) {
    size_t kept = 0;
    for (size_t a = 0; a < count; ++a) {
      Search& search = searches[active[a]];
      if (goes_on(search, step(search))) active[kept++] = active[a];
    }
    count = kept;
  }
}

// From the places on a branch to the pages below.
void TreeReader::descend(std::span<Search> searches, bool to_leaf) const {
  const char* last = nullptr;
  for (Search& search : searches) {
    if (search.page == nullptr) continue;
    const size_t offset =
        load<uint16_t>(search.page + kPageHeaderBytes + 2 * static_cast<size_t>(search.low));
    if (offset + kEntryHeaderBytes > map_.page_bytes) {
      search.page = nullptr;
      continue;
    }
    const uint64_t below = load<uint64_t>(search.page + offset) & kPageNumberMask;
    if (!enter(search, below) || search.page == last) continue;
    last = search.page;
    ask_for(search.page, to_leaf ? kAskedLeafBytes : kAskedBranchBytes);
  }
}

// The entry, whose key is inside the page.
KvEntry TreeReader::take(const char* page, const char* entry) const {
  const std::string_view key = entry_key(entry);
  const size_t size = load<uint32_t>(entry);
  const auto flags = load<uint16_t>(entry + 4);
  const char* value = key.data() + key.size();
  const auto room = static_cast<size_t>(page + map_.page_bytes - value);
  if (flags == kLargeValue && room >= sizeof(uint64_t)) {
    value = large_value(size, load<uint64_t>(value));
    return value == nullptr ? KvEntry{} : KvEntry{key, {value, size}};
  }
  if (flags != 0 || size > room) return {};
  ask_for(value, std::min(size, kAskedBytesMax));
  return {key, {value, size}};
}

const char* TreeReader::large_value(size_t size, uint64_t page) const {
  if (page >= page_count_) return nullptr;
  const char* first = map_.begin + page * map_.page_bytes;
  const uint64_t pages = load<uint32_t>(first + 12);
  if (page_number(first) != page || page_flags(first) != kOverflow) return nullptr;
  const bool fits = kPageHeaderBytes + size <= pages * map_.page_bytes;
  return fits && pages <= page_count_ - page ? first + kPageHeaderBytes : nullptr;
}

void TreeReader::find(std::span<const std::string_view> keys, std::span<KvEntry> out) const {
  QW_ASSERT(keys.size() == out.size());
  std::fill(out.begin(), out.end(), KvEntry{});
  for (size_t begin = 0; begin < keys.size() && depth_ > 0; begin += kSearchesInFlight) {
    const size_t count = std::min(kSearchesInFlight, keys.size() - begin);
    std::array<Search, kSearchesInFlight> held;
    const std::span<Search> searches(held.data(), count);
    walk(keys.subspan(begin, count), searches, For::reading);
    find_level(searches, /*leaf=*/true);
    for (size_t i = 0; i < count; ++i) {
      if (searches[i].page != nullptr && searches[i].exact) {
        out[begin + i] = take(searches[i].page, searches[i].entry);
      }
    }
  }
}

bool TreeReader::ask_for_leaves(std::span<const std::string_view> keys) const {
  bool sound = readable_;
  for (size_t begin = 0; begin < keys.size() && depth_ > 0; begin += kSearchesInFlight) {
    const auto part = keys.subspan(begin, std::min(kSearchesInFlight, keys.size() - begin));
    std::array<Search, kSearchesInFlight> held;
    const std::span<Search> searches(held.data(), part.size());
    walk(part, searches, For::changing);
    const char* last = nullptr;
    for (const Search& search : searches) {
      if (search.page == nullptr || search.page == last) continue;
      last = search.page;
      ask_for(search.page, map_.page_bytes);
    }
    sound = sound && may_change(searches, part);
  }
  return sound;
}

// Whether the entries lie on their page, in order, and take what the header says: else LMDB would
// search past one, or find other room than there is.
bool TreeReader::adds_up(const char* page, bool leaf) const {
  const size_t count = entry_count(page);
  size_t upper = map_.page_bytes;
  std::string_view last;
  for (size_t e = 0; e < count; ++e) {
    const auto key = key_at(page, e);
    if (!key || (leaf && entry_at(page, e).key.empty())) return false;
    if (e > 0 && *key <= last) return false;
    last = *key;
    upper -= std::min(upper, entry_bytes(key->data() - kEntryHeaderBytes, leaf));
  }
  return upper == load<uint16_t>(page + 14);
}

// Gives up the searches whose branch does not add up.
void TreeReader::check_branches(std::span<Search> searches) const {
  const char* last = nullptr;
  bool sound = true;
  for (Search& search : searches) {
    if (search.page == nullptr) continue;
    if (search.page != last) {
      last = search.page;
      const uint64_t number = static_cast<uint64_t>(last - map_.begin) / map_.page_bytes;
      sound = page_at(number, /*leaf=*/false) != nullptr && adds_up(last, /*leaf=*/false);
    }
    if (!sound) search.page = nullptr;
  }
}

// Whether all leaves are sound, and keys that stand at the end of one have no place in its
// neighbour: LMDB would believe a damaged branch, and write a second entry beside the first.
bool TreeReader::may_change(std::span<const Search> searches,
                            std::span<const std::string_view> keys) const {
  const char* last = nullptr;
  std::string_view first_key, last_key;
  for (size_t i = 0; i < keys.size(); ++i) {
    const char* page = searches[i].page;
    if (page == nullptr) return false;
    if (page != last) {
      last = page;
      const uint64_t number = static_cast<uint64_t>(page - map_.begin) / map_.page_bytes;
      if (page_at(number, /*leaf=*/true) == nullptr) return false;
      if (!adds_up(page, /*leaf=*/true)) return false;
      first_key = *key_at(page, 0);
      last_key = *key_at(page, entry_count(page) - 1);
    } else if (keys[i] > last_key && keys[i - 1] > last_key) {
      continue;  // at the same end as the key before it
    }
    if (first_key <= keys[i] && keys[i] <= last_key) continue;
    TreeCursor cursor(*this);
    if (!cursor.seek(keys[i]) || !cursor.previous()) return false;
  }
  return true;
}

bool TreeReader::in_range(const char* page, bool leaf, const KeySpan& range) const {
  const auto first = key_at(page, leaf ? 0 : 1), last = key_at(page, entry_count(page) - 1);
  return first && last && range.holds(*first) && range.holds(*last);
}

std::optional<uint64_t> TreeReader::damaged_page() const {
  if (depth_ == 0) return readable_ ? std::nullopt : std::optional<uint64_t>(0);
  return damaged_below(root_, 1, {});
}

std::optional<uint64_t> TreeReader::damaged_below(uint64_t number, uint32_t level,
                                                  const KeySpan& range) const {
  const bool leaf = level == depth_;
  const char* page = page_at(number, leaf);
  if (page == nullptr) return number;
  const size_t count = entry_count(page);
  std::string_view last = range.lower;
  for (size_t i = 0; i < count; ++i) {
    const auto key = key_at(page, i), next = i + 1 < count ? key_at(page, i + 1) : range.upper;
    if (!key || !next) return number;
    // The first key of a branch counts as before all others.
    const bool counts = leaf || i > 0;
    if (counts && (!range.holds(*key) || *key < last || (leaf && i > 0 && *key == last))) {
      return number;
    }
    if (counts) last = *key;
    if (leaf) {
      if (entry_at(page, i).key.empty()) return number;
      continue;
    }
    const auto damaged = damaged_below(*child_at(page, i), level + 1, {last, *next});
    if (damaged) return damaged;
  }
  return std::nullopt;
}

void TreeReader::walk(std::span<const std::string_view> keys, std::span<Search> searches,
                      For purpose) const {
  // The way that the first and the last key have in common is that of all between.
  std::array<Search, 2> ends;
  ends[0].key = keys.front();
  ends[1].key = keys.back();
  if (!enter(ends[0], root_) || !enter(ends[1], root_)) return;
  Search common = ends[0];
  uint32_t level = 1;
  for (; level < depth_; ++level) {
    if (purpose == For::changing) check_branches(ends);
    find_level(ends, /*leaf=*/false);
    descend(ends, /*to_leaf=*/level + 1 == depth_);
    if (ends[0].page == nullptr || ends[0].page != ends[1].page) break;
    common.page = ends[0].page;
    common.lower = ends[0].lower;
    common.upper = ends[0].exact ? ends[1].upper : ends[0].upper;
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    searches[i].key = keys[i];
    searches[i].page = common.page;
    searches[i].lower = common.lower;
    searches[i].upper = common.upper;
  }
  for (; level < depth_; ++level) {
    if (purpose == For::changing) check_branches(searches);
    find_level(searches, /*leaf=*/false);
    descend(searches, /*to_leaf=*/level + 1 == depth_);
  }
}

}  // namespace qw::storage
