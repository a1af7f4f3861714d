// Looking: shows messages to somebody who does not take them: what waits for a node, what it has acknowledged, what a
// group keeps. What lies in the store alone is read from there, and the stream stays as it is. Pure; broker's thread.
#pragma once
#include <map>
#include <string_view>
#include <vector>

#include "core/message_preview.hpp"
#include "core/state.hpp"

namespace broker {

class Browser {
public:
    explicit Browser(State& state) : state_(state) {}

    /// What the node has not acknowledged, in the order in which it would be read.
    void peek(Asker to, const Node& node, std::size_t count, Now now, Outbox& outbox);
    /// What it has acknowledged, the newest first; `before`: of smaller numbers only, 0 for all.
    void history(Asker to, const Node& node, std::size_t count, std::uint64_t before, Outbox& outbox);
    /// What a group or broadcast keeps, the newest first; `before`: of smaller sequences only, 0 for all.
    void kept(Asker to, const Group& group, std::size_t count, Sequence before, Now now, Outbox& outbox);

    /// The store answered to a Load with our number.
    void loaded(const Loaded& loaded, Now now, Outbox& outbox);
    /// What had to pass by too much that is gone for one turn goes on with the next.
    void go_on(Now now, Outbox& outbox);
    bool ready() const { return !paused_.empty(); }

private:
    struct Part {  ///< of a stream, still to be shown
        StreamId stream = 0;
        Sequence next = 0;
        Sequence last = 0;
        Sequence had = 0;  ///< a reader has had it up to here
    };
    struct Browse {
        BrowseAnswer answer;
        std::vector<Part> parts;
        std::size_t at = 0;
        std::size_t left = 0;   ///< messages
        std::size_t bytes = 0;  ///< of payloads
        bool newest_first = false;
    };

    const Stream* stream(StreamId id) const;
    /// True when it is done; else it waits for the store, or for the next turn.
    bool go_on(std::uint64_t number, Browse& browse, Now now, Outbox& outbox);
    void begin(Browse&& browse, Now now, Outbox& outbox);
    void end(Browse& browse, Outbox& outbox);
    static bool full(const Browse& browse) { return browse.left == 0 || browse.bytes >= kBrowseBytes; }
    static void show(Browse& browse, Part& part, const cast::wire::Slice& frame);

    State& state_;
    std::uint64_t last_ = 0;
    std::map<std::uint64_t, Browse> waiting_;  ///< by number
    std::vector<std::uint64_t> paused_;        ///< of them, those that wait for the next turn
};

}  // namespace broker
