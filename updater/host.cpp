#include "updater/host.h"

#include "src/base/digest.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>

namespace converge::updater {
namespace {

constexpr std::size_t kRandomBytes = 16;

// nullopt: there is none, or it says nothing.
std::optional<std::string> id_in(const std::filesystem::path& file) {
  std::error_code failure;
  if (!std::filesystem::exists(file, failure)) return std::nullopt;
  const auto text = read_file(file);
  std::string id(trim(text));
  if (id.empty() || id == "uninitialized") return std::nullopt;
  return id;
}

// The same on every host, whatever its byte order.
std::uint64_t number_of(std::string_view purpose, std::string_view machine_id) {
  const auto digest = sha256(fmt::format("converge {}\n{}\n", purpose, machine_id));
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) number = number << 8U | digest.at(i);
  return number;
}

}  // namespace

std::string machine_id(const std::filesystem::path& state_directory,
                       const std::filesystem::path& system_file) {
  if (auto id = id_in(system_file)) return *id;
  const auto own_file = state_directory / "machine-id";
  if (auto id = id_in(own_file)) return *id;
  try {
    write_new_file(own_file, hex(random_bytes(kRandomBytes)) + "\n");
  } catch (const Error&) {
    // Another process may have been faster, and its id counts.
    if (!id_in(own_file)) throw;
  }
  return id_in(own_file).value_or("");
}

int host_bucket(std::string_view machine_id, std::string_view channel) {
  constexpr std::uint64_t kBuckets = 100;
  return static_cast<int>(number_of(fmt::format("rollout {}", channel), machine_id) % kBuckets);
}

std::chrono::seconds host_delay(std::string_view machine_id, std::chrono::seconds period) {
  if (period.count() <= 0) return std::chrono::seconds(0);
  const auto number = number_of("delay", machine_id);
  return std::chrono::seconds(number % static_cast<std::uint64_t>(period.count()));
}

}  // namespace converge::updater
