#pragma once

#include <cstddef>
#include <string_view>

namespace converge::cli {

/// Columns that text takes on a terminal, a code point each.
std::size_t columns_of(std::string_view text);

}  // namespace converge::cli
