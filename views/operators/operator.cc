// Operator: what all operators share; see operator.h.
#include "views/operators/operator.h"

#include <algorithm>

#include <fmt/format.h>

namespace qw::views {
namespace {

// What a view may always have in an epoch, as part of the limit of the process: one with values of
// ordinary sizes does not fail because others have the memory.
constexpr uint64_t kFreePart = 16;

}  // namespace

Host::~Host() = default;

bool Host::measured(std::shared_ptr<MemoryBudget> budget, const std::function<void()>& work) {
  MemoryAccount account{std::move(budget)};
  const uint64_t limit = account.budget->process_limit();
  account.small_bytes = std::max(limit / kFreePart, MemoryAccount::kSmallBytes);
  account.taken = taken_.load(std::memory_order_relaxed);
  const auto done = MemoryScope::guard(account, [&]() -> Result<void> {
    work();
    return {};
  });
  taken_.store(account.taken, std::memory_order_relaxed);
  if (done) return true;
  fail(out_of_memory("out of memory")
           .with_detail(fmt::format("The values that the view makes do not fit into the {} MB "
                                    "that the process may have while they are made.",
                                    limit >> 20))
           .with_hint("Start the server with a larger --memory-limit, and make the view again."));
  return false;
}

Operator::~Operator() = default;

void Operator::drop_failed(Batch& batch, const Batch& input, sql::RowErrors& errors, Arena& arena) {
  if (errors.empty()) return;
  auto* bad = arena.allocate_array<bool>(input.rows);
  for (uint32_t i = 0; i < input.rows; ++i) bad[i] = false;
  for (const auto& entry : errors.entries()) {
    bad[entry.row] = true;
    host_.row_error(entry.error, input.weight(entry.row));
  }
  auto* selection = arena.allocate_array<uint16_t>(batch.size());
  uint32_t count = 0;
  for (uint32_t i = 0; i < batch.size(); ++i) {
    const uint32_t row = batch.row(i);
    if (!bad[row]) selection[count++] = static_cast<uint16_t>(row);
  }
  batch.select(selection, count);
  errors.clear();
}

}  // namespace qw::views
