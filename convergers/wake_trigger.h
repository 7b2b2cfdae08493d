#pragma once

#include "convergers/definition.h"

#include <string>
#include <string_view>

namespace converge::convergers {

/// Where the subjects of a find come from, as SQL text; empty where that is not plain to see.
struct Origin {
  std::string table;  ///< The first after `from`.
  std::string key;    ///< The column of that table which is the key.
};
Origin origin_of(std::string_view find);

/// SQL that makes each commit of a change to the table of a definition's subjects notify its
/// channels with the key, for the user's own migration: converge never runs it. Where the table or
/// the key cannot be told, `TABLE_OF_THE_FLAG` and `KEY_COLUMN` stand for them. Empty for a
/// definition that does not listen.
std::string wake_trigger(const Definition& definition);

}  // namespace converge::convergers
