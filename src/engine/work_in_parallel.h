#pragma once

#include "src/engine/listing.h"
#include "src/engine/pass_state.h"

namespace converge::engine {

/// Converges the chunks of a listing, as many at once as the definition says; `commits` as in
/// `ChunkWorker`. Throws the first error, once all workers have ended.
///
/// More workers than chunks may be at work in the server: while the steps of those run, one writes
/// its chunk's record to the journal and, where several are at work, another waits for its COMMIT.
void work_in_parallel(PassState& state, Listing& listing, bool commits);

}  // namespace converge::engine
