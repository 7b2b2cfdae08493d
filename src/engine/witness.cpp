#include "src/engine/witness.h"

#include "journal/reader.h"
#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/core.h>

#include <syslog.h>

namespace converge::engine {

void witness_head(const std::filesystem::path& journal) {
  try {
    const journal::Head head = journal::Reader(journal).head();
    const std::string text =
        fmt::format("journal {} head {} {}", printable(journal.string()), head.seq, head.hash);
    openlog("converge", LOG_PID, LOG_DAEMON);
    syslog(LOG_INFO, "%s", text.c_str());
    closelog();
  } catch (const Error&) {
    // The pass has told it, or the next one will.
  }
}

}  // namespace converge::engine
