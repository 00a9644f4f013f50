// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "pipeline/attempt.hpp"
#include "pipeline/model_pulls.hpp"
#include "pipeline/target_gate.hpp"

namespace weir::engine {

/// Has Ollama servers pull models on demand. A pull belongs to no request: whoever asked for the
/// model may leave, and the next who asks finds it under way.
///
/// For its loop's thread.
class OllamaPulls final : public pipeline::ModelPulls {
 public:
  OllamaPulls(net::Loop& loop, pipeline::ExchangeFactory& exchanges, pipeline::TargetGate& gate)
      : loop_(loop), exchanges_(exchanges), gate_(gate) {}
  ~OllamaPulls() override;

  void begin(const pipeline::Target& target, std::shared_ptr<const pipeline::Route> route) override;
  net::Task<bool> wait(const pipeline::Target& target, net::TimePoint until,
                       net::Cancellation& cancellation) override;
  /// Ends what is under way; the servers keep what they have got so far.
  void stop();

 private:
  struct Pull;

  net::Task<void> perform(std::shared_ptr<Pull> pull);

  net::Loop& loop_;
  pipeline::ExchangeFactory& exchanges_;
  pipeline::TargetGate& gate_;
  std::map<std::string, std::shared_ptr<Pull>, std::less<>> pulls_;  ///< by target name
  net::TaskSet tasks_;
};

}  // namespace weir::engine
