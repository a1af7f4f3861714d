// Encoding and decoding of the frames' bodies; field by field as PROTOCOL.md, "Frames" lists them. Pure; any thread.
#include "wire/messages.hpp"

#include <algorithm>

#include "wire/bytes.hpp"

namespace cast::wire {
namespace {

std::string frame(Verb verb) {
    std::string out;
    begin_frame(out, verb);
    return out;
}

void put(Writer& w, const std::vector<Outcome>& outcomes) {
    w.u32(static_cast<std::uint32_t>(outcomes.size()));
    for (const Outcome& o : outcomes) w.u64(o.number).u16(static_cast<std::uint16_t>(o.code));
}
void get(Reader& r, std::vector<Outcome>& outcomes) {
    const std::uint32_t n = r.count(10);
    outcomes.clear();
    outcomes.reserve(n);
    for (std::uint32_t i = 0; i < n; ++i) {
        Outcome o;
        o.number = r.u64();
        o.code = static_cast<ErrorCode>(r.u16());
        outcomes.push_back(o);
    }
}
void put(Writer& w, const StreamInfo& s) {
    w.u64(s.stream).u8(s.kind).str8(s.group).u64(s.cursor).u64(s.last).u64(s.delivered);
}
void put(Writer& w, const Limits& m) {
    w.u32(m.max_message).u32(m.window_bytes).u32(m.window_batches).u32(m.reader_window).u32(m.ping_ms);
}
void get(Reader& r, Limits& m) {
    m.max_message = r.u32();
    m.window_bytes = r.u32();
    m.window_batches = r.u32();
    m.reader_window = r.u32();
    m.ping_ms = r.u32();
}
StreamInfo get_stream(Reader& r) {
    StreamInfo s;
    s.stream = r.u64();
    s.kind = r.u8();
    s.group = r.str8();
    s.cursor = r.u64();
    s.last = r.u64();
    s.delivered = r.u64();
    return s;
}

}  // namespace

std::string encode(const Hello& m) {
    std::string out = frame(Verb::hello);
    Writer(out).u64(m.session).u32(m.attempt).u64(m.seen).str8(m.agent);
    return out;
}
bool decode(std::string_view body, Hello& m) {
    Reader r(body);
    m.session = r.u64();
    m.attempt = r.u32();
    m.seen = r.u64();
    m.agent = r.str8();
    return r.done() && m.session != 0;
}

std::string encode(const Welcome& m) {
    std::string out = frame(Verb::welcome);
    Writer w(out);
    w.u64(m.epoch).u64(m.store).u64(m.through).u8(m.known ? 1 : 0);
    put(w, static_cast<const Limits&>(m));
    w.u32(m.session_ms);
    const std::size_t ends = std::min<std::size_t>(m.publish.size(), 0xFF);
    w.str8(m.version).u8(static_cast<std::uint8_t>(ends));
    for (std::size_t i = 0; i < ends; ++i) w.str16(m.publish[i]);
    put(w, m.refused);
    return out;
}
bool decode(std::string_view body, Welcome& m) {
    Reader r(body);
    m.epoch = r.u64();
    m.store = r.u64();
    m.through = r.u64();
    m.known = r.u8() != 0;
    get(r, static_cast<Limits&>(m));
    m.session_ms = r.u32();
    m.version = r.str8();
    m.publish.clear();
    for (int n = r.u8(); n > 0 && r.ok(); --n) m.publish.push_back(r.str16());
    get(r, m.refused);
    return r.done();
}

std::string encode(const Limits& m) {
    std::string out = frame(Verb::limits);
    Writer w(out);
    put(w, m);
    return out;
}
bool decode(std::string_view body, Limits& m) {
    Reader r(body);
    get(r, m);
    return r.done();
}

std::string encode(const Attach& m) {
    std::string out = frame(Verb::attach);
    Writer w(out);
    w.u32(m.request).u32(static_cast<std::uint32_t>(m.nodes.size()));
    for (const AttachNode& node : m.nodes) {
        w.u8(node.flags).str8(node.name).u32(static_cast<std::uint32_t>(node.positions.size()));
        for (const Position& p : node.positions) w.u64(p.stream).u64(p.acked).u64(p.received);
    }
    return out;
}
bool decode(std::string_view body, Attach& m) {
    Reader r(body);
    m.request = r.u32();
    const std::uint32_t nodes = r.count(6);
    if (nodes > kAttachMax) return false;
    m.nodes.clear();
    std::size_t left = kAttachPositions;
    for (std::uint32_t i = 0; i < nodes && r.ok(); ++i) {
        AttachNode& node = m.nodes.emplace_back();
        node.flags = r.u8();
        node.name = r.str8();
        const std::uint32_t positions = r.count(24);
        if (positions > left) return false;
        left -= positions;
        for (std::uint32_t k = 0; k < positions; ++k) {
            Position p;
            p.stream = r.u64();
            p.acked = r.u64();
            p.received = r.u64();
            node.positions.push_back(p);
        }
    }
    return r.done();
}

std::string encode(const Attached& m) {
    std::string out = frame(Verb::attached);
    Writer w(out);
    w.u32(m.request).u32(static_cast<std::uint32_t>(m.nodes.size()));
    for (const AttachedNode& node : m.nodes) {
        w.u16(static_cast<std::uint16_t>(node.code))
            .str8(node.name)
            .u32(static_cast<std::uint32_t>(node.streams.size()));
        for (const StreamInfo& s : node.streams) put(w, s);
    }
    return out;
}
bool decode(std::string_view body, Attached& m) {
    Reader r(body);
    m.request = r.u32();
    const std::uint32_t nodes = r.count(7);
    m.nodes.clear();
    for (std::uint32_t i = 0; i < nodes && r.ok(); ++i) {
        AttachedNode& node = m.nodes.emplace_back();
        node.code = static_cast<ErrorCode>(r.u16());
        node.name = r.str8();
        const std::uint32_t streams = r.count(34);
        for (std::uint32_t k = 0; k < streams && r.ok(); ++k) node.streams.push_back(get_stream(r));
    }
    return r.done();
}

std::string encode(const Detach& m) {
    std::string out = frame(Verb::detach);
    Writer w(out);
    w.u32(static_cast<std::uint32_t>(m.names.size()));
    for (std::string_view name : m.names) w.str8(name);
    return out;
}
bool decode(std::string_view body, Detach& m) {
    Reader r(body);
    m.names.clear();
    const std::uint32_t names = r.count(1);
    if (names > kAttachMax) return false;
    for (std::uint32_t i = 0; i < names && r.ok(); ++i) m.names.push_back(r.str8());
    return r.done();
}

std::string encode(const Detached& m) {
    std::string out = frame(Verb::detached);
    Writer(out).str8(m.name).u16(static_cast<std::uint16_t>(m.code));
    return out;
}
bool decode(std::string_view body, Detached& m) {
    Reader r(body);
    m.name = r.str8();
    m.code = static_cast<ErrorCode>(r.u16());
    return r.done();
}

std::string encode(const Ack& m) {
    std::string out = frame(Verb::ack);
    Writer w(out);
    w.u32(static_cast<std::uint32_t>(m.entries.size()));
    for (const AckEntry& entry : m.entries) {
        w.u64(entry.stream).u64(entry.sequence).u32(static_cast<std::uint32_t>(entry.exceptions.size()));
        for (const AckException& e : entry.exceptions) w.str8(e.node).u64(e.sequence);
    }
    return out;
}
bool decode(std::string_view body, Ack& m) {
    Reader r(body);
    const std::uint32_t entries = r.count(20);
    if (entries > kAckEntries) return false;
    m.entries.clear();
    m.entries.reserve(entries);
    std::size_t left = kAckExceptions;
    for (std::uint32_t i = 0; i < entries && r.ok(); ++i) {
        AckEntry& entry = m.entries.emplace_back();
        entry.stream = r.u64();
        entry.sequence = r.u64();
        const std::uint32_t exceptions = r.count(9);
        if (exceptions > left) return false;
        left -= exceptions;
        for (std::uint32_t k = 0; k < exceptions && r.ok(); ++k) {
            AckException e;
            e.node = r.str8();
            e.sequence = r.u64();
            entry.exceptions.push_back(e);
        }
    }
    return r.done();
}

std::string encode(const Fetch& m) {
    std::string out = frame(Verb::fetch);
    Writer(out).u64(m.stream).u64(m.from).u32(m.max_bytes);
    return out;
}
bool decode(std::string_view body, Fetch& m) {
    Reader r(body);
    m.stream = r.u64();
    m.from = r.u64();
    m.max_bytes = r.u32();
    return r.done();
}

std::string encode(const Fetched& m) {
    std::string out = frame(Verb::fetched);
    Writer(out).u64(m.stream).u64(m.from).u64(m.through);
    return out;
}
bool decode(std::string_view body, Fetched& m) {
    Reader r(body);
    m.stream = r.u64();
    m.from = r.u64();
    m.through = r.u64();
    return r.done();
}

std::string encode(const Gap& m) {
    std::string out = frame(Verb::gap);
    Writer(out).u64(m.stream).u64(m.from).u64(m.to).u8(static_cast<std::uint8_t>(m.reason));
    return out;
}
bool decode(std::string_view body, Gap& m) {
    Reader r(body);
    m.stream = r.u64();
    m.from = r.u64();
    m.to = r.u64();
    m.reason = static_cast<GapReason>(r.u8());
    return r.done() && m.from <= m.to;
}

std::string encode(const Tail& m) {
    std::string out = frame(Verb::tail);
    Writer(out).u64(m.stream).u64(m.sequence);
    return out;
}
bool decode(std::string_view body, Tail& m) {
    Reader r(body);
    m.stream = r.u64();
    m.sequence = r.u64();
    return r.done();
}

std::string encode(const Receipt& m) {
    std::string out = frame(Verb::receipt);
    Writer w(out);
    w.u64(m.through);
    put(w, m.refused);
    put(w, m.delivered);
    return out;
}
bool decode(std::string_view body, Receipt& m) {
    Reader r(body);
    m.through = r.u64();
    get(r, m.refused);
    get(r, m.delivered);
    return r.done();
}

std::string encode(const Membership& m) {
    std::string out = frame(Verb::membership);
    Writer w(out);
    w.str8(m.node).u8(m.joined ? 1 : 0);
    put(w, m.stream);
    return out;
}
bool decode(std::string_view body, Membership& m) {
    Reader r(body);
    m.node = r.str8();
    m.joined = r.u8() != 0;
    m.stream = get_stream(r);
    return r.done();
}

std::string encode(const Control& m) {
    std::string out = frame(Verb::control);
    Writer(out).u32(m.request).bytes(m.json);
    return out;
}
bool decode(std::string_view body, Control& m) {
    Reader r(body);
    m.request = r.u32();
    m.json = r.rest();
    return r.done();
}

std::string encode(const ControlReply& m) {
    std::string out = frame(Verb::control_reply);
    Writer(out).u32(m.request).u16(static_cast<std::uint16_t>(m.code)).bytes(m.json);
    return out;
}
bool decode(std::string_view body, ControlReply& m) {
    Reader r(body);
    m.request = r.u32();
    m.code = static_cast<ErrorCode>(r.u16());
    m.json = r.rest();
    return r.done();
}

std::string encode(const ErrorReply& m) {
    std::string out = frame(Verb::error);
    Writer(out).u16(static_cast<std::uint16_t>(m.code)).u8(m.verb).str16(m.text);
    return out;
}
bool decode(std::string_view body, ErrorReply& m) {
    Reader r(body);
    m.code = static_cast<ErrorCode>(r.u16());
    m.verb = r.u8();
    m.text = r.str16();
    return r.done();
}

std::string encode_ping(Verb ping_or_pong, const Ping& m) {
    std::string out = frame(ping_or_pong);
    Writer(out).u64(m.token);
    return out;
}
bool decode(std::string_view body, Ping& m) {
    Reader r(body);
    m.token = r.u64();
    return r.done();
}

std::string encode_bye() { return frame(Verb::bye); }

}  // namespace cast::wire
