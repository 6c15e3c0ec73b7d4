// EpochLoop::Turns: one epoch in which views are worked out one after the other; epoch_turns.cc.
#pragma once

#include "src/engine/epoch_loop.h"

namespace qw::engine {

class EpochLoop::Turns final : public views::ViewTurns {
 public:
  // `deltas`: what items have changed, and later what views have that others read. `encoded` gets
  // the rest. Both must live as long.
  Turns(EpochLoop& loop, Deltas& deltas, Encoded& encoded)
      : loop_(loop), deltas_(deltas), encoded_(encoded) {}
  void begin(ObjectId view) override;
  void end(ObjectId view) override;

 private:
  void push(ObjectId relation, ObjectId reader);

  EpochLoop& loop_;
  Deltas& deltas_;
  Encoded& encoded_;
};

}  // namespace qw::engine
