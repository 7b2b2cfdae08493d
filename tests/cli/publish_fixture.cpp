#include "tests/cli/publish_fixture.h"

#include "src/base/digest.h"
#include "updater/release_manifest.h"

#include <boost/test/unit_test.hpp>

#include <array>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <sys/stat.h>

namespace converge::tests {
namespace {

std::filesystem::path beside_binary(const std::string& name) {
  const char* binary = std::getenv("CONVERGE_BINARY");
  if (binary == nullptr) throw std::runtime_error("CONVERGE_BINARY is not set: use tests/run");
  return std::filesystem::path(binary).parent_path() / name;
}

/// Without what only a debugger reads, as a release is, and read and written quickly.
struct Stripped {
  Stripped() {
    ::chmod(directory.path().c_str(), 0755);
    for (const char* name : {"converge-build-101", "converge-build-102"}) {
      const auto result = run_command({"strip", "-o", directory / name, beside_binary(name)});
      if (result.status != 0) throw std::runtime_error("strip: " + result.err);
    }
  }
  TempDir directory;
};

}  // namespace

Publishing::Publishing() : place(directory / "releases"), target(place) {
  std::filesystem::create_directory(place);
  environment = {{"HOME", directory.path().string()},
                 {"TMPDIR", directory.path().string()},
                 {"TZ", "UTC"},
                 {"LC_ALL", "C.UTF-8"},
                 {"http_proxy", std::nullopt},
                 {"https_proxy", std::nullopt}};
}

std::filesystem::path Publishing::binary(int build) {
  static const Stripped stripped;
  return stripped.directory / ("converge-build-" + std::to_string(build));
}

std::filesystem::path Publishing::changed(const std::filesystem::path& file, std::size_t offset,
                                          const std::string& bytes) const {
  auto text = read_text(file);
  text.replace(offset, bytes.size(), bytes);
  const auto copy = directory.write("changed", text);
  ::chmod(copy.c_str(), 0755);
  return copy;
}

CommandResult Publishing::call(const Words& arguments, const CommandOptions& options) const {
  auto all = options;
  all.environment = environment;
  for (const auto& [name, value] : options.environment) all.environment[name] = value;
  Words words = {beside_binary("converge"), "publish"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run_command(words, all);
}

Words Publishing::signed_with_key(Words arguments) const {
  arguments.insert(arguments.end(), {"--key", minisign.secret_key_file()});
  return arguments;
}

Words Publishing::of_build(int build, const std::string& channel, const Words& more) const {
  Words arguments = {target, "--build", std::to_string(build), "--channel", channel, binary(build)};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::string Publishing::publish(Words arguments) const {
  const auto result = call(signed_with_key(std::move(arguments)));
  BOOST_TEST_REQUIRE(result.status == 0, result.out << result.err);
  return result.out;
}

void Publishing::refuse(const Words& arguments, int status, const std::string& message,
                        const std::string& hint) const {
  const auto before = tree();
  const auto result = call(arguments);
  BOOST_TEST(result.status == status, result.out << result.err);
  BOOST_TEST(contains(result.err, "converge: error: "), result.err);
  BOOST_TEST(contains(result.err, message), message << "\nis not in\n" << result.err);
  BOOST_TEST(contains(result.err, hint), hint << "\nis not in\n" << result.err);
  BOOST_TEST(result.out == "");
  BOOST_TEST((tree() == before), "the refused command has changed something");
}

void Publishing::die_at(const std::string& fault, const Words& arguments) const {
  Words words = {beside_binary("converge-debug"), "publish"};
  const auto all = signed_with_key(arguments);
  words.insert(words.end(), all.begin(), all.end());
  auto with_fault = environment;
  with_fault["CONVERGE_FAULT"] = fault;
  const auto result = run_command(words, {.environment = with_fault});
  BOOST_TEST_REQUIRE(result.signal == SIGKILL, fault << ": " << result.out << result.err);
}

std::filesystem::path Publishing::artifact(int build) const {
  return place / "builds" / std::to_string(build) / ("converge-" + updater::this_platform());
}

updater::ReleaseManifest Publishing::offered(const std::string& channel) const {
  const std::array keys = {updater::PublicKey::parse(minisign.public_key())};
  const auto release =
      updater::verify_release(read_text(place / "channels" / channel), keys, channel);
  for (const auto& artifact : release.manifest.artifacts) {
    const auto bytes = read_text(place / artifact.path);
    BOOST_TEST(static_cast<std::int64_t>(bytes.size()) == artifact.size_bytes, artifact.path);
    BOOST_TEST(hex(sha256(bytes)) == artifact.sha256, artifact.path);
  }
  return release.manifest;
}

std::map<std::string, std::string> Publishing::tree() const {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(place)) {
    const auto name = std::filesystem::relative(entry.path(), place).string();
    files[name] = entry.is_regular_file() ? read_text(entry.path()) : "";
  }
  return files;
}

}  // namespace converge::tests
