#pragma once

#include "src/base/error.h"

#include <string>
#include <string_view>

namespace converge::postgres {

/// Makes an `Error` from the exception that is being handled. `place` says where it was connected.
/// Must be called from a catch block.
Error current_error(std::string_view place);

/// The same from PostgreSQL's own words (`ERROR:  ...`, `DETAIL:  ...`) and the SQLSTATE.
Error server_error(std::string_view message, const std::string& sqlstate);

/// Why connecting failed, with what to do about it.
Error connect_error(std::string_view message, const std::string& sqlstate);

}  // namespace converge::postgres
