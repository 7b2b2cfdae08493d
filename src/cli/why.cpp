#include "journal/story.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/detail_text.h"
#include "src/cli/entry_filter.h"
#include "src/cli/journal_upkeep.h"
#include "src/cli/output.h"
#include "src/cli/story_text.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

namespace converge::cli {

namespace {

constexpr std::size_t kNameBytes = 60;

struct WhyRequest {
  journal::StoryFilter filter;
  bool definition = false;
};

/// The command that tells about a subject, as it can be pasted into a shell.
std::string command_for(const std::string& subject) {
  const auto is_harmless = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("_-.:/@+%,").find(c) != std::string_view::npos;
  };
  std::string word = brief(subject, kNameBytes);
  if (word.empty() || !std::all_of(word.begin(), word.end(), is_harmless)) {
    std::string quoted;
    for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    word = "'" + quoted + "'";
  }
  return fmt::format("`converge why {}{}`", subject.starts_with('-') ? "-- " : "", word);
}

/// Whose stories are told: of a label that several have, each one's, and of no other subject that
/// only has the same key.
std::vector<journal::StoryFilter> stories_of(const journal::StoryFilter& asked,
                                             const journal::FoundSubject& found) {
  if (found.subject) return {{.subject = *found.subject, .convergers = asked.convergers}};
  std::vector<journal::StoryFilter> stories;
  for (const auto& namesake : found.namesakes) {
    const auto same = [&](const auto& story) { return story.subject == namesake.subject; };
    auto story = std::find_if(stories.begin(), stories.end(), same);
    if (story == stories.end()) story = stories.insert(story, {.subject = namesake.subject});
    if (!namesake.converger.empty()) story->convergers.push_back(namesake.converger);
  }
  return stories;
}

[[noreturn]] void throw_unknown(const journal::StoryFilter& filter,
                                const journal::FoundSubject& found) {
  if (found.labels_searched == 0) {
    throw Error(ErrorKind::failure, "the journal has no entries yet",
                "A pass that corrects something makes the first one: `converge run`.");
  }
  const std::string word = brief(filter.subject, kNameBytes);
  const std::string by = filter.convergers.empty()
                             ? std::string()
                             : printable(fmt::format(" of {}", fmt::join(filter.convergers, ", ")));
  std::string hint =
      "Keys are as find returns them; `converge journal` shows them with their labels.";
  if (found.known_to_others) {
    hint = fmt::format("Other convergers have entries of it: {}.", command_for(filter.subject));
  } else if (!found.near.empty()) {
    std::vector<std::string> near;
    for (const auto& name : found.near) near.push_back(brief(name, kNameBytes));
    hint =
        fmt::format("Nearest: {}; try {}.", fmt::join(near, ", "), command_for(found.near.front()));
  }
  throw Error(ErrorKind::failure,
              fmt::format("no entry{} has the key {}, and none of the newest {} has that label", by,
                          word, counted(found.labels_searched, "entry", "entries")),
              hint);
}

/// Prints the entries one by one as they are read.
class Teller {
 public:
  Teller(const WhyRequest& request, const Common& common, std::optional<std::string> label)
      : request_(request), common_(common), label_(std::move(label)) {}

  void tell(journal::StoryReader& definitions, const journal::StoryEntry& story) {
    const auto& id = story.stored.entry.definition;
    if (common_.json()) {
      print(story_json(story, request_.definition ? text_of(definitions, id) : std::nullopt));
      return;
    }
    std::string text = "\n" + story_text(story, label_, common_.verbose);
    if (request_.definition && id && told_.insert(id->name + id->version).second) {
      if (const auto& acted = text_of(definitions, id)) text += definition_text(*id, *acted);
    }
    print(text);
  }

 private:
  /// One is kept: most often the next entry has the same.
  const std::optional<std::string>& text_of(journal::StoryReader& definitions,
                                            const std::optional<journal::DefinitionId>& id) {
    if (id != last_) text_ = id ? definitions.definition(*id) : std::nullopt;
    last_ = id;
    return text_;
  }

  const WhyRequest& request_;
  const Common& common_;
  std::optional<std::string> label_;
  std::set<std::string> told_;
  std::optional<journal::DefinitionId> last_;
  std::optional<std::string> text_;
};

void tell_story(journal::StoryReader& reader, const journal::StoryFilter& filter,
                const WhyRequest& request, const Common& common) {
  const journal::StorySummary summary = reader.summary(filter);
  if (!common.json()) print(summary_text(filter.subject, summary));
  Teller teller(request, common, summary.label);
  reader.tell(filter, summary.last_seq,
              [&](const journal::StoryEntry& story) { teller.tell(reader, story); });
}

int why(const WhyRequest& request, const Common& common) {
  const config::Config config = config::load(common.flags);
  journal::StoryReader reader(config.journal);
  tell_what_was_pruned(config.journal);
  require_known_convergers(request.filter.convergers, reader.convergers(), config);
  const journal::FoundSubject found = reader.find(request.filter);
  if (!found.subject && found.namesakes.empty()) throw_unknown(request.filter, found);
  bool is_first = true;
  for (const auto& filter : stories_of(request.filter, found)) {
    if (!std::exchange(is_first, false) && !common.json()) print("\n");
    tell_story(reader, filter, request, common);
  }
  if (found.has_more_namesakes) {
    print_notice(
        "more subjects have this label; name one by its key, see `converge journal --grep`");
  }
  return kDone;
}

}  // namespace

std::function<int()> define_why(CLI::App& app, const Common& common) {
  const auto request = std::make_shared<WhyRequest>();
  app.add_option("KEY", request->filter.subject, "a subject's key, or its label")->required();
  app.add_option("--converger", request->filter.convergers,
                 "only what this one did (a name or a glob); repeatable")
      ->type_name("NAME")
      ->allow_extra_args(false);
  app.add_flag("--definition", request->definition, "also the very text that acted");
  return [request, &common] { return why(*request, common); };
}

}  // namespace converge::cli
