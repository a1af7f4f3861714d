// The sender's and the reader's side of the oracle.
#include "simulation/oracle.hpp"

#include "simulation/random.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace sim {

using cast::ErrorCode;
using namespace cast::wire;

namespace {

constexpr char kMark = 'M';
constexpr std::uint32_t kUnknown = 0xFFFFFFFF;  // handled, but no later reader needs a mark
constexpr std::uint64_t kAnotherLife = ~std::uint64_t{0};
constexpr std::size_t kLeast = 1 + sizeof(std::uint32_t);

}  // namespace

std::uint32_t number_of(std::string_view payload) {
    if (payload.size() < kLeast || payload[0] != kMark) return 0;
    return load<std::uint32_t>(payload.data() + 1);
}

std::string text(const char* format, ...) {
    char buffer[512];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    return buffer;
}

std::uint32_t Oracle::flow(int client, const cast::detail::OutgoingRecord& p) {
    std::string key(p.target);
    key.push_back(static_cast<char>(p.cast));
    key.push_back(static_cast<char>(p.priority));
    key.push_back(static_cast<char>(client));
    key.append(p.sender);
    return flow_numbers_.try_emplace(std::move(key), static_cast<std::uint32_t>(flow_numbers_.size())).first->second;
}

std::uint32_t Oracle::sent(int client, cast::detail::OutgoingRecord& p, std::size_t size, std::string& payload) {
    const auto id = static_cast<std::uint32_t>(messages_.size());
    Message& m = messages_.emplace_back();
    m.client = client;
    m.due_us = (p.flags & kScheduled) != 0 ? p.due_us : 0;
    // Nothing is promised of the order in which they come out.
    m.flow =
        m.due_us == 0
            ? flow(client, p)
            : flow_numbers_.try_emplace("later" + std::to_string(id), static_cast<std::uint32_t>(flow_numbers_.size()))
                  .first->second;
    m.sender = p.sender;
    m.target = p.target;
    m.cast = p.cast;
    m.flags = p.flags;
    m.ttl_ms = p.ttl_ms;
    m.token = p.token;
    payload.assign(std::max(size, kLeast), '.');
    payload[0] = kMark;
    store(payload.data() + 1, id);
    p.payload = payload;
    return id;
}

void Oracle::refused(int client, ErrorCode code, const std::string& target, std::size_t count) {
    ClientCounts& c = counts_[client];
    c.refused += count;
    if (code == ErrorCode::session_expired) c.unknown = true;
    require(code != ErrorCode::ok && code != ErrorCode::too_large && code != ErrorCode::forbidden &&
                code != ErrorCode::malformed,
            [&] { return text("client %d was refused %s for %s", client, cast::error_name(code), target.c_str()); });
}

void Oracle::token_answered(std::uint32_t id, ErrorCode code) {
    const Message& m = messages_[id];
    if (code == ErrorCode::ok) {
        require(m.taken > 0, [&] { return text("message %u: receipt, but no stream took it", id); });
        require((m.flags & kWantsDelivered) == 0 || m.handled,
                [&] { return text("message %u: told delivered, but nobody handled it", id); });
        return;
    }
    require(!m.expected, [&] {
        return text("message %u to %s was refused %s when all was at rest", id, m.target.c_str(),
                    cast::error_name(code));
    });
    if (m.taken == 0) return refused(m.client, code, m.target, 1);
    if (code == ErrorCode::expired) announced_expired_.insert(id);
    const bool late = code == ErrorCode::expired || code == ErrorCode::deleted || code == ErrorCode::session_expired;
    require(late || m.taken > 0,
            [&] { return text("message %u: a stream took it, but its outcome is %s", id, cast::error_name(code)); });
    require(code != ErrorCode::expired || m.ttl_ms != 0, [&] { return text("message %u without ttl expired", id); });
}

void Oracle::check_outcomes(int client, std::uint64_t added) {
    const ClientCounts& c = counts_[client];
    const std::uint64_t known = c.taken + c.refused;
    require(c.unknown ? known >= added : known == added, [&] {
        return text("client %d sent %llu messages; streams took %llu and %llu were refused", client, ull(added),
                    ull(c.taken), ull(c.refused));
    });
}

bool Oracle::came_again(const std::string& node, std::uint32_t id) {
    // A lost broker may have taken memberships back, and what was handled under them was handled.
    if (messages_[id].taken < 2 && !(durable_ && epoch_ > 1)) return false;
    if (announced_gone_.contains({node, id})) return true;
    for (const ReaderRecord* reader : readers_)
        if (reader->node == node && id < reader->handled.size() && reader->handled[id]) return true;
    return false;
}

