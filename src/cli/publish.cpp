#include "updater/publish.h"

#include "src/base/clock.h"
#include "src/base/file.h"
#include "src/base/text.h"
#include "src/base/time_expression.h"
#include "src/cli/command.h"
#include "src/cli/output.h"
#include "src/cli/password.h"
#include "src/cli/progress.h"
#include "src/cli/published_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace converge::cli {

namespace {

/// All that can be given; each action has some of it.
struct PublishRequest {
  std::string place;
  std::vector<std::string> binaries;
  std::string channel;
  std::string from;
  std::optional<std::int64_t> build;
  std::optional<std::string> commit;
  std::optional<std::string> built;
  std::string key;
  std::vector<std::string> public_keys;
  std::optional<std::string> expires;
  std::optional<std::int64_t> min_build;
  std::optional<int> percent_per_hour;
  bool new_channel = false;
  std::optional<std::string> ca_file;
  std::optional<std::string> authorization_file;
};

using Request = std::shared_ptr<PublishRequest>;
using Action = updater::Published (*)(updater::Publisher&, const PublishRequest&);

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
  throw Error(ErrorKind::usage, message, hint);
}

void require_channel_name(const std::string& name) {
  if (updater::is_channel_name(name)) return;
  refuse(fmt::format("not the name of a channel: {}", printable(name)),
         "Use lower-case letters, digits and hyphens, such as stable.");
}

updater::ReleaseTerms terms_of(const PublishRequest& request) {
  updater::ReleaseTerms terms{.valid_for = {},
                              .min_build = request.min_build,
                              .percent_per_hour = request.percent_per_hour};
  if (!request.expires) return terms;
  terms.valid_for = parse_duration(*request.expires);
  if (terms.valid_for && *terms.valid_for >= std::chrono::minutes(1)) return terms;
  refuse(fmt::format("--expires: not a duration of at least a minute: {}",
                     printable(*request.expires)),
         "Write it as 90d or 12h.");
}

updater::StoreOptions store_options(const PublishRequest& request) {
  updater::StoreOptions options;
  if (request.ca_file) options.ca_file = *request.ca_file;
  if (request.authorization_file) {
    options.authorization = trim(read_file(*request.authorization_file));
  }
  return options;
}

std::vector<updater::PublicKey> public_keys(const PublishRequest& request) {
  std::vector<updater::PublicKey> keys;
  for (const auto& file : request.public_keys) {
    try {
      keys.push_back(updater::PublicKey::parse(read_file(file)));
    } catch (const Error& error) {
      throw error.within("--public-key " + file);
    }
  }
  return keys;
}

/// Sees that the binaries are of that build, as far as they run here, and of one commit, which it
/// fills in.
void ask_versions(const std::vector<updater::ReleaseBinary>& binaries,
                  updater::NewRelease& release) {
  for (const auto& binary : binaries) {
    if (binary.platform != updater::this_platform()) continue;
    const auto version = updater::ask_version(binary.file);
    if (version.build != release.build) {
      refuse(
          fmt::format("{} is build {}, not {}", binary.file.native(), version.build, release.build),
          fmt::format("`make BUILD_NUMBER={}` builds it.", release.build));
    }
    if (!release.commit.empty() && release.commit != version.commit) {
      refuse(fmt::format("{} was built from commit {}, not {}", binary.file.native(),
                         version.commit, release.commit),
             "Leave --commit out to take what the binary tells.");
    }
    release.commit = version.commit;
  }
  if (release.commit.empty()) {
    refuse("no binary runs here that could tell its commit", "Give it with --commit.");
  }
}

