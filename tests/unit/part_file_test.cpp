#include "updater/part_file.h"

#include "src/base/text.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/nginx.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/release_fixture.h"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace converge::updater {
namespace {

namespace fs = std::filesystem;
using tests::FileSizeLimit;
using tests::Nginx;
using tests::read_text;
using tests::TempDir;

/// A directory in memory, whose file system says at once what does not fit.
class MemoryDir {
 public:
  MemoryDir() {
    if (::mkdtemp(name_.data()) == nullptr) throw std::runtime_error("no /dev/shm");
  }
  ~MemoryDir() { fs::remove_all(name_); }
  MemoryDir(const MemoryDir&) = delete;
  MemoryDir& operator=(const MemoryDir&) = delete;

  fs::path operator/(const char* name) const { return fs::path(name_) / name; }
  std::int64_t size_bytes() const {
    struct statvfs system {};
    ::statvfs(name_.c_str(), &system);
    return static_cast<std::int64_t>(system.f_blocks * system.f_frsize);
  }

 private:
  std::string name_ = "/dev/shm/converge-XXXXXX";
};

std::int64_t allocated_bytes(const fs::path& file) {
  struct stat found {};
  ::stat(file.c_str(), &found);
  return std::int64_t{found.st_blocks} * 512;
}

struct PartWorld {
  void hold(const std::string& bytes, mode_t mode = 0600) const {
    tests::write_text(path, bytes);
    ::chmod(path.c_str(), mode);
  }
  std::int64_t held(std::int64_t whole_bytes = 10) const {
    return PartFile(path, whole_bytes).size_bytes();
  }

  TempDir directory;
  fs::path path = directory / ".converge.part";
};

BOOST_FIXTURE_TEST_SUITE(part_file, PartWorld)

BOOST_AUTO_TEST_CASE(it_grows_and_knows_its_digest) {
  const auto content = noise(200'000);
  {
    PartFile part(path, 200'000);
    BOOST_TEST(part.size_bytes() == 0);
    part.reserve();
    part.append(content.substr(0, 100'000));
    BOOST_TEST(!part.is_whole());
  }
  PartFile part(path, 200'000);
  BOOST_TEST(part.size_bytes() == 100'000);
  part.append(content.substr(100'000));
  BOOST_TEST(part.is_whole());
  BOOST_TEST(hex(part.digest()) == hex(sha256(content)));
  part.sync();
  BOOST_TEST(read_text(path) == content);
}

BOOST_AUTO_TEST_CASE(it_starts_again) {
  hold("12345");
  PartFile part(path, 3 + 5);
  part.restart();
  BOOST_TEST(part.size_bytes() == 0);
  part.append("abcdefgh");
  BOOST_TEST(hex(part.digest()) == hex(sha256("abcdefgh")));
  BOOST_TEST(read_text(path) == "abcdefgh");
}

BOOST_AUTO_TEST_CASE(space_is_reserved_behind_its_end) {
  PartFile part(path, 4'000'000);
  part.append("x");
  part.reserve();
  BOOST_TEST(fs::file_size(path) == 1U);
  BOOST_TEST(allocated_bytes(path) >= 4'000'000);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused_before_the_first_byte) {
  const MemoryDir memory;
  const auto file = memory / ".converge.part";
  const auto whole_bytes = memory.size_bytes() + 1'000'000;
  const auto refusal = refusal_of([&] { PartFile(file, whole_bytes).reserve(); });
  BOOST_TEST(refusal.message == "no space for " + file.string() + ", which needs " +
                                    counted(whole_bytes, "byte") + ": no space left on device");
  BOOST_TEST(refusal.hint.find("bytes free") != std::string::npos);
  BOOST_TEST((refusal.kind == ErrorKind::failure));
  BOOST_TEST(!fs::exists(file));
}

BOOST_AUTO_TEST_CASE(beginning_is_kept_where_the_rest_does_not_fit) {
  const MemoryDir memory;
  const auto file = memory / ".converge.part";
  tests::write_text(file, "begin");
  ::chmod(file.c_str(), 0600);
  {
    const FileSizeLimit limit(1'000'000);  // As this file system takes it, not before fallocate(2).
    const auto refusal = refusal_of([&] { PartFile(file, 2'000'000).reserve(); });
    BOOST_TEST(refusal.says(", which needs 2,000,000 bytes: file too large"));
  }
  BOOST_TEST(read_text(file) == "begin");
  BOOST_TEST(allocated_bytes(file) <= 64 * 1024);
}

BOOST_AUTO_TEST_CASE(full_disk_leaves_nothing_that_counts_as_complete) {
  const auto content = noise(300'000);
  const Nginx nginx;
  nginx.serve(kArtifactPath, content);
  const auto fetch = [&] { source_at(nginx.url()).download(artifact_of(content), path, {}); };
  {
    const FileSizeLimit limit(100'000);
    const auto refusal = refusal_of(fetch);
    BOOST_TEST(refusal.says(path.string()));
    BOOST_TEST(refusal.says("file too large"));
    BOOST_TEST((refusal.kind == ErrorKind::failure));
  }
  BOOST_TEST((!fs::exists(path) || fs::file_size(path) < content.size()));
  fetch();
  BOOST_TEST(read_text(path) == content);
}

BOOST_AUTO_TEST_CASE(directory_that_is_not_there_is_told) {
  const auto refusal = refusal_of([&] { PartFile(directory / "none" / "part", 10); });
  BOOST_TEST(refusal.says("cannot create " + (directory / "none" / "part").string()));
}

BOOST_AUTO_TEST_CASE(larger_file_is_not_a_beginning) {
  hold("12345678901");
  BOOST_TEST(held(10) == 0);
  hold("1234567890");
  BOOST_TEST(held(10) == 10);
}

BOOST_AUTO_TEST_CASE(link_to_the_binary_is_left_alone) {
  const auto binary = directory / "converge";
  tests::write_text(binary, "binary");
  fs::create_hard_link(binary, path);
  PartFile(path, 10).append("x");
  BOOST_TEST(read_text(binary) == "binary");
  BOOST_TEST(read_text(path) == "x");
  fs::remove(path);
  fs::create_symlink(binary, path);
  PartFile(path, 10).append("y");
  BOOST_TEST(read_text(binary) == "binary");
  BOOST_TEST(!fs::is_symlink(path));
}

BOOST_AUTO_TEST_CASE(file_that_others_may_write_is_replaced) {
  for (const mode_t mode : {0620U, 0602U}) {
    hold("other", mode);
    BOOST_TEST(held() == 0);
    struct stat found {};
    ::stat(path.c_str(), &found);
    BOOST_TEST((found.st_mode & 07777U) == 0600U);
    fs::remove(path);
  }
}

BOOST_AUTO_TEST_CASE(pipe_is_replaced_without_waiting) {
  BOOST_REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  BOOST_TEST(held() == 0);
  BOOST_TEST(fs::is_regular_file(path));
}

BOOST_AUTO_TEST_CASE(directory_in_its_place_is_told) {
  fs::create_directory(path);
  BOOST_TEST(refusal_of([&] { held(); }).says("cannot remove " + path.string()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::updater
