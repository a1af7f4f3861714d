// The oracle of what waits for its time: not before it, once, and after a crash either there still or in its stream.
#include <algorithm>

#include "simulation/oracle.hpp"
#include "simulation/random.hpp"

namespace sim {

using namespace cast::wire;

namespace {

constexpr std::size_t kFewEntered = 100;  // less than may enter in a turn

}  // namespace

void Oracle::wait(broker::Router& router, const Pending& p) {
    scheduled_ = router.scheduled().stream();
    auto& mirror = mirrors_[scheduled_];
    const std::uint64_t batch = mirror.size() + 1;
    bool found = false;
    const bool delay = p.header.arrival_us < kDelayBelow;
    const std::int64_t mono_us = delay ? now_.mono_us + static_cast<std::int64_t>(p.header.arrival_us) : broker::kNever;
    if (delay) delays_.insert({mono_us, batch});
    router.scheduled().for_each(now_, [&](broker::Sequence id, const broker::ScheduledBatch& late) {
        if (id != batch) return true;
        found = true;
        last_due_us_ = std::max(last_due_us_, late.due_us);
        require(late.mono_us == mono_us && (delay || late.due_us == p.header.arrival_us),
                "a batch is due at another time than it says");
        require(late.count == p.ids.size(), "a batch that waits has another count");
        return false;
    });
    require(found, "a batch was taken, and does not wait");
    for (const std::uint32_t id : p.ids) {
        mirror.push_back(id);
        if (id == 0) continue;
        note(p, id, scheduled_, mirror.size());
        Message& m = messages_[id];
        m.batch = batch;
        m.waited = mirror.size();
        m.entered = false;
    }
}

void Oracle::entered(broker::Router& router, const broker::Entered& e, std::uint64_t wall_us) {
    const bool delayed = delays_.erase({e.mono_us, e.waited}) > 0;
    require(delayed || e.due_us <= wall_us,
            [&] { return text("a batch came %llu us before its time", ull(e.due_us - wall_us)); });
    require(!delayed || e.mono_us <= now_.mono_us, "a batch came before its delay was over");
    const std::vector<std::uint32_t> waited = mirrors_[scheduled_];
    require(e.waited + e.count - 1 <= waited.size(), "a batch came that never waited");
    const broker::StreamOwner owner = router.state().directory.owner(e.stream);
    if (owner.lane != nullptr && lane_nodes_.try_emplace(e.stream, owner.lane->node->name).second)
        ensure({0, e.stream}, 0);
    auto& mirror = mirrors_[e.stream];
    require(e.stream == 0 || mirror.size() + 1 == e.first,
            "a batch has another place in its stream than there was room");
    for (std::uint64_t i = 0; i < e.count; ++i) {
        const std::uint32_t id = waited[e.waited - 1 + i];
        if (e.stream != 0) mirror.push_back(id);
        if (id == 0) continue;
        Message& m = messages_[id];
        // One whose session was forgotten may wait twice: nobody can know it again.
        require(m.renumbered || (!m.entered && m.waited == e.waited + i),
                [&] { return text("message %u has come twice", id); });
        m.entered = true;
        m.stream = e.stream;
        m.sequence = e.stream == 0 ? 0 : mirror.size();
    }
}

void Oracle::check_delays(broker::Router& router, std::size_t entered) {
    // It waits for those before it, or for the next turn.
    if (router.scheduled().reading() || entered >= kFewEntered || !router.state().may_go_on()) return;
    for (const auto& [mono_us, batch] : delays_) {
        if (mono_us > now_.mono_us) return;
        bool full = false;
        router.scheduled().for_each_full([&, b = batch](broker::Sequence id) { full = full || id == b; });
        require(full, [&, due = mono_us] {
            return text("a delay was over %llu us ago, and its batch waits", ull(now_.mono_us - due));
        });
    }
}

/// Its batch is stored as waiting, or in its stream: never both, and never neither if it was taken.
void Oracle::check_scheduled(Message& m, std::size_t id, const cast::test::MemoryDisk& disk) {
    const auto row = disk.sessions().find(m.session);
    const auto stream = disk.streams().find(m.stream);
    const bool waits = disk.has_chunk(scheduled_, m.batch);
    const bool stream_stands = m.entered && stream != disk.streams().end();
    const bool there = stream_stands && m.sequence <= stream->second.last;
    require(!waits || !there || m.renumbered,
            [&] { return text("message %zu waits for its time, and is in its stream", id); });
    if (row != disk.sessions().end()) {
        const bool taken = m.number <= row->second.through;
        require(taken || (!waits && !there),
                [&] { return text("message %zu is stored, and its session does not know", id); });
        const bool must = taken && (!m.entered || stream_stands);  // who was deleted took it along
        require(!must || waits || there, [&] {
            return text("message %zu, taken as batch %llu, is neither waiting nor in its stream", id, ull(m.number));
        });
        if (taken || waits || there) ++m.epoch;
    } else if (waits || there) {
        ++m.epoch;
    }
    if (!waits) return;
    m.entered = false;
    m.stream = scheduled_;
    m.sequence = m.waited;
}

}  // namespace sim
