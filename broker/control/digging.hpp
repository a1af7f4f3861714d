// Digging: management calls that put many dead letters back, or throw them away: the oldest first, over as many turns
// as it takes, one call after the other. What dies meanwhile is not meant. Broker's thread.
#pragma once
#include <cstdint>
#include <deque>
#include <string>

#include "control/control_call.hpp"

namespace broker {

class Digging {
public:
    enum class Wish { requeue, purge };

    explicit Digging(Router& router) : router_(router) {}

    /// All letters, or ("node") those of one node. The answer comes with an outbox.
    ControlAnswer begin(const Call& call, Wish wish);
    /// Goes on for one turn. True: there is more to do.
    bool go_on(Now now, Outbox& outbox);

private:
    struct Dig {
        Asker to;
        Wish wish = Wish::requeue;
        std::string node;        ///< empty: of all
        std::uint64_t at = 0;    ///< done up to this letter
        std::uint64_t last = 0;  ///< the newest that is meant
        std::uint64_t done = 0;
        nlohmann::json failed = nlohmann::json::array();
    };
    static constexpr std::size_t kWaiting = 1024;

    bool go_on(Dig& dig, Now now);

    Router& router_;
    std::deque<Dig> waiting_;
};

}  // namespace broker
