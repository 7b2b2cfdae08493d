#include "tests/cli/update_fixture.h"

#include "src/base/clock.h"
#include "src/base/digest.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <regex>
#include <stdexcept>
#include <sys/stat.h>

namespace converge::tests {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kDayUs = 86'400 * kSecondUs;

std::filesystem::path built(const std::string& name) {
  const char* binary = std::getenv("CONVERGE_BINARY");
  if (binary == nullptr) throw std::runtime_error("CONVERGE_BINARY is not set: use tests/run");
  return std::filesystem::path(binary).parent_path() / name;
}

std::string stripped(const std::filesystem::path& file) {
  const TempDir directory;
  const auto target = (directory / "stripped").string();
  const auto result = run_command({"strip", "-o", target, file.string()});
  if (result.status != 0) throw std::runtime_error("strip: " + result.err);
  return read_text(target);
}

NginxOptions nginx_options(const std::string& scheme, const std::string& directives,
                           const Certificates& certificates) {
  if (scheme == "http") return {.server = directives};
  certificates.sign("server", "localhost");
  return {.certificate = certificates.file("server.pem"),
          .key = certificates.file("server.key"),
          .server = directives};
}

std::int64_t this_second_us() { return wall_time_us() / kSecondUs * kSecondUs; }

}  // namespace

UpdatedHost::UpdatedHost(const std::string& scheme, const std::string& directives)
    : server(nginx_options(scheme, directives, certificates)) {
  std::filesystem::create_directory(binary.parent_path());
  std::filesystem::create_directory(directory / "convergers");
  write_text(binary, program(101));
  ::chmod(binary.c_str(), 0755);
  environment = {{"CONVERGE_CONFIG", (directory / "converge.toml").string()},
                 {"HOME", directory.path().string()},
                 {"TZ", "UTC"},
                 {"LC_ALL", "C.UTF-8"},
                 {"NO_COLOR", std::nullopt},
                 {"INVOCATION_ID", std::nullopt}};
  configure();
}

const std::string& UpdatedHost::program(int build) {
  static std::map<int, std::string> programs;
  const auto found = programs.find(build);
  if (found != programs.end()) return found->second;
  return programs[build] = stripped(built("converge-build-" + std::to_string(build)));
}

std::string UpdatedHost::stand_in(int build, const std::string& script) {
  const auto number = std::to_string(build);
  return "#!/bin/sh\n" + (script.empty() ? "" : script + "\n") +
         R"(case "$*" in *--preflight*) cat > /dev/null; echo '{"build":)" + number +
         R"(,"broken":[]}' ;; *) echo 'converge build )" + number + "' ;; esac\n";
}

updater::ReleaseManifest UpdatedHost::manifest_of(int build, const std::string& content) {
  const auto path = "builds/" + std::to_string(build) + "/converge-linux-amd64";
  server.serve(path, content);
  const auto now_us = this_second_us();
  return {.product = "converge",
          .channel = "stable",
          .seq = ++seq_,
          .build = build,
          .commit = "0123abcd4567",
          .built_us = now_us - kDayUs,
          .issued_us = now_us - kSecondUs,
          .expires_us = now_us + 90 * kDayUs,
          .min_build = 0,
          .withdrawn = {},
          .rollout = {.start_us = now_us - kSecondUs, .percent_per_hour = 100, .paused = false},
          .artifacts = {{.platform = updater::this_platform(),
                         .path = path,
                         .size_bytes = static_cast<std::int64_t>(content.size()),
                         .sha256 = hex(sha256(content))}}};
}

void UpdatedHost::offer(const updater::ReleaseManifest& manifest) const {
  const auto object = signer.sign(updater::manifest_text(manifest));
  server.serve("builds/" + std::to_string(manifest.build) + "/manifest.stable", object);
  offer_object(object);
}

void UpdatedHost::offer_object(const std::string& object) const {
  // nginx makes an ETag of time and size, and two offers in one second may be of one size.
  static std::chrono::hours earlier{0};
  const auto file = server.serve("channels/stable", object);
  std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - ++earlier);
}

void UpdatedHost::release(int build, const std::function<void(updater::ReleaseManifest&)>& change) {
  auto manifest = manifest_of(build, program(build));
  if (change) change(manifest);
  offer(manifest);
}

CommandResult UpdatedHost::call(const Words& arguments) const {
  Words words = {binary.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run_command(words, {.environment = environment});
}

CommandResult UpdatedHost::update(Words arguments) const {
  arguments.insert(arguments.begin(), "update");
  return call(arguments);
}

std::string UpdatedHost::updated(const Words& arguments) const {
  const auto result = update(arguments);
  BOOST_TEST(result.status == 0, result.err);
  return result.out;
}

void UpdatedHost::refused(const std::string& text, int status, const Words& arguments) const {
  const auto before = installed();
  const auto names_before = names();
  const auto result = update(arguments);
  BOOST_TEST(result.status == status, result.out << result.err);
  BOOST_TEST(contains(result.err, text), result.err);
  BOOST_TEST(installed() == before);
  BOOST_TEST(names() == names_before, boost::test_tools::per_element());
}

int UpdatedHost::installed() const {
  const auto result = run_command({binary.string(), "--version"}, {.environment = environment});
  std::smatch found;
  if (result.status != 0 || !std::regex_search(result.out, found, std::regex("build ([0-9]+)"))) {
    return -1;
  }
  return std::stoi(found[1]);
}

std::vector<std::string> UpdatedHost::history() const {
  std::vector<std::string> events;
  if (!std::filesystem::exists(journal)) return events;
  const auto result = call({"journal", "--kind", "update", "-n", "1000", "-o", "json"});
  BOOST_TEST(result.status == 0, result.err);
  for (const auto& line : lines(result.out)) {
    const auto told = member(line, "update");
    events.push_back(member(told, "event") + " " + member(told, "build"));
  }
  return events;
}

void UpdatedHost::require_whole_journal() const {
  const auto result = call({"journal", "verify"});
  BOOST_TEST(result.status == 0, result.out << result.err);
}

std::vector<std::string> UpdatedHost::names() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(binary.parent_path())) {
    const auto name = entry.path().filename().string();
    if (name != ".converge.lock" && name != ".converge.state") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string UpdatedHost::status(const std::string& name) const {
  const auto result = update({"--status", "-o", "json"});
  BOOST_TEST(result.status == 0, result.err);
  return member(result.out, name);
}

void UpdatedHost::configure(const std::string& more, const std::string& key) const {
  directory.write(
      "converge.toml",
      "[journal]\nfile = \"" + journal.string() + "\"\n[convergers]\ndirectory = \"" +
          (directory / "convergers").string() + "\"\n[http]\nproxy = \"\"\nca_file = \"" +
          certificates.file("authority.pem") + "\"\n" + "[update]\nurl = \"" + server.url() +
          "\"\nkeys = [\"" + (key.empty() ? signer.public_key() : key) + "\"]\n" + more);
}

std::string UpdatedHost::journal_value(const std::string& query) const {
  const auto result = run_command({"sqlite3", "-readonly", journal.string(), query});
  BOOST_TEST(result.status == 0, result.err);
  return result.out.substr(0, result.out.find('\n'));
}

std::filesystem::path debug_program() {
  const char* binary = std::getenv("CONVERGE_DEBUG_BINARY");
  if (binary == nullptr) throw std::runtime_error("CONVERGE_DEBUG_BINARY is not set");
  return binary;
}

}  // namespace converge::tests
