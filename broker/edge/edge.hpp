// Edge: the broker's ROUTER and PUB sockets: frames in and out, nothing of their meaning. Broker's thread.
// The ROUTER is always drained, never throttled; a peer that cannot be sent to is reported, never waited for.
#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "core/types.hpp"
#include "core/spin.hpp"
#include "wire/slice.hpp"

namespace broker {

class Edge {
public:
    enum class Sent { ok, gone };

    struct Settings {
        std::vector<std::string> bind;
        std::vector<std::string> publish;
        std::size_t max_frame = 0;  ///< bytes; a peer that sends more is cut off
        bool spin = false;          ///< look again for a moment before sleeping, when that pays (core/spin.hpp)
        int io_threads = 1;         ///< of libzmq's, that move the bytes
    };

    /// Binds; throws zmq::error_t or std::runtime_error with the end in its text.
    explicit Edge(const Settings& settings);

    /// The ends as bound: ports chosen.
    const std::vector<std::string>& bound() const { return bound_; }
    const std::vector<std::string>& published() const { return published_; }

    /// Waits until a frame comes, `fd` or `other_fd` (-1: none) is readable or the time is over. True when `fd` is.
    bool wait(std::int64_t timeout_us, int fd, int other_fd = -1);
    /// The next frame; false when there is none. Frames of peers that chose their own routing id are dropped.
    bool receive(ConnectionId& from, cast::wire::Slice& frame);
    Sent send(ConnectionId to, const cast::wire::Slice& frame);
    void publish(std::uint64_t topic, const cast::wire::Slice& frame);

private:
    zmq::context_t context_;
    zmq::socket_t router_;
    zmq::socket_t pub_;
    int router_fd_ = -1, pub_fd_ = -1;
    const bool may_spin_;
    Spin spin_;
    std::size_t taken_ = 0;  // bytes since the last wait
    std::vector<std::string> bound_;
    std::vector<std::string> published_;
};

}  // namespace broker
