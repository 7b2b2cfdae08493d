#include "src/doctor/updates.h"

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/text.h"
#include "src/base/version.h"
#include "src/doctor/server.h"
#include "src/engine/updating.h"
#include "src/http/client.h"
#include "updater/installation.h"
#include "updater/release_signature.h"
#include "updater/release_source.h"
#include "updater/update_state.h"

#include <fmt/core.h>

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace converge::doctor {

namespace {

constexpr const char* kUpdate = "update";
constexpr const char* kBuild = "build";
constexpr std::chrono::milliseconds kBudget{5'000};
constexpr std::int64_t kDay_us = std::int64_t{86'400} * 1'000'000;

Finding from(const Error& error, Verdict verdict) {
  const std::string message = error.what();
  return {.check = kUpdate,
          .verdict = verdict,
          .message = printable(message.substr(0, message.find('\n'))),
          .remedy = error.hint()};
}

/// The date of an answer (RFC 9110, section 5.6.7), in the form that servers have to send.
std::optional<std::int64_t> parse_date_us(const std::string& text) {
  std::tm parts{};
  const char* end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::int64_t{timegm(&parts)} * 1'000'000;
}

Finding judge_release(const updater::SignedRelease& release, const std::string& url) {
  const auto& manifest = release.manifest;
  const std::string what =
      fmt::format("{} offers build {}, signed by {}; this is build {}", printable(url),
                  manifest.build, release.key_id, build_number());
  const std::string until = format_local(manifest.expires_us);
  if (manifest.expires_us < wall_time_us()) {
    return {.check = kUpdate,
            .verdict = Verdict::warning,
            .message = fmt::format("{}; expired since {}", what, until),
            .remedy =
                "Who releases signs it anew: `converge publish resign`. If they have, this "
                "server has an old copy."};
  }
  if (manifest.expires_us < wall_time_us() + 7 * kDay_us) {
    return {.check = kUpdate,
            .verdict = Verdict::warning,
            .message = fmt::format("{}; it expires at {}", what, until),
            .remedy = "Who releases signs it anew: `converge publish resign`."};
  }
  return {.check = kUpdate, .message = what};
}

/// Tells of a clock that is apart from the server's; where that says no time, of nothing.
void compare_clocks(const updater::SourceOptions& source, Findings& findings) {
  const http::HttpClient client(source.http);
  std::optional<std::int64_t> date_us;
  const http::HttpReceiver receiver{
      .head = [&](const http::HttpHead& head) -> std::optional<std::uint64_t> {
        date_us = parse_date_us(head.value("date").value_or(""));
        return std::nullopt;
      },
      .body = [](std::string_view) {}};
  client.receive({.method = "HEAD", .url = source.url, .headers = {}, .body = {}}, receiver,
                 {.timeout = kBudget});
  if (!date_us) return;
  // Whole seconds, and the way here.
  const double behind = static_cast<double>(wall_time_us() - *date_us) / 1000;
  Finding clock = judge_clock("the update server", behind, 1'500);
  if (clock.verdict != Verdict::ok) findings.push_back(std::move(clock));
}

void look_at_place(const config::Config& config, Findings& findings) {
  try {
    updater::Installation::of_this_process().require_replaceable();
  } catch (const Error& error) {
    findings.push_back(from(error, config.update.automatic ? Verdict::bad : Verdict::warning));
  }
}

}  // namespace

Findings check_update(const config::Config& config) {
  if (config.update.url.empty()) {
    return {{.check = kUpdate, .message = "no [update] url: this host does not update itself"}};
  }
  Findings findings;
  try {
    engine::require_update_source(config);
    const auto options = engine::updater_options(config);
    updater::ReleaseSource source(options.source);
    const auto answer = source.channel(options.channel, {}, kBudget);
    compare_clocks(options.source, findings);
    findings.push_back(judge_release(
        updater::verify_release(answer.object, options.keys, options.channel), config.update.url));
  } catch (const Error& error) {
    findings.push_back(from(error, Verdict::bad));
  }
  look_at_place(config, findings);
  return findings;
}

Findings check_build() {
  const auto state =
      updater::read_update_state(updater::Installation::of_this_process().state_file());
  Findings findings;
  const auto warn = [&](std::string message, std::string remedy) {
    findings.push_back({.check = kBuild,
                        .verdict = Verdict::warning,
                        .message = std::move(message),
                        .remedy = std::move(remedy)});
  };
  if (!state.trouble.empty()) {
    warn("what was remembered of updates is of no use: " + printable(state.trouble),
         "The next update makes it anew, with what the journal remembers.");
  }
  if (state.trial) {
    warn(
        fmt::format("build {} is on trial since {}, in the place of build {}", state.trial->build,
                    format_local(state.trial->since_us), state.trial->previous),
        "A daemon, or passes that go well, end the trial; `converge update --rollback` goes back.");
  }
  for (const auto& one : state.quarantined) {
    warn(fmt::format("build {} failed here at {}: {}", one.build, format_local(one.since_us),
                     printable(one.why)),
         fmt::format("A newer build is installed by itself; `converge update --to {}` tries it "
                     "again.",
                     one.build));
  }
  if (findings.empty()) {
    findings.push_back({.check = kBuild, .message = fmt::format("build {}", build_number())});
  }
  return findings;
}

}  // namespace converge::doctor
