// Edge: the broker's connections as the event loop sees them: frames in and out, nothing of their meaning. The broker's
// program has ZeroMQ sockets behind it (edge/zmq_edge.hpp), the tests a network of their own. Broker's thread. The
// interface is called by frame, not by message; nothing here waits for a peer.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/types.hpp"
#include "wire/slice.hpp"

namespace broker {

/// What connections cost below the core.
struct EdgeCounts {
    std::uint64_t strangers = 0, clients = 0, subscribers = 0;
    std::uint64_t stranger_bytes = 0, subscriber_bytes = 0, pinned_bytes = 0;
    std::vector<std::pair<const char*, std::uint64_t>> cut;  ///< connections that were cut, by reason
};

class Edge {
public:
    enum class Sent { ok, gone };

    virtual ~Edge() = default;
    /// The next frame; false when there is none.
    virtual bool receive(ConnectionId& from, cast::wire::Slice& frame) = 0;
    virtual Sent send(ConnectionId to, const cast::wire::Slice& frame) = 0;
    /// Drops it when too much waits for subscribers: they fetch it.
    virtual void publish(std::uint64_t topic, const cast::wire::Slice& frame) = 0;
    /// Where subscribers come to, for the WELCOME.
    virtual const std::vector<std::string>& published() const = 0;
    /// Which topics subscribers may have; all, until it is told.
    virtual void set_topics(std::function<bool(std::uint64_t)> topics) = 0;
    /// The core has taken a HELLO: the frame that was received last.
    virtual void greeted(ConnectionId peer) = 0;
    /// The core knows it no more. `cut`: it was given up, and is hung up on.
    virtual void disconnected(ConnectionId peer, bool cut) = 0;
    virtual EdgeCounts counts() const = 0;
};

}  // namespace broker
