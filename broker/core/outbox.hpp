// Outbox: what the core wants done, in order. The core appends; the event loop carries it out.
// Plain values: no socket, no store, no clock is touched while it is filled.
#pragma once
#include <string>
#include <vector>

#include "core/message_preview.hpp"
#include "core/store.hpp"
#include "core/types.hpp"
#include "wire/slice.hpp"

namespace broker {

/// A frame for one connection.
struct Send {
    ConnectionId to = 0;
    cast::wire::Slice frame;
};

/// A frame for all subscribers of a stream.
struct Publish {
    std::uint64_t topic = 0;  ///< cast::wire::publish_topic
    cast::wire::Slice frame;
};

/// A management call, for the part that knows JSON.
struct ControlCall {
    ConnectionId from = 0;
    std::uint32_t request = 0;
    std::string json;
};

/// A change of presence. `kind` is one of created, deleted, online, offline, joined, left, changed (its port); or of
/// the store: store_failed, store_slow, store_well, unreadable, readable, with a `text`.
struct PresenceEvent {
    const char* kind = "";
    std::string node;
    std::string group;
    std::uint64_t wall_us = 0;
    int port = 0;
    std::string text = {};
};

/// Something an operator may want in the log.
struct LogLine {
    std::string text;
    bool bad = false;  ///< somebody has to do something about it
    bool own = false;  ///< no client's doing: it is written however many lines clients cause
};

/// The answer of a management call that took more than its turn.
struct DeferredAnswer {
    Asker to;
    std::string text;
    bool changes = false;  ///< it is about something that the store keeps: leaves when that is committed
};

/// A batch that waited for its time and has entered a stream, or (stream 0) found no target any more.
struct Entered {
    Sequence waited = 0;  ///< its number in $scheduled
    StreamId stream = 0;
    Sequence first = 0;
    std::uint32_t count = 0;
    std::uint64_t due_us = 0;
    std::int64_t mono_us = kNever;  ///< of a delay, which ended then
};

struct Outbox {
    std::vector<Send> sends;
    std::vector<Publish> publishes;
    std::vector<ControlCall> controls;
    std::vector<PresenceEvent> events;
    std::vector<LogLine> log;
    std::vector<Load> loads;                   ///< for the store to read
    std::vector<Entered> entered;              ///< for who keeps accounts
    std::vector<BrowseAnswer> browse_answers;  ///< answers of management calls, for the part that knows JSON
    std::vector<DeferredAnswer> answers;

    void send(ConnectionId to, std::string&& frame) {
        sends.push_back({to, cast::wire::Slice::take(std::move(frame))});
    }
    bool empty() const {
        return sends.empty() && publishes.empty() && controls.empty() && events.empty() && log.empty() &&
               loads.empty() && browse_answers.empty() && answers.empty();
    }
    void clear() {
        sends.clear();
        publishes.clear();
        controls.clear();
        events.clear();
        log.clear();
        loads.clear();
        entered.clear();
        browse_answers.clear();
        answers.clear();
    }
};

}  // namespace broker
