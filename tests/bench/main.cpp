#include "tests/bench/bare.h"
#include "tests/bench/daemon.h"
#include "tests/bench/journal.h"
#include "tests/bench/measure.h"
#include "tests/bench/outside.h"
#include "tests/bench/world.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace converge::bench {

namespace {

constexpr int kOwned = 3;  ///< Clusters, API keys and team members of an account, each.

std::int64_t number(const char* variable, std::int64_t fallback) {
  const char* text = std::getenv(variable);
  return text == nullptr ? fallback : std::stoll(text);
}

class Bench {
 public:
  Bench(std::string self, std::string converge, Results& results)
      : results_(results),
        self_(std::move(self)),
        converge_(std::move(converge)),
        accounts_(number("ACCOUNTS", 100'000)),
        rounds_(static_cast<int>(number("ROUNDS", 5))),
        memory_accounts_(number("MEMORY_ACCOUNTS", 1'000'000)) {}

  void run() {
    fmt::print(
        "{} accounts with {} clusters, API keys and team members each; {} rounds, pairs in turn, "
        "medians\n\n",
        accounts_, kOwned, rounds_);
    results_.add("passes", {{"accounts", static_cast<double>(accounts_)}, {"rounds", rounds_}});
    dirty_ = world_.dirty_template(accounts_, kOwned);
    measure_start();
    measure_dirty();
    measure_clean();
    measure_memory();
  }

 private:
  Sample converge(const std::string& database, int parallel, const std::string& journal) {
    return bench::run({converge_, "--database", world_.url(database), "--convergers",
                       world_.convergers(parallel), "--journal", journal, "run", "-o", "json",
                       "archive_account"});
  }
  Sample bare(const std::string& database, int connections, bool read_again) {
    return bench::run(
        {self_, read_again ? "again" : "once", world_.url(database), std::to_string(connections)});
  }

  /// In turn; the order changes from round to round. Compares the work alone, connecting and
  /// starting left out, and beside it the whole processes.
  void compare(const std::string& name, const std::function<Sample(bool)>& sample) {
    Pair work;
    Pair process;
    for (int round = 0; round < rounds_; ++round) {
      const bool ours_first = round % 2 == 0;
      for (const bool ours : {ours_first, !ours_first}) {
        const Sample taken = sample(ours);
        (ours ? work.ours : work.theirs).push_back(taken.work_seconds);
        (ours ? process.ours : process.theirs).push_back(taken.seconds);
      }
    }
    const auto rate = [&](const std::vector<double>& seconds) {
      return static_cast<double>(accounts_) / median(seconds);
    };
    fmt::print("  {:<52}{:>9.0f}/s{:>9.0f}/s   ratio {:.3f}   whole process {:.3f}\n", name,
               rate(work.ours), rate(work.theirs), work.ratio(), process.ratio());
    std::fflush(stdout);
    results_.add(name, {{"converge_per_s", rate(work.ours)},
                        {"bare_per_s", rate(work.theirs)},
                        {"ratio", work.ratio()},
                        {"whole_process_ratio", process.ratio()}});
  }

  Sample on_copy(const std::function<Sample(const std::string&)>& work) {
    const std::string database = world_.copy(dirty_);
    const Sample sample = work(database);
    const std::string left =
        world_.query(database, "select count(*) from cluster where archived_at is null");
    if (left != "0") throw std::runtime_error(left + " clusters were not archived");
    world_.drop(database);
    return sample;
  }

  void measure_start() {
    std::vector<double> seconds;
    for (int i = 0; i < 21; ++i) seconds.push_back(bench::run({converge_, "--version"}).seconds);
    fmt::print("  {:<52}{:>9.1f} ms\n", "converge --version", median(seconds) * 1000);
    results_.add("version", {{"ms", median(seconds) * 1000}});
  }

  void measure_dirty() {
    fmt::print("\ncorrecting every account{:>39} {:>10}\n", "converge", "other");
    for (const bool read_again : {true, false}) {
      for (const int parallel : {1, 2}) {
        compare(fmt::format("(a) chunked SQL, no journal, {}{} connection{}",
                            read_again ? "" : "read once, ", parallel, parallel == 1 ? "" : "s"),
                [&](bool ours) {
                  return on_copy([&](const std::string& database) {
                    return ours ? converge(database, parallel, world_.new_journal())
                                : bare(database, parallel, read_again);
                  });
                });
      }
    }
    compare("(b) one statement per table", [&](bool ours) {
      return on_copy([&](const std::string& database) {
        return ours ? converge(database, 1, world_.new_journal())
                    : bench::run({self_, "set-based", world_.url(database)});
      });
    });
    measure_pgbench();
  }

  /// One account per transaction, at the best of several numbers of clients.
  void measure_pgbench() {
    double best = 0;
    int best_clients = 0;
    const std::filesystem::path script = world_.pgbench_script();
    for (const int clients : {1, 4, 8}) {
      const std::string database = world_.copy(dirty_);
      const std::int64_t each = std::min<std::int64_t>(accounts_, 20'000) / clients;
      const double seconds =
          bench::run({"/usr/lib/postgresql/15/bin/pgbench", "--no-vacuum", "--protocol=prepared",
                      "--client", std::to_string(clients), "--jobs",
                      std::to_string(std::min(clients, 2)), "--transactions", std::to_string(each),
                      "--define", "n=0", "--define", "clients=" + std::to_string(clients), "--file",
                      script.string(), world_.url(database)})
              .seconds;
      world_.drop(database);
      const double rate = static_cast<double>(each * clients) / seconds;
      if (rate > best) {
        best = rate;
        best_clients = clients;
      }
    }
    fmt::print("  {:<52}{:>11} {:>9.0f}/s   at {} clients\n",
               "(c) pgbench, one account a transaction", "", best, best_clients);
    results_.add("pgbench", {{"per_s", best}, {"clients", best_clients}});
  }

  void measure_clean() {
    fmt::print("\nlooking at accounts that are right already\n");
    const std::string database = world_.copy(dirty_);
    bench::run({self_, "set-based", world_.url(database)});
    world_.query(database, "vacuum (analyze)");
    const std::string journal = world_.new_journal();
    for (const int parallel : {1, 2}) {
      compare(fmt::format("(a) bare find and steps, {} connection{}", parallel,
                          parallel == 1 ? "" : "s"),
              [&](bool ours) {
                return ours ? converge(database, parallel, journal)
                            : bare(database, parallel, false);
              });
    }
    world_.drop(database);
  }

  void measure_memory() {
    fmt::print("\npeak memory of converge\n");
    for (const std::int64_t accounts : {std::int64_t{10'000}, memory_accounts_}) {
      const std::string source = world_.dirty_template(accounts, 1);
      const std::string database = world_.copy(source);
      const Sample dirty = converge(database, 1, world_.new_journal());
      const Sample clean = converge(database, 1, world_.new_journal());
      world_.drop(database);
      fmt::print("  {:<52}{:>9.1f} MiB correcting {:>6.1f} MiB looking\n",
                 fmt::format("{} subjects", accounts), dirty.peak_mib, clean.peak_mib);
      results_.add(fmt::format("memory {}", accounts),
                   {{"correcting_mib", dirty.peak_mib}, {"looking_mib", clean.peak_mib}});
    }
  }

  Results& results_;
  std::string self_;
  std::string converge_;
  std::int64_t accounts_;
  int rounds_;
  std::int64_t memory_accounts_;
  World world_;
  std::string dirty_;
};

/// Everything, or what the variable BENCH names.
void measure(const std::string& converge) {
  const char* part = std::getenv("BENCH");
  const std::string only = part == nullptr ? "" : part;
  if (!only.empty() && only != "passes" && only != "journal" && only != "daemon" &&
      only != "outside") {
    throw std::runtime_error("BENCH is passes, journal, daemon or outside, not " + only);
  }
  const auto is_wanted = [&](const char* name) { return only.empty() || only == name; };
  Results results;
  if (is_wanted("passes"))
    Bench(std::filesystem::canonical("/proc/self/exe"), converge, results).run();
  if (is_wanted("journal"))
    measure_journal(converge, number("JOURNAL_ENTRIES", 1'000'000), results);
  if (is_wanted("daemon")) measure_daemon(converge, results);
  if (is_wanted("outside")) measure_outside(converge, results);
  results.write("build/bench/results.json");
}

int main(const std::vector<std::string>& arguments) {
  if (arguments.size() == 4 && (arguments[1] == "once" || arguments[1] == "again")) {
    const double seconds = chunked(arguments[2], std::stoi(arguments[3]), arguments[1] == "again");
    fmt::print("\"duration_ms\":{:.3f}\n", seconds * 1000);
  } else if (arguments.size() == 3 && arguments[1] == "set-based") {
    set_based(arguments[2]);
  } else if (arguments.size() == 2) {
    measure(arguments[1]);
  } else {
    fmt::print(stderr,
               "usage: {} CONVERGE    (environment: BENCH=passes|journal|daemon|outside, ACCOUNTS, "
               "ROUNDS, "
               "MEMORY_ACCOUNTS, JOURNAL_ENTRIES)\n",
               arguments[0]);
    return 2;
  }
  return 0;
}

}  // namespace

}  // namespace converge::bench

int main(int argc, char** argv) {
  try {
    return converge::bench::main({argv, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench: {}\n", error.what());
    return 1;
  }
}
