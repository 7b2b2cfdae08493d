#include "src/cli/complete.h"

#include "src/cli/entry_filter.h"
#include "src/cli/help_topics.h"
#include "src/cli/known_values.h"
#include "src/cli/manual.h"
#include "src/cli/output.h"
#include "src/cli/shell_words.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string_view>

namespace converge::cli {

namespace {

using Options = std::vector<const CLI::Option*>;

/// Groups of options are subcommands without a name.
void collect_options(const CLI::App& app, Options& options) {
  for (const auto* option : app.get_options()) options.push_back(option);
  for (const auto* group : app.get_subcommands({})) {
    if (group->get_name().empty()) collect_options(*group, options);
  }
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

/// The words before the last one, as the program's parser would take them.
class Walk {
 public:
  Walk(const CLI::App& app, const std::vector<std::string>& words) : app_(&app) {
    for (std::size_t i = 0; i + 1 < words.size(); ++i) take(words[i]);
  }

  const CLI::App& app() const { return *app_; }
  /// That waits for its value.
  const CLI::Option* pending() const { return pending_; }
  bool only_positionals() const { return only_positionals_; }
  const std::vector<std::string>& positionals() const { return positionals_; }

  /// Of the present command and of all above it.
  Options options() const {
    Options options;
    for (const auto* app = app_; app != nullptr; app = app->get_parent()) {
      collect_options(*app, options);
    }
    return options;
  }
  const CLI::Option* named(const std::string& name) const {
    for (const auto* option : options()) {
      if (option->check_name(name)) return option;
    }
    return nullptr;
  }
  std::string value_of(const std::string& option) const {
    const auto found = values_.find(option);
    return found == values_.end() ? "" : found->second;
  }
  bool has(const CLI::Option& option) const { return used_.contains(&option); }

 private:
  void take(const std::string& word) {
    if (pending_ != nullptr) {
      values_[pending_->get_name()] = word;
      pending_ = nullptr;
    } else if (word == "--") {
      only_positionals_ = true;
    } else if (word.size() > 1 && word[0] == '-' && !only_positionals_) {
      take_option(word);
    } else if (const auto* command = subcommand(word)) {
      app_ = command;
    } else {
      positionals_.push_back(word);
    }
  }

  void take_option(const std::string& word) {
    const auto equals = word.find('=');
    // `-n5` has its value; of `-qn`, the last one may want one.
    const bool is_short = word[1] != '-';
    const auto* option = named(is_short ? word.substr(0, 2) : word.substr(0, equals));
    if (option == nullptr) return;
    used_.insert(option);
    if (!takes_value(*option)) {
      if (is_short && word.size() > 2) take_option("-" + word.substr(2));
    } else if (is_short && word.size() > 2) {
      values_[option->get_name()] = word.substr(2);
    } else if (!is_short && equals != std::string::npos) {
      values_[option->get_name()] = word.substr(equals + 1);
    } else {
      pending_ = option;
    }
  }

  const CLI::App* subcommand(const std::string& word) const {
    if (!positionals_.empty()) return nullptr;
    for (const auto* command : app_->get_subcommands({})) {
      if (!word.empty() && command->get_name() == word) return command;
    }
    return nullptr;
  }

  const CLI::App* app_;
  const CLI::Option* pending_ = nullptr;
  bool only_positionals_ = false;
  std::vector<std::string> positionals_;
  std::map<std::string, std::string> values_;  ///< By the option's name, the last of each.
  std::set<const CLI::Option*> used_;
};

/// `FORMAT:{short,full,json}` is how the library tells what a value may be.
std::vector<std::string> choices_of(const std::string& type) {
  const auto begin = type.find('{');
  const auto end = type.rfind('}');
  std::vector<std::string> choices;
  if (begin == std::string::npos || end == std::string::npos) return choices;
  std::string_view list(type);
  list = list.substr(begin + 1, end - begin - 1);
  while (!list.empty()) {
    const auto one = list.substr(0, list.find(','));
    choices.emplace_back(one);
    list.remove_prefix(std::min(list.size(), one.size() + 1));
  }
  return choices;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::vector<Completion::Word> plain(const std::vector<std::string>& texts) {
  std::vector<Completion::Word> words;
  for (const auto& text : texts) words.push_back({text});
  return words;
}

/// Where a value is a time; most people mean one of these.
std::vector<Completion::Word> usual_times() {
  return {{"-1h", "an hour ago"},
          {"-1d", "a day ago"},
          {"-7d", "a week ago"},
          {"today", "since midnight"},
          {"yesterday", "since the midnight before"},
          {"now"}};
}

/// What `converge help` shows: of commands that have them, their subcommands follow.
std::vector<Completion::Word> topics(const CLI::App& program,
                                     const std::vector<std::string>& before) {
  std::vector<Completion::Word> words;
  if (before.empty()) {
    const auto pages = manual();
    for (const auto& group : topic_groups(program, pages)) {
      for (const auto& topic : group.topics) words.push_back({topic.name, topic.summary});
    }
    return words;
  }
  for (const auto* command : shown_commands(program)) {
    if (before.size() != 1 || command->get_name() != before.front()) continue;
    for (const auto* below : shown_commands(*command)) {
      words.push_back({below->get_name(), first_line(below->get_description())});
    }
  }
  return words;
}

class Completer {
 public:
  Completer(const CLI::App& app, const std::vector<std::string>& words)
      : walk_(app, words), last_(words.empty() ? std::string() : words.back()) {
    flags_ = {.config = walk_.value_of("--config"),
              .database = {},
              .convergers = walk_.value_of("--convergers"),
              .journal = walk_.value_of("--journal")};
  }

  Completion run() const {
    if (walk_.pending() != nullptr) return values(*walk_.pending(), last_);
    if (!last_.empty() && last_[0] == '-' && !walk_.only_positionals()) return option();
    Completion found = positional();
    if (!walk_.positionals().empty() || walk_.only_positionals()) return found;
    for (const auto* command : walk_.app().get_subcommands({})) {
      if (command->get_name().empty() || command->get_group().empty()) continue;
      found.words.push_back({command->get_name(), first_line(command->get_description())});
    }
    return beginning_with(std::move(found), last_);
  }

 private:
  static Completion beginning_with(Completion completion, std::string_view beginning) {
    std::erase_if(completion.words,
                  [&](const auto& word) { return !word.text.starts_with(beginning); });
    return completion;
  }

  Completion option() const {
    const auto equals = last_.find('=');
    if (last_.starts_with("--") && equals != std::string::npos) {
      const auto* option = walk_.named(last_.substr(0, equals));
      if (option == nullptr || !takes_value(*option)) return {};
      auto found = values(*option, last_.substr(equals + 1));
      for (auto& word : found.words) word.text.insert(0, last_.substr(0, equals + 1));
      return found;
    }
    Completion found;
    std::set<std::string> seen;  // Each command has a --help of its own.
    for (const auto* option : walk_.options()) {
      const bool is_repeatable = option->get_items_expected_max() > 1;
      if (option->get_group().empty() || (walk_.has(*option) && !is_repeatable)) continue;
      for (const auto& name : option->get_lnames()) {
        if (!seen.insert(name).second) continue;
        found.words.push_back({"--" + name, first_line(option->get_description())});
      }
    }
    return beginning_with(std::move(found), last_);
  }

  Completion positional() const {
    Options options;
    for (const auto* option : walk_.app().get_options()) {
      if (option->get_positional()) options.push_back(option);
    }
    if (options.empty()) return {};
    const auto at = walk_.positionals().size();
    const auto* option = at < options.size() ? options[at] : options.back();
    if (at >= options.size() && option->get_items_expected_max() <= 1) return {};
    auto found = values(*option, last_);
    // Of several, nobody wants the same one twice.
    const auto& given = walk_.positionals();
    const auto first =
        given.begin() + static_cast<std::ptrdiff_t>(std::min(at, options.size() - 1));
    std::erase_if(found.words, [&](const auto& word) {
      return std::find(first, given.end(), word.text) != given.end();
    });
    return found;
  }

  Completion values(const CLI::Option& option, const std::string& beginning) const {
    const auto type = option.get_type_name();
    // What an option calls its value; a positional is called by its name.
    const auto word = option.get_positional() ? option.get_name() : type.substr(0, type.find(':'));
    if (const auto choices = choices_of(type); !choices.empty()) {
      return beginning_with({.words = plain(choices)}, beginning);
    }
    if (word == "DIR") return {.kind = Completion::Kind::directories};
    if (word == "FILE" || word == "BINARY" || word == "DIR|URL") {
      return {.kind = Completion::Kind::files};
    }
    return beginning_with({.words = words_for(word, option, beginning)}, beginning);
  }

  std::vector<Completion::Word> words_for(const std::string& word, const CLI::Option& option,
                                          const std::string& beginning) const {
    // The name of a new one is not among those there are.
    const bool names_one = option.get_positional() ? walk_.app().get_name() != "new"
                                                   : option.check_name("--converger");
    if (word == "NAME" && names_one) return known_convergers(flags_);
    if (word == "KEY" && walk_.app().get_name() == "retry") {
      return quarantined_subjects(flags_, converger(), beginning);
    }
    if (word == "KEY") return recent_subjects(flags_, converger(), beginning);
    if (word == "DIGEST") return held_digests(flags_, converger());
    if (word == "KIND") return plain(kind_names());
    if (word == "OUTCOME") return plain(outcome_names());
    if (word == "TOPIC") return topics(*walk_.app().get_parent(), walk_.positionals());
    if (word == "TIME") return usual_times();
    if (option.check_name("--actor")) return recent_actors(flags_);
    if (word == "NAME" && names_channel(option)) return known_channels(flags_);
    return {};
  }

  static bool names_channel(const CLI::Option& option) {
    return option.check_name("--channel") || option.check_name("--from") ||
           option.check_name("--to");
  }

  /// That the line is about.
  std::string converger() const {
    auto named = walk_.value_of("--converger");
    if (!named.empty() || walk_.positionals().empty()) return named;
    const auto options = walk_.app().get_options();
    const bool is_first = std::any_of(options.begin(), options.end(), [](const auto* option) {
      return option->get_positional() && option->get_name() == "NAME";
    });
    return is_first ? walk_.positionals().front() : named;
  }

  Walk walk_;
  std::string last_;
  config::Flags flags_;
};

std::string_view name_of(Completion::Kind kind) {
  switch (kind) {
    case Completion::Kind::files:
      return "files";
    case Completion::Kind::directories:
      return "directories";
    default:
      return "words";
  }
}

void answer_bash(const CLI::App& app, std::span<char* const> arguments) {
  if (arguments.size() < 3) return;
  std::string_view line = arguments[0];
  const std::string_view point = arguments[1];
  std::size_t cursor = line.size();
  std::from_chars(point.data(), point.data() + point.size(), cursor);
  line = line.substr(0, cursor);
  auto typed = read_typed_line(line, arguments[2]);
  typed.words.erase(typed.words.begin());
  if (typed.words.empty()) return;
  const auto completion = complete(app, typed.words);
  std::string answer(name_of(completion.kind));
  answer += '\n';
  for (const auto& word : completion.words) {
    answer += quoted_for_bash(std::string_view(word.text).substr(typed.kept), typed.quote);
    // readline closes the quote, unless what stands there looks like its end already.
    if (typed.quote != 0 && word.text.ends_with(typed.quote)) answer += typed.quote;
    answer += '\n';
  }
  print(answer);
}

void answer_words(const CLI::App& app, std::span<char* const> arguments) {
  const auto completion = complete(app, {arguments.begin(), arguments.end()});
  std::string answer(name_of(completion.kind));
  answer += '\0';
  for (const auto& word : completion.words) {
    answer += word.text;
    if (!word.about.empty()) answer.append("\t").append(word.about);
    answer += '\0';
  }
  print(answer);
}

}  // namespace

Completion complete(const CLI::App& app, const std::vector<std::string>& words) {
  return Completer(app, words).run();
}

int answer_shell(const CLI::App& app, std::span<char* const> arguments) {
  if (arguments.empty()) return 0;
  const std::string_view shell = arguments.front();
  if (shell == "bash") answer_bash(app, arguments.subspan(1));
  if (shell == "zsh" || shell == "fish") answer_words(app, arguments.subspan(1));
  return 0;
}

}  // namespace converge::cli
