#pragma once

#include <string>

namespace converge::bench {

/// The SQL of archive_account as one would run it by hand without Converge and its journal: find
/// once, then the same steps on chunks of 1,000 keys, each chunk a transaction, on so many
/// connections; prepared statements. With `read_again` each chunk is read again by its keys before
/// the steps, as Converge does, so that an operator who takes the flag back meanwhile is obeyed.
/// Returns the seconds that it took once connected.
double chunked(const std::string& url, int connections, bool read_again);

/// One statement for each table and nothing else, in one transaction.
void set_based(const std::string& url);

}  // namespace converge::bench
