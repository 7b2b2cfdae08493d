#pragma once

#include "src/base/error.h"

#include <chrono>
#include <cstddef>

namespace converge::engine {

/// What to do with a chunk that failed.
enum class Verdict {
  retry,    ///< Nobody's fault: the same again, after a pause.
  halve,    ///< One of its subjects is the reason: try each half.
  isolate,  ///< It is this one subject: record its failure and go on with the others.
  give_up,  ///< Other subjects would fare no better: the pass fails.
};

/// `attempt` counts from 1; `halved` says whether the chunk is part of one that failed before.
///
/// Data errors, and rows that another session keeps locked, are the subject's; a deadlock, a
/// serialization failure or a lost connection is nobody's; anything else (a missing table, a
/// missing right, a statement timeout) is the pass's.
Verdict judge(const Error& error, std::size_t subjects, int attempt, bool halved);

/// How long to wait before the next attempt: exponential with jitter, 50 ms to 5 s.
std::chrono::milliseconds backoff(int attempt);

}  // namespace converge::engine
