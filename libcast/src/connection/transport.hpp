// Transport: the client's ZeroMQ sockets: one DEALER an attempt, one SUB, a monitor that tells when the
// connection is made or lost. No lock of its own: under the link's lock, but for the descriptors, which the
// driving thread polls without it.
#pragma once
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "wire/slice.hpp"

namespace cast::detail {

class Transport {
public:
    Transport();
    ~Transport();

    /// A fresh DEALER to this end, a number or a path; the one before is closed. False: see trouble().
    bool connect(const std::string& end);
    const std::string& trouble() const { return trouble_; }
    /// Closes the DEALER; what is still unsent gets this long.
    void disconnect(int linger_ms);
    bool connected() const { return dealer_.socket != nullptr; }

    /// Sends one frame; never blocks. False: it cannot be sent (the connection is of no more use).
    bool send(const wire::Slice& frame);
    /// The next frame that has come; false when there is none.
    bool receive(wire::Slice& frame);
    /// The next published frame and its stream.
    bool receive_published(std::uint64_t& stream, wire::Slice& frame);
    /// True from when the connection could not be made, or was lost: what had come before is there for receive() by
    /// then.
    bool lost();
    /// After a send: it may have taken in what the descriptor would have shown. True when something is to be read.
    bool stir();
    /// A socket may hold something to read: there is no use in polling.
    bool hot() const { return dealer_.hot || sub_.hot || monitor_.hot; }
    /// Counts the changes of descriptors().
    std::uint64_t generation() const { return generation_; }
    /// Descriptor `i` of descriptors() was readable. A socket is only asked once it was, or was stirred.
    void readable(std::size_t i);

    /// Where to subscribe: a number or a path; empty: nowhere.
    void publish_endpoint(const std::string& end);
    void subscribe(std::uint64_t stream);
    void unsubscribe(std::uint64_t stream);
    /// A new SUB with the same subscriptions.
    void renew();

    /// Descriptors to poll for reading (edge-triggered: drain after each).
    const std::vector<int>& descriptors() const { return fds_; }

private:
    /// A socket, and whether it may hold something to read: that ends with it.
    struct Polled {
        void open(std::unique_ptr<zmq::socket_t> made) {
            socket = std::move(made);
            hot = true;
        }
        void close() {
            socket.reset();
            hot = false;
        }
        std::unique_ptr<zmq::socket_t> socket;
        bool hot = false;
    };
    void make_sub();
    void collect_descriptors();
    std::shared_ptr<zmq::context_t> context_;
    Polled dealer_, monitor_, sub_;
    std::string publish_endpoint_;
    std::set<std::uint64_t> topics_;
    std::vector<int> fds_;
    std::uint64_t generation_ = 0;
    std::vector<bool*> hot_of_;  // of each descriptor, its socket's flag
    bool lost_ = false;
    std::string trouble_;
};

}  // namespace cast::detail
