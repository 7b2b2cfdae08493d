#pragma once

#include "journal/entry.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace converge::journal {

/// A person says how a transaction (or an attempt) ended whose outcome is `unknown`: appends a
/// second outcome entry with `{"reason":REASON}`, durably, and returns its seq. From then on that
/// one counts everywhere. Throws `Error{usage}` for anything but `committed` and `rolled_back`, for
/// an entry that is no transaction, and for one whose outcome is another than `unknown`.
std::int64_t settle(const std::filesystem::path& file, const std::string& actor, std::int64_t txn,
                    Outcome outcome, const std::string& reason);

}  // namespace converge::journal
