#include "updater/download.h"

#include "src/base/text.h"

#include <Poco/String.h>
#include <fmt/format.h>

#include <limits>

namespace converge::updater {
namespace {

constexpr int kWhole = 200;
constexpr int kRest = 206;
constexpr int kNoSuchRange = 416;

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorKind::failure, message,
              "Publish the build anew, under a number of its own, if its file was changed.");
}

}  // namespace

std::vector<std::pair<std::string, std::string>> Download::headers() const {
  std::vector<std::pair<std::string, std::string>> headers{{"Accept-Encoding", "identity"}};
  if (part_.size_bytes() > 0) {
    headers.emplace_back("Range", fmt::format("bytes={}-", part_.size_bytes()));
  }
  return headers;
}

std::optional<std::uint64_t> Download::begin(const http::HttpHead& head) {
  const bool resumes = part_.size_bytes() > 0;
  if (resumes && (head.status == kNoSuchRange || (head.status == kRest && !fits(head)))) {
    stale_ = true;
    return std::nullopt;
  }
  if (head.status != kWhole && !(resumes && head.status == kRest)) {
    throw status_trouble(head.status);
  }
  require_plain_coding(head);
  if (head.status == kWhole) {
    const auto length = head.content_length();
    if (length && *length != static_cast<std::uint64_t>(artifact_.size_bytes)) {
      refuse(
          fmt::format("{} bytes are offered, the manifest says {}", *length, artifact_.size_bytes));
    }
    if (resumes) start_over();
  }
  pieced_ = pieced_ || part_.size_bytes() > 0;
  report();
  return std::numeric_limits<std::uint64_t>::max();  // `take` knows better.
}

void Download::take(std::string_view piece) {
  if (piece.size() > static_cast<std::uint64_t>(part_.whole_bytes() - part_.size_bytes())) {
    part_.remove();
    refuse(fmt::format("more than the {} bytes of which the manifest says", part_.whole_bytes()));
  }
  part_.append(piece);
  report();
}

void Download::start_over() {
  part_.restart();
  part_.reserve();  // It has given back what it had.
  stale_ = pieced_ = false;
}

void Download::report() const {
  if (progress_) progress_(part_.size_bytes(), part_.whole_bytes());
}

/// Whether it announces exactly what the part lacks.
bool Download::fits(const http::HttpHead& head) const {
  const auto range = head.value("content-range");
  const auto announced = fmt::format("bytes {}-{}/", part_.size_bytes(), part_.whole_bytes() - 1);
  if (!range || !range->starts_with(announced)) return false;
  const auto total = range->substr(announced.size());
  const auto rest = static_cast<std::uint64_t>(part_.whole_bytes() - part_.size_bytes());
  return (total == "*" || total == std::to_string(part_.whole_bytes())) &&
         head.content_length().value_or(rest) == rest;
}

Error status_trouble(int status) {
  const auto message = fmt::format("status {}", status);
  if (status == 429 || status >= 500) return {ErrorKind::transient, message};
  if (status == 404) {
    return {ErrorKind::failure, message, "See whether the URL and the channel are right."};
  }
  return {ErrorKind::failure, message};
}

void require_plain_coding(const http::HttpHead& head) {
  const auto coding = head.value("content-encoding");
  if (coding && Poco::icompare(*coding, "identity") != 0) {
    throw Error(ErrorKind::failure, "an answer in a content coding that nobody asked for",
                "Let the server send the files of releases as they are.");
  }
}

}  // namespace converge::updater
