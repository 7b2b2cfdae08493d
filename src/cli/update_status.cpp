#include "src/base/clock.h"
#include "src/base/text.h"
#include "src/base/version.h"
#include "src/cli/output.h"
#include "src/cli/update.h"
#include "src/cli/updating.h"
#include "updater/host.h"

#include <fmt/core.h>

namespace converge::cli {

namespace {

/// All that is known, brought together.
struct Known {
  updater::UpdateState state;
  std::optional<updater::Finding> finding;
  std::int64_t checked_us = 0;
  bool has_previous = false;
  bool has_keys = false;
  int bucket = 0;
  std::filesystem::path path;
};

/// A journal that cannot be read is told by whoever writes it.
updater::UpdateState state_of(const updater::Updater& updater) {
  try {
    return updater.remembered();
  } catch (const Error&) {
    return updater.state();
  }
}

Known look(const config::Config& config) {
  Updating updating(config, true);
  const auto& updater = updating.updater();
  Known known{.state = state_of(updater),
              .finding = updater.known(),
              .checked_us = updater.last_check_us(),
              .has_previous = updater.installation().has_previous(),
              .has_keys = !engine::trusted_keys(config).empty(),
              .path = updater.installation().path()};
  try {
    known.bucket = updater::host_bucket(updater::machine_id(config.journal.parent_path()),
                                        config.update.channel);
  } catch (const Error&) {
    known.bucket = 99;  // Nothing tells it from the others.
  }
  return known;
}

std::string build_text(std::int64_t build) {
  return build == 0 ? std::string("a build of unknown number") : fmt::format("build {}", build);
}

std::string rollout_text(const Known& known) {
  std::string text = fmt::format("bucket {} of 0 to 99", known.bucket);
  if (!known.finding) return text;
  const auto& rollout = known.finding->release.manifest.rollout;
  if (rollout.paused) return text + "; paused";
  if (known.finding->decision.opens_us) {
    return text + fmt::format("; open for this host at {}",
                              format_local(*known.finding->decision.opens_us));
  }
  return text + fmt::format("; {} an hour since {}",
                            rollout.percent_per_hour == 100
                                ? std::string("all hosts")
                                : fmt::format("{} % of the hosts", rollout.percent_per_hour),
                            format_local(rollout.start_us));
}

std::string check_text(const Known& known) {
  if (known.checked_us == 0) return "never";
  const auto& error = known.state.last_check->error;
  return format_local(known.checked_us) + (error.empty() ? "" : ": " + printable(error));
}

void add(Table& table, std::string_view name, std::string text, Style style = Style::plain) {
  table.add({{std::string(name), Style::faint}, {std::move(text), style}});
}

std::string text_of(const Known& known, const config::Config& config) {
  const auto& state = known.state;
  Table table;
  add(table, "installed",
      fmt::format("build {} ({}), {}", build_number(), build_commit(),
                  printable(known.path.native())),
      Style::strong);
  if (state.trial) {
    add(table, "trial",
        fmt::format("{} since {}, started {} since", build_text(state.trial->build),
                    format_local(state.trial->since_us), counted(state.trial->starts, "time")),
        Style::warning);
  }
  if (config.update.url.empty()) {
    add(table, "available", "no server is configured: url under [update]");
  } else if (!known.has_keys) {
    add(table, "available", "no key is known: keys under [update]");
  } else if (!known.finding) {
    add(table, "available", "not known");
  } else {
    add(table, "available", release_text(known.finding->release.manifest));
    add(table, "", known.finding->decision.why);
    for (const auto& warning : known.finding->decision.warnings) {
      add(table, "", warning, Style::warning);
    }
  }
  add(table, "previous", known.has_previous ? build_text(state.previous_build) : "none");
  for (const auto& one : state.quarantined) {
    add(table, "quarantined",
        fmt::format("build {} since {}: {}", one.build, format_local(one.since_us),
                    printable(one.why)),
        Style::bad);
  }
  add(table, "rollout", rollout_text(known));
  add(table, "last check", check_text(known));
  if (!config.update.url.empty()) {
    add(table, "source",
        fmt::format("{}, channel {}{}", printable(config.update.url), config.update.channel,
                    config.update.automatic ? ", by itself" : ""));
  }
  if (!state.trouble.empty()) add(table, "trouble", printable(state.trouble), Style::bad);
  return table.take();
}

std::string json_of(const Known& known, const config::Config& config) {
  const auto& state = known.state;
  JsonObject line;
  line.add("installed", build_number()).add("commit", build_commit());
  line.add("path", known.path.native()).add("channel", config.update.channel);
  line.add("url", config.update.url).add("auto", config.update.automatic);
  if (known.finding) line.add_raw("offer", finding_json(*known.finding).text());
  if (known.has_previous) line.add("previous", state.previous_build);
  std::string quarantined;
  for (const auto& one : state.quarantined) {
    quarantined += quarantined.empty() ? "" : ",";
    quarantined += JsonObject()
                       .add("build", one.build)
                       .add("since", format_utc(one.since_us))
                       .add("why", one.why)
                       .text();
  }
  line.add_raw("quarantined", "[" + quarantined + "]").add("bucket", known.bucket);
  if (state.trial) {
    line.add_raw("trial", JsonObject()
                              .add("build", state.trial->build)
                              .add("previous", state.trial->previous)
                              .add("since", format_utc(state.trial->since_us))
                              .add("starts", state.trial->starts)
                              .text());
  }
  if (known.checked_us != 0) {
    line.add("last_check", format_utc(known.checked_us));
    if (!state.last_check->error.empty()) line.add("last_error", state.last_check->error);
  }
  if (!state.trouble.empty()) line.add("trouble", state.trouble);
  return line.line();
}

}  // namespace

int show_update_status(const config::Config& config, const Common& common) {
  const Known known = look(config);
  print(common.json() ? json_of(known, config) : text_of(known, config));
  return kDone;
}

}  // namespace converge::cli
