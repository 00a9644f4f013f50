// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

/// The parser of the command line. The library behind it is a header that costs each file that sees
/// it ten seconds, so that one file does.
namespace weir::cli {

/// An option or argument of a command; a handle, valid as long as the `CommandLine`.
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(&option) {}

  Option& required();
  Option& show_default();  ///< in the help: the value that the variable has now
  Option& one_of(std::vector<std::string> values);
  Option& between(std::int64_t least, std::int64_t most);

 private:
  CLI::Option* option_;
};

/// A command, or one of a command: what may stand behind it and what it does. A handle, valid as
/// long as the `CommandLine`; so must be the variables that it is given.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}

  Command add_subcommand(const std::string& name, const std::string& help);
  void require_subcommand(std::size_t least, std::size_t most);
  void require_subcommand(std::size_t count) { require_subcommand(count, count); }
  /// One of its subcommands was asked for.
  [[nodiscard]] bool has_subcommand() const;
  void fallthrough();  ///< its options may also stand behind its subcommands

  /// `names` as in `-m,--model`; an argument's has no dash.
  Option add_option(const std::string& names, std::string& value, const std::string& help);
  Option add_option(const std::string& names, std::vector<std::string>& values,
                    const std::string& help);
  Option add_option(const std::string& names, std::size_t& value, const std::string& help);
  Option add_option(const std::string& names, std::int64_t& value, const std::string& help);
  Option add_option(const std::string& names, const std::function<void(const std::string&)>& take,
                    const std::string& help);
  void add_flag(const std::string& names, bool& value, const std::string& help);
  void add_flag(const std::string& names, std::function<void()> take, const std::string& help);

  void footer(const std::string& text);
  void callback(std::function<void()> run);

 private:
  CLI::App* app_;
};

/// The program's own: parses what it was called with and calls the command that was meant.
class CommandLine {
 public:
  CommandLine(const std::string& about, const std::string& version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  [[nodiscard]] Command root() { return Command(*app_); }
  [[nodiscard]] std::string help() const;
  /// False, after the problem was printed, when it can't be understood.
  [[nodiscard]] bool run(int argc, char** argv);

 private:
  [[nodiscard]] std::string unknown_command(int argc, char** argv) const;

  std::unique_ptr<CLI::App> app_;
};

}  // namespace weir::cli
