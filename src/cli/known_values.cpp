#include "src/cli/known_values.h"

#include "journal/reader.h"
#include "src/base/safe_text.h"

#include <exception>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

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

/// Of keys with control characters (but line breaks) a shell would make something else, and it
/// shows what is offered as it is.
bool can_be_typed(std::string_view key) {
  return !key.empty() && key.find('\t') == std::string_view::npos && printable_lines(key) == key;
}

std::vector<Completion::Word> words_of(const std::set<std::string>& names) {
  std::vector<Completion::Word> words;
  for (const auto& name : names) {
    if (can_be_typed(name)) words.push_back({name});
  }
  return words;
}

/// Keys, each once, in the order they come in.
class Subjects {
 public:
  explicit Subjects(std::string_view beginning) : beginning_(beginning) {}

  void add(const std::string& key, const std::optional<std::string>& label) {
    if (words_.size() == kMostSubjects) return;
    if (!key.starts_with(beginning_) || !can_be_typed(key)) return;
    if (!seen_.insert(key).second) return;
    words_.push_back({key, label && can_be_typed(*label) ? *label : std::string()});
  }
  std::vector<Completion::Word> take() { return std::move(words_); }

 private:
  std::string_view beginning_;
  std::set<std::string> seen_;
  std::vector<Completion::Word> words_;
};

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
  return words_of(names);
}

std::vector<Completion::Word> recent_subjects(const config::Flags& flags,
                                              const std::string& converger,
                                              const std::string& beginning) {
  using journal::Kind;
  Subjects subjects(beginning);
  silently([&] {
    journal::Filter filter{.kinds = {Kind::inconsistency, Kind::failure, Kind::attempt},
                           .newest = kNewest};
    if (!converger.empty()) filter.convergers = {converger};
    journal::Reader(config::load(flags).journal).newest_first(filter, [&](const auto& stored) {
      if (stored.entry.subject) subjects.add(*stored.entry.subject, stored.entry.label);
    });
  });
  return subjects.take();
}

std::vector<Completion::Word> quarantined_subjects(const config::Flags& flags,
                                                   const std::string& converger,
                                                   const std::string& beginning) {
  Subjects subjects(beginning);
  silently([&] {
    for (const auto& one : journal::Reader(config::load(flags).journal).state().quarantined) {
      if (converger.empty() || one.converger == converger) subjects.add(one.subject, one.label);
    }
  });
  return subjects.take();
}

std::vector<Completion::Word> recent_actors(const config::Flags& flags) {
  std::set<std::string> names;
  silently([&] {
    const journal::Filter filter{.newest = kNewest};
    journal::Reader(config::load(flags).journal).newest(filter, [&](const auto& stored) {
      names.insert(stored.actor);
    });
  });
  return words_of(names);
}

std::vector<Completion::Word> known_channels(const config::Flags& flags) {
  std::set<std::string> names = {"canary", "stable"};
  silently([&] { names.insert(config::load(flags).update.channel); });
  return words_of(names);
}

std::vector<Completion::Word> held_digests(const config::Flags& flags,
                                           const std::string& converger) {
  std::vector<Completion::Word> words;
  silently([&] {
    for (const auto& [name, hold] : journal::Reader(config::load(flags).journal).holds()) {
      const bool is_asked_for = converger.empty() || name == converger;
      if (is_asked_for && can_be_typed(hold.digest)) words.push_back({hold.digest, name});
    }
  });
  return words;
}

}  // namespace converge::cli
