#include "tests/support/certificates.h"

#include "tests/support/command.h"

#include <stdexcept>

namespace converge::tests {

Certificates::Certificates() { make("authority", {"-subj", "/CN=Test Authority"}); }

void Certificates::sign(const std::string& name, const std::string& host,
                        const std::string& date) const {
  make(name,
       {"-subj", "/CN=" + host, "-addext", "subjectAltName=DNS:" + host, "-addext",
        "basicConstraints=critical,CA:false", "-CA", file("authority.pem"), "-CAkey",
        file("authority.key")},
       date);
}

void Certificates::make(const std::string& name, const std::vector<std::string>& more,
                        const std::string& date) const {
  std::vector<std::string> command;
  if (!date.empty()) command = {"faketime", date};
  for (const auto* word : {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                           "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"}) {
    command.emplace_back(word);
  }
  command.insert(command.end(), {"-keyout", file(name + ".key"), "-out", file(name + ".pem")});
  command.insert(command.end(), more.begin(), more.end());
  const auto result = run_command(command);
  if (result.status != 0) throw std::runtime_error(result.err);
}

}  // namespace converge::tests
