// What libFuzzer calls. One program has all targets: `fuzz --target=NAME [OPTION]... [FILE]...`,
// with the options of libFuzzer, which passes over those with two dashes.

#include "tests/fuzz/target.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace converge::fuzz {
namespace {

const Target*& chosen() {
  static const Target* target = nullptr;
  return target;
}

void choose(std::span<char* const> arguments) {
  constexpr std::string_view kOption = "--target=";
  std::string_view name;
  for (const std::string_view argument : arguments) {
    if (argument.starts_with(kOption)) name = argument.substr(kOption.size());
  }
  const auto all = targets();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Target& target) { return target.name == name; });
  if (found != all.end()) {
    chosen() = &*found;
    return;
  }
  std::fputs("fuzz: give --target=NAME, one of:\n", stderr);
  for (const Target& target : all) std::fprintf(stderr, "  %s\n", target.name.data());
  std::exit(2);
}

}  // namespace
}  // namespace converge::fuzz

extern "C" int LLVMFuzzerInitialize(const int* count, char*** arguments) {
  converge::fuzz::choose({*arguments, static_cast<std::size_t>(*count)});
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes) {
  converge::fuzz::chosen()->run({reinterpret_cast<const char*>(data), size_bytes});
  return 0;
}
