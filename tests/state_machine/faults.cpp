#include "tests/state_machine/faults.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

namespace converge::state_machine {
namespace {

constexpr std::array<std::string_view, 12> kKinds = {
    "slow",    "reset", "reset_before", "close",    "drop",        "truncated", "truncated_chunked",
    "endless", "large", "stall",        "redirect", "huge_headers"};

bool is_kind(const std::string& kind) {
  const bool is_status = kind.size() == 3 && (kind[0] == '4' || kind[0] == '5');
  return is_status || std::find(kKinds.begin(), kKinds.end(), kind) != kKinds.end();
}

Fault fault_of(const std::map<std::string, std::string>& settings) {
  Fault fault;
  for (const auto& [name, value] : settings) {
    if (name == "kind") {
      fault.kind = value;
    } else if (name == "count") {
      fault.count = std::stol(value);
    } else if (name == "every") {
      fault.every = std::max(1L, std::stol(value));
    } else if (name == "path") {
      fault.path = value;
    } else if (name == "retry_after") {
      fault.retry_after = value;
    } else if (name == "delay") {
      fault.delay = std::chrono::milliseconds{std::stol(value)};
    } else {
      throw std::invalid_argument("unknown setting " + name);
    }
  }
  if (!is_kind(fault.kind)) throw std::invalid_argument("unknown kind " + fault.kind);
  return fault;
}

}  // namespace

void Faults::add(const std::map<std::string, std::string>& settings) {
  auto fault = fault_of(settings);
  const std::lock_guard lock(mutex_);
  waiting_.push_back({std::move(fault)});
}

void Faults::clear() {
  const std::lock_guard lock(mutex_);
  waiting_.clear();
  ++clears_;
  cleared_.notify_all();
}

void Faults::delay(std::chrono::milliseconds duration) {
  std::unique_lock lock(mutex_);
  cleared_.wait_for(lock, duration, [this, before = clears_] { return clears_ != before; });
}

std::optional<Fault> Faults::take(const std::string& path) {
  const std::lock_guard lock(mutex_);
  for (auto next = waiting_.begin(); next != waiting_.end(); ++next) {
    auto& [fault, seen] = *next;
    if (!path.starts_with(fault.path) || ++seen % fault.every != 0) continue;
    auto struck = fault;
    if (fault.count > 0 && --fault.count == 0) waiting_.erase(next);
    return struck;
  }
  return std::nullopt;
}

}  // namespace converge::state_machine
