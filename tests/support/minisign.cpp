#include "tests/support/minisign.h"

#include "tests/support/command.h"

#include <stdexcept>

namespace converge::tests {
namespace {

void run(std::vector<std::string> command, const std::vector<std::string>& more = {}) {
  command.insert(command.end(), more.begin(), more.end());
  const auto result = run_command(command);
  if (result.status != 0) throw std::runtime_error("minisign: " + result.out + result.err);
}

}  // namespace

Minisign::Minisign() {
  run({"minisign", "-G", "-W", "-p", public_key_file(), "-s", secret_key_file()});
}

std::string Minisign::public_key() const {
  const auto text = read_text(public_key_file());
  const auto begin = text.find('\n') + 1;
  return text.substr(begin, text.find('\n', begin) - begin);
}

std::string Minisign::signature_of(const std::string& text,
                                   const std::vector<std::string>& more) const {
  const auto file = directory_.write("text", text);
  const std::string signature = directory_ / "text.minisig";
  run({"minisign", "-S", "-s", secret_key_file(), "-m", file, "-x", signature}, more);
  return read_text(signature);
}

}  // namespace converge::tests
