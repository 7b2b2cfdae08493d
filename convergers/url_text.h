#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace converge::convergers {

/// The first byte that no URL has (RFC 3986, section 2), or that begins a fragment, which is never
/// sent; npos when there is none.
std::size_t find_foreign_byte(std::string_view url);

/// What is wrong with a URL up to the end of its host and port, such as `it names no host`; nullopt
/// for a good one. Expects no foreign byte.
std::optional<std::string> origin_problem(std::string_view url);

/// Where the scheme, the host and the port of a URL end and its path or query begins; its size when
/// it has neither.
std::size_t origin_end(std::string_view url);

/// `text` with `%XX` for every byte but the unreserved ones (RFC 3986, section 2.3).
std::string percent_encoded(std::string_view text);

/// As a browser sends the value of a form's field (application/x-www-form-urlencoded).
std::string form_encoded(std::string_view text);

/// Whether a segment of a path leads elsewhere than to a resource of that name: it is empty, `.`,
/// `..`, or one of these two in disguise (`%2e`).
bool is_walking_segment(std::string_view segment);

}  // namespace converge::convergers
