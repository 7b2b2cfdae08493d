#include "src/base/log.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <regex>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace converge {
namespace {

struct Pipe {
  Pipe() { BOOST_REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0); }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void close_end(std::size_t which) {
    if (ends.at(which) >= 0) ::close(ends.at(which));
    ends.at(which) = -1;
  }
  /// What is there, or comes next.
  std::string read_some() {
    std::string text(65'536, '\0');
    text.resize(
        static_cast<std::size_t>(std::max(::read(ends[0], text.data(), text.size()), ssize_t{0})));
    return text;
  }
  std::string read_all() {
    close_end(1);
    std::string text;
    for (std::string more = read_some(); !more.empty(); more = read_some()) text += more;
    return text;
  }

  std::array<int, 2> ends{-1, -1};
};

/// A process that logs to a pipe, since a log begins once in a process.
class Logging {
 public:
  explicit Logging(const std::function<void(Pipe&)>& speak) : pid_(::fork()) {
    BOOST_REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::dup2(pipe_.ends[1], STDERR_FILENO);
      ::signal(SIGPIPE, SIG_DFL);
      sigset_t none;
      sigemptyset(&none);
      pthread_sigmask(SIG_SETMASK, &none, nullptr);
      ::unsetenv("JOURNAL_STREAM");
      speak(pipe_);
      ::_exit(0);
    }
    pipe_.close_end(1);
  }
  ~Logging() { wait(); }
  Logging(const Logging&) = delete;
  Logging& operator=(const Logging&) = delete;

  std::string some() { return pipe_.read_some(); }
  std::string text() { return pipe_.read_all(); }
  int wait() {
    if (pid_ > 0) ::waitpid(pid_, &status_, 0);
    pid_ = 0;
    return status_;
  }

 private:
  Pipe pipe_;
  pid_t pid_ = 0;
  int status_ = 0;
};

std::string logged(const std::function<void()>& speak) {
  return Logging([&](Pipe&) { speak(); }).text();
}

std::string without_time(const std::string& line) {
  static const std::regex time(R"(^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z )");
  return std::regex_replace(line, time, "");
}

std::string logfmt(std::initializer_list<LogField> fields) {
  const std::vector<LogField> all(fields);
  return without_time(logged([&] {
    start_log(LogFormat::logfmt, LogLevel::info);
    log(LogLevel::info, "said", all);
  }));
}

BOOST_AUTO_TEST_SUITE(base_log)

