#include "convergers/draft.h"
#include "src/base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <set>

namespace converge::convergers {

namespace {

/// A comment, its lines no longer than people like to read. It never begins with a directive, as
/// its first word is followed by a blank.
std::string comment(const std::string& text, std::string_view indent = "-- ") {
  std::string lines(indent);
  std::size_t width = indent.size();
  std::size_t start = 0;
  while (start < text.size()) {
    const auto end = std::min(text.find(' ', start), text.size());
    const std::string word = text.substr(start, end - start);
    if (width > indent.size() && width + 1 + word.size() > 100) {
      lines += "\n" + std::string(indent);
      width = indent.size();
    } else if (width > indent.size()) {
      lines += ' ';
      ++width;
    }
    lines += word;
    width += word.size();
    start = end + 1;
  }
  return lines + "\n";
}

/// What sets the flag.
std::string value_of(const Column& flag, const std::string& relation) {
  if (flag.is_boolean()) return "true";
  return flag.is_time() ? "now()" : relation + "." + flag.text;
}

bool is_plain(std::string_view name) {
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") ==
             std::string_view::npos &&
         std::isdigit(static_cast<unsigned char>(name.front())) == 0;
}

/// The names by which a step calls the tables of its path: their own, unless two would be alike.
std::vector<std::string> aliases_of(const DraftPlan& plan, const Branch& branch) {
  std::vector<std::string> aliases;
  std::set<std::string> taken = {"subject"};
  for (const ForeignKey* key : branch.path) {
    const Table& table = plan.keys.tables.at(key->from);
    std::string name = table.name;
    for (int number = 2; !taken.insert(name).second; ++number) {
      name = fmt::format("{}_{}", table.name, number);
    }
    // A plain name may be a reserved word; then the server has put it in quotes.
    const bool is_quoted = !is_plain(name) || table.text.ends_with('"');
    aliases.push_back(is_quoted ? postgres::quote_name(name) : name);
  }
  return aliases;
}

std::string table_as(const Table& table, const std::string& alias) {
  const auto own = table.text.substr(table.text.size() - std::min(alias.size(), table.text.size()));
  const auto before = table.text.size() - own.size();
  const bool is_own = own == alias && (before == 0 || table.text[before - 1] == '.');
  if (is_own && alias != "subject") return table.text;
  return table.text + " as " + alias;
}

std::string join_condition(const Table& from, const std::string& from_alias, const Table& to,
                           const std::string& to_alias, const ForeignKey& key) {
  std::string text;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    text +=
        fmt::format("{}{}.{} = {}.{}", i == 0 ? "" : " and ", from_alias,
                    from.find(key.columns[i])->text, to_alias, to.find(key.referenced[i])->text);
  }
  return text;
}

/// What tells the changed row to whoever reads the journal.
std::string returned_columns(const Branch& branch, const std::string& alias,
                             const std::string& subject_key) {
  const Table& table = *branch.table;
  const auto& columns = table.key.empty() ? branch.path.back()->columns : table.key;
  std::string text;
  for (const std::string& name : columns) {
    const std::string column = table.find(name)->text;
    std::string as = alias;
    if (columns.size() > 1 || alias == subject_key) {
      as = table.name + "_" + name;
      if (!is_plain(as)) as = postgres::quote_name(as);
    }
    text += fmt::format(", {}.{} as {}", alias, column, as);
  }
  return text;
}

/// What the joins of a step begin with.
struct Start {
  std::string with;  ///< What makes it; empty for `subject` itself.
  std::string relation = "subject";
  std::string key;  ///< Its column with the subject's key.
};

std::string unused_name(std::string name, const std::set<std::string>& taken) {
  const std::string stem = name;
  for (int number = 2; taken.contains(name); ++number) name = fmt::format("{}_{}", stem, number);
  return name;
}

/// The subjects and all that is below them, each with its subject. Two that meet in one row, and a
/// row that is below itself, do no harm: a row is taken once for each subject.
Start whole_subtree(const DraftPlan& plan, const DraftStep& step) {
  const ForeignKey& own = *plan.own_key();
  std::vector<std::string> columns = own.referenced;
  for (const std::string& name : step.branch->path.front()->referenced) {
    if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);
  }
  std::set<std::string> tables = {"subject"};
  for (const auto& [oid, table] : plan.keys.tables) tables.insert(table.name);
  Start start{.with = {},
              .relation = unused_name("subtree", tables),
              .key = unused_name("of_subject", {columns.begin(), columns.end()})};
  std::string names = start.key;
  std::string first = "subject." + plan.subject.key;
  std::string next = start.relation + "." + start.key;
  const std::string alias =
      is_plain(plan.root.name) && plan.root.name != "subject" && !plan.root.text.ends_with('"')
          ? plan.root.name
          : "one";
  for (const std::string& name : columns) {
    const std::string& column = plan.root.find(name)->text;
    names += ", " + column;
    first += ", subject." + column;
    next += fmt::format(", {}.{}", alias, column);
  }
  if (!plan.flag.is_time() && !plan.flag.is_boolean()) {
    names += ", " + plan.flag.text;
    first += ", subject." + plan.flag.text;
    next += fmt::format(", {}.{}", start.relation, plan.flag.text);
  }
  start.with = fmt::format(
      "with recursive {0} ({1}) as (\n  select {2}\n  from subject\n  union\n  select {3}\n"
      "  from {0}\n  join {4} on {5}\n)\n",
      start.relation, names, first, next, table_as(plan.root, alias),
      join_condition(plan.root, alias, plan.root, start.relation, own));
  return start;
}

