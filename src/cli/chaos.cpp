// SPDX-License-Identifier: Apache-2.0
//
// weir chaos: a model server and a TCP proxy that misbehave by script.

#include <memory>

#include "base/http_url.hpp"
#include "chaos/proxy.hpp"
#include "chaos/upstream.hpp"
#include "cli/commands.hpp"
#include "cli/text.hpp"

namespace weir::cli {
namespace {

struct Options {
  std::string listen = "127.0.0.1:9401";
  std::string to;
  std::string always;
  std::vector<std::string> next;
};

std::string footer(bool is_proxy) {
  std::string text =
      is_proxy
          ? "Examples:\n"
            "  weir chaos proxy --to 127.0.0.1:11434 --always delay=200ms\n"
            "  weir chaos proxy --to 127.0.0.1:9347 --next ok --next cut@byte=500\n"
            "\n"
            "Of the verbs delay, drip, cut@byte=N and stall=N (bytes) mean something here:\n"
          : "Examples:\n"
            "  weir chaos upstream                                   all is well\n"
            "  weir chaos upstream --always status=503\n"
            "  weir chaos upstream --next cut@token=5 --next stall   the next two calls\n"
            "\n"
            "It speaks every dialect, told by the path: base URLs are http://127.0.0.1:9401/v1\n"
            "(OpenAI, Responses), http://127.0.0.1:9401 (Anthropic, Ollama) and\n"
            "http://127.0.0.1:9401/v1beta (Gemini). While it runs:\n"
            "  curl 127.0.0.1:9401/book                  what it would have charged\n"
            "  curl -X PUT 127.0.0.1:9401/script -d '{\"always\": \"drip=50ms\", \"next\": "
            "[\"stall\"]}'\n"
            "  curl -X POST 127.0.0.1:9401/reset         no faults, an empty book\n"
            "\n"
            "Faults, joined by commas:\n";
  return text + chaos::fault_help();
}

Result<net::ListenAddress> address_of(const std::string& listen) {
  WEIR_TRY_ASSIGN(parsed, parse_host_port(listen));
  // Whoever wants it in the network says an address.
  return net::ListenAddress{parsed.host.empty() ? "127.0.0.1" : parsed.host, parsed.port};
}

Result<> read_plan(const Options& options, chaos::FaultPlan& plan) {
  WEIR_TRY_ASSIGN(always, chaos::parse_fault(options.always));
  plan.set_standing(std::move(always));
  for (const std::string& text : options.next) {
    WEIR_TRY_ASSIGN(fault, chaos::parse_fault(text));
    plan.add_next(std::move(fault));
  }
  return {};
}

Result<> run_upstream(const Options& options) {
  net::EpollLoop loop;
  chaos::Upstream upstream(loop);
  WEIR_TRY(read_plan(options, upstream.plan()));
  WEIR_TRY_ASSIGN(address, address_of(options.listen));
  WEIR_TRY(upstream.listen(address));
  print("weir chaos upstream listens on http://" + address.host + ":" +
        std::to_string(upstream.port()) + "\n");
  loop.run();
  return {};
}

Result<> run_proxy(const Options& options) {
  WEIR_TRY_ASSIGN(to, parse_host_port(options.to));
  net::Origin origin;
  origin.host = to.host;
  origin.port = to.port;
  origin.is_tls = false;
  origin.allows_private = true;  // said by the person who runs the command
  net::EpollLoop loop;
  chaos::Proxy proxy(loop, origin);
  WEIR_TRY(read_plan(options, proxy.plan()));
  WEIR_TRY_ASSIGN(address, address_of(options.listen));
  WEIR_TRY(proxy.listen(address));
  print("weir chaos proxy listens on " + address.host + ":" + std::to_string(proxy.port()) +
        " and passes on to " + options.to + "\n");
  loop.run();
  return {};
}

void add_options(Command& command, const std::shared_ptr<Options>& options) {
  command.add_option("--listen", options->listen,
                     "host:port; port 0 is any free one (default: 127.0.0.1:9401)");
  command.add_option("--always", options->always, "The fault that all meet");
  command.add_option("--next", options->next, "The fault of the next one; may be repeated");
}

void finish(Context& context, const Result<>& done) {
  if (done) return;
  print_error(done.error().message + "\n");
  context.exit_code = ExitCode::usage;
}

}  // namespace

void add_chaos(Command& app, Context& context) {
  // The callbacks outlive this function.
  auto options = std::make_shared<Options>();
  Command command = app.add_subcommand("chaos", "Run servers that misbehave by script");
  command.require_subcommand(1);
  Command upstream = command.add_subcommand("upstream", "A model server of every dialect");
  upstream.footer(footer(false));
  add_options(upstream, options);
  upstream.callback([&context, options] { finish(context, run_upstream(*options)); });
  Command proxy = command.add_subcommand("proxy", "A TCP proxy");
  proxy.footer(footer(true));
  add_options(proxy, options);
  proxy.add_option("--to", options->to, "host:port that it passes on to").required();
  proxy.callback([&context, options] { finish(context, run_proxy(*options)); });
}

}  // namespace weir::cli
