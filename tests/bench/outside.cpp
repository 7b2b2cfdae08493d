#include "tests/bench/outside.h"

#include "tests/bench/world.h"
#include "tests/support/state_machine.h"

#include <fmt/core.h>

#include <cstdio>
#include <fstream>
#include <vector>

namespace converge::bench {

namespace {

constexpr int kRounds = 5;

class OutsideBench {
 public:
  explicit OutsideBench(std::string converge) : converge_(std::move(converge)) {}

  /// A pass that calls the service for each of so many subjects.
  Sample pass(int subjects, int parallel) {
    const std::string database = world_.filled(
        {fmt::format("create table item as select generate_series(1, {}) as id", subjects)});
    const auto directory = world_.new_directory();
    std::ofstream(directory / "tell.sql") << fmt::format(
        "-- parallel: {}\n\n-- find:\nselect id from item;\n\n-- http: tell\n"
        "--   POST ${{SERVICE}}/items/{{id}}\n-- for: found\n-- repeat: 1h\n",
        parallel);
    const Sample sample = bench::run(
        {converge_, "--database", world_.url(database), "--convergers", directory.string(),
         "--journal", world_.new_journal().string(), "run", "tell", "-o", "json"},
        {{"SERVICE", service_.url()}});
    world_.drop(database);
    return sample;
  }

 private:
  std::string converge_;
  World world_;
  tests::StateMachine service_{{"--delay", "5"}};
};

}  // namespace

void measure_outside(const std::string& converge, Results& results) {
  fmt::print("\nsteps outside the database, a service that takes 5 ms\n");
  OutsideBench bench(converge);
  constexpr int kSubjects = 4000;
  constexpr int kAlone = 400;
  std::vector<double> ratios;
  std::vector<double> alone;
  std::vector<double> together;
  std::vector<double> cpu_ms;
  for (int round = 0; round < kRounds; ++round) {
    const double idle = bench.pass(1, 1).cpu_seconds;  // Of starting, and all but the calls.
    alone.push_back(kAlone / bench.pass(kAlone, 1).work_seconds);
    const Sample many = bench.pass(kSubjects, 16);
    together.push_back(kSubjects / many.work_seconds);
    ratios.push_back(together.back() / alone.back());
    cpu_ms.push_back((many.cpu_seconds - idle) * 1000 / kSubjects);
  }
  fmt::print("  {:<52}{:>9.0f}/s\n", "one at a time", median(alone));
  fmt::print("  {:<52}{:>9.0f}/s   ratio {:.1f}\n", "sixteen at once", median(together),
             median(ratios));
  fmt::print("  {:<52}{:>9.3f} ms\n", "processor time of a call, journal included", median(cpu_ms));
  std::fflush(stdout);
  results.add("outside", {{"alone_per_s", median(alone)},
                          {"together_per_s", median(together)},
                          {"ratio", median(ratios)},
                          {"cpu_ms_per_call", median(cpu_ms)}});
}

}  // namespace converge::bench