/// That a row of the root is one of the start.
std::string is_in(const Start& start, const Table& root, const std::string& alias,
                  const std::vector<std::string>& columns) {
  std::string text;
  for (const std::string& name : columns) {
    text += fmt::format("{0}{1}.{3} = {2}.{3}", text.empty() ? "" : " and ", alias, start.relation,
                        root.find(name)->text);
  }
  return text + "\n ";
}

std::string step_text(const DraftPlan& plan, const DraftStep& step) {
  const Branch& branch = *step.branch;
  const auto aliases = aliases_of(plan, branch);
  const Start start = plan.own_key() != nullptr
                          ? whole_subtree(plan, step)
                          : Start{.with = {}, .relation = "subject", .key = plan.subject.key};
  std::string from = start.relation;
  std::string where;
  if (step.is_of_root()) {
    where = is_in(start, plan.root, aliases.front(), branch.path.front()->referenced);
  }
  const Table* above = &plan.root;
  std::string above_alias = start.relation;
  for (std::size_t i = 0; i < branch.path.size() && !step.is_of_root(); ++i) {
    const Table& table = plan.keys.tables.at(branch.path[i]->from);
    if (i + 1 < branch.path.size()) from += ", " + table_as(table, aliases[i]);
    where += (i == 0 ? "" : " and ") +
             join_condition(table, aliases[i], *above, above_alias, *branch.path[i]) + "\n ";
    above = &table;
    above_alias = aliases[i];
  }
  const Column& flag = *branch.table->find(plan.flag.name);
  return fmt::format(
      "-- step: {}\n{}update {}\nset {} = {}\nfrom {}\nwhere {} and {}\nreturning {}.{}{};\n",
      step.title, start.with, table_as(*branch.table, aliases.back()), flag.text,
      value_of(plan.flag, start.relation), from, where,
      is_unset(flag, aliases.back() + "." + flag.text), start.relation, start.key,
      returned_columns(branch, aliases.back(), start.key));
}

/// The columns that the steps join by, besides the key, and the flag where they pass it on.
std::vector<std::string> further_columns(const DraftPlan& plan) {
  std::vector<std::string> columns;
  const auto add = [&](const std::string& text) {
    if (text == plan.subject.key) return;
    if (std::find(columns.begin(), columns.end(), text) == columns.end()) columns.push_back(text);
  };
  for (const DraftStep& step : plan.steps) {
    for (const std::string& name : step.branch->path.front()->referenced) {
      add(plan.root.find(name)->text);
    }
  }
  if (!plan.flag.is_time() && !plan.flag.is_boolean()) add(plan.flag.text);
  return columns;
}

std::string find_text(const DraftPlan& plan) {
  const SubjectColumns& subject = plan.subject;
  std::string columns = subject.expression;
  if (subject.expression != subject.key) columns += " as " + subject.key;
  const auto further = further_columns(plan);
  for (const std::string& column : further) columns += ", " + column;
  const bool is_label = subject.label == "label";
  const bool has_label = std::find(further.begin(), further.end(), "label") != further.end();
  if (!subject.label.empty() && !has_label) {
    columns += is_label ? ", label" : fmt::format(", {} as label", subject.label);
  }
  const std::string condition = plan.flag.is_time()
                                    ? fmt::format("{} > now() - interval '1 day'", plan.flag.text)
                                    : is_set(plan.flag, plan.flag.text);
  return fmt::format("-- find:\nselect {}\nfrom {}\nwhere {};\n", columns, plan.root.text,
                     condition);
}

