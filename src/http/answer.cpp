#include "src/http/answer.h"

#include "src/base/text.h"

#include <algorithm>
#include <charconv>

namespace converge::http {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw HttpError(ErrorKind::transient, message);
}

[[noreturn]] void throw_too_large() {
  refuse("answer larger than " + std::to_string(HttpAnswerReader::kMaxBody / 1024) + " KiB");
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
  if (of_head_request || head.status == 204 || head.status == 304) return {};
  if (const auto coding = head.value("transfer-encoding")) {
    if (!head.lists("transfer-encoding", "chunked") || coding->find(',') != std::string::npos) {
      refuse("an answer in a transfer coding that nobody asked for");
    }
    return read_chunks();
  }
  if (const auto length = head.content_length()) {
    if (*length > kMaxBody) throw_too_large();
    std::string body;
    read_exactly(body, *length);
    return body;
  }
  delimited_ = false;
  if (head.minor_version > 0 && !head.lists("connection", "close")) {
    refuse("an answer that does not say where it ends");
  }
  return read_until_end();
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

void HttpAnswerReader::read_exactly(std::string& body, std::size_t size_bytes) {
  const std::size_t whole = body.size() + size_bytes;
  while (body.size() < whole) {
    if (!has_rest() && !fill()) {
      throw_truncated("after " + std::to_string(body.size()) + " of " + std::to_string(whole) +
                      " bytes");
    }
    const auto taken = std::min(end_ - begin_, whole - body.size());
    body.append(buffer_.data() + begin_, taken);
    begin_ += taken;
  }
}

std::size_t HttpAnswerReader::read_chunk_size() {
  const std::string line = read_line();
  std::size_t size_bytes = 0;
  const auto* const end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data(), end, size_bytes, 16);
  if (error == std::errc::result_out_of_range) throw_too_large();
  if (error != std::errc() || (stop != end && *stop != ';' && *stop != ' ' && *stop != '\t')) {
    refuse("an answer in chunks, one of which has no size");
  }
  return size_bytes;
}

std::string HttpAnswerReader::read_chunks() {
  std::string body;
  for (;;) {
    if (!has_rest() && !fill()) {
      throw_truncated("after " + std::to_string(body.size()) + " bytes, before the last chunk");
    }
    const auto size_bytes = read_chunk_size();
    if (size_bytes == 0) break;
    if (size_bytes > kMaxBody - body.size()) throw_too_large();
    read_exactly(body, size_bytes);
    if (!read_line().empty()) refuse("an answer in chunks, one of which is longer than it said");
  }
  while (!read_line().empty()) {  // Trailers.
  }
  return body;
}

std::string HttpAnswerReader::read_until_end() {
  std::string body;
  while (has_rest() || fill()) {
    body.append(buffer_.data() + begin_, end_ - begin_);
    begin_ = end_;
    if (body.size() > kMaxBody) throw_too_large();
  }
  if (!lost_.empty()) throw_truncated("after " + std::to_string(body.size()) + " bytes");
  return body;
}

void HttpAnswerReader::throw_truncated(const std::string& where) const {
  refuse("answer truncated " + where + (lost_.empty() ? "" : ": " + lost_));
}

}  // namespace converge::http