bool Oracle::accounted(const Ledger& l, const std::string& node, std::uint64_t stream, std::uint64_t sequence) {
    if (sequence <= l.base) return true;
    const std::size_t at = sequence - l.base - 1;
    if (at < l.first.size() && (l.first[at] != 0 || l.gaps[at])) return true;
    const auto& mirror = mirrors_[stream];
    if (sequence > mirror.size()) return false;
    const std::uint32_t id = mirror[sequence - 1];
    const Message& m = messages_[id];
    if (m.cast != Cast::unicast && m.sender == node && (m.flags & kEcho) == 0) return true;
    return came_again(node, id);
}

Oracle::Ledger* Oracle::ledger(broker::Router* router, const std::string& node, std::uint64_t stream) {
    LedgerKey key{0, stream};
    if (!lane_nodes_.contains(stream)) {
        const broker::Node* known = router == nullptr ? nullptr : router->state().directory.node(node);
        const auto then = nodes_then_.find(node);
        if (known == nullptr && (router != nullptr || then == nodes_then_.end())) return nullptr;
        key.first = known != nullptr ? known->id : then->second;
    }
    const auto at = ledgers_.find(key);
    return at == ledgers_.end() ? nullptr : &at->second;
}

void Oracle::check_order(ReaderRecord& reader, std::uint32_t id, std::uint64_t epoch) {
    const Message& m = messages_[id];
    if (id >= reader.handled.size()) reader.handled.resize(std::max<std::size_t>(messages_.size(), id + 1));
    require(!reader.handled[id] || m.renumbered,
            [&] { return text("%s got message %u twice", reader.node.c_str(), id); });
    reader.handled[id] = true;
    // A crash may have taken back what the reader was told of it, and what came behind it was handled.
    if (m.renumbered || (durable_ && epoch_ > 1 && announced_gone_.contains({reader.node, id}))) return;
    if (m.flow >= reader.last_of_flow.size()) reader.last_of_flow.resize(m.flow + 1);
    auto& [last_epoch, last] = reader.last_of_flow[m.flow];
    // What the broker refused before a crash, and nobody was told, it may take after that.
    require(last_epoch != epoch || last < id, [&, last = last] {
        return text("%s got message %u after message %u of the same sender", reader.node.c_str(), id, last);
    });
    last_epoch = epoch;
    last = id;
}

void Oracle::handled(broker::Router* router, ReaderRecord& reader, const BatchHeader& h, std::uint64_t sequence,
                     std::string_view payload, bool redelivered) {
    ++deliveries_;
    const auto& mirror = mirrors_[h.stream];
    const std::uint32_t id = sequence <= mirror.size() ? mirror[sequence - 1] : 0;
    auto where = [&] {
        return text("%s, stream %llu, sequence %llu", reader.node.c_str(), ull(h.stream), ull(sequence));
    };
    // What is not ours (0) looks alike: it is of now, if there is such a one.
    const bool of_now = number_of(payload) == 0 && sequence <= mirror.size() && id == 0;
    if (durable_ && !of_now && was_once(h.stream, sequence, number_of(payload))) {
        // It came, or may have come, before the broker was lost, and the store had not kept it.
        messages_[number_of(payload)].handled = true;
        if (number_of(payload) != 0) check_order(reader, number_of(payload), 0);
        return;
    }
    require(sequence <= mirror.size(), [&] { return where() + ": the stream never had it"; });
    require(id == number_of(payload) || id == 0,
            [&] { return where() + text(": message %u instead of %u", number_of(payload), id); });
    Message& m = messages_[id];
    m.handled = true;
    const auto ended = ended_.find(h.stream);
    require(ended == ended_.end() || reader.granted <= ended->second.event,
            [&] { return where() + text(": message %u of a node that was deleted before", id); });
    std::uint64_t& last = reader.last[h.stream];
    // After a crash a node may be one that was deleted before it: it reads what its later life had not got. That nobody
    // gets a message twice is checked by message.
    const bool anew = durable_ && epoch_ > 1 && sequence <= last;
    if (id != 0) check_order(reader, id, anew ? kAnotherLife : durable_ ? m.epoch : h.stream / kStreamsOfEpoch);
    require(sequence > last || anew, [&] { return where() + text(" came after %llu", ull(last)); });
    Ledger* l = ledger(router, reader.node, h.stream);
    if (l != nullptr && last != 0 && !anew)
        for (std::uint64_t s = last + 1; s < sequence; ++s)
            require(accounted(*l, reader.node, h.stream, s),
                    [&] { return where() + text(": %llu was passed over in silence", ull(s)); });
    last = std::max(last, sequence);
    if (l == nullptr || sequence <= l->base) return;
    const std::size_t at = sequence - l->base - 1;
    if (at >= l->first.size()) {
        l->first.resize(at + 1);
        l->gaps.resize(at + 1);
    }
    std::uint32_t& first = l->first[at];
    require(first == 0 || first >= reader.granted || redelivered || m.renumbered,
            [&] { return where() + text(" (message %u) was handled before and is not marked redelivered", id); });
    // A reader that lost its node without knowing it may still hear PUB; nobody could mark that.
    if (first == 0) first = reader.holds ? next_event() : kUnknown;
}

