#pragma once

#include "src/http/connection.h"
#include "src/http/deadline.h"
#include "src/http/head.h"

#include <array>
#include <cstddef>
#include <string>

namespace converge::http {

/// Reads one answer off a connection, and knows where it ends (RFC 9112, section 6).
///
/// Poco's reader cannot tell: a body that breaks off, by length or by chunks, is a clean end to it.
///
/// Throws `ConnectionLost` while nothing has come, otherwise `HttpError`.
class HttpAnswerReader {
 public:
  static constexpr std::size_t kMaxBody = 64 * 1024;
  /// Of all that is not body: heads, sizes of chunks, trailers.
  static constexpr std::size_t kMaxFraming = 64 * 1024;

  /// Both outlive this.
  HttpAnswerReader(HttpConnection& connection, const HttpDeadline& deadline)
      : connection_(connection), deadline_(deadline) {}

  /// Heads of status 1xx are passed over.
  HttpHead read_head();
  std::string read_body(const HttpHead& head, bool of_head_request);

  /// After the body: whether the connection may serve another request.
  bool leaves_usable(const HttpHead& head) const;

  /// Whether more has come than was read.
  bool has_rest() const { return begin_ < end_; }

 private:
  bool fill();
  std::string read_line();
  std::string read_chunks();
  std::string read_until_end();
  /// Appends exactly that many bytes.
  void read_exactly(std::string& body, std::size_t size_bytes);
  /// The size of the next chunk, whose line has come.
  std::size_t read_chunk_size();
  [[noreturn]] void throw_truncated(const std::string& where) const;

  HttpConnection& connection_;
  const HttpDeadline& deadline_;
  std::array<char, 8 * 1024> buffer_{};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t framing_bytes_ = 0;
  bool delimited_ = true;
  std::string lost_;  ///< Why the connection broke, when it did not end properly.
};

}  // namespace converge::http
