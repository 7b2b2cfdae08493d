#pragma once

#include <filesystem>

namespace converge::updater {

/// Makes a new file look like the one that it will take the place of: owner, mode (with its set-id
/// bits), POSIX ACL, capabilities, security label and every other extended attribute that can be
/// listed. What the new file got from its directory alone, such as a default ACL, goes.
///
/// `security.ima` and `security.evm` are made of the content, and are not copied. A label is passed
/// over where the file system has none. Anything else that cannot be kept is `Error{failure}`,
/// which names it. `from` and `to` are open descriptors, for reading at least; `path`, of `to`, is
/// for the message.
void copy_file_attributes(int from, int to, const std::filesystem::path& path);

}  // namespace converge::updater
