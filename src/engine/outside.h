#pragma once

#include "src/engine/subjects.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace converge::engine {

/// One subject with the names of its columns, as a step outside the database sees it.
class SubjectRow {
 public:
  /// `types` are those of `columns`, oids; all must outlive this.
  SubjectRow(const std::vector<std::string>& columns, const std::vector<std::uint32_t>& types,
             const Subjects& subjects, std::size_t row)
      : columns_(columns), types_(types), subjects_(subjects), row_(row) {}

  std::string_view key() const { return subjects_.key(row_); }
  std::size_t width() const { return subjects_.width(); }
  const std::string& name(std::size_t column) const { return columns_[column]; }
  std::uint32_t type(std::size_t column) const { return types_[column]; }
  /// In PostgreSQL's text form; absent when null.
  std::optional<std::string_view> value(std::size_t column) const {
    return subjects_.cell(row_, column);
  }
  /// The place of a column; absent when there is none of that name.
  std::optional<std::size_t> place(std::string_view column) const;

 private:
  const std::vector<std::string>& columns_;
  const std::vector<std::uint32_t>& types_;
  const Subjects& subjects_;
  std::size_t row_;
};

/// For whom a step outside the database acts.
enum class ActsFor {
  changed,  ///< Subjects that SQL steps before it changed in this pass.
  found,    ///< Every subject that find returns, at most once per `repeat`.
};

/// How one attempt ended. Nothing in it tells a secret.
struct Answer {
  bool succeeded = false;
  /// Whether the other side may have acted all the same, as its answer was lost.
  bool in_doubt = false;
  std::string status;   ///< `200`, `exit 3`, `signal 9`; empty when there was none.
  std::string message;  ///< Why it failed, as an error's message; empty when it succeeded.
  std::string hint;
  std::string output;       ///< The beginning of the body, or of what the program wrote.
  bool output_cut = false;  ///< There was more of it.
  std::chrono::microseconds duration{0};
  std::optional<std::chrono::milliseconds> retry_after;  ///< As the other side asked.
  /// In doubt because a connection was lost that had been kept from an earlier call: nobody's
  /// failure, and the next attempt may be made at once.
  bool lost_kept_connection = false;
  /// Set by the pass, whose time was over before there was an answer: no failure of the subject's.
  bool cut_short = false;
};

/// What an attempt is given beside its subject.
struct AttemptContext {
  std::string key;                    ///< The same for each attempt for one inconsistency.
  std::chrono::milliseconds timeout;  ///< Of the whole attempt.
  bool fresh_connection = false;      ///< Not over one that has been kept.
};

/// A step outside the database: what it sends, and how it is sent. Immutable and thread-safe.
class OutsideStep {
 public:
  struct Settings {
    std::string title;
    std::string kind;       ///< `http` or `exec`.
    std::size_t after = 0;  ///< How many of the steps in SQL stand before it.
    ActsFor acts_for = ActsFor::changed;
    std::chrono::milliseconds repeat{0};  ///< With `found` only.
  };

  explicit OutsideStep(Settings settings) : settings_(std::move(settings)) {}
  virtual ~OutsideStep() = default;
  OutsideStep(const OutsideStep&) = delete;
  OutsideStep& operator=(const OutsideStep&) = delete;

  const Settings& settings() const { return settings_; }

  /// Throws `Error{failure}`, with the place in the definition, when a column that it names is not
  /// among these, or a variable is not set.
  virtual void require(const std::vector<std::string>& columns) const = 0;

  /// What a person should know who checks it here, though it may do on the host that runs it.
  virtual std::vector<std::string> warnings() const { return {}; }

  /// What would be sent for a subject, in one line and without secrets: `POST http://…/clusters/7`,
  /// or an argument vector. Values of columns in `hidden` are left out. Throws `Error{failure}`
  /// when a value cannot stand where it is put.
  virtual std::string describe(const SubjectRow& subject,
                               const std::vector<std::string>& hidden) const = 0;

  /// All of what would be sent, without secrets, for tests and for people: for HTTP the request
  /// with headers and body, for a program its arguments and its input. Throws as `describe`.
  virtual std::string full_text(const SubjectRow& subject) const = 0;

  /// One attempt. Never throws for what happens outside; throws as `describe` before anything is
  /// sent.
  virtual Answer attempt(const SubjectRow& subject, const AttemptContext& context) const = 0;

 private:
  Settings settings_;
};

}  // namespace converge::engine
