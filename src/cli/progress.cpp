#include "src/cli/progress.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <unistd.h>

namespace converge::cli {

namespace {

constexpr std::chrono::milliseconds kMoment{400};
constexpr std::chrono::milliseconds kInterval{100};
constexpr std::int64_t kBarWidth = 30;

}  // namespace

Progress::Progress(std::string title)
    : title_(std::move(title)),
      enabled_(isatty(STDERR_FILENO) != 0),
      started_(Clock::now()),
      last_(started_ + kMoment - kInterval) {}

Progress::~Progress() { clear(); }

void Progress::show(std::int64_t done, std::int64_t total) {
  if (!enabled_ || total <= 0) return;
  const auto now = Clock::now();
  if (now - last_ < kInterval) return;
  last_ = now;
  shown_ = true;
  const auto full = static_cast<std::size_t>(std::min(done, total) * kBarWidth / total);
  const double seconds = std::chrono::duration<double>(now - started_).count();
  const double left =
      done == 0 ? 0 : seconds / static_cast<double>(done) * static_cast<double>(total - done);
  std::fputs(
      fmt::format("\r\x1b[K{} [{}{}] {}/{}  {:.0f}/s  {:.0f}s left", title_, std::string(full, '#'),
                  std::string(static_cast<std::size_t>(kBarWidth) - full, '.'), done, total,
                  static_cast<double>(done) / seconds, left)
          .c_str(),
      stderr);
  std::fflush(stderr);
}

void Progress::clear() {
  if (!shown_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace converge::cli
