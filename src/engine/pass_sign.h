#pragma once

#include "src/engine/pass.h"

namespace converge::engine {

/// What a pass says of the build that ran it.
enum class PassSign {
  well,
  badly,    ///< It failed as a whole, or did nothing but fail.
  neither,  ///< Somebody else was at it, it was interrupted, or a connection or a lock was not had.
};

/// The sign of a pass. Whoever judges a build on trial, be it the daemon or a `run`, goes by it.
PassSign sign_of(const PassResult& result);

}  // namespace converge::engine
