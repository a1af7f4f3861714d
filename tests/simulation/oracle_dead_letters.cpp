// The oracle of dead letters that somebody puts back: such a message is in its mailbox or a letter, never both, and
// never neither.
#include <algorithm>

#include "simulation/oracle.hpp"
#include "simulation/random.hpp"
#include "wire/dead_letter.hpp"

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
        const bool dead = letter != disk.streams().end() && letter->second.kind == broker::kDeadLetterStream;
        const bool there = stream->second.last >= r.sequence;
        require(!there || !dead, [&] { return text("message %u was put back, and is a dead letter", r.message); });
        require(there || dead || !r.stored, [&] { return text("message %u was put back, and is nowhere", r.message); });
    }
    requeued_.clear();
}

Oracle::Ended Oracle::end_of(const broker::Lane& lane) {
    Ended ended;
    ended.event = next_event();
    ended.hidden = lane.node->hidden;
    const auto& mirror = mirrors_[lane.stream.id()];
    for (std::uint64_t s = lane.cursor + 1; s <= std::min<std::uint64_t>(lane.stream.last(), mirror.size()); ++s) {
        const std::size_t i = lane.stream.find(s);
        const bool marked = i < lane.stream.batches() && lane.stream[i].first <= s && lane.stream[i].gone;
        if (mirror[s - 1] != 0 && !marked && !lane.stream.gaps().knows(s)) ended.messages.push_back(mirror[s - 1]);
    }
    return ended;
}

/// What a crash took back is the node's mail again. Where it did not, or where all of it was over, nothing is lost of
/// what was receipted.
void Oracle::carry_ended(const cast::test::MemoryDisk& disk, broker::Router& router) {
    dug_ = 0;
    found_letters_ = router.dead().messages();
    std::erase_if(ended_, [&](const auto& one) {
        const auto row = disk.streams().find(one.first);
        return row != disk.streams().end() &&
               (row->second.kind == broker::kDeadLetterStream || !row->second.owner.empty());
    });
    for (auto& [stream, ended] : ended_) {
        const bool there = disk.streams().contains(stream);
        if (!there) ended.event = ~std::uint32_t{0};  // where no transaction had the number it is given out again
        std::erase_if(ended.messages, [&, s = stream](std::uint32_t id) {
            const auto known = receipted_.find(messages_[id].session);
            const bool receipted = known != receipted_.end() && messages_[id].number <= known->second;
            return messages_[id].sequence > (there ? disk.streams().at(s).last : 0) && !receipted;
        });
    }
}

/// Each is a letter, in the order in which they would have been read, and the counts add up.
void Oracle::check_ended(broker::DeadLetters& letters) const {
    const std::uint64_t there = found_letters_ + letters.buried() - letters.dropped() - dug_;
    require(letters.messages() == there,
            [&] { return text("%zu dead letters, and %llu should be there", letters.messages(), ull(there)); });
    if (letters_dropped_ || letters.dropped() > 0) return;
    std::map<std::uint32_t, std::pair<std::uint64_t, bool>>
        numbers;  // and whether it died with its node, not before that
    for (auto letter = letters.after(0); letter; letter = letters.after(letter->id))
        numbers[number_of(letter->message.payload)] = {letter->id, letter->letter.reason == cast::wire::kReasonDeleted};
    for (const auto& [stream, ended] : ended_) {
        std::uint64_t last = 0;
        for (const std::uint32_t id : ended.messages) {
            const Message& m = messages_[id];
            if (m.renumbered || m.taken > 1 || dug_up_.contains(id)) continue;
            if (m.stream != stream)
                continue;  // a crash took back that it had come, and it came anew when its time had come
            const auto at = numbers.find(id);
            require(at != numbers.end(), [&, s = stream] {
                return text("message %u of stream %llu is gone with its node, and is no dead letter", id, ull(s));
            });
            const auto [number, with_node] = at->second;
            if (!with_node) continue;
            require(number > last, [&, s = stream, number = number] {
                return text("message %u of stream %llu is dead letter %llu, and one that came before it is %llu", id,
                            ull(s), ull(number), ull(last));
            });
            last = number;
        }
    }
}

void Oracle::check_fresh(std::string_view bytes, std::uint64_t wall_us) {
    using namespace cast::wire;
    Frame frame;
    if (read_frame(bytes, frame) != cast::ErrorCode::ok || frame.verb != Verb::deliver) return;
    for_each_batch(frame.body, [&](const BatchView& view) {
        const BatchHeader& h = view.header;
        require(h.ttl_ms == 0 || wall_us < h.arrival_us + std::uint64_t{h.ttl_ms} * 1000, [&] {
            return text("stream %llu, sequence %llu has run out of its time and is handed out", ull(h.stream),
                        ull(h.sequence));
        });
    });
}

}  // namespace sim
