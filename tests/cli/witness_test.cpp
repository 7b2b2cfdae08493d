#include "tests/cli/fixture.h"

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

using namespace converge::tests;

constexpr const char* kSystemLog = "/dev/log";

/// Stands where the system log does, for the programs of this test alone where there is one.
class SystemLog {
 public:
  explicit SystemLog(Cli& cli) : path_(cli.directory / "log") {
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    BOOST_REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    if (std::filesystem::exists(kSystemLog)) {
      cli.prefix = {"unshare",
                    "--map-root-user",
                    "--mount",
                    "sh",
                    "-c",
                    "mount --bind " + path_.string() + " " + kSystemLog + " && exec \"$0\" \"$@\""};
    } else {
      std::filesystem::create_symlink(path_, kSystemLog);
      linked_ = true;
    }
  }
  ~SystemLog() {
    ::close(socket_);
    if (linked_) std::filesystem::remove(kSystemLog);
  }
  SystemLog(const SystemLog&) = delete;
  SystemLog& operator=(const SystemLog&) = delete;

  /// What was sent since the last call.
  std::string take() const {
    std::string all;
    std::array<char, 4096> message{};
    for (auto size = ::recv(socket_, message.data(), message.size(), 0); size > 0;
         size = ::recv(socket_, message.data(), message.size(), 0)) {
      all += std::string(message.data(), static_cast<std::size_t>(size)) + "\n";
    }
    return all;
  }

 private:
  std::filesystem::path path_;
  int socket_ = -1;
  bool linked_ = false;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(witness, Cli)

BOOST_AUTO_TEST_CASE(head_of_the_journal_goes_to_the_system_log_after_a_pass_that_did_something) {
  define("archive", archiver(""));
  add_accounts(2);
  archive_accounts();
  const SystemLog log(*this);
  BOOST_TEST(call({"run", "archive"}).status == 0);
  const std::string told = log.take();
  const std::string head = lines(call({"journal", "head"}).out).at(0);
  BOOST_TEST(contains(told, "converge["), told);
  BOOST_TEST(contains(told, "journal " + journal.string() + " head " + head), told);
  BOOST_TEST(call({"journal", "verify", "--head", head}).status == 0);

  BOOST_TEST(call({"run", "archive"}).status == 0);
  BOOST_TEST(log.take() == "");  // It only looked.
  BOOST_TEST(call({"plan", "archive"}).status == 0);
  BOOST_TEST(log.take() == "");
}

BOOST_AUTO_TEST_SUITE_END()
