#include "tests/support/tiny_program.h"

#include <array>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <spawn.h>
#include <string_view>
#include <sys/stat.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace converge::tests {
namespace {

constexpr Elf64_Addr kBase = 0x400000;

#if defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;

std::string code(int status) {
  const std::array<std::uint32_t, 3> instructions = {
      0xd2800000U | (static_cast<std::uint32_t>(status) << 5U),  // mov x0, #status
      0xd2800ba8U,                                               // mov x8, #93 (exit)
      0xd4000001U,                                               // svc #0
  };
  std::string bytes(sizeof instructions, '\0');
  std::memcpy(bytes.data(), instructions.data(), bytes.size());
  return bytes;
}
#else
constexpr Elf64_Half kMachine = EM_X86_64;

std::string code(int status) {
  std::string bytes("\xbf\0\0\0\0", 5);  // mov edi, status
  bytes[1] = static_cast<char>(status);
  bytes += std::string_view("\xb8\x3c\0\0\0\x0f\x05", 7);  // mov eax, 60 (exit); syscall
  return bytes;
}
#endif

}  // namespace

std::string tiny_program(int status, std::size_t size_bytes) {
  const auto instructions = code(status);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = kMachine;
  header.e_version = EV_CURRENT;
  header.e_entry = kBase + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_flags = PF_R | PF_X;
  segment.p_vaddr = kBase;
  segment.p_paddr = kBase;
  segment.p_filesz = size_bytes;
  segment.p_memsz = size_bytes;
  segment.p_align = 0x1000;
  std::string program(size_bytes, static_cast<char>(status));
  std::memcpy(program.data(), &header, sizeof header);
  std::memcpy(program.data() + sizeof header, &segment, sizeof segment);
  instructions.copy(program.data() + sizeof header + sizeof segment, instructions.size());
  return program;
}

void write_tiny_program(const std::filesystem::path& path, int status, std::size_t size_bytes) {
  const auto program = tiny_program(status, size_bytes);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  const bool written =
      file >= 0 && ::fchmod(file, 0755) == 0 &&
      ::write(file, program.data(), program.size()) == static_cast<ssize_t>(program.size());
  const int error_number = errno;
  if (file >= 0) ::close(file);
  if (!written) {
    throw std::system_error(error_number, std::generic_category(), "write " + path.string());
  }
}

int exit_status_of(const std::filesystem::path& program) {
  std::string name = program.native();
  const std::array<char*, 2> arguments = {name.data(), nullptr};
  const std::array<char*, 1> environment = {nullptr};
  pid_t child = 0;
  const int error_number =
      ::posix_spawn(&child, name.c_str(), nullptr, nullptr, arguments.data(), environment.data());
  if (error_number != 0) return -error_number;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1000;
}

}  // namespace converge::tests
