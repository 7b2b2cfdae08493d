#pragma once

#include "convergers/definition.h"

#include <string>
#include <string_view>
#include <vector>

namespace converge::convergers {

/// Where the subjects of a definition come from, as SQL text; empty where that is not plain to see.
struct Origin {
  std::string table;  ///< The first after `from`, or the one that the operator updates.
  std::string key;    ///< The column of that table which is the key.
  std::vector<std::string> flags;  ///< The columns of that table which make a subject wrong.
};
/// As far as a find tells.
Origin origin_of(std::string_view find);
/// As far as the UPDATE in the operator's runbook tells, or else find.
Origin flag_of(const Definition& definition);

/// SQL that makes each commit that sets or changes a flag notify a definition's channels with the
/// key, for the user's own migration: converge never runs it. Other changes of the row wake nobody.
/// `TABLE_OF_THE_FLAG`, `KEY_COLUMN` and `FLAG_COLUMN` stand for what cannot be told, so that it is
/// an error until somebody fills them in. Empty for a definition that does not listen.
std::string wake_trigger(const Definition& definition);

}  // namespace converge::convergers
