#include "convergers/http_step.h"

#include "convergers/outside_steps.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/text.h"
#include "src/base/version.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <strings.h>

namespace converge::convergers {
namespace {

using engine::Answer;

constexpr std::size_t kKeptOutput = 4096;

// All that may hold a reference, one after the other.
Pieces all_pieces(const HttpTemplate& request) {
  Pieces pieces = request.url;
  for (const auto& header : request.headers) {
    pieces.insert(pieces.end(), header.value.begin(), header.value.end());
  }
  pieces.insert(pieces.end(), request.body.begin(), request.body.end());
  return pieces;
}

bool has_header(const http::HttpRequest& request, const char* name) {
  return std::any_of(request.headers.begin(), request.headers.end(), [&](const auto& header) {
    return strcasecmp(header.first.c_str(), name) == 0;
  });
}

}  // namespace

HttpStep::HttpStep(OutsideSection section, std::string path, HttpTemplate request,
                   Variables variables, std::shared_ptr<const http::HttpClient> client)
    : OutsideStep(settings_of(section)),
      section_(std::move(section)),
      path_(std::move(path)),
      request_(std::move(request)),
      variables_(std::move(variables)),
      client_(std::move(client)) {}

void HttpStep::require(const std::vector<std::string>& columns) const {
  const auto what = "http " + section_.title;
  require_known(all_pieces(request_), columns, variables_, path_, what);
  try {
    require_origin(request_.url, variables_);
  } catch (const Error& error) {
    const Piece& first = request_.url.front();
    throw error.within(fmt::format("{}:{}:{}: {}", path_, first.line, first.column, what));
  }
}

http::HttpRequest HttpStep::request_for(const Rendering& rendering) const {
  try {
    http::HttpRequest request{.method = request_.method,
                              .url = render_url(request_.url, rendering),
                              .headers = {},
                              .body = render(request_.body, rendering)};
    for (const auto& header : request_.headers) {
      request.headers.emplace_back(header.name, render(header.value, rendering));
    }
    return request;
  } catch (const Error& error) {
    throw error.within("http " + section_.title);
  }
}

std::string HttpStep::describe(const engine::SubjectRow& subject,
                               const std::vector<std::string>& hidden) const {
  const auto request = request_for({.subject = subject, .hidden = &hidden});
  return printable(fmt::format("{} {}", request.method, request.url));
}

std::string HttpStep::full_text(const engine::SubjectRow& subject) const {
  const auto request = request_for({.subject = subject});
  std::string text = fmt::format("{} {}\n", request.method, request.url);
  for (const auto& [name, value] : request.headers) text += fmt::format("{}: {}\n", name, value);
  return request.body.empty() ? text : text + "\n" + request.body + "\n";
}

Answer HttpStep::attempt(const engine::SubjectRow& subject,
                         const engine::AttemptContext& context) const {
  auto request = request_for({.subject = subject, .variables = &variables_});
  assert(client_);
  request.headers.emplace_back("Idempotency-Key", context.key);
  request.once = true;  // What is sent twice is two attempts, with an entry each.
  request.fresh_connection = context.fresh_connection;
  if (!has_header(request, "User-Agent")) {
    request.headers.emplace_back("User-Agent", fmt::format("converge/{}", build_number()));
  }
  const Redactor redactor(variables_, all_pieces(request_));
  Answer answer;
  const auto start = Clock::now();
  try {
    judge(answer, client_->send(request, context.timeout), redactor);
  } catch (const http::HttpError& error) {
    answer.in_doubt = error.in_doubt;
    answer.lost_kept_connection = error.lost_kept_connection;
    answer.message = redactor.redact(error.what());
    answer.hint = redactor.redact(error.hint());
  }
  answer.duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
  return answer;
}

void HttpStep::judge(Answer& answer, const http::HttpResponse& response,
                     const Redactor& redactor) const {
  answer.status = fmt::format("{}", response.status);
  answer.succeeded = is_expected(section_.expected, response.status);
  answer.output = redactor.redact(response.body);
  answer.output_cut = answer.output.size() > kKeptOutput;
  if (answer.output_cut) answer.output.resize(kKeptOutput);
  if (answer.succeeded) return;
  answer.message =
      fmt::format("the answer has status {}, expected is {}", response.status, section_.expect);
  const bool asks_for_time = response.status == 429 || response.status == 503;
  if (asks_for_time) answer.retry_after = response.retry_after;
}

}  // namespace converge::convergers
