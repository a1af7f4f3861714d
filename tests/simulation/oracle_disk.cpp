// The oracle of a durable broker: what a crash may take back, and what not. What was receipted is there, a batch is in
// its stream exactly if its session says so, and no cursor stands beyond what was handled.
#include <algorithm>

#include "simulation/oracle.hpp"
#include "simulation/random.hpp"

namespace sim {
namespace {

constexpr std::uint64_t kStranger = 0x4242424242424242u;  // hostile.cpp: it says of itself what it likes

}  // namespace

void Oracle::lost_broker(broker::Router& router) {
    durable_ = router.config().durable;
    living_.clear();
    nodes_then_.clear();
    promises_.clear();
    if (!durable_) return;
    letters_dropped_ = letters_dropped_ || router.dead().dropped() > 0;
    router.state().sessions.for_each_session([&](const broker::Session& session) {
        if (session.known && session.id != kStranger) living_.insert(session.id);
    });
    router.state().directory.for_each_node([&](const broker::Node& node) { nodes_then_[node.name] = node.id; });
}

bool Oracle::was_once(std::uint64_t stream, std::uint64_t sequence, std::uint32_t id) const {
    const auto at = once_.find({stream, sequence});
    return at != once_.end() && at->second.contains(id);
}

void Oracle::check_membership(broker::Router& router, std::string_view body, const cast::test::MemoryDisk& disk) {
    cast::wire::Membership m;
    if (!decode(body, m) || m.stream.kind != cast::wire::kGroupStream || m.stream.group.starts_with("$")) return;
    broker::Node* node = router.state().directory.node(m.node);
    const broker::Group* group = router.state().directory.owner(m.stream.stream).group;
    const bool now = node != nullptr && group != nullptr && node->membership(*group) != nullptr;
    const bool stored = disk.members().contains({m.stream.stream, std::string(m.node)});
    require(stored || !m.joined || !now,
            "a client is told that its node has joined a group, and the disk does not know");
    require(!stored || m.joined || now, "a client is told that its node has left a group, and the disk does not know");
}

/// A frame behind it says more of the same node: one that joined, and left or was deleted before that was committed.
bool Oracle::superseded(const std::vector<broker::Send>& sends, std::size_t i) {
    cast::wire::Frame frame;
    cast::wire::Membership m, next;
    cast::wire::Detached end;
    if (read_frame(sends[i].frame.view(), frame) != cast::ErrorCode::ok || !decode(frame.body, m)) return true;
    for (std::size_t at = i + 1; at < sends.size(); ++at) {
        if (sends[at].to != sends[i].to || read_frame(sends[at].frame.view(), frame) != cast::ErrorCode::ok) continue;
        if (frame.verb == cast::wire::Verb::membership && decode(frame.body, next) && next.node == m.node &&
            next.stream.stream == m.stream.stream)
            return true;
        if (frame.verb == cast::wire::Verb::detached && decode(frame.body, end) && end.name == m.node) return true;
    }
    return false;
}

void Oracle::check_announced(broker::Router& router, const std::vector<broker::Send>& sends, std::size_t i,
                             const cast::test::MemoryDisk& disk) {
    const broker::ConnectionId to = sends[i].to;
    cast::wire::Frame frame;
    cast::wire::Detached m;
    if (!router.config().durable || read_frame(sends[i].frame.view(), frame) != cast::ErrorCode::ok) return;
    if (frame.verb == cast::wire::Verb::membership && superseded(sends, i)) return;
    if (frame.verb == cast::wire::Verb::membership) return check_membership(router, frame.body, disk);
    if (frame.verb == cast::wire::Verb::deliver)
        cast::wire::for_each_batch(frame.body, [&](const cast::wire::BatchView& view) {
            cast::wire::Reader in(view.records);
            for (std::uint32_t n = 0; n < view.header.count; ++n) {
                const auto record = read_record(in);
                const std::uint32_t id = record ? number_of(record->payload) : 0;
                if (id == 0 || id >= messages_.size() || messages_[id].taken > 1 || messages_[id].renumbered ||
                    dug_up_.contains(id))
                    continue;
                require(!announced_expired_.contains(id), [&] {
                    return text("message %u is handed out, and its sender was told that it has expired", id);
                });
            }
        });
    if (frame.verb != cast::wire::Verb::detached || !decode(frame.body, m)) return;
    const auto row = disk.nodes().find(std::string(m.name));
    const broker::Node* node = router.state().directory.node(m.name);
    const broker::Connection* connection = router.state().sessions.connection(to);
    if (row == disk.nodes().end() || connection == nullptr) return;
    const bool once = lives_[row->first].second <= 1;  // else the disk may have a later one of that name
    require(m.code != cast::ErrorCode::deleted || node != nullptr || !once,
            [&] { return text("a client is told that %s was deleted, and the disk has it", row->first.c_str()); });
    const std::uint64_t session = connection->session->id;
    const bool still = !row->second.created && row->second.holder == session &&
                       (node == nullptr || (!node->created && node->holder != session));
    require(m.code != cast::ErrorCode::taken_over || !still, [&] {
        return text("a client is told that %s was taken over, and the disk has it as its holder", row->first.c_str());
    });
}

void Oracle::check_survivors(const cast::test::MemoryDisk& disk) {
    for (const std::uint64_t id : living_) {
        const auto known = receipted_.find(id);
        const auto row = disk.sessions().find(id);
        if (known == receipted_.end() || known->second == 0 || remade_.contains(id)) continue;
        require(row != disk.sessions().end() && row->second.through >= known->second, [&] {
            return text("session %llx was receipted through %llu, but the store has %llu", ull(id), ull(known->second),
                        ull(row == disk.sessions().end() ? 0 : row->second.through));
        });
    }
    for (std::size_t id = 1; id < messages_.size(); ++id) {
        Message& m = messages_[id];
        const auto row = disk.sessions().find(m.session);
        const auto stream = disk.streams().find(m.stream);
        const bool of_this_epoch = m.taken > 0 && m.epoch == epoch_;
        if (!of_this_epoch) continue;
        if (m.waited != 0) {
            check_scheduled(m, id, disk);
            continue;
        }
        const bool in_stream = stream != disk.streams().end() && m.sequence <= stream->second.last;
        if (row != disk.sessions().end() && stream != disk.streams().end())
            require(in_stream == (m.number <= row->second.through), [&] {
                return text(
                    "message %zu, batch %llu: its session is stored through %llu, its stream %llu through %llu of %llu",
                    id, ull(m.number), ull(row->second.through), ull(m.stream), ull(stream->second.last),
                    ull(m.sequence));
            });
        if (in_stream || (row != disk.sessions().end() && m.number <= row->second.through))
            ++m.epoch;  // it is the next one's, too
    }
}

void Oracle::carry_ledgers(const cast::test::MemoryDisk& disk, broker::Router& router) {
    std::map<LedgerKey, Ledger> before;
    before.swap(ledgers_);
    auto cut = [](Ledger& ledger, std::uint64_t last) {
        if (ledger.base + ledger.first.size() > last) {
            ledger.first.resize(last > ledger.base ? last - ledger.base : 0);
            ledger.gaps.resize(ledger.first.size());
        }
        ledger.prefix = std::min(ledger.prefix, std::max(last, ledger.base));
    };
    for (const auto& [id, row] : disk.streams()) {
        const auto at = before.find({0, id});
        if (at == before.end()) continue;
        Ledger& ledger = ledgers_[{0, id}] = std::move(at->second);
        cut(ledger, row.last);
        if (!row.owner.empty()) check_cursor(ledger, row.owner, id, row.floor);
    }
    for (auto& [key, ledger] : before) departed_.push_back({key.second, std::move(ledger)});
    for (auto& [stream, ledger] : departed_) {
        const auto row = disk.streams().find(stream);
        cut(ledger, row == disk.streams().end() ? 0 : row->second.last);
    }
    for (const auto& [key, row] : disk.members()) {
        const broker::Node* now = router.state().directory.node(row.node);
        const auto stream = disk.streams().find(row.stream);
        if (now == nullptr || stream == disk.streams().end()) continue;
        // The newest membership of that name there which is old enough: a crash may have taken back a later one.
        auto at = departed_.rend();
        for (auto d = departed_.rbegin(); d != departed_.rend(); ++d) {
            if (d->first != row.stream || d->second.node != row.node || d->second.base > row.cursor) continue;
            if (at == departed_.rend() || d->second.base > at->second.base) at = d;
        }
        if (at == departed_.rend()) continue;
        Ledger& ledger = ledgers_[{now->id, row.stream}] = at->second;
        for (const auto& [id, other] : departed_) {  // what was handled under a later membership was handled
            if (id != row.stream || other.node != row.node) continue;
            for (std::size_t i = 0; i < other.first.size(); ++i) {
                const std::uint64_t s = other.base + i + 1;
                if (s <= ledger.base || (other.first[i] == 0 && !other.gaps[i])) continue;
                if (s - ledger.base > ledger.first.size()) {
                    ledger.first.resize(s - ledger.base);
                    ledger.gaps.resize(s - ledger.base);
                }
                std::uint32_t& first = ledger.first[s - ledger.base - 1];
                if (first == 0) first = other.first[i];
                if (other.gaps[i]) ledger.gaps[s - ledger.base - 1] = true;
            }
        }
        cut(ledger, stream->second.last);
        check_cursor(ledger, row.node, row.stream, row.cursor);
    }
}

void Oracle::check_nothing_lost(const cast::test::MemoryDisk& disk) {
    for (const auto& [stream, mirror] : mirrors_) {
        const auto row = disk.streams().find(stream);
        if (row == disk.streams().end() || row->second.kind == broker::kDeadLetterStream ||
            row->second.kind == broker::kScheduledStream)
            continue;
        require(mirror.size() == row->second.last, [&, s = stream, size = mirror.size()] {
            return text("after an end in order stream %llu has %llu messages, and not %zu", ull(s),
                        ull(row->second.last), size);
        });
    }
}

void Oracle::recovered(std::uint64_t epoch, const cast::test::MemoryDisk& disk, broker::Router& router, bool in_order) {
    check_survivors(disk);
    check_requeued(disk);
    if (in_order) check_nothing_lost(disk);
    for (auto& entry : mirrors_) {
        const std::uint64_t stream = entry.first;
        auto& mirror = entry.second;
        const auto row = disk.streams().find(stream);
        // An id that was never committed may be that of a dead letter now.
        const bool same = row != disk.streams().end() && row->second.kind != broker::kDeadLetterStream;
        const std::uint64_t last = same ? row->second.last : 0;
        for (std::uint64_t s = last + 1; s <= mirror.size(); ++s) once_[{stream, s}].insert(mirror[s - 1]);
        require(mirror.size() >= last, [&] {
            return text("stream %llu: the store has %llu and there were %llu", ull(stream), ull(last),
                        ull(mirror.size()));
        });
        if (!same || row->second.kind >= cast::wire::kPriorities)
            lane_nodes_.erase(stream);  // what comes may be a group
        mirror.resize(last);
        for (ReaderRecord* reader : readers_)
            if (const auto at = reader->last.find(stream); at != reader->last.end())
                at->second = std::min(at->second, last);
    }
    std::erase_if(given_up_, [&](const auto& one) {  // what the crash took back
        const auto row = disk.streams().find(one.first);
        return row == disk.streams().end() || row->second.floor < one.second;
    });
    carry_ledgers(disk, router);
    carry_ended(disk, router);
    epoch_ = epoch;
    lives_.clear();
    delays_.clear();   // what was kept of them follows the wall clock from now on
    expired_.clear();  // the crash may have taken that back
    for (auto& [client, counts] : counts_) counts.unknown = true;
}

}  // namespace sim
