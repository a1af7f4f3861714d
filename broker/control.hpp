// Control: answers management calls: JSON in, calls on the router, JSON out (PROTOCOL.md sections 6 and 7).
// Broker's thread, between frames of a turn.
#pragma once
#include <string>

#include "core/router.hpp"
#include "core/store.hpp"

namespace broker {

struct ControlAnswer {
    cast::ErrorCode code = cast::ErrorCode::ok;
    std::string text;  ///< JSON, or with a code a sentence
    bool changes = false;  ///< it is about something that the store keeps: leaves when that is committed
    bool again = false;    ///< not yet: call again when the store has answered
    bool later = false;    ///< it comes with an outbox (Outbox::looks)
};

class Control {
public:
    Control(Router& router, const Store& store, std::string version, Now started)
        : router_(router), store_(store), version_(std::move(version)), started_(started) {}

    ControlAnswer answer(const ControlCall& call, Now now, Outbox& outbox);

private:
    Router& router_;
    const Store& store_;
    std::string version_;
    Now started_;
};

}  // namespace broker
