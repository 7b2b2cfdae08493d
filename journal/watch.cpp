#include "journal/watch.h"

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <poll.h>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace converge::journal {

Watch::Watch(const std::filesystem::path& file)
    : name_(file.filename()),
      descriptor_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      interrupted_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  // The directory, as the files in it come and go.
  const std::filesystem::path directory = file.has_parent_path() ? file.parent_path() : ".";
  if (descriptor_ >= 0 && interrupted_ >= 0 &&
      inotify_add_watch(descriptor_, directory.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO) >= 0) {
    return;
  }
  const int reason = errno;
  if (descriptor_ >= 0) close(descriptor_);
  if (interrupted_ >= 0) close(interrupted_);
  throw Error(
      ErrorKind::failure,
      fmt::format("cannot watch {} for new entries: {}", file.string(), system_reason(reason)),
      "fs.inotify.max_user_instances and max_user_watches bound what may be watched.");
}

Watch::~Watch() {
  close(descriptor_);
  close(interrupted_);
}

void Watch::interrupt() {
  const std::uint64_t one = 1;
  // It is full only when it is interrupted already.
  [[maybe_unused]] const auto written = write(interrupted_, &one, sizeof one);
}

/// Whether any of them was of the journal.
bool Watch::take_changes() {
  bool any = false;
  alignas(inotify_event) std::array<char, 16 * 1024> events{};
  while (true) {
    const auto size = read(descriptor_, events.data(), events.size());
    if (size <= 0) return any;
    for (std::size_t place = 0; place < static_cast<std::size_t>(size);) {
      const auto* event = reinterpret_cast<const inotify_event*>(events.data() + place);
      const std::string_view name = event->len > 0 ? event->name : "";
      any = any || (event->mask & IN_Q_OVERFLOW) != 0 || name == name_ || name == name_ + "-wal";
      place += sizeof(inotify_event) + event->len;
    }
  }
}

void Watch::wait(std::chrono::milliseconds at_most) {
  const auto deadline = Clock::now() + at_most;
  while (!take_changes()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return;
    std::array<pollfd, 2> sources = {pollfd{.fd = descriptor_, .events = POLLIN, .revents = 0},
                                     pollfd{.fd = interrupted_, .events = POLLIN, .revents = 0}};
    poll(sources.data(), sources.size(), static_cast<int>(std::min<std::int64_t>(left, 3'600'000)));
    std::uint64_t count = 0;
    if (read(interrupted_, &count, sizeof count) > 0) return;
  }
}

}  // namespace converge::journal