void Oracle::malformed(broker::Router* router, ReaderRecord& reader, const BatchHeader& h, std::uint64_t from) {
    const auto& mirror = mirrors_[h.stream];
    const std::uint64_t last = h.sequence + h.count - 1;
    for (std::uint64_t s = from; s <= last; ++s)
        require(s <= mirror.size() && mirror[s - 1] == 0,
                [&] { return text("%s: a message of ours is malformed", reader.node.c_str()); });
    gap(router, reader.node, Gap{h.stream, from, last, GapReason::malformed}, last - from + 1);
}

void Oracle::check_dead(const broker::Router& router) {
    std::map<std::uint32_t, std::uint64_t> dead;
    broker::DeadLetters& letters = const_cast<broker::Router&>(router).dead();
    require(!letters.loading(), "dead letters are not read to their end");
    for (auto letter = letters.before(~std::uint64_t{0}); letter; letter = letters.before(letter->id))
        ++dead[number_of(letter->message.payload)];
    for (const auto& [id, count] : dead)
        require(id == 0 || count <= std::max<std::uint64_t>(1, messages_[id].taken),
                [&, id = id, count = count] { return text("message %u is %llu dead letters", id, ull(count)); });
    check_ended(letters);
    if (letters_dropped_ || letters.dropped() > 0) return;
    for (const std::uint32_t id : announced_given_up_)
        require(id == 0 || dead.contains(id) || dug_up_.contains(id),
                [&] { return text("message %u was given up and is no dead letter", id); });
    for (const std::uint32_t id : expired_)
        require(id == 0 || dead.contains(id) || dug_up_.contains(id),
                [&] { return text("message %u has expired and is no dead letter", id); });
}

void Oracle::gap(broker::Router* router, const std::string& node, const Gap& gap, std::uint64_t count) {
    const auto lane = lane_nodes_.find(gap.stream);
    const std::string& name = lane == lane_nodes_.end() ? node : lane->second;
    Ledger* l = ledger(router, name, gap.stream);
    if (l == nullptr) return;
    const auto& mirror = mirrors_[gap.stream];
    for (std::uint64_t s = gap.to - count + 1; s <= gap.to; ++s) {
        if (s <= l->base) continue;
        auto where = [&] { return text("%s, stream %llu, sequence %llu: ", name.c_str(), ull(gap.stream), ull(s)); };
        require(s <= mirror.size(), [&] { return where() + "a gap beyond the end"; });
        require(gap.reason != GapReason::lost || accounted(*l, name, gap.stream, s),
                [&] { return where() + "lost without a reason"; });
        require(gap.reason != GapReason::expired || mirror[s - 1] == 0 || messages_[mirror[s - 1]].ttl_ms != 0,
                [&] { return where() + "expired without a ttl"; });
        require(gap.reason != GapReason::retention || lane == lane_nodes_.end(),
                [&] { return where() + "a mailbox has no retention"; });
        const std::size_t at = s - l->base - 1;
        if (at >= l->first.size()) {
            l->first.resize(at + 1);
            l->gaps.resize(at + 1);
        }
        l->gaps[at] = true;
        if (gap.reason == GapReason::expired && lane != lane_nodes_.end() && name[0] != '$')
            expired_.insert(mirror[s - 1]);
        require(gap.reason != GapReason::redeliveries || given_up_.contains({gap.stream, s}),
                [&] { return where() + "told as given up, and it is not"; });
        if (gap.reason == GapReason::redeliveries) announced_given_up_.insert(mirror[s - 1]);
        announced_gone_.insert({name, mirror[s - 1]});
    }
}

}  // namespace sim
