#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace converge {

/// The candidate nearest to `word` by edit distance, if it is near enough to be what was meant.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

/// `text` as a JSON string, with its quotes (RFC 8259). Control characters and marks that reorder
/// text are escaped; bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text);
/// The same, appended to `out`.
void append_json_string(std::string& out, std::string_view text);

/// `text` fit for one line of a terminal: control characters and what is not UTF-8 as `\x1b`,
/// `\n`, `\u202e`; the rest as it is. Escape sequences in data are shown and never obeyed.
std::string printable(std::string_view text);

/// The bytes of the UTF-8 sequence that `text` starts with (RFC 3629); 0 if it starts with none.
std::size_t utf8_length(std::string_view text);

std::string_view trim(std::string_view text);

/// What a value of `errno` means, for the end of a message: `no such file or directory`.
std::string system_reason(int error_number);

/// `1 subject`, `2 subjects`, `12,345 subjects`.
std::string counted(std::int64_t count, std::string_view noun, std::string_view plural = {});

}  // namespace converge
