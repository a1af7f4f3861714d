// ZmqEdge: the edge over ZeroMQ: the broker's ROUTER and PUB sockets. Broker's thread.
// The ROUTER is always drained, never throttled; a peer that cannot be sent to is reported, never waited for.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "core/edge.hpp"
#include "core/spin.hpp"
#include "core/types.hpp"
#include "edge/bound_endpoints.hpp"
#include "edge/guard.hpp"
#include "edge/intake.hpp"
#include "wire/slice.hpp"

namespace broker {

class ZmqEdge final : public Edge {
public:
    struct Settings {
        std::vector<std::string> bind;
        std::vector<std::string> publish;
        std::size_t max_frame = 0;  ///< bytes; a peer that sends more is cut off
        bool spin = false;          ///< look again for a moment before sleeping, when that pays (core/spin.hpp)
        int io_threads = 1;         ///< of libzmq's, that move the bytes
        IpcAccess ipc = {};
        IntakeLimits limits = {};  ///< of what connections may cost
    };

    /// Binds; throws zmq::error_t or std::runtime_error with the end in its text.
    explicit ZmqEdge(const Settings& settings);

    /// False in a build with a shared libzmq, which a peer can make abort: it then binds on this machine only.
    static bool numbers_peers();

    /// The ends as bound: ports chosen.
    const std::vector<std::string>& bound() const { return bound_; }
    const std::vector<std::string>& published() const override { return published_; }

    /// Waits until a frame comes, `fd` or `other_fd` (-1: none) is readable or the time is over. True when `fd` is.
    bool wait(std::int64_t timeout_us, int fd, int other_fd = -1);
    bool receive(ConnectionId& from, cast::wire::Slice& frame) override;
    Sent send(ConnectionId to, const cast::wire::Slice& frame) override;
    void publish(std::uint64_t topic, const cast::wire::Slice& frame) override;

    /// Changed limits of what connections may cost.
    void set_limits(const IntakeLimits& limits) { intake_.set_limits(limits); }
    void set_topics(std::function<bool(std::uint64_t)> topics) override { intake_.set_topics(std::move(topics)); }
    void greeted(ConnectionId peer) override;
    void disconnected(ConnectionId peer, bool cut) override;
    EdgeCounts counts() const override;

private:
    void credit();

    Intake& intake_;
    zmq::context_t context_;
    zmq::socket_t router_;
    zmq::socket_t pub_;
    int router_fd_ = -1, pub_fd_ = -1;
    const bool may_spin_;
    Spin spin_;
    std::size_t taken_ = 0;  // bytes since the last wait
    zmq::message_t last_;    // the frame received last, if it was small: it knows its descriptor
    std::unordered_map<ConnectionId, int> descriptors_;  // of who has said HELLO
    ConnectionId credited_ = 0;                          // whose frames come just now
    std::uint64_t credit_ = 0;                           // bytes of them
    BoundEndpoints
        endpoints_;  // their files go before the sockets do: nobody else has put his there while these listen
    std::vector<std::string> bound_;
    std::vector<std::string> published_;
    Guard guard_;  // last: it ends first
};

}  // namespace broker
