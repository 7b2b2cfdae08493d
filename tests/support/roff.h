#pragma once

#include <string>
#include <vector>

namespace converge::tests {

/// A line of a page's source as it is shown: what the escapes of roff(7) that the pages use stand
/// for.
std::string shown(std::string text);

/// The words of a line, each as it is shown.
std::vector<std::string> words_of(const std::string& line);

}  // namespace converge::tests
