#pragma once

#include "src/base/descriptor.h"
#include "src/http/deadline.h"

#include <cstdint>
#include <string>

namespace converge::http {

/// A connected, non-blocking socket to the first address of `host` that answers. Of the time that
/// is left each address gets its share. Throws `HttpError`: for an unknown host, or why the last
/// address failed.
Descriptor connect_to(const std::string& host, std::uint16_t port, const HttpDeadline& deadline);

}  // namespace converge::http