updater::NewRelease new_release(const PublishRequest& request) {
  if (request.place.empty()) refuse("DIR|URL is required", "`converge publish --help`");
  if (request.binaries.empty()) refuse("a BINARY is required", "`converge publish --help`");
  if (request.key.empty()) refuse("--key is required", "`minisign -G` makes a pair of keys.");
  if (request.channel.empty()) refuse("--channel is required", "Such as --channel canary.");
  if (!request.build) refuse("--build is required", "It is the number that the binary tells.");
  updater::NewRelease release{.channel = request.channel,
                              .build = *request.build,
                              .commit = request.commit.value_or(""),
                              .built_us = 0,
                              .binaries = {},
                              .terms = terms_of(request),
                              .new_channel = request.new_channel};
  for (const auto& file : request.binaries) {
    auto binary = updater::read_release_binary(file);
    for (const auto& other : release.binaries) {
      if (other.platform != binary.platform) continue;
      refuse(fmt::format("{} and {} are both for {}", other.file.native(), file, binary.platform),
             "Give one binary for each platform.");
    }
    release.built_us = std::max(release.built_us, binary.modified_us);
    release.binaries.push_back(std::move(binary));
  }
  if (request.built) {
    release.built_us =
        time_given("--built", *request.built, wall_time_us()).first_us / 1'000'000 * 1'000'000;
  }
  ask_versions(release.binaries, release);
  return release;
}

updater::Published promote(updater::Publisher& publisher, const PublishRequest& request) {
  require_channel_name(request.from);
  return publisher.promote({.from = request.from,
                            .to = request.channel,
                            .build = request.build,
                            .terms = terms_of(request),
                            .new_channel = request.new_channel});
}

updater::Published withdraw(updater::Publisher& publisher, const PublishRequest& request) {
  auto published = publisher.withdraw(request.channel, *request.build, terms_of(request));
  if (published.manifest.build == *request.build) {
    print_notice(fmt::format(
        "build {} is what {} offers: hosts go back to the build before it{}, and install nothing "
        "until a higher one is published",
        *request.build, request.channel,
        published.manifest.min_build == 0
            ? ""
            : fmt::format(" unless that is below min_build {}", published.manifest.min_build)));
  }
  return published;
}

updater::Published pause(updater::Publisher& publisher, const PublishRequest& request) {
  return publisher.pause(request.channel, true, terms_of(request));
}

updater::Published resume(updater::Publisher& publisher, const PublishRequest& request) {
  return publisher.pause(request.channel, false, terms_of(request));
}

updater::Published resign(updater::Publisher& publisher, const PublishRequest& request) {
  return publisher.resign(request.channel, terms_of(request));
}

int act(const std::string& name, const PublishRequest& request, const Common& common,
        const std::function<updater::Published(updater::Publisher&)>& action) {
  require_channel_name(request.channel);
  const auto keys = public_keys(request);
  const std::string password = updater::needs_password(request.key)
                                   ? read_password(fmt::format("Password of {}: ", request.key))
                                   : std::string();
  const updater::Minisign minisign(request.key, password);
  try {
    const auto store = updater::open_release_store(request.place, store_options(request));
    updater::Publisher publisher(*store, minisign, keys);
    const auto published = action(publisher);
    if (common.json()) {
      print(published_json(name, request.place, published));
    } else if (published.changed || !common.quiet) {
      print(published_text(published));
    }
    return kDone;
  } catch (const updater::StoreBusy& busy) {
    print_error(busy);
    return kLocked;
  }
}

int publish(const PublishRequest& request, const Common& common) {
  const auto release = new_release(request);
  return act("publish", request, common, [&](updater::Publisher& publisher) {
    Progress progress("publishing");
    return publisher.publish(
        release, [&](std::int64_t done, std::int64_t total) { progress.show(done, total); });
  });
}

void add_signing_options(CLI::App& app, PublishRequest& request) {
  app.add_option("--key", request.key, "the secret key of minisign's to sign with")
      ->type_name("FILE");
  app.add_option("--public-key", request.public_keys,
                 "a public key that hosts trust; repeat it for several. The secret key must belong "
                 "to one of them, and what is there must be signed by one")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option("--expires", request.expires, "after what time hosts warn (90d)")
      ->type_name("DURATION");
  app.add_option("--ca-file", request.ca_file, "authorities to trust, instead of the system's")
      ->type_name("FILE");
  app.add_option("--authorization-file", request.authorization_file,
                 "holds the value of the header Authorization of each PUT")
      ->type_name("FILE");
}

void add_term_options(CLI::App& app, PublishRequest& request) {
  app.add_option("--min-build", request.min_build, "hosts must leave builds that are lower")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--percent-per-hour", request.percent_per_hour,
                 "how many hosts may install it, more each hour; 100: all at once")
      ->type_name("N")
      ->check(CLI::Range(1, 100));
}

