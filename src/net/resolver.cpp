// SPDX-License-Identifier: Apache-2.0
#include "net/resolver.hpp"

#include <array>
#include <cstring>
#include <memory>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace weir::net {
namespace {

namespace ip = boost::asio::ip;

std::optional<ip::address> address_of(const addrinfo& entry) {
  if (entry.ai_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, entry.ai_addr, sizeof address);
    return ip::address_v4(ntohl(address.sin_addr.s_addr));
  }
  if (entry.ai_family == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, entry.ai_addr, sizeof address);
    ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
    return ip::address_v6(bytes, address.sin6_scope_id);
  }
  return std::nullopt;
}

std::optional<Resolver::Addresses> look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &first) != 0) return std::nullopt;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(first, &::freeaddrinfo);
  Resolver::Addresses addresses;
  for (const addrinfo* entry = first; entry != nullptr; entry = entry->ai_next) {
    if (const auto address = address_of(*entry)) addresses.push_back(*address);
  }
  return addresses;
}

}  // namespace

Resolver::~Resolver() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wakes_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Resolver::resolve(std::string host, OnResolved on_resolved) {
  const std::lock_guard lock(mutex_);
  questions_.push_back({std::move(host), std::move(on_resolved)});
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  wakes_.notify_one();
}

void Resolver::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wakes_.wait(lock, [this] { return is_ending_ || !questions_.empty(); });
    if (is_ending_) return;
    Question question = std::move(questions_.front());
    questions_.pop_front();
    lock.unlock();
    auto addresses = look_up(question.host);
    loop_.post([on_resolved = std::move(question.on_resolved), addresses = std::move(addresses)] {
      on_resolved(addresses);
    });
    lock.lock();
  }
}

}  // namespace weir::net
