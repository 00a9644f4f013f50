// SPDX-License-Identifier: Apache-2.0
//
// weir serve: starts the gateway, says what it found, and sees it through to its end.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/http_url.hpp"
#include "base/thread.hpp"
#include "base/version.hpp"
#include "cli/commands.hpp"
#include "cli/text.hpp"
#include "config/fields.hpp"
#include "server/memory.hpp"
#include "server/program.hpp"

namespace weir::cli {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr const char* examples =
    "Examples:\n"
    "  weir serve                                providers from the environment and local ports\n"
    "  weir serve -c weir.yaml                   from a file\n"
    "  weir serve --listen 0.0.0.0:9347          for everyone; a client key is made and shown "
    "once\n"
    "  weir serve --prefer free                  free tiers first\n"
    "  WEIR_LIMITS_QUEUE_WAIT=5s weir serve      any setting, by environment\n"
    "\n"
    "Signals: HUP reads the configuration again; TERM lets running requests end (drain_timeout,\n"
    "25s), a second one shortens that to 5s; Ctrl-C waits a second, a second one not at all.\n"
    "Closing the terminal ends it as TERM does.";

/// Options that stand for settings; they go where the environment's would.
struct SettingOption {
  const char* option;
  const char* variable;
  const char* help;
};
constexpr SettingOption setting_options[] = {
    {"-l,--listen", "WEIR_LISTEN", "Where applications connect: host:port (127.0.0.1:9347)"},
    {"--admin-listen", "WEIR_ADMIN_LISTEN",
     "Administration: host:port, same or off (127.0.0.1:9348)"},
    {"--threads", "WEIR_THREADS", "Event loops (one per core)"},
    {"--data-dir", "WEIR_DATA_DIR", "Where keys and records are kept"},
    {"-m,--default-model", "WEIR_DEFAULT_MODEL", "For requests that name none (auto)"},
    {"--prefer", "WEIR_PREFER", "free: providers with a free tier first"},
    {"--log-level", "WEIR_LOG_LEVEL", "trace, debug, info, warn, error, off (info)"},
    {"--log-format", "WEIR_LOG_FORMAT", "json or text (text on a terminal)"},
    {"--env", "WEIR_ENV", "Overlay: production reads weir.production.yaml too"},
};

// ---- what is said at the start --------------------------------------------------------------

std::string shown_address(const net::ListenAddress& address, bool is_tls) {
  HostPort shown{address.host, address.port};
  if (shown.is_any()) shown.host = "127.0.0.1";
  return (is_tls ? "https://" : "http://") + shown.text();
}

/// Where the provider was found: its place in a file, or the variable that brought it about.
std::string place_of(const config::Config& config, const config::ProviderConfig& provider) {
  const std::string_view source = config::found_at(config, provider);
  if (source.starts_with("env ")) return "from " + std::string(source.substr(4));
  if (source.starts_with("found at ")) return "found there";
  return std::string(source);
}

std::string provider_lines(const config::Config& config) {
  std::vector<Row> rows;
  for (const config::ProviderConfig& provider : config.providers) {
    const bool is_mock = provider.mock || provider.spec->name == providers::mock_provider;
    rows.push_back({provider.name,
                    !provider.enabled ? "disabled"
                    : is_mock         ? "answers by itself"
                                      : provider.base_url,
                    place_of(config, provider)});
  }
  return table(rows, 2);
}

std::string route_line(const config::Resolver& resolver) {
  constexpr std::size_t shown_max = 8;
  std::vector<std::string> names;
  for (const std::string& name : resolver.listed_names()) {
    if (name.find('/') == std::string::npos) names.push_back(name);
  }
  std::string line;
  for (std::size_t i = 0; i < std::min(names.size(), shown_max); ++i) {
    line.append(names[i]).append(", ");
  }
  if (names.size() > shown_max) {
    line.append(std::to_string(names.size() - shown_max)).append(" more, ");
  }
  return line + "and provider/model";
}

std::string greeting(server::Program& program, const std::vector<std::string>& notes) {
  const auto snapshot = program.snapshot();
  const config::Config& config = snapshot->config();
  const bool is_tls = !config.tls.cert.empty();
  const net::ListenAddress& address = program.client_address();
  const std::string url = shown_address(address, is_tls);
  std::string text = "weir " + std::string(version()) + " listens on " + url;
  if (HostPort{address.host, address.port}.is_any()) text += " and every other address";
  if (const auto& admin = program.admin_address()) {
    const bool is_same = config.admin_listen == "same";
    text += is_same ? ", administration included"
                    : ", administration on " + shown_address(*admin, false);
  }
  text += "\nproviders\n" + provider_lines(config);
  for (const std::string& note : notes) text += "  (" + note + ")\n";
  text += "routes\n  " + route_line(snapshot->resolver()) + "\n";
  if (!program.new_client_key().empty()) {
    text += "client key, shown this once and kept in " + program.data_directory() +
            "/client-key\n  " + program.new_client_key() + "\n";
  }
  const bool has_auto = snapshot->resolver().resolve("auto").has_value();
  const std::string_view key =
      config.keys.empty() ? "" : " -H 'authorization: Bearer '\"$WEIR_KEY\"";
  text += "try\n";
  // Made by the program, on this start or an earlier one, and so in nobody's environment yet.
  const bool is_key_made = !config.keys.empty() && config.source_of("keys") == "default";
  if (is_key_made) {
    text += "  export WEIR_KEY=$(cat '" + program.data_directory() + "/client-key')\n";
  }
  text += "  curl " + url + "/v1/chat/completions" + std::string(key) +
          " -H 'content-type: application/json' \\\n    -d '{\"model\": \"" +
          (has_auto ? "auto" : "mock") +
          "\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'\n";
  return text;
}

// ---- from the first signal to the end -------------------------------------------------------

/// Keeps the program going until a signal ends it, and ends it by rule H-5.
class Watch {
 public:
  explicit Watch(server::Program& program, const sigset_t& signals)
      : program_(program),
        signals_(::signalfd(-1, &signals, SFD_CLOEXEC)),
        ended_(::eventfd(0, EFD_CLOEXEC)) {}
  ~Watch() {
    if (joiner_.joinable()) joiner_.join();
    ::close(signals_);
    ::close(ended_);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void run() {
    for (;;) {
      const std::optional<int> signal = wait_until(next_midnight());
      if (!signal) {
        program_.begin_day();
      } else if (*signal == SIGHUP && !has_lost_terminal()) {
        static_cast<void>(
            program_.reload({{}, "config.reload"}));  // which tells the log what it came to
      } else {
        return end(*signal);
      }
    }
  }

 private:
  /// The terminal it was started on is gone: nobody is left who could end it otherwise. A HUP that
  /// somebody sends while it is there, or to a service that never had one, asks for a reload.
  [[nodiscard]] bool has_lost_terminal() const {
    return had_terminal_ && ::isatty(STDIN_FILENO) == 0;
  }

  void end(int signal) {
    const auto snapshot = program_.snapshot();  // another one may be published meanwhile
    const config::Config& config = snapshot->config();
    const bool is_impatient = signal == SIGINT && ::isatty(STDIN_FILENO) != 0;
    program_.announce_drain();
    auto grace_end = Clock::now() + (is_impatient ? milliseconds(0) : config.drain_grace);
    while (Clock::now() < grace_end) {
      if (wait_until(grace_end)) grace_end = Clock::now();
    }
    program_.drain();
    // Without it the deadline is waited for.
    joiner_ = try_thread([this] {
      program_.join();
      ::eventfd_write(ended_, 1);
    });
    auto deadline = Clock::now() + (is_impatient ? milliseconds(1'000) : config.drain_timeout);
    while (!is_ended_ && Clock::now() < deadline) {
      const std::optional<int> another = wait_until(deadline);
      if (another == SIGTERM) deadline = std::min(deadline, Clock::now() + milliseconds(5'000));
      if (another == SIGINT) deadline = Clock::now();
    }
    if (!is_ended_) {
      program_.log().warn("stop", "ending what has not ended by itself");
      program_.stop();
    }
    joiner_.joinable() ? joiner_.join() : program_.join();
    program_.log().info("stop", "weir has stopped");
  }

  /// The next signal; nothing when the time is over or the threads have ended.
  std::optional<int> wait_until(Clock::time_point until) {
    pollfd waiting[] = {{signals_, POLLIN, 0}, {ended_, POLLIN, 0}};
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    const auto timeout = static_cast<int>(std::clamp<std::int64_t>(left, 0, 86'400'000));
    if (::poll(waiting, is_ended_ ? 1 : 2, timeout) <= 0) return std::nullopt;
    if ((waiting[1].revents & POLLIN) != 0) is_ended_ = true;
    if ((waiting[0].revents & POLLIN) == 0) return std::nullopt;
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) != sizeof info) return std::nullopt;
    return static_cast<int>(info.ssi_signo);
  }

  static Clock::time_point next_midnight() {
    const auto now = std::chrono::system_clock::now();
    const auto midnight = std::chrono::ceil<std::chrono::days>(now + milliseconds(1));
    return Clock::now() + (midnight - now);
  }

  server::Program& program_;
  int signals_;
  int ended_;
  bool is_ended_ = false;
  const bool had_terminal_ = ::isatty(STDIN_FILENO) != 0;
  std::thread joiner_;
};

sigset_t watched_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

/// Without a file the usual local ports are looked at, quickly: whoever starts the gateway waits.
std::vector<server::FoundServer> find_servers(const config::Loaded& loaded) {
  constexpr milliseconds time_max{30};
  if (!loaded.files.empty() || !loaded.config.detect_local) return {};
  return server::find_local_servers(config::local_candidates(loaded.config), time_max);
}

ExitCode serve(Context& context) {
  ::umask(077);
  // Blocked before the first thread starts, so that only `Watch` ever sees them.
  const sigset_t signals = watched_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  config::Loaded loaded = config::load(context.load, context.environment);
  server::Program::Options options{context.load, context.environment, {}, ::geteuid() == 0};
  if (loaded.ok()) options.local_servers = find_servers(loaded);
  if (!options.local_servers.empty()) {
    config::LoadOptions again = context.load;
    for (const auto& found : options.local_servers) again.local_servers.push_back(found.server);
    loaded = config::load(again, context.environment);
  }
  if (!loaded.ok()) {
    print_error(loaded.report());
    return ExitCode::config;
  }
  const std::vector<std::string> notes = loaded.notes;
  server::keep_freed_memory();
  context.environment = {};  // the program has it, and clears what it needs no longer
  server::Program program(std::move(options), std::move(loaded));
  if (const auto started = program.start(); !started) {
    print_error("weir: " + started.error().message + "\n");
    if (started.error().code == ErrorCode::ledger_unavailable) return ExitCode::storage;
    return started.error().kind() == ErrorKind::invalid_request ? ExitCode::config
                                                                : ExitCode::failed;
  }
  print(greeting(program, notes));
  server::give_back_start();
  Watch(program, signals).run();
  return ExitCode::ok;
}

}  // namespace

void add_serve(Command& app, Context& context) {
  Command command = app.add_subcommand("serve", "Start the gateway");
  command.footer(examples);
  add_load_options(command, context);
  for (const SettingOption& row : setting_options) {
    command.add_option(
        row.option,
        [&context, variable = row.variable](const std::string& value) {
          context.environment.set(variable, value);
        },
        row.help);
  }
  command.add_flag(
      "--no-failover", [&context] { context.environment.set("WEIR_FAILOVER", "off"); },
      "Never try a second target");
  command.add_flag(
      "--no-detect", [&context] { context.environment.set("WEIR_DETECT_LOCAL", "off"); },
      "Don't look for local servers");
  command.callback([&context] { context.exit_code = serve(context); });
}

}  // namespace weir::cli
