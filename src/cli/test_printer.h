#pragma once

#include "convergers/test_run.h"
#include "src/cli/command.h"

#include <chrono>
#include <string>

namespace converge::cli {

/// Prints the results of tests: for people, as TAP version 13, or as JSON, an object a line.
class TestPrinter {
 public:
  enum class Format { text, tap, json };

  TestPrinter(Format format, bool quiet) : format_(format), quiet_(quiet) {}

  void begin(std::size_t cases) const;
  void result(const convergers::TestFile& file, const convergers::TestCase& test,
              const convergers::CaseResult& result);
  /// That what is left is not tried.
  void bail_out(const Error& error) const;
  void end(std::chrono::milliseconds duration) const;

  bool any_failed() const { return failed_ > 0; }

 private:
  void print_text(const convergers::TestFile& file, const convergers::TestCase& test,
                  const convergers::CaseResult& result);
  void print_tap(const convergers::TestFile& file, const convergers::TestCase& test,
                 const convergers::CaseResult& result) const;

  Format format_;
  bool quiet_;
  std::string heading_;  ///< The file that was printed last.
  int cases_ = 0;
  int failed_ = 0;
};

}  // namespace converge::cli
