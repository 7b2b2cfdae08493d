#include "updater/release_binary.h"

#include "src/base/child.h"
#include "src/base/digest.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <elf.h>
#include <sys/stat.h>

namespace converge::updater {
namespace {

constexpr std::chrono::milliseconds kAnswer{30'000};
// What `converge --version` prints, as it stands in the binary.
constexpr std::string_view kMark = "converge build {} (commit {})";

[[noreturn]] void refuse(const std::string& why, const char* hint) {
  throw Error(ErrorKind::usage, why, hint);
}

// Whatever the bytes say, nothing is read beyond their end.
template <typename Part>
Part part_at(std::string_view bytes, std::uint64_t offset) {
  Part part{};
  if (offset > bytes.size() || bytes.size() - offset < sizeof part) {
    refuse("a truncated ELF file", "Copy it again, and compare the digests.");
  }
  std::memcpy(&part, bytes.data() + offset, sizeof part);
  return part;
}

void require_within(std::string_view bytes, std::uint64_t offset, std::uint64_t size) {
  if (offset <= bytes.size() && size <= bytes.size() - offset) return;
  refuse(fmt::format("a truncated ELF file: {} bytes of at least {}", bytes.size(), offset + size),
         "Copy it again, and compare the digests.");
}

void require_whole(std::string_view bytes, const Elf64_Ehdr& header) {
  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = part_at<Elf64_Phdr>(bytes, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (segment.p_type == PT_LOAD) require_within(bytes, segment.p_offset, segment.p_filesz);
  }
  // A linker puts these last, so that they tell of every byte that lacks.
  require_within(bytes, header.e_shoff, std::uint64_t{header.e_shnum} * header.e_shentsize);
}

template <typename Number>
bool read_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool skip(std::string_view& text, std::string_view words) {
  if (!text.starts_with(words)) return false;
  text.remove_prefix(words.size());
  return true;
}

bool read_version(std::string_view text, ReportedVersion& version) {
  if (!skip(text, "converge build ") || !read_number(text, version.build)) return false;
  if (!skip(text, " (commit ") || !text.ends_with(")\n")) return false;
  text.remove_suffix(2);
  version.commit = text;
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

}  // namespace

std::string platform_of(std::string_view executable) {
  if (!executable.starts_with(ELFMAG)) {
    refuse("not an ELF file", "Give the binary that was built, not a script or an archive.");
  }
  const auto header = part_at<Elf64_Ehdr>(executable, 0);
  const bool is_program = header.e_type == ET_EXEC || header.e_type == ET_DYN;
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      !is_program || header.e_phentsize != sizeof(Elf64_Phdr)) {
    refuse("not a program of 64 bit", "Releases are for linux-amd64 and linux-arm64.");
  }
  if (header.e_machine != EM_X86_64 && header.e_machine != EM_AARCH64) {
    refuse(fmt::format("a program for the ELF machine {}", header.e_machine),
           "Releases are for linux-amd64 and linux-arm64.");
  }
  require_whole(executable, header);
  return header.e_machine == EM_X86_64 ? "linux-amd64" : "linux-arm64";
}

ReleaseBinary read_release_binary(const std::filesystem::path& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) {
    throw Error(ErrorKind::usage,
                fmt::format("cannot read {}: {}", file.native(), system_reason(errno)));
  }
  ReleaseBinary binary{.file = file,
                       .bytes = read_file(file),
                       .platform = {},
                       .sha256 = {},
                       .modified_us = std::int64_t{status.st_mtim.tv_sec} * 1'000'000};
  try {
    binary.platform = platform_of(binary.bytes);
  } catch (const Error& error) {
    throw error.within(file.native());
  }
  if (binary.bytes.find(kMark) == std::string::npos) {
    throw Error(ErrorKind::usage, fmt::format("{}: not a converge", file.native()),
                "Give the binary that `make` has built, such as build/release/converge.");
  }
  binary.sha256 = hex(sha256(binary.bytes));
  return binary;
}

ReportedVersion ask_version(const std::filesystem::path& file) {
  const auto program = std::filesystem::absolute(file).native();
  ChildEnd end;
  try {
    end = run_child(
        {.arguments = {program, "--version"}, .input = {}, .environment = {{"LC_ALL", "C.UTF-8"}}},
        kAnswer);
  } catch (const Error& error) {
    throw Error(ErrorKind::usage, error.what(), "Its mode must allow running it.");
  }
  ReportedVersion version;
  if (end.kind == ChildEnd::Kind::exited && end.status == 0 && read_version(end.output, version)) {
    return version;
  }
  throw Error(ErrorKind::usage,
              fmt::format("{} --version does not tell a build: {}", file.native(),
                          end.kind == ChildEnd::Kind::late ? std::string("it does not end")
                                                           : printable(trim(end.output))),
              "A binary that does not run here would not run on the hosts either.");
}

}  // namespace converge::updater
