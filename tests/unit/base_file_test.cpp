#include "src/base/error.h"
#include "src/base/file.h"
#include "tests/support/temp_dir.h"

#include <boost/test/unit_test.hpp>

#include <iterator>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace converge {
namespace {

namespace fs = std::filesystem;
using tests::TempDir;

std::optional<Error> refusal(const fs::path& path) {
  try {
    require_trusted(path);
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

bool is_refused_as_writable(const fs::path& file, const fs::path& culprit) {
  const auto error = refusal(file);
  return error && error->kind() == ErrorKind::usage &&
         std::string(error->what()).starts_with(culprit.string() + " is writable by others") &&
         error->hint() == "Run: chmod go-w " + culprit.string();
}

BOOST_AUTO_TEST_SUITE(base_file)

BOOST_AUTO_TEST_CASE(file_is_read_whole) {
  const TempDir directory;
  const std::string text = std::string("a\0b\r\n", 5) + std::string(100'000, 'x');
  BOOST_TEST(read_file(directory.write("file", text)) == text);
  BOOST_TEST(read_file(directory.write("empty", "")).empty());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_named_with_the_reason) {
  const TempDir directory;
  const auto message_for = [](const fs::path& path) -> std::string {
    try {
      return read_file(path);
    } catch (const Error& error) {
      return error.kind() == ErrorKind::usage ? error.what() : "another kind";
    }
  };
  const auto path = directory.path().string();
  BOOST_TEST(message_for(path + "/none") ==
             "cannot read " + path + "/none: no such file or directory");
  BOOST_TEST(message_for(path) == "cannot read " + path + ": is a directory");
}

BOOST_AUTO_TEST_CASE(private_file_is_trusted) {
  const TempDir directory;
  const auto file = directory.write("file", "");
  for (const mode_t mode : {0400U, 0600U, 0644U, 0755U}) {
    BOOST_REQUIRE(chmod(file.c_str(), mode) == 0);
    BOOST_TEST(!refusal(file).has_value(), "mode " << std::oct << mode);
  }
}

BOOST_AUTO_TEST_CASE(file_that_others_can_write_is_refused) {
  const TempDir directory;
  const auto file = directory.write("file", "");
  for (const mode_t mode : {0666U, 0664U, 0646U, 0620U, 0602U, 01666U}) {
    BOOST_REQUIRE(chmod(file.c_str(), mode) == 0);
    BOOST_TEST(is_refused_as_writable(file, file), "mode " << std::oct << mode);
  }
}

BOOST_AUTO_TEST_CASE(directory_that_others_can_write_is_refused) {
  const TempDir directory;
  const auto file = directory.write("file", "");
  for (const mode_t mode : {0777U, 0775U, 0707U}) {
    BOOST_REQUIRE(chmod(directory.path().c_str(), mode) == 0);
    BOOST_TEST(is_refused_as_writable(file, directory.path()), "mode " << std::oct << mode);
  }
}

BOOST_AUTO_TEST_CASE(sticky_directory_is_trusted) {
  const TempDir directory;
  const auto file = directory.write("file", "");
  BOOST_REQUIRE(chmod(directory.path().c_str(), 01777) == 0);
  BOOST_TEST(!refusal(file).has_value());
}

BOOST_AUTO_TEST_CASE(relative_path_is_checked_with_its_directory) {
  const TempDir directory;
  directory.write("file", "");
  const auto before = fs::current_path();
  fs::current_path(directory.path());
  const auto trusted = refusal("file");
  BOOST_REQUIRE(chmod(directory.path().c_str(), 0777) == 0);
  const auto refused = refusal("file");
  fs::current_path(before);
  BOOST_TEST(!trusted.has_value());
  BOOST_TEST(refused.has_value());
}

BOOST_AUTO_TEST_CASE(link_into_a_directory_that_others_can_write_is_refused) {
  const TempDir directory;
  const auto open_directory = directory.path() / "open";
  directory.write("open/file", "");
  fs::create_symlink("open/file", directory.path() / "link");
  BOOST_REQUIRE(chmod(open_directory.c_str(), 0755) == 0);
  BOOST_TEST(!refusal(directory.path() / "link").has_value());
  BOOST_REQUIRE(chmod(open_directory.c_str(), 0777) == 0);
  BOOST_TEST(is_refused_as_writable(directory.path() / "link", open_directory));
}

BOOST_AUTO_TEST_CASE(file_of_another_user_is_refused) {
  const TempDir directory;
  const auto file = directory.write("file", "");
  // Only root can give a file away; anybody else is shown one of root's, which is trusted.
  if (geteuid() != 0) {
    BOOST_TEST(!refusal("/etc/passwd").has_value());
    return;
  }
  BOOST_REQUIRE(chown(file.c_str(), 12345, 0) == 0);
  const auto error = refusal(file);
  BOOST_REQUIRE(error.has_value());
  BOOST_TEST(std::string(error->what()).starts_with(file.string() + " belongs to user 12345"));
  BOOST_TEST(error->hint() == "Run: sudo chown root " + file.string());
}

BOOST_AUTO_TEST_CASE(command_in_the_hint_survives_a_shell) {
  const TempDir directory;
  const auto file = directory.write("it's; a file", "");
  BOOST_REQUIRE(chmod(file.c_str(), 0666) == 0);
  BOOST_TEST(refusal(file)->hint() ==
             "Run: chmod go-w '" + directory.path().string() + "/it'\\''s; a file'");
}

BOOST_AUTO_TEST_CASE(missing_file_is_refused) {
  const TempDir directory;
  const auto error = refusal(directory.path() / "none");
  BOOST_REQUIRE(error.has_value());
  BOOST_TEST(std::string(error->what()).ends_with("/none: no such file or directory"));
}

BOOST_AUTO_TEST_CASE(new_file_is_written_whole_and_replaces_none) {
  const TempDir directory;
  const auto path = directory / "new";
  const std::string text(100'000, 'x');
  write_new_file(path, text);
  BOOST_TEST(read_file(path) == text);
  BOOST_TEST(!refusal(path).has_value());
  BOOST_CHECK_EXCEPTION(write_new_file(path, "other"), Error, [&](const Error& error) {
    return error.kind() == ErrorKind::usage &&
           error.what() == "cannot write " + path.string() + ": file exists";
  });
  BOOST_TEST(read_file(path) == text);
  const auto files = fs::directory_iterator(directory.path());
  BOOST_TEST(std::distance(begin(files), end(files)) == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge
