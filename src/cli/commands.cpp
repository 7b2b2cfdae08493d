#include "src/base/error.h"
#include "src/base/version.h"
#include "src/cli/command.h"
#include "src/cli/complete.h"
#include "src/cli/doctor.h"
#include "src/cli/help_text.h"
#include "src/cli/output.h"
#include "src/cli/usage.h"

#include <fmt/core.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <map>
#include <string>
#include <sys/prctl.h>
#include <vector>

namespace converge::cli {

namespace {

constexpr std::array kCommands = {
    Command{"run", "run one pass of each named, or of each due, converger",
            "  converge run archive_account          one pass, now\n"
            "  converge run -q                       from cron: what is due; silent when idle\n"
            "  converge run archive_account --wait 30s -o json",
            define_run},
    Command{"plan", "show what a pass would change, and change nothing",
            "  converge plan                         every converger\n"
            "  converge plan archive_account --subject 42\n"
            "  converge plan --exit-code && echo all is right",
            define_plan},
    Command{"check", "check definitions against the server; touches no row",
            "  converge check\n"
            "  converge check archive_account",
            define_check},
    Command{"new", "draft a definition and its test from foreign keys; runs nothing",
            "  converge new archive_account --flag account.archived_at\n"
            "  converge new end_contract --flag sales.contract.ended --stdout\n\n"
            "Each table that refers to TABLE, directly or through others, and bears the same\n"
            "column gets a step. The files are for a person to read and change.",
            define_new},
    Command{"test", "run the tests of convergers; changes nothing",
            "  converge test                         all of the convergers directory\n"
            "  converge test archive_account.test.sql\n"
            "  converge test --scratch convergers/*.test.sql -o tap\n\n"
            "Each case runs its statements and the converger, twice, in one transaction\n"
            "that is always rolled back. Until then it has the locks that its statements\n"
            "take, and what else is in the database is found too: use a database without\n"
            "traffic and data, or --scratch. Steps outside the database send nothing; what\n"
            "they would send is compared.\n"
            "Exit status: 0 all passed; 1 a case failed; 2 a file has a mistake, nothing\n"
            "was run.",
            define_test},
    Command{"list", "list the convergers: schedule, state, last pass, last correction",
            "  converge list\n"
            "  converge list -o json",
            define_list},
    Command{"show", "show a converger: description, runbook, settings, steps, history",
            "  converge show archive_account", define_show},
    Command{"release", "let through what a limit holds",
            "  converge release archive_account 1f0c9a7be2d34455   exactly that set, once\n"
            "  converge release archive_account                    go on, within the limit",
            define_release},
    Command{"status", "tell what is wrong, who has to see to it, and what the daemon does",
            "  converge status\n"
            "  converge status -o json | jq .\n\n"
            "Works from the journal, and asks the daemon of this journal when it runs.\n"
            "Exits with 1 when something needs a person: a converger that is held, failing,\n"
            "silent or broken, has subjects in quarantine, or owes steps outside the\n"
            "database for longer than a pass should take to carry them out; a daemon that\n"
            "is in trouble or does not answer.",
            define_status},
    Command{"pause", "stop a converger, or all, before its next pass",
            "  converge pause archive_account --reason 'billing is being migrated' --for 2h\n"
            "  converge pause --all --reason 'restoring a backup'\n\n"
            "A pass that runs already goes on to its end. The pause is kept in the journal,\n"
            "holds for all who use that journal, and survives a restart of the daemon.\n"
            "Other hosts that work on the same database are kept from it only while a\n"
            "daemon with that journal runs.",
            define_pause},
    Command{"resume", "let go on what was paused",
            "  converge resume archive_account\n"
            "  converge resume --all --reason 'the backup is restored'",
            define_resume},
    Command{"retry", "try subjects that failed again in the next pass",
            "  converge retry archive_account 42\n"
            "  converge retry archive_account --all",
            define_retry},
    Command{"stats", "count what was corrected and what failed, and draw it over time",
            "  converge stats                        the last seven days\n"
            "  converge stats --since -90d --converger archive_account\n"
            "  converge stats --since yesterday --until today -o json | jq .\n\n"
            "A pass that only looked leaves no entry in the journal and is in no count:\n"
            "passes are those that corrected something, failed or were stopped. An\n"
            "inconsistency counts as corrected when its transaction is known to be\n"
            "committed. Failures are those of single subjects, and passes that broke off.\n"
            "The time of the slowest pass stands before its id, which is what an entry of\n"
            "the journal calls `pass`.",
            define_stats},
    Command{"journal", "read the journal: what was corrected, when, by whom",
            "  converge journal\n"
            "  converge journal -n 100 --converger archive_account --subject 42\n"
            "  converge journal -o json | jq .\n"
            "  converge journal verify",
            define_journal},
    Command{"why", "tell one subject's story: who changed it, when, why, how it ended",
            "  converge why 42\n"
            "  converge why alice@example.com --definition   also the very text that acted\n"
            "  converge why 42 --converger archive_account -o json",
            define_why},
    Command{"publish", "lay out and sign a release, and say what a channel offers",
            "  converge publish /srv/converge --build 123 --channel canary \\\n"
            "      --key release.key build/release/converge\n"
            "  converge publish promote /srv/converge --from canary --to stable \\\n"
            "      --key release.key\n"
            "  converge publish withdraw /srv/converge --channel stable --build 123 \\\n"
            "      --key release.key\n"
            "  converge publish resign https://releases.example.com/converge \\\n"
            "      --channel stable --key release.key\n\n"
            "A number is never used twice; a command that was interrupted is finished by\n"
            "the same command. Nothing is named before it is there, and all is read back as\n"
            "a host does.",
            define_publish},
    Command{"update", "install the newest build for this host, or put the one before back",
            "  converge update                       what the channel offers this host\n"
            "  converge update --check --exit-code   4: there is something\n"
            "  converge update --to 123              whatever the rollout says\n"
            "  converge update --rollback\n"
            "  converge update --status -o json | jq .\n\n"
            "[update] in the configuration names the server and the keys that releases are\n"
            "verified with. A new build is tried before it is put in, is then on trial, and\n"
            "the one before is put back when it fails.\n"
            "Exit status: 75 another update is at work.",
            define_update},
    Command{"doctor", "check what is around converge, tell what to do; changes nothing",
            "  converge doctor\n"
            "  converge doctor -q                    only what is not well\n"
            "  converge doctor -o json | jq 'select(.verdict != \"ok\")'\n\n"
            "Run it as the user that converge runs as, with the same configuration.\n"
            "Exit status: 0 nothing is bad; 1 something is.",
            define_doctor},
    Command{"install", "put the binary, and what belongs to it, in place",
            "  sudo converge install                 below /usr/local\n"
            "  converge install --dry-run            what it would do\n"
            "  converge install --prefix ~/.local    for oneself, without units\n\n"
            "A second time changes nothing. What was edited is kept.",
            define_install},
    Command{"uninstall", "remove what install has put in place",
            "  sudo converge uninstall --dry-run\n"
            "  sudo converge uninstall\n\n"
            "Configuration, definitions and the journal stay.",
            define_uninstall},
    Command{"completion", "print the script that completes commands in a shell",
            "  eval \"$(converge completion bash)\"\n"
            "  converge completion fish > ~/.config/fish/completions/converge.fish\n\n"
            "`converge install` puts all three where their shells look.",
            define_completion},
    Command{"daemon", "converge for as long as it is left running: on timers and wake-ups",
            "  converge daemon                       in the foreground, for a service manager\n"
            "  converge daemon --config /etc/converge/converge.toml\n\n"
            "SIGTERM and SIGINT let chunks, requests and programs in flight end, each\n"
            "within its `timeout`; a second one ends the process at once, with its\n"
            "programs, and the next command that acts settles what they had begun. SIGHUP\n"
            "reads the configuration and the definitions again; a broken file leaves its\n"
            "last good version in force.\n"
            "Exit status 70: something did not come back, and the service manager should\n"
            "restart.",
            define_daemon},
    Command{"help", "show a page of the manual, or list them; needs nothing installed",
            "  converge help                         what there is to read\n"
            "  converge help run\n"
            "  converge help journal verify\n"
            "  converge help sql                     the file that defines a converger\n"
            "  converge help toml | grep -A3 lock_timeout",
            define_help},
};

void add_common_options(CLI::App& app, Common& common) {
  auto* group = app.add_option_group("Common options");
  group->add_option("--config", common.flags.config, "configuration file (CONVERGE_CONFIG)")
      ->type_name("FILE");
  group
      ->add_option("--database", common.flags.database,
                   "where to connect (CONVERGE_DATABASE, else libpq's PG*)")
      ->type_name("URL");
  group
      ->add_option("--convergers", common.flags.convergers,
                   "directory of definitions (CONVERGE_CONVERGERS)")
      ->type_name("DIR");
  group->add_option("--journal", common.flags.journal, "journal file (CONVERGE_JOURNAL)")
      ->type_name("FILE");
  group
      ->add_option("-o,--output", common.output,
                   "short or full (for people), or json (an object a line)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"short", "full", "json"}));
  group->add_option("--color", common.color, "auto, always or never")
      ->type_name("WHEN")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  group->add_flag("-q,--quiet", common.quiet, "print only what changed or failed");
  group->add_flag("-v,--verbose", common.verbose, "print more");
}

int dispatch(int argc, char** argv, const Services& services) {
  Common common{.services = services};
  CLI::App app(
      "Converge keeps pushing the state of a PostgreSQL database in the right\n"
      "direction, and keeps a journal of every step.",
      "converge");
  app.set_version_flag("--version",
                       fmt::format("converge build {} (commit {})", build_number(), build_commit()),
                       "print the build and the commit it was made from");
  app.formatter(help_formatter());  // Before the commands, which take it from here.
  app.require_subcommand(1);
  app.fallthrough();
  app.set_help_flag("-h,--help", "print this help");
  app.footer(
      "\nExamples:\n"
      "  converge list                  what there is, and how it is\n"
      "  converge plan archive_account  what a pass would change\n"
      "  converge run archive_account   one pass\n"
      "  converge journal               what was done\n\n"
      "`converge COMMAND --help` shows the options and examples of a command.\n\n"
      "Exit status: 0 done; 1 something failed; 2 usage or configuration, nothing\n"
      "attempted; 3 a limit or a person stopped a pass; 4 with --exit-code, there are\n"
      "(or were) inconsistencies; 75 another pass has the lock.");
  add_common_options(app, common);

  std::map<const CLI::App*, std::function<int()>> actions;
  for (const Command& command : kCommands) {
    CLI::App* sub = app.add_subcommand(std::string(command.name), std::string(command.summary));
    sub->footer(fmt::format("\nExamples:\n{}\n\nOptions common to all commands: `converge --help`.",
                            command.examples));
    actions[sub] = command.define(*sub, common);
  }
  const std::span<char* const> arguments(argv, static_cast<std::size_t>(argc));
  if (argc > 1 && arguments[1] == std::string_view("complete")) {
    return answer_shell(app, arguments.subspan(2));
  }
  require_known_command(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    throw usage_error(app, error);
  }
  use_color(common.color);
  return actions.at(app.get_subcommands().front())();
}

/// Poco's libraries block SIGPIPE when they are loaded.
void end_on_broken_pipe() {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_UNBLOCK, &pipe, nullptr);
}

/// Whoever starts this process may ignore SIGCHLD: then nobody is told how a program ended.
void learn_how_children_end() { std::signal(SIGCHLD, SIG_DFL); }

/// Passwords and tokens are in the memory of this process: no core dump has it, and of other
/// processes those of root alone read it. A program that is started is as usual.
void keep_memory_private() { prctl(PR_SET_DUMPABLE, 0); }

}  // namespace

std::span<const Command> commands() { return kCommands; }

int main(int argc, char** argv, const Services& services) {
  end_on_broken_pipe();
  learn_how_children_end();
  keep_memory_private();
  try {
    return dispatch(argc, argv, services);
  } catch (const Error& error) {
    print_error(error);
    return error.kind() == ErrorKind::usage ? kUsage : kFailed;
  } catch (const std::exception& error) {
    print_error(Error(ErrorKind::failure, error.what()));
    return kFailed;
  }
}

}  // namespace converge::cli
