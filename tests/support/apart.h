#pragma once

#include <functional>
#include <string>

namespace converge::tests {

/// What `work` returns when it is run in a child process, where it may change its user, its mounts
/// or its limits. `exception: ...` when it throws, `ended with status ...` when it does not return.
std::string run_apart(const std::function<std::string()>& work);

/// Gives this process, a child of the tests that is root, mounts that nobody else sees. Throws
/// `std::system_error`.
void take_private_mounts();

/// mount(2), which throws `std::system_error`.
void mount_at(const char* source, const std::string& target, const char* type, unsigned long flags,
              const char* options = nullptr);

/// Becomes the user and group of that number, for good. Throws `std::system_error`.
void become_user(unsigned int user);

}  // namespace converge::tests
