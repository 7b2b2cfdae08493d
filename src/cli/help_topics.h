#pragma once

#include "src/cli/manual.h"

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace converge::cli {

/// Something that help is asked for, and where it is told.
struct Topic {
  std::string name;
  std::string summary;
  const Page* page = nullptr;
};

struct TopicGroup {
  std::string_view title;
  std::vector<Topic> topics;
};

/// The commands of `app` that a person sees.
std::vector<const CLI::App*> shown_commands(const CLI::App& app);

/// The page of a command and its subcommands, `journal verify`; of the longest part of it that has
/// one. Nullptr: none.
const Page* page_of_command(const std::vector<Page>& pages, std::vector<std::string> path);

/// What there is to read, each page once: the overview, the commands of `app`, the program, in its
/// order, and the pages about no command. They point into `pages`.
std::vector<TopicGroup> topic_groups(const CLI::App& app, const std::vector<Page>& pages);

}  // namespace converge::cli
