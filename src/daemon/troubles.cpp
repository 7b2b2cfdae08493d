#include "src/daemon/troubles.h"

#include "src/base/log.h"

#include <chrono>
#include <vector>

namespace converge::daemon {

namespace {

const char* name_of(Troubles::Cause cause) {
  return cause == Troubles::Cause::database ? "database" : "journal";
}

}  // namespace

/// With the lock held, lest an older state of things be told after a newer one.
void Troubles::tell() const {
  std::set<Cause> causes;
  for (const Cause cause : {Cause::database, Cause::journal}) {
    if (troubles_[static_cast<std::size_t>(cause)]) causes.insert(cause);
  }
  tell_(causes);
}

void Troubles::begin(Cause cause, const Error& error) {
  const std::lock_guard lock(mutex_);
  auto& trouble = troubles_[static_cast<std::size_t>(cause)];
  if (trouble && trouble->text == error.what()) return;
  trouble = {.text = error.what(), .since = trouble ? trouble->since : Clock::now()};
  std::vector<LogField> fields = {{"cause", name_of(cause)}, {"error", error.what()}};
  if (!error.hint().empty()) fields.emplace_back("hint", error.hint());
  log(LogLevel::error, "nothing is converged until this is over", fields);
  tell();
}

void Troubles::begin_quietly(Cause cause, const std::string& text) {
  const std::lock_guard lock(mutex_);
  troubles_[static_cast<std::size_t>(cause)] = {
      .text = text, .since = Clock::now(), .is_news = false};
  tell();
}

bool Troubles::end(Cause cause) {
  const std::lock_guard lock(mutex_);
  auto& trouble = troubles_[static_cast<std::size_t>(cause)];
  if (!trouble) return false;
  if (trouble->is_news) {
    const auto took = std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - trouble->since);
    log(LogLevel::notice, "it is over, converging again",
        {{"cause", name_of(cause)}, {"after_ms", took.count()}});
  }
  trouble.reset();
  tell();
  return true;
}

bool Troubles::has(Cause cause) const {
  const std::lock_guard lock(mutex_);
  return troubles_[static_cast<std::size_t>(cause)].has_value();
}

std::string Troubles::text() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& trouble : troubles_) {
    if (trouble) text += (text.empty() ? "" : "; ") + trouble->text;
  }
  return text;
}

}  // namespace converge::daemon
