#pragma once

#include "src/http/connection.h"
#include "src/http/deadline.h"
#include "src/http/head.h"
#include "src/http/pace.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace converge::http {

/// Reads one answer off a connection, and knows where it ends (RFC 9112, section 6).
///
/// Poco's reader cannot tell: a body that breaks off, by length or by chunks, is a clean end to it.
///
/// Throws `ConnectionLost` while nothing has come, `HttpTruncated` when it breaks off after that,
/// otherwise `HttpError`.
class HttpAnswerReader {
 public:
  using Sink = std::function<void(std::string_view piece)>;

  static constexpr std::size_t kMaxBody = 64 * 1024;
  /// Of all that is not body: heads, sizes of chunks, trailers.
  static constexpr std::size_t kMaxFraming = 64 * 1024;

  /// All outlive this. `pace` may be null.
  HttpAnswerReader(HttpConnection& connection, const HttpDeadline& deadline,
                   HttpPace* pace = nullptr)
      : connection_(connection), deadline_(deadline), pace_(pace) {}

  /// Heads of status 1xx are passed over.
  HttpHead read_head();
  std::string read_body(const HttpHead& head, bool of_head_request);
  /// The same, in pieces as they come. A body that is larger is an error, before or after its first
  /// `limit_bytes`.
  void read_body(const HttpHead& head, bool of_head_request, std::uint64_t limit_bytes,
                 const Sink& sink);

  /// After the body: whether the connection may serve another request.
  bool leaves_usable(const HttpHead& head) const;

  /// Whether more has come than was read.
  bool has_rest() const { return begin_ < end_; }

 private:
  bool fill();
  std::string read_line();
  void read_chunks(std::uint64_t limit_bytes, const Sink& sink);
  void read_until_end(std::uint64_t limit_bytes, const Sink& sink);
  /// Exactly that many bytes.
  void read_exactly(std::uint64_t size_bytes, const Sink& sink);
  /// The size of the next chunk, whose line has come.
  std::uint64_t read_chunk_size(std::uint64_t limit_bytes);
  /// At most that many of the bytes that have come.
  void give(std::uint64_t most_bytes, const Sink& sink);
  [[noreturn]] void throw_truncated(const std::string& where) const;

  HttpConnection& connection_;
  const HttpDeadline& deadline_;
  HttpPace* pace_;
  std::array<char, 8 * 1024> buffer_{};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t framing_bytes_ = 0;
  std::uint64_t body_bytes_ = 0;
  bool delimited_ = true;
  std::string lost_;  ///< Why the connection broke, when it did not end properly.
};

}  // namespace converge::http
