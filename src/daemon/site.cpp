#include "src/daemon/site.h"

#include "src/base/json_object.h"
#include "src/daemon/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace converge::daemon {
namespace {

constexpr const char* kJson = "application/json";
constexpr const char* kText = "text/plain; charset=utf-8";
constexpr std::size_t kCorrections = 20;

}  // namespace

Answer error_answer(int status, std::string_view message) {
  return {status, kJson, JsonObject().add("error", message).line()};
}

Site::Site(std::function<Overview()> overview, Metrics& metrics, std::filesystem::path journal)
    : overview_(std::move(overview)), metrics_(metrics), journal_(std::move(journal)) {}

Answer Site::readiness() {
  std::string lines;
  for (const auto& obstacle : overview_().obstacles()) lines += obstacle + "\n";
  if (lines.empty()) return {200, kText, "ready\n"};
  return {503, kText, lines};
}

std::optional<Answer> Site::at(std::string_view path, std::optional<std::size_t> count) {
  if (path == "/") return Answer{200, "text/html; charset=utf-8", page(overview_())};
  if (path == "/page.css") return Answer{200, "text/css; charset=utf-8", std::string(page_style())};
  if (path == "/page.js") {
    return Answer{200, "text/javascript; charset=utf-8", std::string(page_script())};
  }
  if (path == "/metrics") {
    return Answer{200, "text/plain; version=0.0.4; charset=utf-8", metrics_.text(overview_())};
  }
  if (path == "/healthz") return Answer{200, kText, "ok\n"};
  if (path == "/readyz") return readiness();
  if (path == "/api/v1/status") return Answer{200, kJson, to_json(overview_())};
  if (path == "/api/v1/history") return Answer{200, kJson, journal_.history()};
  if (path == "/api/v1/corrections") {
    return Answer{200, kJson, journal_.corrections(count.value_or(kCorrections))};
  }
  return std::nullopt;
}

}  // namespace converge::daemon
