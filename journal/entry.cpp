#include "journal/entry.h"

#include <array>

namespace converge::journal {
namespace {

constexpr std::array<std::string_view, 16> kKindNames = {
    "txn",   "inconsistency", "attempt", "outcome",  "failure", "pass",  "hold",   "release",
    "pause", "resume",        "retry",   "recovery", "update",  "prune", "redact", "clock"};

constexpr std::array<std::string_view, 5> kOutcomeNames = {"pending", "committed", "rolled_back",
                                                           "failed", "unknown"};

/// The numbers start at 1. A number that this build does not know was written by a newer one.
template <typename Enum, std::size_t Size>
std::string_view name_in(const std::array<std::string_view, Size>& names, Enum value) {
  const auto number = static_cast<std::size_t>(value);
  return number >= 1 && number <= Size ? names[number - 1] : std::string_view("?");
}

template <typename Enum, std::size_t Size>
std::optional<Enum> value_in(const std::array<std::string_view, Size>& names,
                             std::string_view name) {
  for (std::size_t index = 0; index < Size; ++index) {
    if (names[index] == name) {
      return static_cast<Enum>(index + 1);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Kind kind) { return name_in(kKindNames, kind); }

std::string_view name_of(Outcome outcome) { return name_in(kOutcomeNames, outcome); }

std::optional<Kind> kind_named(std::string_view name) { return value_in<Kind>(kKindNames, name); }

std::optional<Outcome> outcome_named(std::string_view name) {
  return value_in<Outcome>(kOutcomeNames, name);
}

}  // namespace converge::journal
