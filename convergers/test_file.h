#pragma once

#include "convergers/definition.h"
#include "convergers/test_expectation.h"
#include "src/engine/converger.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// A query that is asked when the converger has run, and the rows that it must return, in order.
struct Question {
  Statement query;
  std::vector<Row> rows;
};

/// One case of a converger's test.
struct TestCase {
  std::string title;
  int line = 1;
  std::vector<Statement> given;  ///< Those for all cases first.
  std::vector<Expectation> expected;
  std::vector<Question> questions;
};

/// A converger's tests, parsed; `converge-test(1)` describes the file. Nothing has been asked of a
/// server.
struct TestFile {
  std::filesystem::path path;
  std::string converger;  ///< The file's name without `.test.sql`.
  std::string text;       ///< The whole file.
  std::string description;
  std::vector<TestCase> cases;
};

/// Parses the text of NAME.test.sql. Throws as `parse_definition`.
TestFile parse_test_file(const std::filesystem::path& path, std::string_view text);

/// Reads and parses a file that must be trusted (`require_trusted`).
TestFile load_test_file(const std::filesystem::path& path);

/// Throws as `parse_test_file` when a case expects a step that the converger does not have.
void require_steps(const TestFile& file, const engine::Converger& converger);

}  // namespace converge::convergers
