#pragma once

#include "src/engine/pass_state.h"

namespace converge::engine {

/// Journals a pass that did, failed or was stopped, giving `result` its id, and remembers when the
/// last one was. Throws when the journal cannot be written.
void note_pass(PassState& state, PassResult& result);

}  // namespace converge::engine
