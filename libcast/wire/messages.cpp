// Encoding and decoding of the frames' bodies; field by field as PROTOCOL.md, "Bodies" lists them. Pure; any thread.
#include "wire/messages.hpp"

#include "wire/bytes.hpp"
#include "wire/outcome.hpp"

namespace cast::wire {
namespace {

std::string frame(Verb verb) {
    std::string out;
    begin_frame(out, verb);
    return out;
}

void put(Writer& w, const StreamInfo& s) {
    w.u64(s.stream).u8(s.kind).str8(s.group).u64(s.cursor).u64(s.last).u64(s.delivered);
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

/// Fields of a message that knows none yet.
bool no_fields(Reader& r, Unknown& unknown) {
    return read_fields(r, unknown, [](std::uint8_t, std::string_view, bool&) { return false; });
}

}  // namespace

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
bool decode(std::string_view body, Attach& m, std::uint8_t version) {
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
    return version == kVersion ? r.done() : no_fields(r, m.unknown);
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
bool decode(std::string_view body, Attached& m, std::uint8_t version) {
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
    return version == kVersion ? r.done() : no_fields(r, m.unknown);
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
bool decode(std::string_view body, Ack& m, std::uint8_t version) {
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
    return version == kVersion ? r.done() : no_fields(r, m.unknown);
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
