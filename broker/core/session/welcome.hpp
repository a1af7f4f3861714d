// What a client is told when it has come: WELCOME, and the limits that it is to keep to. Pure; broker's thread.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/state.hpp"
#include "wire/handshake.hpp"

namespace broker {

cast::wire::Limits limits_of(const Config& config);
/// The frame. `theirs`: what the client can do beyond this version, if it has said so.
std::string welcome(const State& state, const Session& session, const std::vector<std::string>& publish_endpoints,
                    std::string_view version, std::optional<cast::wire::Capabilities> theirs);

}  // namespace broker
