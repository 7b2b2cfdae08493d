#include "tests/bench/journal.h"

#include "tests/bench/journal_filling.h"
#include "tests/support/temp_dir.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

namespace converge::bench {

namespace {

constexpr std::int64_t kSmall = 100'000;
constexpr int kRuns = 11;
constexpr int kVerifyRuns = 3;  ///< Each takes a while, and varies little.

using Words = std::vector<std::string>;

struct Question {
  std::string name;
  std::function<Words(const FilledJournal&)> arguments;
  int runs = kRuns;
  bool reads_all = false;  ///< So that entries per second say more.
};

std::vector<Question> questions() {
  const auto journal = [](const Words& words) {
    Words all = {"journal"};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  };
  const auto newest = [journal](Words words) {
    words.insert(words.end(), {"-n", "20"});
    return journal(words);
  };
  return {
      {"--version", [](const auto&) { return Words{"--version"}; }},
      {"journal -n 20", [=](const auto&) { return newest({}); }},
      {"journal --converger COMMON -n 20",
       [=](const auto& filled) {
         return newest({"--converger", filled.common});
       }},
      {"journal --converger RARE -n 20",
       [=](const auto& filled) {
         return newest({"--converger", filled.rare});
       }},
      {"journal --converger COMMON --since -1d -n 20",
       [=](const auto& filled) {
         return newest({"--converger", filled.common, "--since", "-1d"});
       }},
      {"journal --converger RARE --since -1d -n 20",
       [=](const auto& filled) {
         return newest({"--converger", filled.rare, "--since", "-1d"});
       }},
      {"journal --outcome failed -n 20",
       [=](const auto&) {
         return newest({"--outcome", "failed"});
       }},
      {"journal --subject KEY",
       [=](const auto& filled) {
         return journal({"--subject", filled.subject});
       }},
      {"journal --subject NOBODY",
       [=](const auto& filled) {
         return journal({"--subject", filled.nobody});
       }},
      {"why KEY",
       [](const auto& filled) {
         return Words{"why", filled.subject};
       }},
      {"journal verify", [=](const auto&) { return journal({"verify"}); }, kVerifyRuns, true},
  };
}

/// The median, and the most memory of any run.
struct Answer {
  double seconds = 0;
  double peak_mib = 0;
};

class JournalBench {
 public:
  JournalBench(std::string converge, std::int64_t entries, Results& results)
      : converge_(std::move(converge)), results_(results) {
    journals_.push_back(fill(kSmall));
    if (entries != kSmall) journals_.push_back(fill(entries));
  }

  void run() {
    fmt::print("\nreading a journal, whole process, warm cache, median of {} (verify of {})\n",
               kRuns, kVerifyRuns);
    fmt::print("  {:<46}", "");
    for (const auto& filled : journals_) fmt::print("{:>12} entries", filled.entries);
    fmt::print("     ratio\n");
    for (const Question& question : questions()) ask(question);
  }

 private:
  FilledJournal fill(std::int64_t entries) {
    const auto start = std::chrono::steady_clock::now();
    const auto filled = fill_journal(directory_ / fmt::format("{}/journal.db", entries), entries);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    const auto rate = static_cast<double>(filled.entries) / took.count();
    fmt::print("{}a journal of {} entries, {:.0f} MiB, written at {:.0f} entries/s\n",
               journals_.empty() ? "\n" : "", filled.entries,
               static_cast<double>(std::filesystem::file_size(filled.file)) / 1024 / 1024, rate);
    std::fflush(stdout);
    results_.add(fmt::format("journal fill {}", entries), {{"entries_per_s", rate}});
    return filled;
  }

  Words words(const Question& question, const FilledJournal& filled) const {
    Words all = {converge_, "--journal", filled.file.string()};
    const Words arguments = question.arguments(filled);
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }

  /// For each journal, asked in turn so that other load of the machine meets them alike; empty when
  /// the program does not know the question.
  std::vector<Answer> answers(const Question& question) const {
    std::vector<std::vector<double>> seconds(journals_.size());
    std::vector<Answer> all(journals_.size());
    for (const auto& filled : journals_) {
      if (!run_if_known(words(question, filled))) return {};  // And warms the cache.
    }
    for (int i = 0; i < question.runs; ++i) {
      for (std::size_t at = 0; at < journals_.size(); ++at) {
        const Sample sample = bench::run(words(question, journals_[at]));
        seconds[at].push_back(sample.seconds);
        all[at].peak_mib = std::max(all[at].peak_mib, sample.peak_mib);
      }
    }
    for (std::size_t at = 0; at < all.size(); ++at) all[at].seconds = median(seconds[at]);
    return all;
  }

  void ask(const Question& question) {
    fmt::print("  {:<46}", question.name);
    const auto found = answers(question);
    for (std::size_t at = 0; at < found.size(); ++at) tell(question, journals_[at], found[at]);
    if (found.empty()) {
      fmt::print("   not in this build\n");
    } else if (found.size() > 1) {
      fmt::print("{:>10.2f}\n", ratio(question, found));
    } else {
      fmt::print("\n");
    }
    std::fflush(stdout);
  }

  /// Of what is shown: times, or rates.
  double ratio(const Question& question, const std::vector<Answer>& found) const {
    const double times = found.back().seconds / found.front().seconds;
    const auto sizes = static_cast<double>(journals_.back().entries) /
                       static_cast<double>(journals_.front().entries);
    return question.reads_all ? sizes / times : times;
  }

  void tell(const Question& question, const FilledJournal& filled, const Answer& answer) {
    const auto rate = static_cast<double>(filled.entries) / answer.seconds;
    fmt::print("{:>9} {:>6.1f} MiB",
               question.reads_all ? fmt::format("{:.0f}/s", rate)
                                  : fmt::format("{:.1f} ms", answer.seconds * 1000),
               answer.peak_mib);
    std::vector<std::pair<std::string, double>> figures = {{"ms", answer.seconds * 1000},
                                                           {"peak_mib", answer.peak_mib}};
    if (question.reads_all) figures.emplace_back("entries_per_s", rate);
    results_.add(fmt::format("{} of {}", question.name, filled.entries), figures);
  }

  std::string converge_;
  Results& results_;
  tests::TempDir directory_;
  std::vector<FilledJournal> journals_;  ///< The small one first.
};

}  // namespace

void measure_journal(const std::string& converge, std::int64_t entries, Results& results) {
  JournalBench(converge, entries, results).run();
}

}  // namespace converge::bench
