// Listing: lists of nodes and groups, a page a call, by name. What has to look at all names (a search) goes on over as
// many turns as it takes, one list after the other, and costs each turn little. Broker's thread.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "control/control_call.hpp"

namespace broker {

class Listing {
public:
    explicit Listing(Router& router) : router_(router) {}

    ControlAnswer nodes(const Call& call);
    ControlAnswer groups(const Call& call);
    /// Goes on for one turn; the answers come with the outbox. True: there is more to do.
    bool go_on(Outbox& outbox);

private:
    struct Page {
        Asker to;
        bool groups = false;
        bool with_port = false;            ///< only nodes that have one
        std::string search;                ///< in small letters
        std::vector<std::size_t> borders;  ///< of it (see matches)
        std::string after;
        std::size_t offset = 0, limit = 0;
        std::string at;  ///< looked through up to this name
        std::size_t total = 0, active = 0;
        std::vector<std::string> found;
        bool more = false;  ///< behind those found
    };
    static constexpr std::size_t kWaiting = 1024;

    static Page asked(const Call& call);
    ControlAnswer begin(Page&& page);
    template <class Names>
    bool advance(Page& page, const Names& names, std::size_t& work);
    /// A name that belongs to the page, if that has begun and has not ended.
    static void see(Page& page, const std::string& name);
    nlohmann::json answer(const Page& page) const;

    Router& router_;
    std::deque<Page> waiting_;
};

}  // namespace broker
