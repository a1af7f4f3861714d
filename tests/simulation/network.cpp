// Wires: opening, carrying, ending.
#include "simulation/network.hpp"

namespace sim {

std::shared_ptr<Wire> Network::open(int client) {
    auto wire = std::make_shared<Wire>();
    wire->id = next_id_++;
    wire->client = client;
    wires_.push_back(wire);
    return wire;
}

std::int64_t Network::travel() {
    if (healed_) return 100;
    return settings_.latency_us +
           static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(settings_.jitter_us) + 1));
}

void Network::send_up(Wire& wire, std::string_view bytes, std::int64_t now_us) {
    if (!wire.dead_up && !wire.closed) wire.up.push(now_us + travel(), bytes);
}

Wire* Network::find(broker::ConnectionId id) {
    for (const auto& wire : wires_)
        if (wire->id == id) return wire.get();
    return nullptr;
}

bool Network::send_down(broker::ConnectionId id, std::string_view bytes, std::int64_t now_us) {
    Wire* wire = find(id);
    if (wire == nullptr) return false;
    if (wire->broker_sees_us <= now_us) return false;
    if (!wire->dead_down && !wire->closed) wire->down.push(now_us + travel(), bytes);
    return true;
}

std::int64_t Network::due() const {
    std::int64_t due = kNever;
    for (const auto& wire : wires_) due = std::min(due, wire->up.due());
    return due;
}

bool Network::receive(std::int64_t now_us, broker::ConnectionId& from, std::string& bytes) {
    Wire* next = nullptr;
    for (const auto& wire : wires_)
        if (wire->up.due() <= now_us && (next == nullptr || wire->up.due() < next->up.due())) next = wire.get();
    if (next == nullptr) {
        std::erase_if(wires_, [](const auto& wire) { return wire->closed && wire->up.empty(); });
        return false;
    }
    from = next->id;
    bytes = next->up.pop().bytes;
    return true;
}

void Network::broker_died(std::int64_t now_us) {
    for (const auto& wire : wires_) {
        wire->up.clear();
        wire->dead_up = wire->dead_down = true;
        wire->broker_sees_us = now_us;
        wire->client_sees_us = std::min(wire->client_sees_us, now_us + travel() + random_.between(0, 300) * kMs);
    }
}

}  // namespace sim
