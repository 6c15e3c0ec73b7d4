// TreeCursor: see tree_cursor.h.
#include "storage/lmdb/tree_cursor.h"

namespace qw::storage {

bool TreeCursor::fail() {
  depth_ = 0;
  entry_ = {};
  return false;
}

bool TreeCursor::enter(uint64_t number, const KeySpan& range) {
  const bool leaf = depth_ + 1 == tree_.depth();
  const char* page = tree_.page_at(number, leaf);
  if (page == nullptr || !tree_.in_range(page, leaf, range)) return fail();
  levels_[depth_++] = {page, 0, TreeReader::entry_count(page), range};
  return true;
}

bool TreeCursor::descend() {
  const Level& above = levels_[depth_ - 1];
  KeySpan range = above.range;
  if (above.index > 0) {
    const auto lower = tree_.key_at(above.page, above.index);
    if (!lower) return fail();
    range.lower = *lower;
  }
  if (above.index + 1 < above.count) {
    const auto upper = tree_.key_at(above.page, above.index + 1);
    if (!upper) return fail();
    range.upper = *upper;
  }
  const auto child = tree_.child_at(above.page, above.index);
  return child ? enter(*child, range) : fail();
}

bool TreeCursor::take() {
  const Level& leaf = levels_[depth_ - 1];
  entry_ = tree_.entry_at(leaf.page, leaf.index);
  return !entry_.key.empty() || fail();
}

bool TreeCursor::seek(std::string_view key) {
  depth_ = 0;
  entry_ = {};
  if (tree_.depth() == 0) return tree_.readable();
  if (!enter(tree_.root(), {})) return false;
  while (true) {
    Level& level = levels_[depth_ - 1];
    const bool leaf = depth_ == tree_.depth();
    // Entries before `low` are less than the key (of a branch: not greater), from `high` on not.
    size_t low = leaf ? 0 : 1, high = level.count;
    while (low < high) {
      const size_t middle = (low + high) / 2;
      const auto found = tree_.key_at(level.page, middle);
      if (!found) return fail();
      const bool before = leaf ? *found < key : *found <= key;
      (before ? low : high) = before ? middle + 1 : middle;
    }
    level.index = leaf ? low : low - 1;
    if (leaf) break;
    if (!descend()) return false;
  }
  Level& leaf = levels_[depth_ - 1];
  if (leaf.index < leaf.count) return take();
  --leaf.index;  // the last one: less than the key
  return next();
}

bool TreeCursor::next() {
  if (depth_ == 0) return true;
  uint32_t level = depth_;
  while (level > 0 && levels_[level - 1].index + 1 >= levels_[level - 1].count) --level;
  if (level == 0) {
    levels_[depth_ - 1].index = levels_[depth_ - 1].count;  // at the end, whence one can go back
    entry_ = {};
    return true;
  }
  depth_ = level;
  ++levels_[depth_ - 1].index;
  while (depth_ < tree_.depth()) {
    if (!descend()) return false;
  }
  return take();
}

bool TreeCursor::previous() {
  if (depth_ == 0) return true;
  uint32_t level = depth_;
  while (level > 0 && levels_[level - 1].index == 0) --level;
  if (level == 0) {
    depth_ = 0;
    entry_ = {};
    return true;
  }
  depth_ = level;
  --levels_[depth_ - 1].index;
  while (depth_ < tree_.depth()) {
    if (!descend()) return false;
    levels_[depth_ - 1].index = levels_[depth_ - 1].count - 1;
  }
  return take();
}

}  // namespace qw::storage
