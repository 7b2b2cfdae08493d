#include "journal/reader.h"
#include "src/base/text.h"
#include "src/cli/command.h"
#include "src/cli/journal_upkeep.h"
#include "src/cli/output.h"
#include "src/cli/progress.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <memory>

namespace converge::cli {

namespace {

constexpr std::size_t kHashDigits = 64;

/// `SEQ:HASH`, or `SEQ HASH` as `converge journal head` prints it.
journal::Head parse_head(std::string_view text) {
  const auto word = trim(text);
  journal::Head head;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), head.seq);
  const auto rest = word.substr(static_cast<std::size_t>(end - word.data()));
  const bool separated = rest.starts_with(':') || rest.starts_with(' ');
  if (separated) head.hash = trim(rest.substr(1));
  for (char& digit : head.hash) {
    if (digit >= 'A' && digit <= 'F') digit = static_cast<char>(digit - 'A' + 'a');
  }
  if (error != std::errc{} || head.seq < 0 || head.hash.size() != kHashDigits ||
      head.hash.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw Error(ErrorKind::usage, fmt::format("--head {}: not SEQ:HASH", printable(text)),
                "It is what `converge journal head` printed once: a number and 64 hexadecimal "
                "digits, as in --head 1042:"
                "2e4213e5ca62c868cb28d64f16a5d2d15805e5178a5826e2d84dec226e5b53d3");
  }
  return head;
}

const char* verdict(const journal::Verification& found, bool comparable) {
  if (found.broken_seq) return "broken";
  return comparable ? "whole" : "unproven";
}

/// Throws unless all is proven.
void require_whole(const journal::Verification& found, const journal::Head* uncomparable) {
  if (found.broken_seq) {
    throw Error(ErrorKind::failure,
                fmt::format("the journal is broken at entry {}: {}", *found.broken_seq,
                            printable(found.reason)),
                "Somebody or something changed the file behind converge's back; keep a copy of it "
                "and compare it with a backup.");
  }
  if (uncomparable != nullptr) {
    throw Error(ErrorKind::failure,
                fmt::format("entry {} was pruned, and so were all others up to {}: what is there "
                            "is whole, and the head that was kept cannot be compared with it",
                            uncomparable->seq, found.pruned_seq),
                "Verify the archive that has the entry, with `converge --journal ARCHIVE journal "
                "verify --head SEQ:HASH`, and this journal with a younger head.");
  }
}

int verify(const std::optional<std::string>& kept, const Common& common) {
  const auto head = kept ? std::optional(parse_head(*kept)) : std::nullopt;
  const config::Config config = config::load(common.flags);
  journal::Reader reader(config.journal);
  tell_what_was_pruned(config.journal);
  Progress progress("verifying");
  const journal::Verification found =
      reader.verify([&](auto done, auto total) { progress.show(done, total); }, head);
  progress.clear();
  const bool comparable = !head || head->seq >= found.pruned_seq;
  if (common.json()) {
    JsonObject line;
    line.add("entries", found.entries)
        .add("verdict", verdict(found, comparable))
        .add("head_seq", found.head_seq)
        .add("head_hash", found.head_hash)
        .add("broken_seq", found.broken_seq);
    if (found.broken_seq) line.add("message", found.reason);
    print(line.line());
  } else if (!found.broken_seq && comparable) {
    print(fmt::format("{}: {} verified, head {} {}\n", styled(Style::good, "whole"),
                      counted(found.entries, "entry", "entries"), found.head_seq, found.head_hash));
  }
  require_whole(found, comparable ? nullptr : &*head);
  return kDone;
}

}  // namespace

JournalAction define_journal_verify(CLI::App& journal, const Common& common) {
  CLI::App* app =
      journal.add_subcommand("verify", "recompute the hash chain; exit 1 if it is broken");
  const auto head = std::make_shared<std::optional<std::string>>();
  app->add_option("--head", *head,
                  "a head that was kept elsewhere, as `converge journal head` printed it: finds a "
                  "journal that was rewritten as a whole")
      ->type_name("SEQ:HASH");
  app->footer(
      "\nExamples:\n"
      "  converge journal verify\n"
      "  converge journal verify --head \"$(cat head-of-yesterday)\"\n"
      "  converge journal verify -o json");
  return {app, [head, &common] { return verify(*head, common); }};
}

}  // namespace converge::cli
