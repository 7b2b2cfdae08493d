#include "tests/bench/measure.h"

#include "src/base/text.h"
#include "tests/support/temp_dir.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace converge::bench {

namespace {

std::optional<double> duration_in(std::FILE* file) {
  std::string text(64 * 1024, '\0');
  std::rewind(file);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  constexpr std::string_view kMember = "\"duration_ms\":";
  const auto place = text.rfind(kMember);
  if (place == std::string::npos) return std::nullopt;
  return std::stod(text.substr(place + kMember.size())) / 1000;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

struct Ended {
  Sample sample;
  int status = 0;  ///< As wait(2) tells it.
};

Ended run_to_its_end(const std::vector<std::string>& arguments,
                     const std::map<std::string, std::string>& environment, bool quiet) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const std::unique_ptr<std::FILE, decltype(&std::fclose)> out(std::tmpfile(), &std::fclose);
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    dup2(fileno(out.get()), STDOUT_FILENO);
    if (quiet) dup2(fileno(out.get()), STDERR_FILENO);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  wait4(child, &status, 0, &usage);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return {.sample = {.seconds = took.count(),
                     .work_seconds = duration_in(out.get()).value_or(took.count()),
                     .peak_mib = static_cast<double>(usage.ru_maxrss) / 1024,
                     .cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime)},
          .status = status};
}

}  // namespace

Sample run(const std::vector<std::string>& arguments,
           const std::map<std::string, std::string>& environment) {
  const Ended ended = run_to_its_end(arguments, environment, false);
  if (ended.status != 0) {
    throw std::runtime_error(
        fmt::format("{} ended with status {}", fmt::join(arguments, " "), ended.status));
  }
  return ended.sample;
}

std::optional<Sample> run_if_known(const std::vector<std::string>& arguments) {
  const Ended ended = run_to_its_end(arguments, {}, true);
  if (WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == 2) return std::nullopt;
  return ended.sample;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double Pair::ratio() const {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < ours.size(); ++i) ratios.push_back(theirs[i] / ours[i]);
  return median(ratios);
}

void Results::add(const std::string& name, const Figures& figures) {
  std::string members;
  for (const auto& [key, value] : figures) members += fmt::format(",\"{}\":{:.4f}", key, value);
  json_ +=
      fmt::format("{}\n  {{\"name\":{}{}}}", json_.empty() ? "" : ",", json_string(name), members);
}

void Results::write(const std::filesystem::path& file) const {
  std::filesystem::create_directories(file.parent_path());
  tests::write_text(file, fmt::format("{{\"results\":[{}\n]}}\n", json_));
  fmt::print("\nwritten to {}\n", file.string());
}

}  // namespace converge::bench
