#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace converge::bench {

/// One finished process.
struct Sample {
  double seconds = 0;       ///< Of the whole process.
  double work_seconds = 0;  ///< Of its work alone, as it says itself: `"duration_ms":N`.
  double peak_mib = 0;      ///< Largest resident set.
  double cpu_seconds = 0;   ///< User and system time.
};

/// Runs a program to its end; throws when it fails.
Sample run(const std::vector<std::string>& arguments,
           const std::map<std::string, std::string>& environment = {});

/// The same; nothing when the program does not know its arguments (exit status 2).
std::optional<Sample> run_if_known(const std::vector<std::string>& arguments);

double median(std::vector<double> values);

/// Two ways of doing the same work, taken in turn.
struct Pair {
  std::vector<double> ours;  ///< Seconds.
  std::vector<double> theirs;

  /// Our rate as a share of theirs: the median of the ratios pair by pair.
  double ratio() const;
};

/// The figures of one run of the benchmark, for programs to compare.
class Results {
 public:
  using Figures = std::vector<std::pair<std::string, double>>;

  void add(const std::string& name, const Figures& figures);
  /// Writes `{"results":[{"name":...,...},...]}`.
  void write(const std::filesystem::path& file) const;

 private:
  std::string json_;
};

}  // namespace converge::bench
