// SPDX-License-Identifier: Apache-2.0
#include "server/program.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <thread>

#include <sys/resource.h>

#include "base/http_url.hpp"

namespace weir::server {
namespace {

using config::Timeout;

net::ServerTimeouts server_timeouts(const config::Config& config) {
  const auto value = [&](Timeout id) { return config.timeouts.in_force(id, false); };
  net::ServerTimeouts timeouts;
  timeouts.tls_handshake = value(Timeout::client_tls_handshake);
  timeouts.headers = value(Timeout::client_headers);
  timeouts.body_idle = value(Timeout::client_body_idle);
  timeouts.body_total = value(Timeout::client_body_total);
  timeouts.keepalive_idle = value(Timeout::client_keepalive_idle);
  timeouts.write_stall = value(Timeout::client_write_stall);
  return timeouts;
}

net::ServerLimits server_limits(const config::Config& config) {
  net::ServerLimits limits;
  limits.head.request_line_bytes_max = static_cast<std::size_t>(config.limits.request_line.bytes);
  limits.head.field_bytes_max = static_cast<std::size_t>(config.limits.header_field.bytes);
  limits.head.fields_bytes_max = static_cast<std::size_t>(config.limits.header_bytes.bytes);
  limits.head.field_count_max = static_cast<std::size_t>(config.limits.header_count);
  limits.body_bytes_max = static_cast<std::size_t>(config.limits.body_bytes_max.bytes);
  return limits;
}

std::uint64_t random_seed() {
  std::random_device entropy;
  return (std::uint64_t{entropy()} << 32) | entropy();
}

/// Raises the soft limit of open files to the hard one and answers it.
std::size_t raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<std::size_t>(limit.rlim_cur);
}

Result<net::ListenAddress> listen_address(const std::string& text) {
  WEIR_TRY_ASSIGN(parsed, parse_host_port(text));
  return net::ListenAddress{parsed.host.empty() ? "0.0.0.0" : parsed.host, parsed.port};
}

}  // namespace

Program::Program(Options options, config::Loaded loaded)
    : options_(std::move(options)),
      loaded_(std::move(loaded)),
      notes_(loaded_.notes),
      gate_({.seed = random_seed()}),
      shared_{wall_, nullptr},
      context_{wall_, gate_, tls_, shared_, {}, {}, 0, nullptr} {}

Program::~Program() { join(); }

Result<std::shared_ptr<const Snapshot>> Program::make_snapshot(config::Config config) {
  const auto previous = snapshot();
  return Snapshot::make(std::move(config), options_.environment, gate_, previous.get());
}

std::shared_ptr<const Snapshot> Program::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void Program::publish(std::shared_ptr<const Snapshot> snapshot) {
  for (auto& worker : workers_) worker->set_snapshot(snapshot);
  std::set<std::string, std::less<>> providers;
  for (const auto& upstream : snapshot->upstreams()) providers.insert(upstream->name);
  gate_.keep_only(providers);
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(snapshot);
}

Result<> Program::start() {
  WEIR_TRY_ASSIGN(first, make_snapshot(loaded_.config));
  const config::Config& config = first->config();
  context_.timeouts = server_timeouts(config);
  context_.limits = server_limits(config);
  if (!config.tls.cert.empty()) {
    WEIR_TRY_ASSIGN(tls, net::make_tls_server_context(config.tls.cert, config.tls.key));
    context_.listener_tls = tls;
  }
  const std::size_t threads = config.threads > 0
                                  ? static_cast<std::size_t>(config.threads)
                                  : std::max(1U, std::thread::hardware_concurrency());
  const std::size_t files = raise_file_limit();
  const std::size_t connections = config.limits.max_connections > 0
                                      ? static_cast<std::size_t>(config.limits.max_connections)
                                      : (files > 512 ? (files - 256) / 2 : 128);
  context_.connections_max = std::max<std::size_t>(1, connections / threads);

  WEIR_TRY_ASSIGN(client, listen_address(config.listen));
  client_address_ = client;
  if (!config.reuse_port || client_address_.port == 0) WEIR_TRY(net::probe(client_address_));
  const bool has_admin = config.admin_listen != "off" && config.admin_listen != "same";
  if (has_admin) {
    WEIR_TRY_ASSIGN(admin, listen_address(config.admin_listen));
    admin_address_ = admin;
    if (!config.reuse_port || admin_address_.port == 0) WEIR_TRY(net::probe(admin_address_));
  }
  for (std::size_t i = 0; i < threads; ++i) {
    auto worker = std::make_unique<Worker>(context_, random_seed());
    const Surface surface = config.admin_listen == "same" ? Surface::both : Surface::client;
    WEIR_TRY(worker->listen(client_address_, surface));
    if (has_admin && i == 0) WEIR_TRY(worker->listen(admin_address_, Surface::admin));
    workers_.push_back(std::move(worker));
  }
  publish(first);
  for (auto& worker : workers_) worker->start();
  return {};
}

Result<> Program::reload() {
  config::Loaded again = config::load(options_.load, options_.environment);
  if (!again.ok()) return Error(ErrorCode::invalid_request, again.report());
  WEIR_TRY_ASSIGN(made, make_snapshot(std::move(again.config)));
  publish(made);
  return {};
}

void Program::drain() {
  for (auto& worker : workers_) worker->drain();
}

void Program::stop() {
  for (auto& worker : workers_) worker->stop();
}

void Program::join() {
  for (auto& worker : workers_) worker->join();
}

}  // namespace weir::server
