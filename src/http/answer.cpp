#include "src/http/answer.h"

#include "src/base/text.h"

#include <algorithm>
#include <charconv>

namespace converge::http {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw HttpError(ErrorKind::transient, message);
}

[[noreturn]] void throw_too_large(std::uint64_t limit_bytes) {
  const bool even = limit_bytes > 0 && limit_bytes % 1024 == 0;
  refuse("answer larger than " + (even ? std::to_string(limit_bytes / 1024) + " KiB"
                                       : counted(static_cast<std::int64_t>(limit_bytes), "byte")));
}

}  // namespace

HttpHead HttpAnswerReader::read_head() {
  for (;;) {
    HttpHead head = parse_status_line(read_line());
    for (std::string line = read_line(); !line.empty(); line = read_line()) {
      add_header_line(head, line);
    }
    if (head.status >= 200) return head;
    if (head.status == 101) refuse("the server changes to a protocol that nobody asked for");
  }
}

std::string HttpAnswerReader::read_body(const HttpHead& head, bool of_head_request) {
  std::string body;
  read_body(head, of_head_request, kMaxBody, [&](std::string_view piece) { body.append(piece); });
  return body;
}

void HttpAnswerReader::read_body(const HttpHead& head, bool of_head_request,
                                 std::uint64_t limit_bytes, const Sink& sink) {
  if (of_head_request || head.status == 204 || head.status == 304) return;
  if (const auto coding = head.value("transfer-encoding")) {
    if (!head.lists("transfer-encoding", "chunked") || coding->find(',') != std::string::npos) {
      refuse("an answer in a transfer coding that nobody asked for");
    }
    return read_chunks(limit_bytes, sink);
  }
  if (const auto length = head.content_length()) {
    if (*length > limit_bytes) throw_too_large(limit_bytes);
    return read_exactly(*length, sink);
  }
  delimited_ = false;
  if (head.minor_version > 0 && !head.lists("connection", "close")) {
    refuse("an answer that does not say where it ends");
  }
  read_until_end(limit_bytes, sink);
}

bool HttpAnswerReader::leaves_usable(const HttpHead& head) const {
  return delimited_ && !has_rest() && head.minor_version > 0 && !head.lists("connection", "close");
}

bool HttpAnswerReader::fill() {
  begin_ = end_ = 0;
  try {
    end_ = connection_.read(buffer_, deadline_);
  } catch (const ConnectionLost& error) {
    if (connection_.bytes_received() == 0) throw;
    lost_ = error.what();
  }
  if (end_ == 0 && connection_.bytes_received() == 0) {
    throw ConnectionLost(ErrorKind::transient, "the connection ended without an answer");
  }
  if (pace_ != nullptr) pace_->received(end_);
  return end_ > 0;
}

std::string HttpAnswerReader::read_line() {
  std::string line;
  for (;;) {
    if (!has_rest() && !fill()) throw_truncated("in its head");
    const auto* const first = buffer_.data() + begin_;
    const auto* const last = buffer_.data() + end_;
    const auto* const stop = std::find(first, last, '\n');
    const auto taken = static_cast<std::size_t>(stop - first) + (stop != last ? 1 : 0);
    line.append(first, stop);
    begin_ += taken;
    framing_bytes_ += taken;
    if (framing_bytes_ > kMaxFraming) {
      refuse("answer with headers larger than " + std::to_string(kMaxFraming / 1024) + " KiB");
    }
    if (stop != last) break;
  }
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

void HttpAnswerReader::read_exactly(std::uint64_t size_bytes, const Sink& sink) {
  const auto whole = body_bytes_ + size_bytes;
  while (body_bytes_ < whole) {
    if (!has_rest() && !fill()) {
      throw_truncated("after " + std::to_string(body_bytes_) + " of " + std::to_string(whole) +
                      " bytes");
    }
    give(whole - body_bytes_, sink);
  }
}

void HttpAnswerReader::give(std::uint64_t most_bytes, const Sink& sink) {
  const auto taken = std::min<std::uint64_t>(end_ - begin_, most_bytes);
  sink({buffer_.data() + begin_, taken});
  begin_ += taken;
  body_bytes_ += taken;
}

std::uint64_t HttpAnswerReader::read_chunk_size(std::uint64_t limit_bytes) {
  const std::string line = read_line();
  std::uint64_t size_bytes = 0;
  const auto* const end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data(), end, size_bytes, 16);
  if (error == std::errc::result_out_of_range) throw_too_large(limit_bytes);
  if (error != std::errc() || (stop != end && *stop != ';' && *stop != ' ' && *stop != '\t')) {
    refuse("an answer in chunks, one of which has no size");
  }
  if (size_bytes > limit_bytes - body_bytes_) throw_too_large(limit_bytes);
  return size_bytes;
}

void HttpAnswerReader::read_chunks(std::uint64_t limit_bytes, const Sink& sink) {
  for (;;) {
    if (!has_rest() && !fill()) {
      throw_truncated("after " + std::to_string(body_bytes_) + " bytes, before the last chunk");
    }
    const auto size_bytes = read_chunk_size(limit_bytes);
    if (size_bytes == 0) break;
    read_exactly(size_bytes, sink);
    if (!read_line().empty()) refuse("an answer in chunks, one of which is longer than it said");
  }
  while (!read_line().empty()) {  // Trailers.
  }
}

void HttpAnswerReader::read_until_end(std::uint64_t limit_bytes, const Sink& sink) {
  while (has_rest() || fill()) {
    if (body_bytes_ == limit_bytes) throw_too_large(limit_bytes);
    give(limit_bytes - body_bytes_, sink);
  }
  if (!lost_.empty()) throw_truncated("after " + std::to_string(body_bytes_) + " bytes");
}

void HttpAnswerReader::throw_truncated(const std::string& where) const {
  throw HttpTruncated(ErrorKind::transient,
                      "answer truncated " + where + (lost_.empty() ? "" : ": " + lost_));
}

}  // namespace converge::http
