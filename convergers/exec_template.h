#pragma once

#include "convergers/comment_block.h"
#include "convergers/pieces.h"

#include <vector>

namespace converge::convergers {

/// A program and its arguments, with references in them. There is never a shell.
using ExecTemplate = std::vector<Pieces>;

/// Splits lines into arguments at blanks and line ends; `'…'` and `"…"` keep blanks, and have no
/// escapes. Columns are found afterwards, so that no value ever becomes two arguments. Throws the
/// source's error, also for a variable, whose value every process of the host could read, and for
/// a program that is neither an absolute path nor a name to be looked up in PATH.
ExecTemplate compile_exec(const SourceText& source, const std::vector<BlockLine>& lines);

}  // namespace converge::convergers
