#include "src/http/pace.h"

#include "src/base/text.h"

namespace converge::http {

void HttpPace::received(std::size_t bytes) {
  bytes_ += bytes;
  const auto now = Clock::now();
  if (now - since_ < bounds_.window) return;
  if (bytes_ < bounds_.least_bytes) {
    throw HttpError(ErrorKind::transient, "too slow: no more than " +
                                              counted(static_cast<std::int64_t>(bytes_), "byte") +
                                              " within " + format_duration(bounds_.window));
  }
  since_ = now;
  bytes_ = 0;
}

}  // namespace converge::http
