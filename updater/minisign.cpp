#include "updater/minisign.h"

#include "src/base/child.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>

namespace converge::updater {
namespace {

// A password is made into a key by about a second of work, on purpose.
constexpr std::chrono::milliseconds kPatience{120'000};
// The beginning of a secret key in base64: "Ed", then "Sc" (scrypt) or zeros, then "B2".
constexpr std::string_view kWithPassword = "RWRTY0Iy";
constexpr std::string_view kWithout = "RWQAAEIy";

std::string_view line(std::string_view text, int number) {
  for (; number > 0; --number) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

std::string last_line(std::string_view output) {
  const auto text = trim(output);
  const auto begin = text.rfind('\n');
  return printable(begin == std::string_view::npos ? text : text.substr(begin + 1));
}

std::filesystem::path make_scratch() {
  std::error_code failure;
  auto place = (std::filesystem::temp_directory_path(failure) / "converge-sign-XXXXXX").native();
  if (failure || mkdtemp(place.data()) == nullptr) {
    throw Error(ErrorKind::failure,
                fmt::format("cannot make a directory for temporary files: {}",
                            failure ? failure.message() : system_reason(errno)),
                "TMPDIR names another place.");
  }
  return place;
}

}  // namespace

bool needs_password(const std::filesystem::path& secret_key) {
  const auto text = read_file(secret_key);
  const auto key = line(text, 1);
  if (key.starts_with(kWithPassword)) return true;
  if (key.starts_with(kWithout)) return false;
  throw Error(ErrorKind::usage,
              fmt::format("{} is not a secret key of minisign's", secret_key.native()),
              "`minisign -G -s FILE -p FILE.pub` makes one.");
}

Minisign::Minisign(const std::filesystem::path& secret_key, std::string password)
    : secret_key_(std::filesystem::absolute(secret_key)),
      input_(std::move(password)),
      scratch_(make_scratch()) {
  input_ += '\n';
}

Minisign::~Minisign() {
  std::error_code ignored;
  std::filesystem::remove_all(scratch_, ignored);
}

void Minisign::run(const std::vector<std::string>& arguments) const {
  ChildRequest request{.arguments = {"minisign"}, .input = input_, .environment = {}};
  request.arguments.insert(request.arguments.end(), arguments.begin(), arguments.end());
  request.environment.emplace_back("LC_ALL", "C.UTF-8");
  ChildEnd end;
  try {
    end = run_child(request, kPatience);
  } catch (const Error& error) {
    throw Error(ErrorKind::usage, error.what(), "It is in the package minisign.");
  }
  if (end.kind == ChildEnd::Kind::exited && end.status == 0) return;
  if (end.output.find("Wrong password") != std::string::npos) {
    throw Error(ErrorKind::usage, fmt::format("wrong password for {}", secret_key_.native()),
                "Without a terminal, it is a line on standard input.");
  }
  throw Error(ErrorKind::failure,
              fmt::format("minisign with {}: {}", secret_key_.native(),
                          end.kind == ChildEnd::Kind::late ? std::string("it does not end")
                                                           : last_line(end.output)));
}

std::string Minisign::public_key() const {
  const auto file = scratch_ / "public";
  run({"-R", "-f", "-s", secret_key_.native(), "-p", file.native()});
  return std::string(line(read_file(file), 1));
}

std::string Minisign::sign(std::string_view bytes, const std::string& name,
                           const std::string& trusted_comment) const {
  const auto file = scratch_ / name;
  const auto signature = scratch_ / (name + ".minisig");
  std::filesystem::remove(file);
  write_new_file(file, bytes);
  run({"-S", "-H", "-s", secret_key_.native(), "-m", file.native(), "-x", signature.native(), "-c",
       "signature of converge", "-t", trusted_comment});
  auto text = read_file(signature);
  std::filesystem::remove(file);
  return text;
}

}  // namespace converge::updater
