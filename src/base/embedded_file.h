#pragma once

#include <string_view>

namespace converge {

/// A file that the binary carries. Both are there as long as the process.
struct EmbeddedFile {
  std::string_view name;  ///< Such as man/converge-run.1.
  std::string_view content;
};

}  // namespace converge
