#include "src/http/pool.h"

#include <iterator>

namespace converge::http {

std::unique_ptr<HttpConnection> HttpPool::take(const std::string& place) {
  const std::lock_guard lock(mutex_);
  close_old();
  const auto found = idle_.find(place);
  if (found == idle_.end()) return nullptr;
  auto& waiting = found->second;
  while (!waiting.empty()) {
    auto connection = std::move(waiting.back().connection);
    waiting.pop_back();
    if (connection->is_quiet()) return connection;
  }
  return nullptr;
}

void HttpPool::put(const std::string& place, std::unique_ptr<HttpConnection> connection) {
  const std::lock_guard lock(mutex_);
  auto& waiting = idle_[place];
  if (waiting.size() >= kMostPerPlace) waiting.pop_front();
  waiting.push_back({std::move(connection), Clock::now()});
}

void HttpPool::clear() {
  const std::lock_guard lock(mutex_);
  idle_.clear();
}

void HttpPool::close_old() {
  const auto oldest = Clock::now() - kLongestIdle;
  for (auto place = idle_.begin(); place != idle_.end();) {
    auto& waiting = place->second;
    while (!waiting.empty() && waiting.front().since < oldest) waiting.pop_front();
    place = waiting.empty() ? idle_.erase(place) : std::next(place);
  }
}

}  // namespace converge::http
