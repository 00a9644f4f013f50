// SPDX-License-Identifier: Apache-2.0
#include "net/resolver.hpp"

#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/thread.hpp"

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

std::optional<Resolver::Addresses> system_look_up(const std::string& host) {
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

Resolver::Resolver(Loop& loop, LookUp look_up)
    : loop_(loop), look_up_(look_up ? std::move(look_up) : LookUp(system_look_up)) {}

Resolver::~Resolver() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wakes_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Resolver::resolve(std::string host, OnResolved on_resolved) {
  const std::lock_guard lock(mutex_);
  if (const auto asked = asking_.find(host); asked != asking_.end()) {
    asked->second.push_back(std::move(on_resolved));
    return;
  }
  if (waiting_.size() >= idle_ && threads_.size() < threads_max) {
    std::thread another = try_thread([this] { run(); });
    if (another.joinable()) threads_.push_back(std::move(another));
  }
  if (threads_.empty()) {
    loop_.post([on_resolved = std::move(on_resolved)] { on_resolved(std::nullopt); });
    return;
  }
  asking_[host].push_back(std::move(on_resolved));
  waiting_.push_back(std::move(host));
  wakes_.notify_one();
}

void Resolver::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wakes_.wait(lock, [this] { return is_ending_ || !waiting_.empty(); });
    --idle_;
    if (is_ending_) return;
    const std::string host = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    const auto addresses = look_up_(host);
    lock.lock();
    auto asked = asking_.extract(host);
    for (OnResolved& on_resolved : asked.mapped()) {
      loop_.post([on_resolved = std::move(on_resolved), addresses] { on_resolved(addresses); });
    }
  }
}

}  // namespace weir::net
