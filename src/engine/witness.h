#pragma once

#include <filesystem>

namespace converge::engine {

/// Sends where the journal ends now to the system log, as `journal FILE head SEQ HASH`: a witness
/// outside of the file, which `converge journal verify --head SEQ:HASH` is compared with. Where
/// there is no system log, nothing happens; an unreadable journal is told by whoever writes it.
void witness_head(const std::filesystem::path& journal);

}  // namespace converge::engine
