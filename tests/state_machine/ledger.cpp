#include "tests/state_machine/ledger.h"

#include "src/base/json_object.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <numeric>
#include <stdexcept>

namespace converge::state_machine {
namespace {

using Clock = std::chrono::system_clock;

/// The cluster that a path deprovisions: `/clusters/{id}/deprovision`.
std::optional<std::string> deprovisioned_by(const std::string& path) {
  constexpr std::string_view first = "/clusters/";
  constexpr std::string_view last = "/deprovision";
  if (!path.starts_with(first) || !path.ends_with(last)) return std::nullopt;
  if (path.size() <= first.size() + last.size()) return std::nullopt;
  return path.substr(first.size(), path.size() - first.size() - last.size());
}

std::string joined(const std::vector<std::string>& lines) {
  return std::accumulate(lines.begin(), lines.end(), std::string());
}

}  // namespace

Ledger::Ledger(std::chrono::milliseconds work, const std::optional<std::filesystem::path>& file)
    : work_(work) {
  if (!file) return;
  read(*file);
  file_.open(*file, std::ios::app);
  if (!file_) throw std::runtime_error("cannot write " + file->string());
}

void Ledger::read(const std::filesystem::path& file) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const auto effect = Poco::JSON::Parser().parse(line).extract<Poco::JSON::Object::Ptr>();
    add({.key = effect->getValue<std::string>("key"),
         .method = effect->getValue<std::string>("method"),
         .path = effect->getValue<std::string>("path"),
         .body = effect->getValue<std::string>("body"),
         .time = {}});
  }
}

void Ledger::add(Effect effect) {
  if (!effect.key.empty()) by_key_[effect.key] = effects_.size();
  if (const auto id = deprovisioned_by(effect.path)) deprovisions_[*id] = effects_.size();
  effects_.push_back(std::move(effect));
}

Verdict Ledger::perform(const Order& order) {
  const std::lock_guard lock(mutex_);
  if (const auto known = by_key_.find(order.key); known != by_key_.end()) {
    auto& effect = effects_[known->second];
    if (effect.path != order.path) return Verdict::misused;
    ++effect.requests;
    ++duplicates_;
    return Verdict::duplicate;
  }
  const auto id = deprovisioned_by(order.path);
  if (id && deprovisions_.contains(*id)) return Verdict::conflict;
  add({.key = order.key,
       .method = order.method,
       .path = order.path,
       .body = order.body,
       .time = Clock::now()});
  if (file_.is_open()) {
    const JsonObject line = JsonObject()
                                .add("key", order.key)
                                .add("method", order.method)
                                .add("path", order.path)
                                .add("body", order.body);
    file_ << line.line() << std::flush;
  }
  return Verdict::performed;
}

void Ledger::log(const Order& order, const std::string& result, bool duplicate) {
  JsonObject line;
  line.add("method", order.method).add("path", order.path).add("key", order.key);
  line.add("result", result).add("duplicate", duplicate);
  line.add_raw("headers", order.headers).add("body", order.body);
  const std::lock_guard lock(mutex_);
  requests_.push_back(line.line());
}

std::string Ledger::cluster_state(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = deprovisions_.find(id);
  if (found == deprovisions_.end()) return "active";
  const bool done = Clock::now() >= effects_[found->second].time + work_;
  return done ? "deprovisioned" : "deprovisioning";
}

std::string Ledger::effects() const {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const auto& effect : effects_) {
    all += JsonObject()
               .add("key", effect.key)
               .add("method", effect.method)
               .add("path", effect.path)
               .add("requests", static_cast<std::int64_t>(effect.requests))
               .add("body", effect.body)
               .line();
  }
  return all;
}

std::string Ledger::requests() const {
  const std::lock_guard lock(mutex_);
  return joined(requests_);
}

std::string Ledger::counts(int connections) const {
  const std::lock_guard lock(mutex_);
  return JsonObject()
      .add("requests", static_cast<std::int64_t>(requests_.size()))
      .add("effects", static_cast<std::int64_t>(effects_.size()))
      .add("duplicates", static_cast<std::int64_t>(duplicates_))
      .add("connections", connections)
      .line();
}

}  // namespace converge::state_machine
