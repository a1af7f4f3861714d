// Reports: what the broker tells of itself to the members of $events, as batches of JSON records (PROTOCOL.md section
// 4), and samples for its own page. Pure; broker's thread.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/outbox.hpp"
#include "core/sampler.hpp"

namespace broker {

/// The batch of these, framed for Router::publish_events.
std::string encode_events(const std::vector<PresenceEvent>& events);
nlohmann::json samples_json(const std::vector<Sample>& samples);

}  // namespace broker
