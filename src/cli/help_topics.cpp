#include "src/cli/help_topics.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace converge::cli {

namespace {

bool is_shown(const CLI::App* command) {
  return !command->get_name().empty() && !command->get_group().empty();
}

TopicGroup commands_of(const CLI::App& app, const std::vector<Page>& pages) {
  TopicGroup group{.title = "Commands", .topics = {}};
  for (const CLI::App* command : shown_commands(app)) {
    const auto* page = page_of_command(pages, {command->get_name()});
    if (page == nullptr) continue;
    group.topics.push_back(
        {.name = command->get_name(), .summary = command->get_description(), .page = page});
  }
  return group;
}

/// Pages of one section that are about no command.
TopicGroup section(const CLI::App& app, const std::vector<Page>& pages, std::string_view title,
                   int number) {
  const auto commands = shown_commands(app);
  TopicGroup group{.title = title, .topics = {}};
  for (const Page& page : pages) {
    const auto topic = topic_of(pages, page);
    const bool is_command = std::any_of(commands.begin(), commands.end(), [&](const auto* command) {
      return command->get_name() == topic;
    });
    if (page.section != number || is_command) continue;
    group.topics.push_back({.name = topic, .summary = page.summary, .page = &page});
  }
  return group;
}

}  // namespace

std::vector<const CLI::App*> shown_commands(const CLI::App& app) {
  return app.get_subcommands(is_shown);
}

const Page* page_of_command(const std::vector<Page>& pages, std::vector<std::string> path) {
  for (; !path.empty(); path.pop_back()) {
    const auto* page = find_page(pages, fmt::format("{}", fmt::join(path, "-")));
    if (page != nullptr) return page;
  }
  return nullptr;
}

std::vector<TopicGroup> topic_groups(const CLI::App& app, const std::vector<Page>& pages) {
  TopicGroup overview = section(app, pages, "Overview", 1);
  std::erase_if(overview.topics, [](const Topic& topic) { return topic.name != "converge"; });
  return {std::move(overview), commands_of(app, pages), section(app, pages, "Files", 5),
          section(app, pages, "Explained", 7), section(app, pages, "Service", 8)};
}

}  // namespace converge::cli
