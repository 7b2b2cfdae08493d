#pragma once

#include <filesystem>
#include <string_view>

namespace converge::fuzz {

/// What befalls a journal: a list of edits, of the bytes of its files, as disks and file systems
/// make them, and of its rows, as somebody with the sqlite3 shell can. Such a list gets further
/// than any bytes that are to be taken for a file of SQLite's.
///
/// Each edit is a letter and its operands, in bytes; what has too few of them is the last one:
///
///     w FILE PAGE OFFSET(2) COUNT BYTES...   overwrite       x FILE PAGE OFFSET(2) MASK   flip
///     bits c FILE FROM TO                         copy a page     z FILE PAGE clear one t FILE
///     PAGE OFFSET(2)                  cut off         a FILE COUNT BYTES...        append u TABLE
///     COLUMN ROW VALUE               update          s TABLE COLUMN ROW ROW       swap cells d
///     TABLE ROW                            delete          i TABLE ROW                  copy a row
///
/// FILE is even for the journal and odd for its WAL; VALUE is a kind and what this needs. Numbers
/// that are too large begin again at 0. An edit that SQLite refuses, such as of a file that is
/// damaged already, is passed over.
void damage_journal(const std::filesystem::path& file, std::string_view edits);

}  // namespace converge::fuzz
