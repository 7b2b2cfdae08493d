#pragma once

#include "src/base/error.h"

#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace converge::fuzz {

/// What must hold for any input did not hold for this one. Nothing catches it, so a fuzzer takes it
/// for a crash; a suite that plays the corpus again shows its message.
class Finding : public std::logic_error {
  using std::logic_error::logic_error;
};

/// Throws a `Finding` that says `what`, and after it the text that tells more, unless it holds.
void claim(bool holds, std::string_view what, std::string_view more = {});

/// Whether a terminal shows it as it is: UTF-8 without control characters, except for line breaks
/// and tabs.
bool is_readable(std::string_view text);

/// Calls `body`; the `Error` that it threw, of which it is claimed that it tells something that can
/// be read. Any other exception is a finding by itself.
std::optional<Error> error_of(const std::function<void()>& body);

/// Claims that the error is of a text: of kind usage, `PATH:LINE:COLUMN: MESSAGE` with a place that
/// the text has, and a hint.
void claim_placed(const Error& error, std::string_view path, std::string_view text);

/// One thing that reads what others have written.
struct Target {
  std::string_view name;  ///< Of the file that has it, and of its folder in the corpus.
  void (*run)(std::string_view input);
};

std::span<const Target> targets();

// Each file says what it claims.
void configuration(std::string_view input);
void converger_file(std::string_view input);
void http_template(std::string_view input);
void journal_file(std::string_view input);
void release_manifest(std::string_view input);
void release_signature(std::string_view input);
void test_file(std::string_view input);
void time_expression(std::string_view input);

}  // namespace converge::fuzz
