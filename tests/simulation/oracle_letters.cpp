// The oracle of dead letters that somebody puts back: such a message is in its mailbox or a letter, never both, and never
// neither.
#include "simulation/oracle.hpp"
#include "simulation/random.hpp"

namespace sim {

void Oracle::requeued(broker::Router& router, const std::string& node, std::uint8_t priority, std::uint32_t message,
                      const cast::test::MemoryDisk& disk) {
    dug_up(message);
    const broker::Stream* stream = nullptr;
    for (const auto& lane : router.state().directory.node(node)->lanes)
        if (lane->priority == priority) stream = &lane->stream;
    require(stream != nullptr && stream->batches() > 0, "a letter was put back, and no lane has it");
    if (lane_nodes_.try_emplace(stream->id(), node).second) ensure({0, stream->id()}, 0);
    auto& mirror = mirrors_[stream->id()];
    mirror.push_back(message);
    require(stream->last() == mirror.size(), "a letter that was put back is not the last one in its lane");
    messages_[message].renumbered = true;  // a reader may have had it before
    const std::uint64_t letter = stream->back().number;
    requeued_.push_back({message, letter, disk.streams().contains(letter), stream->id(), mirror.size()});
}

/// After a crash, whose disk has both or neither of the two changes.
void Oracle::check_requeued(const cast::test::MemoryDisk& disk) {
    for (const Requeued& r : requeued_) {
        const auto stream = disk.streams().find(r.stream);
        if (stream == disk.streams().end()) continue;  // the node is gone, or its lane was never stored
        const auto letter = disk.streams().find(r.letter);
        const bool dead = letter != disk.streams().end() && letter->second.kind == broker::kDeadStream;
        const bool there = stream->second.last >= r.sequence;
        require(!there || !dead, [&] { return text("message %u was put back, and is a dead letter", r.message); });
        require(there || dead || !r.stored, [&] { return text("message %u was put back, and is nowhere", r.message); });
    }
    requeued_.clear();
}

}  // namespace sim
