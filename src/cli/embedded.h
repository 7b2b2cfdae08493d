#pragma once

#include "src/base/embedded_file.h"

#include <span>
#include <string_view>

namespace converge::cli {

/// The files that the binary carries, so that it is all that a host needs. By name, in no order
/// that means anything:
///
///     man/PAGE       a page of the manual, mdoc source
///     text/PAGE      the same as text: UTF-8, 78 columns, emphasis by overstrike
///     host/FILE      what is put on hosts, such as units
///     convergers/platform/FILE
///                    the bundled convergers
std::span<const EmbeddedFile> embedded_files();

/// The file of that name, nullptr if there is none.
const EmbeddedFile* embedded_file(std::string_view name);

}  // namespace converge::cli