void add_build_option(CLI::App& app, PublishRequest& request, const std::string& meaning) {
  app.add_option("--build", request.build, meaning)
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, updater::kHighestBuild));
}

void add_new_channel_option(CLI::App& app, PublishRequest& request) {
  app.add_flag("--new-channel", request.new_channel,
               "begin a channel that is neither stable nor canary");
}

struct PublishAction {
  const CLI::App* app;
  std::function<int()> run;
};

/// A subcommand with what all of them take.
struct Subcommand {
  CLI::App* app;
  Request request = std::make_shared<PublishRequest>();
};

Subcommand add_action(CLI::App& parent, std::vector<PublishAction>& actions, const Common& common,
                      const std::string& name, const std::string& summary,
                      const std::string& example, Action action) {
  Subcommand sub{.app = parent.add_subcommand(name, summary)};
  sub.app->add_option("DIR|URL", sub.request->place, "where releases are served from")->required();
  add_signing_options(*sub.app, *sub.request);
  sub.app->get_option("--key")->required();
  sub.app->footer("\nExamples:\n  converge publish " + name + " /srv/converge " + example +
                  " \\\n      --key release.key");
  const char* channel = name == "promote" ? "--to" : "--channel";
  sub.app->add_option(channel, sub.request->channel, "such as stable")
      ->type_name("NAME")
      ->required();
  actions.push_back({sub.app, [name, action, request = sub.request, &common] {
                       return act(name, *request, common, [&](updater::Publisher& publisher) {
                         return action(publisher, *request);
                       });
                     }});
  return sub;
}

std::vector<PublishAction> add_actions(CLI::App& app, const Common& common) {
  std::vector<PublishAction> actions;
  const auto to =
      add_action(app, actions, common, "promote", "offer a build of one channel in another one",
                 "--from canary --to stable", promote);
  to.app->add_option("--from", to.request->from, "the channel it was released to")
      ->type_name("NAME")
      ->required();
  add_build_option(*to.app, *to.request, "a build it released before, not the one it offers now");
  add_term_options(*to.app, *to.request);
  add_new_channel_option(*to.app, *to.request);
  const auto back = add_action(app, actions, common, "withdraw",
                               "make hosts leave a build and go back by themselves",
                               "--channel stable --build 123", withdraw);
  add_build_option(*back.app, *back.request, "the build to leave");
  back.app->get_option("--build")->required();
  add_action(app, actions, common, "pause", "stop a rollout where it is", "--channel stable",
             pause);
  add_action(app, actions, common, "resume", "let a rollout go on where it was", "--channel stable",
             resume);
  const auto again =
      add_action(app, actions, common, "resign", "sign anew what a channel says, with a new expiry",
                 "--channel stable --expires 90d", resign);
  add_term_options(*again.app, *again.request);
  return actions;
}

/// An option in front of the name of an action, or unknown to it, would count for nothing.
void require_none_given(const CLI::App& app, const std::string& action) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0) continue;
    refuse(fmt::format("{} is not for `converge publish {}`", option->get_name(), action),
           fmt::format("`converge publish {} --help` lists what is.", action));
  }
}

}  // namespace

std::function<int()> define_publish(CLI::App& app, const Common& common) {
  const auto request = std::make_shared<PublishRequest>();
  app.add_option("DIR|URL", request->place, "where releases are served from");
  app.add_option("BINARY", request->binaries, "a converge, one for each platform");
  add_build_option(app, *request, "the number of the build, which is never used twice");
  app.add_option("--channel", request->channel, "such as stable")->type_name("NAME");
  app.add_option("--commit", request->commit, "what it was built from; else what a binary tells")
      ->type_name("COMMIT");
  app.add_option("--built", request->built, "when it was built; else when a binary was written")
      ->type_name("TIME");
  add_signing_options(app, *request);
  add_term_options(app, *request);
  add_new_channel_option(app, *request);
  const auto actions = add_actions(app, common);
  app.require_subcommand(0, 1);
  return [request, actions, &app, &common] {
    for (const auto& action : actions) {
      if (!action.app->parsed()) continue;
      require_none_given(app, action.app->get_name());
      return action.run();
    }
    return publish(*request, common);
  };
}

}  // namespace converge::cli
