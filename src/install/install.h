#pragma once

#include "src/install/layout.h"
#include "src/install/record.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::install {

/// What was, or would be, done about one file.
struct Deed {
  enum class Did {
    installed,  ///< There was none.
    updated,    ///< In place of one that was installed.
    unchanged,  ///< It was there already.
    kept,       ///< It is a person's, or was edited: it stays.
    removed,
  };
  Did did = Did::unchanged;
  std::filesystem::path path;
  std::string why{};  ///< Of `kept`; of `removed`, where it is not plain.
};

/// `installed`, `updated`, ...
std::string_view name_of(Deed::Did did);

struct InstallRequest {
  Places places;
  std::vector<Item> items;
  std::int64_t build = 0;
  std::string commit;
  bool force = false;    ///< Replaces what was edited, but for the configuration.
  bool refresh = false;  ///< Not the program, nor the configuration: an update has been.
  bool dry_run = false;  ///< Only says what it would do.
};

/// Puts the items in place, so that a second time changes nothing.
///
/// A file that is there and is none that was installed, or was edited since, is kept, and the new
/// one put beside it, as NAME.new; of the configuration only if it is another than the one that was
/// installed last. The program is always replaced. What an earlier build has installed and this one
/// has not is removed, unless it was edited. A configuration that was removed stays so. Beside it,
/// the directory of definitions is made, because nothing runs without it.
///
/// All files are written before the first is put in place; each appears with one rename, and what
/// both the old and the new ones are is on record before. Killed anywhere, every path has a whole
/// file, and the next time goes on.
///
/// Throws `Error{usage}` for a place that others can write; `Error{failure}` when something cannot
/// be written, and says in its hint what was done: nothing, unless it was putting in place.
std::vector<Deed> install(const InstallRequest& request);

struct UninstallRequest {
  Places places;
  Record record;
  bool purge = false;  ///< The configuration, too.
  bool dry_run = false;
};

/// Removes what is on record and was not edited since, what the updater keeps beside the program,
/// and the record. The configuration stays, unless `purge`; definitions and the journal always do.
/// The record goes last: killed anywhere, the next time goes on.
///
/// Throws `Error{failure}`; before it removes anything for a directory that cannot be written.
std::vector<Deed> uninstall(const UninstallRequest& request);

}  // namespace converge::install
