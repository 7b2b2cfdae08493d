#pragma once

#include "src/engine/pass_state.h"

namespace converge::engine {

/// A subject that is corrected again and again is one that somebody else undoes each time: a fight.
/// It is told, as a failure, and goes into quarantine.

/// Before a pass over all subjects: those that each of the passes just before has corrected make a
/// fight when this one corrects them too.
void suspect_fights(PassState& state);

/// After a pass that went through. One that was narrowed, or is over a shard, is no step of a
/// series: what it corrected makes a fight when that was corrected as often within minutes.
void tell_fights(PassState& state);

}  // namespace converge::engine
