#pragma once

#include <string>

namespace converge::bench {

/// The bare work of archive_account, as one would write it by hand without Converge: find once,
/// then the same steps on chunks of 1,000 keys, each chunk a transaction, on so many connections;
/// prepared statements, no journal, no reading again. Returns the seconds that it took once
/// connected.
double chunked(const std::string& url, int connections);

/// One statement for each table and nothing else, in one transaction.
void set_based(const std::string& url);

}  // namespace converge::bench
