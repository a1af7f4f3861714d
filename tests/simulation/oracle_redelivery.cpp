// Messages that their readers did not acknowledge too often: who is to blame, and what becomes of it.
#include <algorithm>

#include "simulation/oracle.hpp"
#include "simulation/random.hpp"

namespace sim {

using namespace cast::wire;

void Oracle::handed(std::string_view bytes) {
    Frame frame;
    if (read_frame(bytes, frame) != cast::ErrorCode::ok || frame.verb != Verb::deliver) return;
    for_each_batch(frame.body, [&](const BatchView& view) {
        if (view.header.cast != Cast::unicast) return;
        Reader in(view.records);
        for (std::uint32_t i = 0; i < view.header.count; ++i)
            if (const auto record = read_record(in)) ++handed_[number_of(record->payload)];
    });
}

void Oracle::came_back(std::string_view bytes) {
    Frame frame;
    Attach m;
    if (read_frame(bytes, frame) != cast::ErrorCode::ok || frame.verb != Verb::attach ||
        !decode(frame.body, m, frame.version))
        return;
    for (const AttachNode& node : m.nodes)
        for (const Position& position : node.positions) {
            const auto mirror = mirrors_.find(position.stream);
            if (mirror == mirrors_.end() || (node.flags & (kEarlier | kBefore)) != 0) continue;
            const std::uint64_t last = std::min<std::uint64_t>(position.received, mirror->second.size());
            for (std::uint64_t s = position.acked + 1; s <= last; ++s) ++handed_[mirror->second[s - 1]];
        }
}

/// What a lane says it gave up was handed out often enough, and is a dead letter.
void Oracle::check_given_up(broker::Router& router, const broker::Lane& lane) {
    if (lane.stream.gaps().given_up() == 0) return;
    const std::uint64_t stream = lane.stream.id();
    for (const broker::GoneRange& range : lane.stream.gaps().all_given_up())
        for (std::uint64_t s = range.from; s <= range.to; ++s) {
            auto where = [&] {
                return text("%s, stream %llu, sequence %llu: ", lane.node->name.c_str(), ull(stream), ull(s));
            };
            require(s <= lane.cursor, [&] { return where() + "given up, and not passed"; });
            if (!given_up_.insert({stream, s}).second) continue;
            const auto& mirror = mirrors_[stream];
            require(s <= mirror.size(), [&] { return where() + "given up, and never there"; });
            const std::uint32_t id = mirror[s - 1];
            if (id == 0) continue;
            const std::uint32_t most = router.config().max_redeliveries;
            require(most != 0 && handed_[id] > most,
                    [&] { return where() + text("message %u was given up after %u readers", id, handed_[id]); });
            bool dead = false;
            for (auto letter = router.dead().before(~std::uint64_t{0}); letter && !dead;
                 letter = router.dead().before(letter->id))
                dead = number_of(letter->message.payload) == id && letter->letter.reason == kReasonRedeliveries;
            require(dead || letters_dropped_ || router.dead().dropped() > 0,
                    [&] { return where() + text("message %u was given up and is no dead letter", id); });
        }
}

}  // namespace sim
