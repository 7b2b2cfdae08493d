#include "src/base/error.h"
#include "src/base/json_object.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/help_topics.h"
#include "src/cli/histogram.h"
#include "src/cli/manual.h"
#include "src/cli/output.h"
#include "src/cli/pager.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

namespace converge::cli {

namespace {

using Words = std::vector<std::string>;

constexpr std::size_t kColumns = 78;

struct Manual {
  const CLI::App& app;  ///< Of the whole program.
  std::vector<Page> pages = manual();
};

/// Without it, there is no such command.
bool is_command(const CLI::App& app, const Words& path) {
  const CLI::App* at = &app;
  for (const std::string& word : path) {
    const auto all = shown_commands(*at);
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const CLI::App* one) { return one->get_name() == word; });
    if (found == all.end()) return false;
    at = *found;
  }
  return true;
}

std::string list_json(const std::vector<TopicGroup>& groups) {
  std::string text;
  for (const TopicGroup& group : groups) {
    for (const Topic& topic : group.topics) {
      text += JsonObject()
                  .add("topic", topic.name)
                  .add("page", topic.page->file)
                  .add("summary", topic.summary)
                  .line();
    }
  }
  return text;
}

std::string list_text(const Manual& manual, const std::vector<TopicGroup>& groups) {
  std::size_t width = 0;
  for (const TopicGroup& group : groups) {
    for (const Topic& topic : group.topics) width = std::max(width, topic.name.size());
  }
  std::string text = manual.app.get_description() + "\n";
  for (const TopicGroup& group : groups) {
    text += fmt::format("\n{}:\n", styled(Style::strong, group.title));
    for (const Topic& topic : group.topics) {
      text += fmt::format("  {:<{}}  {}\n", topic.name, width, topic.summary);
    }
  }
  return text + "\n`converge help TOPIC` shows the page, `converge COMMAND --help` the options.\n";
}

/// Lines of at most `kColumns`, each two blanks in.
std::string in_lines(const Words& words) {
  std::string text;
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty() && line.size() + 2 + word.size() + 1 > kColumns) {
      text += line + ",\n";
      line.clear();
    }
    line += (line.empty() ? "  " : ", ") + word;
  }
  return text + line;
}

[[noreturn]] void refuse(const Manual& manual, const std::string& asked) {
  Words names;
  for (const TopicGroup& group : topic_groups(manual.app, manual.pages)) {
    for (const Topic& topic : group.topics) names.push_back(topic.name);
  }
  Words candidates = names;
  for (const CLI::App* command : shown_commands(manual.app)) {
    for (const CLI::App* action : shown_commands(*command)) {
      candidates.push_back(command->get_name() + " " + action->get_name());
    }
  }
  for (const Page& page : manual.pages) candidates.emplace_back(page.file);
  const auto near = nearest(asked, candidates);
  throw Error(ErrorKind::usage, fmt::format("there is no topic {}", printable(asked)),
              fmt::format("{}Topics are:\n{}.",
                          near ? fmt::format("Did you mean `converge help {}`? ", *near) : "",
                          in_lines(names)));
}

const Page& page_for(const Manual& manual, Words topic) {
  const std::string asked = fmt::format("{}", fmt::join(topic, " "));
  if (topic.size() > 1 && topic.front() == "converge") topic.erase(topic.begin());
  const Page* page = is_command(manual.app, topic) ? page_of_command(manual.pages, topic) : nullptr;
  if (page == nullptr && topic.size() == 1) page = find_page(manual.pages, topic.front());
  if (page == nullptr) refuse(manual, asked);
  return *page;
}

/// Emphasis is a kind of colour: it is for a terminal, or for who insists.
void show(const Page& page, const Common& common) {
  if (common.json()) {
    print(JsonObject()
              .add("page", page.file)
              .add("summary", page.summary)
              .add("text", without_overstrike(page.text, Emphasis::none))
              .line());
    return;
  }
  const bool emphasized = !styled(Style::strong, "").empty();
  const Pager pager(true);
  std::string text(page.text);
  if (!emphasized || !pager.is_active()) {
    text = without_overstrike(text, emphasized ? Emphasis::terminal : Emphasis::none);
  }
  print(locale_is_utf8() ? text : to_ascii(text));
}

int help(const CLI::App& app, const Words& topic, const Common& common) {
  const Manual manual{.app = app};
  if (!topic.empty()) {
    show(page_for(manual, topic), common);
    return kDone;
  }
  const auto groups = topic_groups(manual.app, manual.pages);
  const Pager pager(!common.json());
  print(common.json() ? list_json(groups) : list_text(manual, groups));
  return kDone;
}

}  // namespace

std::function<int()> define_help(CLI::App& app, const Common& common) {
  const auto topic = std::make_shared<Words>();
  app.add_option("TOPIC", *topic, "a command, or a page such as sql, toml or recovery");
  return [&app, topic, &common] { return help(*app.get_parent(), *topic, common); };
}

}  // namespace converge::cli
