#pragma once

#include "src/daemon/schedule.h"
#include "src/engine/pass.h"

#include <string>

namespace converge::daemon {

/// Tells one pass to the log: a line when it changed something, failed or was stopped; none when it
/// found nothing to do. Subjects that fail are told one by one, the first of them.
class PassLog {
 public:
  explicit PassLog(const Unit& unit) : unit_(unit) {}

  engine::PassObserver observer();
  void result(const Job& job, const engine::PassResult& result) const;

 private:
  const Unit& unit_;
  int failures_ = 0;
};

}  // namespace converge::daemon
