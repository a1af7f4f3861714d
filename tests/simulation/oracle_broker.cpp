// The broker's side of the oracle: what it takes and refuses, and how far it believes its readers to be.
#include "simulation/oracle.hpp"

#include "simulation/random.hpp"

namespace sim {

using cast::ErrorCode;
using namespace cast::wire;

namespace {

broker::Group* group_of(broker::Router& router, const BatchHeader& h, const std::string& target) {
    broker::Directory& directory = router.state().directory;
    return h.cast == Cast::broadcast ? &directory.broadcast() : directory.group(target);
}

}  // namespace

void Oracle::before(broker::Router& router, broker::ConnectionId from, std::string_view bytes) {
    pending_.clear();
    Frame frame;
    const broker::Connection* connection = router.state().sessions.connection(from);
    if (connection != nullptr && !connection->session->known) remade_.insert(connection->session->id);
    if (connection == nullptr || read_frame(bytes, frame) != ErrorCode::ok || frame.verb != Verb::cast) return;
    through_before_ = connection->session->through;
    pending_session_ = connection->session->id;
    const bool whole = for_each_batch(frame.body, [&](const BatchView& view) {
        Pending& p = pending_.emplace_back();
        p.header = view.header;
        p.target = view.header.target;
        p.sender = view.header.sender;
        Reader in(view.records);
        for (std::uint32_t i = 0; i < view.header.count; ++i) {
            const auto record = read_record(in);
            std::uint32_t id = record ? number_of(record->payload) : 0;
            // A stranger's broken copy of one of our messages is the stranger's.
            if (id >= messages_.size() || messages_[id].sender != p.sender || messages_[id].target != p.target) id = 0;
            p.ids.push_back(id);
        }
    });
    if (!whole) pending_.clear();
}

void Oracle::after(broker::Router& router, broker::ConnectionId from) {
    if (pending_.empty()) return;
    const broker::Session* session = router.state().sessions.session(pending_session_);
    std::uint64_t next = through_before_ + 1;
    for (const Pending& p : pending_) {
        if (p.header.number != next || next > session->through) continue;
        ErrorCode code = ErrorCode::ok;
        for (const Outcome& outcome : session->refused)
            if (outcome.number == next) code = outcome.code;
        require(code == plain_code(code) || router.config().reject_full,
                "a refusal is final, and the broker lets senders wait");
        code = plain_code(code);
        ++next;
        if (p.header.session != session->id)
            require(code == ErrorCode::forbidden, "a batch under another's session was taken");
        else if (code == ErrorCode::ok)
            accepted(router, p);
        else
            check_refusal(router, from, p, code);
    }
    require(next == session->through + 1, "outcomes were given to batches that did not come");
    pending_.clear();
}

void Oracle::check_refusal(broker::Router& router, broker::ConnectionId from, const Pending& p, ErrorCode code) {
    broker::State& state = router.state();
    const broker::Connection* connection = state.sessions.connection(from);
    const broker::Node* node = state.directory.node(p.target);
    bool blocked = connection->session->blocked.contains(broker::destination_key(p.header.cast, p.target));
    for (const Pending& behind : pending_)  // one behind it in the frame may have unblocked the target
        blocked = blocked || (behind.target == p.target && behind.header.cast == p.header.cast &&
                              behind.header.number > p.header.number && (behind.header.flags & kResume) != 0);
    bool right = false;
    switch (code) {
        case ErrorCode::no_such_node: right = node == nullptr && p.header.cast == Cast::unicast; break;
        case ErrorCode::no_such_group: right = group_of(router, p.header, p.target) == nullptr; break;
        case ErrorCode::not_attached: right = !connection->senders.contains(p.sender); break;
        case ErrorCode::node_absent:
            right = (p.header.flags & kAttachedOnly) != 0 && node->connection == nullptr;
            break;
        case ErrorCode::mailbox_full:
        case ErrorCode::group_busy: right = blocked || state.config.reject_full; break;
        case ErrorCode::store_failed: right = blocked; break;
        case ErrorCode::too_many: right = (p.header.flags & kScheduled) != 0; break;
        case ErrorCode::invalid_argument:
            right = p.target == "$dead" ||
                    ((p.header.flags & kScheduled) != 0 && state.config.scheduled_us <= 4 * broker::kSecond);
            break;
        case ErrorCode::forbidden: right = reserved_name(p.target); break;
        default: right = p.ids[0] == 0; break;
    }
    require(right, [&] {
        return text("a batch to %s was refused %s for no reason", p.target.c_str(), cast::error_name(code));
    });
}

void Oracle::note(const Pending& p, std::uint32_t id, std::uint64_t stream, std::uint64_t sequence) {
    Message& m = messages_[id];
    const bool remade = m.doubtful && remade_.contains(p.header.session);
    require(m.epoch != epoch_ || m.taken == 0 || remade, [&] { return text("message %u entered a stream twice", id); });
    if (m.taken == 0) ++counts_[m.client].taken;
    // What was refused before its session was forgotten may be taken now, behind what was taken then.
    if (remade || (m.taken > 0 && m.number != p.header.number)) m.renumbered = true;
    m.number = p.header.number;
    m.session = p.header.session;
    m.stream = stream;
    m.sequence = sequence;
    m.epoch = epoch_;
    ++m.taken;
    ++taken_;
}

void Oracle::take(const Pending& p, std::uint32_t id, std::uint64_t stream, std::vector<std::uint32_t>& mirror) {
    mirror.push_back(id);
    if (id == 0) return;
    note(p, id, stream, mirror.size());
    const Message& m = messages_[id];
    const bool remade = m.doubtful && remade_.contains(p.header.session);
    std::uint32_t& last = last_taken_[{epoch_, m.flow}];
    require(last < id || remade,
            [&] { return text("message %u to %s was taken after message %u", id, p.target.c_str(), last); });
    last = id;
}

void Oracle::accepted(broker::Router& router, const Pending& p) {
    if ((p.header.flags & kScheduled) != 0) return wait(router, p);
    broker::Directory& directory = router.state().directory;
    broker::Node* node = nullptr;
    const broker::Stream* stream = nullptr;
    if (p.header.cast == Cast::unicast) {
        node = directory.node(p.target);
        require(node != nullptr, "a batch for an unknown node was taken");
        for (const auto& lane : node->lanes)
            if (lane->priority == p.header.priority) stream = &lane->stream;
    } else if (const broker::Group* group = group_of(router, p.header, p.target)) {
        stream = &group->stream;
    }
    require(stream != nullptr, "a batch was taken, but no stream has it");
    if (node != nullptr && lane_nodes_.try_emplace(stream->id(), p.target).second) ensure({0, stream->id()}, 0);
    auto& mirror = mirrors_[stream->id()];
    for (const std::uint32_t id : p.ids) take(p, id, stream->id(), mirror);
    require(mirror.size() <= stream->last(), "a batch was taken, but has no sequence");
}

Oracle::Ledger& Oracle::ensure(LedgerKey key, std::uint64_t base) {
    const auto [at, fresh] = ledgers_.try_emplace(key);
    if (fresh) at->second.base = at->second.prefix = base;
    return at->second;
}

void Oracle::check_cursor(Ledger& l, const std::string& node, std::uint64_t stream, std::uint64_t cursor) {
    if (cursor <= l.prefix) return;
    while (l.prefix < cursor &&
           (accounted(l, node, stream, l.prefix + 1) || given_up_.contains({stream, l.prefix + 1})))
        ++l.prefix;
    require(cursor <= l.prefix, [&] {
        const auto& mirror = mirrors_[stream];
        return text("%s, stream %llu: acknowledged through %llu, but %llu (message %u) was never handled", node.c_str(),
                    ull(stream), ull(cursor), ull(l.prefix) + 1, l.prefix < mirror.size() ? mirror[l.prefix] : 0);
    });
}

void Oracle::browse(broker::Router& router) {
    router.state().directory.for_each_node([&](broker::Node& node) {
        auto& [last, lives] = lives_[node.name];
        if (last != node.id) ++lives;
        last = node.id;
        if (node.name.starts_with("evil")) return;  // its reader acknowledges what it likes
        for (const auto& lane : node.lanes) check_given_up(router, *lane);
        for (const auto& lane : node.lanes)
            check_cursor(ensure({0, lane->stream.id()}, 0), node.name, lane->stream.id(), lane->cursor);
        for (const broker::Membership& m : node.memberships) {
            std::uint64_t cursor = m.cursor;
            if (!m.own && node.connection != nullptr) {
                const auto at = node.connection->subscriptions.find(m.group->stream.id());
                require(at != node.connection->subscriptions.end(), "a member is read without a subscription");
                cursor = std::max(cursor, at->second->acked);
            }
            Ledger& ledger = ensure({std::uint64_t{node.id}, m.group->stream.id()}, cursor);
            if (ledger.node.empty()) ledger.node = node.name;
            check_cursor(ledger, node.name, m.group->stream.id(), cursor);
        }
    });
}

void Oracle::check_priorities(broker::Router& router, std::string_view bytes) {
    Frame frame;
    if (read_frame(bytes, frame) != ErrorCode::ok || frame.verb != Verb::deliver) return;
    for_each_batch(frame.body, [&](const BatchView& view) {
        const broker::Lane* lane = router.state().directory.owner(view.header.stream).lane;
        if (view.header.cast != Cast::unicast || lane == nullptr) return;
        for (const auto& other : lane->node->lanes) {
            const bool waits = other->sent < other->stream.last();
            const bool excused = other->unreadable || (other->decided != 0 && !router.state().store_healthy);
            require(other->priority <= lane->priority || !waits || excused, [&] {
                return text("%s, priority %d: handed out while %llu to %llu of priority %d wait",
                            lane->node->name.c_str(), lane->priority, ull(other->sent) + 1, ull(other->stream.last()),
                            other->priority);
            });
        }
    });
}

void Oracle::purged(const std::string& node, std::uint64_t stream, std::uint64_t count) {
    auto& mirror = mirrors_[stream];
    if (mirror.size() >= count) return;
    mirror.resize(count, 0);
    lane_nodes_[stream] = node;
    ensure({0, stream}, 0);
}

void Oracle::new_epoch(std::uint64_t epoch) {
    epoch_ = epoch;
    delays_.clear();
    expired_.clear();
    ended_.clear();
    dug_ = found_letters_ = 0;
    given_up_.clear();
    announced_given_up_.clear();
    ledgers_.clear();
    for (auto& [client, counts] : counts_) counts.unknown = true;
}

}  // namespace sim
