// Control: answers management calls: JSON in, calls on the router, JSON out (PROTOCOL.md sections 6 and 7).
// Broker's thread, between frames of a turn.
#pragma once
#include <memory>
#include <string>
#include <utility>

#include "control/stats_json.hpp"
#include "core/edge.hpp"
#include "core/router.hpp"
#include "core/store.hpp"
#include "server/page_link.hpp"

namespace broker {

struct ControlAnswer {
    cast::ErrorCode code = cast::ErrorCode::ok;
    std::string text;       ///< JSON, or with a code a sentence
    bool changes = false;   ///< it is about something that the store keeps: leaves when that is committed
    bool again = false;     ///< not yet: call again when the store has answered
    bool deferred = false;  ///< it comes with an outbox (Outbox::looks, Outbox::answers)
};

class Digging;
class Listing;

class Control {
public:
    /// The process that the broker is in.
    struct Process {
        const PageLink& page;
        std::string version;
        int (*free_port)();  ///< a port for a node that wants one; 0: there is none
    };

    Control(Router& router, const Store& store, const Edge& edge, Process process, Now started);
    ~Control();

    ControlAnswer answer(const ControlCall& call, Now now, Outbox& outbox);
    /// What takes more than a turn goes on; the answers come with the outbox. True: there is more to do at once.
    bool go_on(Now now, Outbox& outbox);

private:
    Router& router_;
    const Store& store_;
    const Edge& edge_;
    Process process_;
    Now started_;
    std::unique_ptr<Listing> listing_;
    std::unique_ptr<Digging> digging_;
};

}  // namespace broker
