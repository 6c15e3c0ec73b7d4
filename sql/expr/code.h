// Code: what a Program is compiled to.
//
// Registers are vectors: input columns first, then constants, parameters and outer columns, then
// one per instruction. Arguments that may not be evaluated for every row (the later ones of AND,
// OR, CASE, COALESCE) are blocks of their own, run over a narrowed selection; everything else
// stands in the enclosing block, once. Immutable after compilation. Tests:
// tests/unit/sql_expr/program_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "sql/expr/in_list.h"
#include "sql/program.h"

namespace qw::sql {

struct Instruction;

struct Block {
  std::vector<Instruction> instructions;
  uint32_t result = 0;     // register
  bool infallible = true;  // none of its instructions can fail
};

struct Instruction {
  ExprKind kind = ExprKind::call;
  Type type;
  const Function* function = nullptr;
  uint32_t out = 0;
  uint32_t index = 0;  // field
  bool all = false;    // array_op
  uint32_t cache = 0;  // call site
  std::vector<uint32_t> args;
  std::vector<Block> blocks;
  std::unique_ptr<const InList> list;
};

// Memory of call sites between batches; one thread at a time.
struct Scratch {
  std::vector<std::shared_ptr<void>> caches;
};

struct Program::Code {
  struct Load {
    uint32_t reg = 0, index = 0, depth = 0;
    Type type;
  };

  ~Code() { delete spare.load(); }

  uint32_t inputs = 0;
  uint32_t registers = 0;
  uint32_t call_sites = 0;
  Arena arena{256};  // bytes of constants; VALUES has a program per row
  std::vector<std::pair<uint32_t, Vector>> constants;
  std::vector<Load> parameters, outers;
  std::vector<Load> relabels;  // input columns under another type of the same layout: int4 as oid
  Block block;
  std::vector<uint32_t> outputs;  // registers
  // A run takes the scratch that the last run gave back, or makes one.
  mutable std::atomic<Scratch*> spare{nullptr};

  Scratch* take_scratch() const;
  void give_back(Scratch* scratch) const;
};

}  // namespace qw::sql
