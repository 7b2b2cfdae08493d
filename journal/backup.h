#pragma once

#include "journal/reader.h"

#include <cstdint>
#include <filesystem>
#include <functional>

namespace converge::journal {

/// What takes long, and how far it is.
enum class UpkeepStage { copying, verifying, deleting };
using UpkeepProgress = std::function<void(UpkeepStage, std::int64_t done, std::int64_t total)>;

/// Copies a journal as it is at one instant into `target` (mode 0600), while others write it.
///
/// It is made as TARGET.partial, verified, made durable, and only then gets its name; so `target`
/// is a whole journal or it is not there. Holds a read transaction for as long as it copies, so
/// the source's WAL grows with what is written meanwhile. The key of redacted columns, FILE.key,
/// is left out on purpose: with it, a copy could be searched.
///
/// Throws `Error{usage}` when `target` exists; `Error{failure}` when there is no space, or when the
/// copy does not verify; then nothing is left.
Verification backup(const std::filesystem::path& file, const std::filesystem::path& target,
                    const UpkeepProgress& progress = {});

/// Throws `Error{failure}` unless the journal `copy` verifies.
Verification verify_copy(const std::filesystem::path& copy, const UpkeepProgress& progress);

}  // namespace converge::journal
