#pragma once

#include "convergers/comment_block.h"
#include "convergers/pieces.h"

#include <cstddef>
#include <string>
#include <vector>

namespace converge::convergers {

/// An HTTP request with references in it, written as in `.http` files: `METHOD URL`, headers, an
/// empty line, the body.
struct HttpTemplate {
  struct Header {
    std::string name;
    Pieces value;
  };
  std::string method;
  Pieces url;
  std::vector<Header> headers;
  Pieces body;
};

/// Understands the lines of a request. Throws the source's error for what could not be sent, or
/// could be sent to another host than the author meant: columns cannot stand in the scheme, the
/// host or the port, and neither references in the method or the name of a header.
HttpTemplate compile_http(const SourceText& source, const std::vector<BlockLine>& lines);

}  // namespace converge::convergers
