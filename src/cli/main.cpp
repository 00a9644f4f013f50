// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>

#include "server/program.hpp"

namespace {

constexpr int exit_config = 78;

int serve(int argc, char** argv) {
  weir::server::Program::Options options;
  options.environment = weir::config::Environment::of_process();
  for (int i = 2; i + 1 < argc; ++i) {
    if (std::string_view(argv[i]) == "--config") options.load.config_file = argv[i + 1];
  }
  auto loaded = weir::config::load(options.load, options.environment);
  if (!loaded.ok()) {
    std::fputs(loaded.report().c_str(), stderr);
    return exit_config;
  }
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  weir::server::Program program(std::move(options), std::move(loaded));
  if (auto started = program.start(); !started) {
    std::fprintf(stderr, "weir: %s\n", started.error().message.c_str());
    return exit_config;
  }
  std::printf("weir listens on http://%s:%u\n", program.client_address().host.c_str(),
              static_cast<unsigned>(program.client_address().port));
  std::fflush(stdout);
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal == SIGHUP) {
      if (auto reloaded = program.reload(); !reloaded) {
        std::fprintf(stderr, "weir: the configuration was not changed:\n%s\n",
                     reloaded.error().message.c_str());
      }
      continue;
    }
    program.drain();
    program.join();
    return 0;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "serve") return serve(argc, argv);
  std::fputs("usage: weir serve [--config FILE]\n", stderr);
  return 64;
}
