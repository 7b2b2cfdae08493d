#include "convergers/exec_step.h"

#include "convergers/exec_environment.h"
#include "convergers/outside_steps.h"
#include "convergers/redactor.h"
#include "src/base/child.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/program_path.h"
#include "src/base/shell.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace converge::convergers {
namespace {

using engine::Answer;

// Puts what the end of the program means into the answer.
void judge(Answer& answer, const ChildEnd& end, const OutsideSection& section,
           std::chrono::milliseconds timeout) {
  switch (end.kind) {
    case ChildEnd::Kind::exited:
      answer.status = fmt::format("exit {}", end.status);
      answer.succeeded = is_expected(section.expected, end.status);
      if (!answer.succeeded) {
        answer.message = fmt::format("the program ended with status {}, expected is {}", end.status,
                                     section.expect);
      }
      return;
    case ChildEnd::Kind::signalled:
      answer.status = fmt::format("signal {}", end.status);
      answer.message = fmt::format("the program was killed by signal {}", end.status);
      return;
    case ChildEnd::Kind::late:
      answer.message = fmt::format("the program did not end within {}", format_duration(timeout));
      answer.hint = "Give it more time with `timeout`, or let it do less at once.";
      break;
    case ChildEnd::Kind::unknown:
      answer.message = "the system did not tell how the program ended";
      answer.hint = "Start converge with SIGCHLD not ignored.";
      break;
  }
  answer.in_doubt = true;
}

// After this argument the others are no options to a program.
bool ends_options(const Pieces& argument) {
  std::string text;
  const bool is_text = std::all_of(argument.begin(), argument.end(),
                                   [](const auto& piece) { return piece.is_text(); });
  for (const Piece& piece : argument) text += piece.text;
  return is_text && text == "--";
}

// Data must not become an option of the program: `--admin` for the name of an account.
void require_no_option(const Pieces& argument, const Rendering& rendering) {
  const auto first = std::find_if(argument.begin(), argument.end(), [&](const Piece& piece) {
    return !render({piece}, rendering).empty();
  });
  if (first == argument.end() || first->kind != Piece::Kind::column) return;
  const auto place = rendering.subject.place(first->text);
  if (place && is_number(rendering.subject.type(*place))) return;
  if (!render({*first}, rendering).starts_with('-')) return;
  throw Error(ErrorKind::failure,
              fmt::format("column {} begins with -, and stands at the beginning of an argument",
                          printable(first->text)),
              fmt::format("The program could take it for an option: write it behind one, such as "
                          "`--{0}={{{0}}}`, or put an argument `--` before it.",
                          printable(first->text)));
}

}  // namespace

ExecStep::ExecStep(OutsideSection section, std::string converger, std::string path,
                   ExecTemplate arguments, Variables variables)
    : OutsideStep(settings_of(section)),
      section_(std::move(section)),
      converger_(std::move(converger)),
      path_(std::move(path)),
      arguments_(std::move(arguments)),
      variables_(std::move(variables)) {}

void ExecStep::require(const std::vector<std::string>& columns) const {
  require_trusted_program();
  for (const Pieces& argument : arguments_) {
    require_known(argument, columns, variables_, path_, "exec " + section_.title);
  }
  require_known(section_.environment, columns, variables_, path_, "exec " + section_.title);
}

std::string ExecStep::program() const {
  std::string name;
  for (const Piece& piece : arguments_.front()) name += piece.text;
  return name;
}

std::string ExecStep::place() const {
  const Piece& first = arguments_.front().front();
  return fmt::format("{}:{}:{}: exec {}", path_, first.line, first.column, section_.title);
}

void ExecStep::require_trusted_program() const {
  const auto path = find_program(program());
  if (!path) return;
  try {
    require_trusted(*path);
  } catch (const Error& error) {
    throw Error(ErrorKind::failure, fmt::format("{}: {}", place(), error.what()), error.hint());
  }
}

std::vector<std::string> ExecStep::warnings() const {
  const std::string name = program();
  if (find_program(name)) return {};
  return {fmt::format("{}: on this host there is no program {} that may be run", place(),
                      printable(name))};
}

std::vector<std::string> ExecStep::arguments_for(const Rendering& rendering) const {
  std::vector<std::string> arguments;
  try {
    bool options = true;
    for (const Pieces& argument : arguments_) {
      if (options) require_no_option(argument, rendering);
      options = options && !ends_options(argument);
      arguments.push_back(render(argument, rendering));
    }
  } catch (const Error& error) {
    throw error.within("exec " + section_.title);
  }
  return arguments;
}

std::string ExecStep::command_line(const Rendering& rendering) const {
  std::string line;
  for (const std::string& argument : arguments_for(rendering)) {
    line += (line.empty() ? "" : " ") + shell_word(argument);
  }
  return printable(line);
}

std::string ExecStep::describe(const engine::SubjectRow& subject,
                               const std::vector<std::string>& hidden) const {
  return command_line({.subject = subject, .hidden = &hidden});
}

std::string ExecStep::full_text(const engine::SubjectRow& subject) const {
  const Rendering rendering{.subject = subject};
  std::string text = command_line(rendering) + "\n";
  for (const Piece& variable : section_.environment) {
    text += fmt::format("{}={}\n", variable.text, variable.reference());
  }
  return text + "\n" + json_of(rendering) + "\n";
}

std::vector<std::pair<std::string, std::string>> ExecStep::environment_for(
    const engine::AttemptContext& context) const {
  try {
    auto environment = exec_environment(section_.environment, variables_);
    environment.emplace_back("CONVERGE_IDEMPOTENCY_KEY", context.key);
    environment.emplace_back("CONVERGE_CONVERGER", converger_);
    return environment;
  } catch (const Error& error) {
    throw error.within("exec " + section_.title);
  }
}

Answer ExecStep::attempt(const engine::SubjectRow& subject,
                         const engine::AttemptContext& context) const {
  // Since the definition was looked at, another program may have come to stand first in PATH.
  require_trusted_program();
  const Rendering rendering{.subject = subject};
  const ChildRequest request{.arguments = arguments_for(rendering),
                             .input = json_of(rendering) + "\n",
                             .environment = environment_for(context)};
  const Redactor redactor(variables_, section_.environment);
  Answer answer;
  const auto start = Clock::now();
  try {
    const auto end = run_child(request, context.timeout);
    judge(answer, end, section_, context.timeout);
    answer.output = redactor.redact(end.output, end.cut);
    answer.output_cut = end.cut;
  } catch (const Error& error) {
    answer.message = error.what();
    answer.hint = error.hint();
  }
  answer.duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
  return answer;
}

}  // namespace converge::convergers
