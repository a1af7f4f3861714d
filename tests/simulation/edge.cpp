// Frames between the network and the broker's loop.
#include "simulation/edge.hpp"

#include "simulation/world.hpp"
#include "wire/messages.hpp"

namespace sim {

using namespace cast::wire;

bool SimEdge::receive(broker::ConnectionId& from, Slice& frame) {
    std::string bytes;
    if (!world_.network().receive(world_.now(), from, bytes)) return false;
    broker::Router& router = *world_.daemon().router();
    digest(bytes);
    world_.trace_frame(true, from, bytes);
    world_.oracle().before(router, from, bytes);
    if (router.config().max_redeliveries > 0) world_.oracle().came_back(bytes);
    frame = Slice::take(std::move(bytes));
    return true;
}

/// It fails when the peer is gone, or is so far behind that its queue is full.
broker::Edge::Sent SimEdge::send(broker::ConnectionId to, const Slice& frame) {
    require(!greeted_.contains(to) || !unsent_.contains(to), "a frame leaves for a peer that missed the one before");
    digest(frame.view());
    world_.trace_frame(false, to, frame.view());
    const bool full = !world_.healed() && world_.random().below(1000) < world_.settings().far_behind;
    if (full || !world_.network().send_down(to, frame.view(), world_.now())) {
        if (full) world_.trace("wire %llu has no room for it", ull(to));
        unsent_.insert(to);
        return Sent::gone;
    }
    note_grants(to, frame.view());
    note_receipt(to, frame.view());
    return Sent::ok;
}

void SimEdge::publish(std::uint64_t topic, const Slice& frame) {
    digest(frame.view());
    world_.publish(topic, frame.view());
}

void SimEdge::greeted(broker::ConnectionId peer) {
    greeted_.insert(peer);
    unsent_.erase(peer);
}

/// Who is given up is hung up on: what is under way arrives, and nothing after it.
void SimEdge::disconnected(broker::ConnectionId peer, bool cut) {
    greeted_.erase(peer);
    Wire* wire = cut ? world_.network().find(peer) : nullptr;
    if (wire == nullptr) return;
    require(wire->up.due() > world_.now(), "a peer is given up, and what it had said before is not heard");
    wire->dead_up = wire->dead_down = true;
    wire->broker_sees_us = world_.now();
    wire->client_sees_us = std::min(wire->client_sees_us, world_.now() + world_.network().travel());
}

void SimEdge::note_grants(broker::ConnectionId to, std::string_view bytes) {
    Frame frame;
    Attached m;
    if (read_frame(bytes, frame) != cast::ErrorCode::ok || frame.verb != Verb::attached || !decode(frame.body, m))
        return;
    for (const AttachedNode& node : m.nodes)
        grants_[{to, m.request, std::string(node.name)}] = world_.oracle().next_event();
}

void SimEdge::note_receipt(broker::ConnectionId to, std::string_view bytes) {
    Frame frame;
    const broker::Router& router = *world_.daemon().router();
    const broker::Connection* connection = world_.daemon().router()->state().sessions.connection(to);
    if (connection == nullptr || !router.config().durable || read_frame(bytes, frame) != cast::ErrorCode::ok) return;
    Receipt receipt;
    if (frame.verb == Verb::deliver && (frame.flags & kHasAux) != 0)
        world_.oracle().receipted(connection->session->id, frame.aux);
    if (frame.verb == Verb::receipt && decode(frame.body, receipt))
        world_.oracle().receipted(connection->session->id, receipt.through);
}

std::uint64_t SimEdge::granted(broker::ConnectionId wire, std::uint32_t request, const std::string& node) const {
    const auto at = grants_.find({wire, request, node});
    return at == grants_.end() ? 0 : at->second;
}

void SimEdge::digest(std::string_view bytes) {
    auto add = [this](std::uint64_t word) {
        digest_ = (digest_ ^ word) * 0x9E3779B97F4A7C15u;
        digest_ ^= digest_ >> 32;
    };
    for (; bytes.size() >= 8; bytes.remove_prefix(8)) add(load<std::uint64_t>(bytes.data()));
    for (const char c : bytes) add(static_cast<std::uint8_t>(c));
}

}  // namespace sim
