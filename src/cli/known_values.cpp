#include "src/cli/known_values.h"

#include "journal/reader.h"

#include <algorithm>
#include <exception>
#include <set>
#include <string_view>

namespace converge::cli {

namespace {

constexpr std::int64_t kNewest = 2'000;  // Entries that are looked at.
constexpr std::size_t kMostSubjects = 100;

/// What cannot be read is no reason to disturb who is typing.
template <typename Read>
void silently(Read read) {
  try {
    read();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    return;
  }
}

void add_definitions(const std::filesystem::path& directory, std::set<std::string>& names) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const auto& file = entry.path();
    // NAME.test.sql is of the tests.
    if (file.extension() == ".sql" && !file.stem().has_extension()) names.insert(file.stem());
  }
}

/// Of keys with control characters (but line breaks) a shell would make something else.
bool can_be_typed(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return c == '\n' || (c >= ' ' && c != 0x7f);
  });
}

}  // namespace

std::vector<Completion::Word> known_convergers(const config::Flags& flags) {
  std::set<std::string> names;
  silently([&] {
    const auto config = config::load(flags);
    for (const auto& builtin : config.builtin) names.insert(builtin.text);
    silently([&] { add_definitions(config.convergers, names); });
    silently([&] {
      for (auto& name : journal::Reader(config.journal).convergers()) names.insert(name);
    });
  });
  std::vector<Completion::Word> words;
  for (const auto& name : names) words.push_back({name});
  return words;
}

std::vector<Completion::Word> recent_subjects(const config::Flags& flags,
                                              const std::string& converger,
                                              const std::string& beginning) {
  std::vector<Completion::Word> words;
  silently([&] {
    std::set<std::string> seen;
    journal::Filter filter{.kinds = {journal::Kind::inconsistency}, .newest = kNewest};
    if (!converger.empty()) filter.convergers = {converger};
    journal::Reader(config::load(flags).journal).newest_first(filter, [&](const auto& stored) {
      const auto& subject = stored.entry.subject;
      if (!subject || words.size() == kMostSubjects) return;
      if (!subject->starts_with(beginning) || !can_be_typed(*subject)) return;
      if (!seen.insert(*subject).second) return;
      const auto& label = stored.entry.label;
      words.push_back({*subject, label && can_be_typed(*label) ? *label : std::string()});
    });
  });
  return words;
}

std::vector<Completion::Word> held_digests(const config::Flags& flags,
                                           const std::string& converger) {
  std::vector<Completion::Word> words;
  silently([&] {
    for (const auto& [name, hold] : journal::Reader(config::load(flags).journal).holds()) {
      if (converger.empty() || name == converger) words.push_back({hold.digest, name});
    }
  });
  return words;
}

}  // namespace converge::cli
