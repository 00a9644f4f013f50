// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Everything but the Asio part (weir/asio.hpp), which needs Boost.
#include "weir/calls.hpp"
#include "weir/chat.hpp"
#include "weir/error.hpp"
#include "weir/gateway.hpp"
#include "weir/options.hpp"
#include "weir/provider.hpp"
#include "weir/result.hpp"
#include "weir/statistics.hpp"
