// What the client's session logic wants done: frames to send, subscriptions to change, things to tell the
// program. The link (link.cpp) carries it out. Plain values; under the link's lock.
#pragma once
#include <cast/options.hpp>
#include <cstdint>
#include <utility>
#include <vector>

#include "wire/slice.hpp"

namespace cast::detail {

struct ClientOutbox {
    std::vector<wire::Slice> frames;
    std::vector<std::pair<std::uint64_t, bool>>
        subscriptions;                 ///< topic (wire::publish_topic); subscribe or unsubscribe
    bool renew_subscriptions = false;  ///< the SUB has gone deaf: make it anew
    bool reconnect = false;            ///< this connection is of no more use
    bool redial = false;               ///< with that: the same broker is to be dialled again, at once
    std::vector<Refusal> refusals;
    std::vector<Notice> notices;

    void send(std::string&& frame) { frames.push_back(wire::Slice::take(std::move(frame))); }
};

}  // namespace cast::detail
