// WELCOME. See welcome.hpp.
#include "core/session/welcome.hpp"

#include <algorithm>

namespace broker {

using namespace cast::wire;

Limits limits_of(const Config& c) {
    Limits m;
    m.max_message = static_cast<std::uint32_t>(c.max_message);
    m.window_bytes = static_cast<std::uint32_t>(c.sender_window);
    m.window_batches = kSenderBatches;
    m.reader_window = static_cast<std::uint32_t>(c.reader_window);
    m.ping_ms = static_cast<std::uint32_t>(c.ping_us / kMs);
    return m;
}

std::string welcome(const State& state, const Session& session, const std::vector<std::string>& publish_endpoints,
                    std::string_view version, std::optional<Capabilities> theirs) {
    Welcome m;
    m.epoch = state.config.epoch;
    m.store = state.config.store_id;
    m.through = session.receiptable();
    m.known = session.known;
    static_cast<Limits&>(m) = limits_of(state.config);
    // A client that is not known may conclude from this that it never was; not where sessions are dropped early.
    if (state.forgetful_epoch == 0)
        m.session_ms = static_cast<std::uint32_t>(std::min<std::int64_t>(state.config.session_us / kMs, UINT32_MAX));
    m.version = version;
    for (const std::string& end : publish_endpoints) m.publish.push_back(end);
    for (const Outcome& outcome : session.refused)
        if (outcome.number <= m.through) m.refused.push_back(outcome);
    if (theirs) m.capabilities = *theirs & kCapabilities;
    return encode(m);
}

}  // namespace broker
