#include "src/engine/owing.h"

#include "src/base/clock.h"
#include "src/base/shell.h"
#include "src/base/text.h"
#include "src/engine/condition.h"

#include <fmt/format.h>

#include <algorithm>

namespace converge::engine {
namespace {

using journal::OwedTotal;

constexpr std::chrono::minutes kWithoutTimer{1};
constexpr std::chrono::seconds kLeastPatience{15};

const OwedTotal* total_of(const std::string& name, const journal::State& state) {
  const auto found = state.owed.find(name);
  return found == state.owed.end() ? nullptr : &found->second;
}

/// `3 subjects are owed a step outside the database since TIME`
std::string owed_text(std::int64_t subjects, std::int64_t since_us) {
  return fmt::format("{} {} owed a step outside the database{}", counted(subjects, "subject"),
                     subjects == 1 ? "is" : "are",
                     since_us == 0 ? "" : " since " + format_local(since_us));
}

Matter unknown_matter(const OwedTotal& total) {
  const std::string which = total.unknown_txns == 1
                                ? fmt::format("transaction {}", total.unknown_txn)
                                : fmt::format("{} transactions, the first of them {},",
                                              total.unknown_txns, total.unknown_txn);
  return {.why = fmt::format(
              "whether {} committed is unknown, and {} {} for that with a step "
              "outside the database{}",
              which, counted(total.unknown, "subject"), total.unknown == 1 ? "waits" : "wait",
              total.unknown_since_us == 0 ? "" : " since " + format_local(total.unknown_since_us)),
          .how = "Find out, and say `committed` or `rolled_back`",
          .resolve =
              fmt::format("converge journal settle {} OUTCOME --reason TEXT", total.unknown_txn)};
}

/// What stands whether there is a definition or not.
Owing without_late(const OwedTotal& total) {
  Owing owing{.subjects = total.subjects, .since_us = total.since_us, .unknown = total.unknown};
  if (total.unknown > 0) owing.matters.push_back(unknown_matter(total));
  owing.needs_person = total.unknown > 0;
  return owing;
}

bool is_late(const OwedTotal& total, std::chrono::microseconds patience, std::int64_t now_us) {
  const auto is_past = [&](std::int64_t time_us) { return now_us - time_us > patience.count(); };
  return total.ready > 0 && is_past(total.ready_since_us) && is_past(total.begun_us);
}

}  // namespace

std::chrono::microseconds owed_patience(const Settings& settings) {
  return std::max<std::chrono::microseconds>(
      settings.every.value_or(kWithoutTimer),
      std::max<std::chrono::microseconds>(kLeastPatience, settings.timeout));
}

Owing owing_of(const Settings& settings, const std::string& name, const journal::State& state,
               std::int64_t now_us, bool running) {
  const OwedTotal* total = total_of(name, state);
  if (total == nullptr) return {};
  Owing owing = without_late(*total);
  if (running || !is_late(*total, owed_patience(settings), now_us)) return owing;
  Matter late{.why = owed_text(total->ready, total->ready_since_us),
              .how = "To carry it out",
              .resolve = "converge run " + shell_word(name)};
  const auto hold = state.holds.find(name);
  if (const auto pause = journal::pause_in_force(state.pauses, name, now_us)) {
    late.why += ", which the pause keeps from it";
    late.how = "To let it go on";
    late.resolve = resume_command(*pause);
  } else {
    owing.needs_person = true;
    if (hold != state.holds.end() && !hold->second.released) {
      late.how += ", which the hold does not prevent";
    }
  }
  owing.matters.insert(owing.matters.begin(), std::move(late));
  return owing;
}

Owing owing_without_definition(const std::string& name, const journal::State& state, bool broken) {
  const OwedTotal* total = total_of(name, state);
  if (total == nullptr) return {};
  Owing owing = without_late(*total);
  owing.needs_person = true;
  if (total->subjects == 0) return owing;
  Matter stranded{
      .why = owed_text(total->subjects, total->since_us) +
             ", and nothing carries it out while the definition is " + (broken ? "broken" : "gone"),
      .how = broken ? "Look with" : "Put the definition back; one without that step gives it up",
      .resolve = broken ? "converge check " + shell_word(name) : ""};
  owing.matters.insert(owing.matters.begin(), std::move(stranded));
  return owing;
}

void add_members(JsonObject& object, const Owing& owing) {
  object.add("owed", owing.subjects);
  if (owing.since_us != 0) object.add("owed_since", format_utc(owing.since_us));
  if (owing.unknown > 0) object.add("owed_unknown", owing.unknown);
  std::string also;
  for (const Matter& matter : owing.matters) {
    JsonObject told;
    told.add("why", matter.why).add("how", matter.how);
    if (!matter.resolve.empty()) told.add("resolve", matter.resolve);
    also += (also.empty() ? "" : ",") + told.text();
  }
  if (!also.empty()) object.add_raw("also", "[" + also + "]");
}

}  // namespace converge::engine