BOOST_AUTO_TEST_CASE(line_has_time_level_message_and_fields_in_order) {
  const auto line = logged([] {
    start_log(LogFormat::logfmt, LogLevel::info);
    log(LogLevel::warning, "lost the server",
        {{"zone", "eu"}, {"attempt", 3}, {"after_ms", std::chrono::microseconds(1'500)}});
  });
  BOOST_TEST(line.starts_with("time=20"));
  BOOST_TEST(without_time(line) ==
             "level=warning msg=\"lost the server\" zone=eu attempt=3 after_ms=1.500\n");
}

BOOST_AUTO_TEST_CASE(value_is_quoted_when_it_must_be) {
  BOOST_TEST(logfmt({{"a", ""}, {"b", "x y"}, {"c", "k=v"}, {"d", "say \"no\""}}) ==
             "level=info msg=\"said\" a=\"\" b=\"x y\" c=\"k=v\" d=\"say \\\"no\\\"\"\n");
  BOOST_TEST(logfmt({{"a", "archive_account"}, {"b", "10.0.0.1:5432"}, {"c", true}, {"d", "é"}}) ==
             "level=info msg=\"said\" a=archive_account b=10.0.0.1:5432 c=true d=é\n");
}

BOOST_AUTO_TEST_CASE(nothing_in_a_value_makes_a_second_line_or_an_escape_sequence) {
  BOOST_TEST(logfmt({{"a", "one\ntwo\rlevel=error"}, {"b", "\x1b[31mred"}, {"c", "\xff"}}) ==
             "level=info msg=\"said\" a=\"one\\ntwo\\rlevel=error\" b=\"\\u001b[31mred\" "
             "c=\"\\ufffd\"\n");
  BOOST_TEST(logfmt({{"nul", std::string("a\0b", 3)}}) ==
             "level=info msg=\"said\" nul=\"a\\u0000b\"\n");
}

BOOST_AUTO_TEST_CASE(json_line_is_an_object_whose_numbers_are_numbers) {
  const auto line = logged([] {
    start_log(LogFormat::json, LogLevel::info);
    log(LogLevel::error, "a \"quoted\"\nmessage", {{"count", 42}, {"held", false}, {"name", "7"}});
  });
  BOOST_TEST(std::count(line.begin(), line.end(), '\n') == 1);
  BOOST_TEST(line.ends_with(R"(,"count":42,"held":false,"name":"7"})"
                            "\n"));
  Poco::JSON::Parser parser;
  const auto object = parser.parse(line).extract<Poco::JSON::Object::Ptr>();
  BOOST_TEST(object->getValue<std::string>("msg") == "a \"quoted\"\nmessage");
  BOOST_TEST(object->getValue<std::string>("level") == "error");
  BOOST_TEST(object->getValue<std::string>("time").size() == 24u);
}

BOOST_AUTO_TEST_CASE(what_is_less_than_asked_for_is_not_written) {
  const auto text = logged([] {
    log(LogLevel::error, "before the log began");
    start_log(LogFormat::logfmt, LogLevel::notice);
    for (const auto level : {LogLevel::debug, LogLevel::info, LogLevel::notice, LogLevel::error}) {
      log(level, "x");
    }
  });
  BOOST_TEST(std::count(text.begin(), text.end(), '\n') == 2);
  BOOST_TEST(text.find("level=notice") != std::string::npos);
  BOOST_TEST(text.find("level=error") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(under_systemd_a_priority_stands_for_the_time) {
  const auto text = Logging([](Pipe& pipe) {
                      struct stat status {};
                      ::fstat(pipe.ends[1], &status);
                      const auto stream =
                          std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
                      ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
                      start_log(LogFormat::logfmt, LogLevel::debug);
                      log(LogLevel::error, "e");
                      log(LogLevel::debug, "d");
                    }).text();
  BOOST_TEST(text == "<3>level=error msg=\"e\"\n<7>level=debug msg=\"d\"\n");
}

BOOST_AUTO_TEST_CASE(inherited_journal_stream_of_another_file_does_not_count) {
  BOOST_TEST(logged([] {
               ::setenv("JOURNAL_STREAM", "9:12345", 1);
               start_log(LogFormat::logfmt, LogLevel::info);
               log(LogLevel::info, "x");
             }).starts_with("time="));
}

BOOST_AUTO_TEST_CASE(long_values_are_cut_to_one_write_and_stay_whole_characters) {
  std::string umlauts = "x";  // So that a cut at an even place is within one.
  for (int i = 0; i < 5'000; ++i) umlauts += "ü";
  for (const auto format : {LogFormat::logfmt, LogFormat::json}) {
    const auto line = logged([&] {
      start_log(format, LogLevel::info);
      log(LogLevel::info, "x", {{"a", umlauts}, {"b", std::string(5'000, '\1')}, {"c", "end"}});
    });
    BOOST_TEST(line.size() <= 4096u);
    BOOST_TEST(line.size() > 1500u);
    BOOST_TEST(line.find("\\ufffd") == std::string::npos);
    BOOST_TEST(line.find("end") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(lines_of_several_threads_do_not_mix) {
  Logging process([](Pipe&) {
    start_log(LogFormat::logfmt, LogLevel::info);
    const auto speaker = [](char letter) {
      return std::jthread([letter] {
        for (int i = 0; i < 200; ++i) log(LogLevel::info, std::string(3'000, letter));
      });
    };
    const std::array threads = {speaker('a'), speaker('b'), speaker('c'), speaker('d')};
  });
  const std::string text = process.text();
  int lines = 0;
  for (std::size_t begin = 0; begin < text.size(); ++lines) {
    const auto end = text.find('\n', begin);
    BOOST_REQUIRE(end != std::string::npos);
    const auto line = without_time(text.substr(begin, end - begin));
    const std::string expected(3'000, line[line.size() - 2]);
    BOOST_REQUIRE(line == "level=info msg=\"" + expected + "\"");
    begin = end + 1;
  }
  BOOST_TEST(lines == 800);
}

BOOST_AUTO_TEST_CASE(log_that_nobody_reads_any_more_ends_nothing) {
  Logging process([](Pipe& pipe) {
    pipe.close_end(0);
    pipe.close_end(1);
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) ::_exit(1);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    start_log(LogFormat::logfmt, LogLevel::info);
    log(LogLevel::info, "to nobody");
    sigset_t pending;
    sigpending(&pending);
    if (sigismember(&pending, SIGPIPE) == 1) ::_exit(2);
  });
  BOOST_TEST(process.wait() == 0);
}

BOOST_AUTO_TEST_CASE(reader_that_stands_still_costs_lines_and_is_told_how_many) {
  Pipe came_through;
  Pipe go_on;
  char byte = 'x';
  Logging process([&](Pipe&) {
    ::fcntl(STDERR_FILENO, F_SETPIPE_SZ, 4096);
    start_log(LogFormat::logfmt, LogLevel::info);
    for (int i = 0; i < 5; ++i) log(LogLevel::info, std::string(3'000, 'x'));
    if (::write(came_through.ends[1], &byte, 1) != 1) ::_exit(1);
    if (::read(go_on.ends[0], &byte, 1) != 1) ::_exit(2);
    log(LogLevel::info, "read again");
  });
  came_through.close_end(1);
  BOOST_REQUIRE(::read(came_through.ends[0], &byte, 1) == 1);
  const std::string before = process.some();
  BOOST_REQUIRE(::write(go_on.ends[1], &byte, 1) == 1);
  const std::string after = process.text();
  BOOST_TEST(std::count(before.begin(), before.end(), '\n') == 1);
  BOOST_TEST(after.find("level=warning msg=\"lines of this log were lost\" count=4\n") !=
             std::string::npos);
  BOOST_TEST(after.ends_with("level=info msg=\"read again\"\n"));
  BOOST_TEST(process.wait() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge
