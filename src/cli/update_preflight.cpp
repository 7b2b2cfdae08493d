#include "convergers/registry.h"
#include "journal/journal.h"
#include "src/base/error.h"
#include "src/base/text.h"
#include "src/base/version.h"
#include "src/cli/output.h"
#include "src/cli/update.h"
#include "src/engine/updating.h"

#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <unistd.h>

namespace converge::cli {

namespace {

std::string standard_input() {
  std::string text;
  std::array<char, 4096> block{};
  while (text.size() <= updater::kMostReleaseBytes) {
    const auto count = ::read(STDIN_FILENO, block.data(), block.size());
    if (count == 0) return text;
    if (count > 0) {
      text.append(block.data(), static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      throw Error(ErrorKind::failure, "standard input: " + system_reason(errno));
    }
  }
  throw Error(ErrorKind::failure, "the release on standard input is too large");
}

/// Opening migrates it; an entry shows that it can be written.
void require_journal(const std::filesystem::path& copy) {
  std::string trouble;
  journal::Journal journal(copy, "preflight", [&](const auto& text) { trouble = text; });
  journal.append_update({.event = "trial", .build = build_number()});
  if (!trouble.empty()) throw Error(ErrorKind::failure, trouble);
}

}  // namespace

int answer_preflight(const config::Config& config) {
  const auto release = updater::verify_release(standard_input(), engine::trusted_keys(config),
                                               config.update.channel);
  if (release.manifest.build != build_number()) {
    throw Error(ErrorKind::failure, fmt::format("the release is of build {}, and this is build {}",
                                                release.manifest.build, build_number()));
  }
  const auto broken = convergers::broken_names(config);
  require_journal(config.journal);
  std::string names;
  for (const auto& name : broken) names += (names.empty() ? "" : ",") + json_string(name);
  print(JsonObject().add("build", build_number()).add_raw("broken", "[" + names + "]").line());
  return kDone;
}

}  // namespace converge::cli