std::string runbook(const DraftPlan& plan) {
  std::string who = plan.subject.label.empty() ? "" : plan.subject.label + " = 'TARGET'";
  for (const std::string& name : plan.root.key) {
    if (!plan.subject.label.empty()) break;
    who += fmt::format("{}{} = 'TARGET'", who.empty() ? "" : " and ", plan.root.find(name)->text);
  }
  const std::string value = plan.flag.is_time() || plan.flag.is_boolean() ? value_of(plan.flag, {})
                                                                          : std::string("'VALUE'");
  // A name with a line break in it would end the comment.
  return fmt::format("-- operator:\n--   begin;\n--   {}\n--   commit;\n--\n",
                     printable(fmt::format("update {} set {} = {} where {} returning *;",
                                           plan.root.text, plan.flag.text, value, who)));
}

std::string settings(const DraftPlan& plan) {
  std::string channel;
  for (const char c : plan.root.name + "_" + plan.flag.name) {
    const bool is_plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
    channel += is_plain ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : '_';
  }
  return fmt::format(
      "-- every: 1m\n--\n-- Two settings to decide on; with one blank after the dashes they act.\n"
      "--   listen: {}\n--   limit: 100\n--\n"
      "-- The first lets a commit wake it at once, by the trigger that `converge show {}` prints;\n"
      "-- the second holds a pass that would correct more subjects than you expect.\n\n",
      channel, plan.name);
}

std::string find_comments(const DraftPlan& plan) {
  if (plan.flag.is_time()) {
    return comment(
        "Who was flagged longer ago than the horizon is not looked at any more: it must be longer "
        "than any time for which nobody converges.");
  }
  return comment("There is no horizon, as " + printable(plan.flag.text) +
                 " is no time: each pass looks at every row that was ever flagged.");
}

std::string columns_in_words(const DraftPlan& plan, const ForeignKey& key) {
  return printable(column_list(plan.keys.tables.at(key.from), key.columns));
}

/// The other ways from a table, for a person to decide on.
std::string other_ways(const DraftPlan& plan, const Branch& branch) {
  std::string text;
  for (const ForeignKey* key : branch.not_followed) {
    text += comment(
        fmt::format("Not followed: {} also refers to {} by {}.", printable(branch.table->text),
                    key->to == key->from ? "itself" : printable(plan.keys.tables.at(key->to).text),
                    columns_in_words(plan, *key)));
  }
  if (branch.table == &plan.root) {
    text +=
        comment("All that is below a subject, however deep, in one pass, here and in the others.");
  }
  return text;
}

std::string undecided(const DraftPlan& plan, const Branch& branch) {
  return comment(fmt::format(
      "Decide: {} refers to {} by {} and {}. Its rows stay as they are.",
      printable(branch.table->text), printable(plan.keys.tables.at(branch.path.back()->to).text),
      columns_in_words(plan, *branch.path.back()), printable(branch.why_not)));
}

/// The root's own ways into what is below it; those of a root that refers to itself stand at its
/// step.
std::string cycle_comments(const DraftPlan& plan) {
  const auto has_branch = [&](std::uint32_t oid) {
    return std::any_of(plan.branches.begin(), plan.branches.end(),
                       [&](const Branch& branch) { return branch.table->oid == oid; });
  };
  std::string text;
  if (has_branch(plan.keys.root)) return text;
  for (const ForeignKey& key : plan.keys.keys) {
    if (key.from != plan.keys.root || !has_branch(key.to)) continue;
    text += "\n" + comment(fmt::format("Not followed, as it is a cycle: {} refers to {} by {}.",
                                       printable(plan.root.text),
                                       printable(plan.keys.tables.at(key.to).text),
                                       columns_in_words(plan, key)));
  }
  return text;
}

std::string index_comments(const std::vector<MissingIndex>& missing, const Branch* branch) {
  std::string text;
  for (const MissingIndex& index : missing) {
    if (index.branch != branch) continue;
    text += comment("Without an index this scans a table on every pass. It helps to run");
    text += "--   " + printable(index.statement) + ";\n";
  }
  return text;
}

}  // namespace

std::string draft_definition(const DraftPlan& plan) {
  const auto missing = missing_indexes(plan);
  std::string text =
      comment(fmt::format("Sets {} of everything that belongs to a row of {} whose {} is set.",
                          printable(plan.flag.text), printable(plan.root.text),
                          printable(plan.flag.text))) +
      comment("A draft, made from the foreign keys: read it, and change what is not meant.") +
      "--\n" + runbook(plan) + settings(plan) + find_comments(plan) +
      index_comments(missing, nullptr) + find_text(plan);
  text += cycle_comments(plan);
  for (const Branch& branch : plan.branches) {
    text += "\n";
    if (!branch.bears_flag) {
      text += undecided(plan, branch);
      continue;
    }
    const auto step = std::find_if(plan.steps.begin(), plan.steps.end(),
                                   [&](const DraftStep& s) { return s.branch == &branch; });
    text += other_ways(plan, branch) + index_comments(missing, &branch) + step_text(plan, *step);
  }
  return text;
}

}  // namespace converge::convergers
