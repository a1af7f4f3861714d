// Network: the wires between clients and the broker in virtual time. Each wire is two first-in-first-out pipes with
// latency; every frame is copied, as a socket would. Cutting a wire loses what is sent from then on and leaves what
// is under way, so that frames of an old connection may come after the new one's HELLO.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "simulation/settings.hpp"

namespace sim {

struct Packet {
    std::int64_t at_us = 0;
    std::uint64_t stream = 0;  ///< of a PUB frame
    std::string bytes;
};

class Pipe {
public:
    void push(std::int64_t at_us, std::string_view bytes, std::uint64_t stream = 0) {
        last_us_ = std::max(last_us_, at_us);
        packets_.push_back({last_us_, stream, std::string(bytes)});
    }
    std::int64_t due() const { return packets_.empty() ? kNever : packets_.front().at_us; }
    bool empty() const { return packets_.empty(); }
    std::size_t size() const { return packets_.size(); }
    Packet pop() {
        Packet packet = std::move(packets_.front());
        packets_.pop_front();
        return packet;
    }
    void clear() { packets_.clear(); }
    /// Loses all but the first `n`.
    void keep(std::size_t n) { packets_.resize(std::min(n, packets_.size())); }
    /// What is under way comes later by so much.
    void delay(std::int64_t by_us) {
        for (Packet& packet : packets_) packet.at_us += by_us;
        last_us_ += by_us;
    }

private:
    std::deque<Packet> packets_;
    std::int64_t last_us_ = 0;
};

/// One DEALER's connection to the ROUTER.
struct Wire {
    broker::ConnectionId id = 0;
    int client = -1;  ///< -1: the hostile peer
    Pipe up;          ///< to the broker
    Pipe down;
    bool dead_up = false;                  ///< what the client sends is lost
    bool dead_down = false;                ///< what the broker sends is lost
    bool closed = false;                   ///< the client has let go of it
    std::int64_t client_sees_us = kNever;  ///< when the client's socket reports the cut
    std::int64_t broker_sees_us = kNever;  ///< from then on sending to it fails at the broker
};

class Network {
public:
    Network(const Settings& settings, Random& random) : settings_(settings), random_(random) {}

    std::shared_ptr<Wire> open(int client);
    void send_up(Wire& wire, std::string_view bytes, std::int64_t now_us);
    /// False when the broker learns that this peer is gone.
    bool send_down(broker::ConnectionId id, std::string_view bytes, std::int64_t now_us);
    Wire* find(broker::ConnectionId id);
    std::int64_t travel();  ///< how long the next frame takes

    /// The earliest frame to the broker.
    std::int64_t due() const;
    /// The next frame that has reached the broker by now, in the order of their coming; false when there is none.
    bool receive(std::int64_t now_us, broker::ConnectionId& from, std::string& bytes);
    /// The broker is gone: all its connections end.
    void broker_died(std::int64_t now_us);
    /// From now on fast and without faults.
    void heal() { healed_ = true; }

    std::vector<std::shared_ptr<Wire>>& wires() { return wires_; }

private:
    const Settings& settings_;
    Random& random_;
    std::vector<std::shared_ptr<Wire>> wires_;
    broker::ConnectionId next_id_ = 1;
    bool healed_ = false;
};

}  // namespace sim
