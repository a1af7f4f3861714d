// Reports: what the broker tells of itself to the members of $events and $tap, as batches of JSON records
// (PROTOCOL.md section 4). Pure; broker's thread.
#pragma once
#include <string>
#include <vector>

#include "core/outbox.hpp"
#include "core/tap.hpp"

namespace broker {

/// The batch of these, framed for Router::publish_reports.
std::string encode_events(const std::vector<PresenceEvent>& events);
std::string encode_samples(const std::vector<Sample>& samples);

}  // namespace broker
