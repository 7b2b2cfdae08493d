#pragma once

#include "src/http/client.h"
#include "tests/support/command.h"
#include "tests/support/temp_dir.h"

#include <string>

namespace converge::http {

/// A client that nobody's environment sends through a proxy.
inline HttpClient direct(HttpOptions options = {}) {
  if (!options.proxy) options.proxy = "";
  return HttpClient(std::move(options));
}

inline HttpRequest post(const std::string& url, const std::string& key = "k1") {
  return {.method = "POST",
          .url = url,
          .headers = {{"Idempotency-Key", key}, {"Content-Type", "application/json"}},
          .body = "{\"reason\": \"test\"}"};
}

inline constexpr std::chrono::seconds kAmple{20};

/// How a call failed.
struct Failure {
  std::string message;
  std::string hint;
  bool in_doubt = false;
  bool lost_kept_connection = false;

  bool says(const std::string& text) const { return message.find(text) != std::string::npos; }
};

/// The failure of a call that has to fail; its message is `succeeded` when it did not.
inline Failure failure_of(const HttpClient& client, const HttpRequest& request,
                          std::chrono::milliseconds timeout = kAmple) {
  try {
    client.send(request, timeout);
    return {.message = "succeeded", .hint = {}};
  } catch (const HttpError& error) {
    return {.message = error.what(),
            .hint = error.hint(),
            .in_doubt = error.in_doubt,
            .lost_kept_connection = error.lost_kept_connection};
  }
}

}  // namespace converge::http
