// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/edit_distance.hpp"
#include "cli/text.hpp"

namespace weir::cli {

Option& Option::required() {
  option_->required();
  return *this;
}

Option& Option::show_default() {
  option_->capture_default_str();
  return *this;
}

Option& Option::one_of(std::vector<std::string> values) {
  option_->check(CLI::IsMember(std::move(values)));
  return *this;
}

Option& Option::between(std::int64_t least, std::int64_t most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

Command Command::add_subcommand(const std::string& name, const std::string& help) {
  return Command(*app_->add_subcommand(name, help));
}

void Command::require_subcommand(std::size_t least, std::size_t most) {
  app_->require_subcommand(least, most);
}

bool Command::has_subcommand() const { return !app_->get_subcommands().empty(); }

void Command::fallthrough() { app_->fallthrough(); }

Option Command::add_option(const std::string& names, std::string& value, const std::string& help) {
  return Option(*app_->add_option(names, value, help));
}

Option Command::add_option(const std::string& names, std::vector<std::string>& values,
                           const std::string& help) {
  return Option(*app_->add_option(names, values, help));
}

Option Command::add_option(const std::string& names, std::size_t& value, const std::string& help) {
  return Option(*app_->add_option(names, value, help));
}

Option Command::add_option(const std::string& names, std::int64_t& value, const std::string& help) {
  return Option(*app_->add_option(names, value, help));
}

Option Command::add_option(const std::string& names,
                           const std::function<void(const std::string&)>& take,
                           const std::string& help) {
  return Option(*app_->add_option_function<std::string>(names, take, help));
}

void Command::add_flag(const std::string& names, bool& value, const std::string& help) {
  app_->add_flag(names, value, help);
}

void Command::add_flag(const std::string& names, std::function<void()> take,
                       const std::string& help) {
  app_->add_flag_callback(names, std::move(take), help);
}

void Command::footer(const std::string& text) { app_->footer(text); }

void Command::callback(std::function<void()> run) { app_->callback(std::move(run)); }

CommandLine::CommandLine(const std::string& about, const std::string& version)
    : app_(std::make_unique<CLI::App>(about, "weir")) {
  app_->set_version_flag("-V,--version", version);
}

CommandLine::~CommandLine() = default;

std::string CommandLine::help() const { return app_->help(); }

/// The command that was meant by a word that is none; empty when the word is one, or an option.
std::string CommandLine::unknown_command(int argc, char** argv) const {
  const std::string_view word = argc > 1 ? argv[1] : "-";
  if (word.starts_with('-')) return {};
  NearestNames nearest(word, 1);
  for (const CLI::App* command : app_->get_subcommands({})) {
    if (command->get_name() == word) return {};
    nearest.offer(command->get_name());
  }
  const auto names = std::move(nearest).take();
  return "there is no command '" + std::string(word) + "'" +
         (names.empty() ? "" : " (did you mean " + names.front() + "?)") +
         "; weir --help lists them\n";
}

bool CommandLine::run(int argc, char** argv) {
  if (const std::string problem = unknown_command(argc, argv); !problem.empty()) {
    print_error(problem);
    return false;
  }
  // CLI11's door: it throws on a command line that it can't understand, and for --help.
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0;
  }
  return true;
}

}  // namespace weir::cli
