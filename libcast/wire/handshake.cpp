// Encoding and decoding of HELLO, WELCOME, LIMITS and ERROR; field by field as PROTOCOL.md, "Bodies" lists them. Pure;
// any thread.
#include "wire/handshake.hpp"

#include <algorithm>

#include "wire/bytes.hpp"

namespace cast::wire {
namespace {

// Tags of fields, each within its verb.
constexpr std::uint8_t kHelloCapabilities = 1, kHelloSecret = 2, kHelloHost = 3, kHelloBehalf = 4 | kCritical;
constexpr std::uint8_t kWelcomeCapabilities = 1;
constexpr std::uint8_t kErrorLeader = 1;

std::string frame(Verb verb, bool fields) {
    char raw[kFrameHeader];
    write_frame_header(raw, verb, 0, 0, fields ? kNewestVersion : kVersion);
    return std::string(raw, sizeof raw);
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

}  // namespace

std::string encode(const Hello& m) {
    const bool fields = m.capabilities || !m.secret.empty() || !m.host.empty() || !m.behalf.empty();
    std::string out = frame(Verb::hello, fields);
    Writer w(out);
    w.u64(m.session).u32(m.attempt).u64(m.seen).str8(m.agent);
    if (m.capabilities) put_field(w, kHelloCapabilities, *m.capabilities);
    if (!m.secret.empty()) put_field(w, kHelloSecret, m.secret);
    if (!m.host.empty()) put_field(w, kHelloHost, m.host);
    if (!m.behalf.empty()) put_field(w, kHelloBehalf, m.behalf);
    return out;
}
bool decode(std::string_view body, Hello& m, std::uint8_t version) {
    Reader r(body);
    m.session = r.u64();
    m.attempt = r.u32();
    m.seen = r.u64();
    m.agent = r.str8();
    if (version == kVersion) return r.done() && m.session != 0;
    const auto take = [&m](std::uint8_t tag, std::string_view value, bool& good) {
        switch (tag) {
            case kHelloCapabilities: m.capabilities = number_of(value, good); return true;
            case kHelloSecret: good = value.size() == kSecret, m.secret = value; return true;
            case kHelloHost: good = !value.empty() && value.size() <= kMaxHost, m.host = value; return true;
            case kHelloBehalf: good = !value.empty() && value.size() <= kMaxName, m.behalf = value; return true;
            default: return false;
        }
    };
    return read_fields(r, m.unknown, take) && m.session != 0;
}

std::string encode(const Welcome& m) {
    std::string out = frame(Verb::welcome, m.capabilities.has_value());
    Writer w(out);
    w.u64(m.epoch).u64(m.store).u64(m.through).u8(m.known ? 1 : 0);
    put(w, static_cast<const Limits&>(m));
    w.u32(m.session_ms);
    const std::size_t endpoints = std::min<std::size_t>(m.publish.size(), 0xFF);
    w.str8(m.version).u8(static_cast<std::uint8_t>(endpoints));
    for (std::size_t i = 0; i < endpoints; ++i) w.str16(m.publish[i]);
    put(w, m.refused);
    if (m.capabilities) put_field(w, kWelcomeCapabilities, *m.capabilities);
    return out;
}
bool decode(std::string_view body, Welcome& m, std::uint8_t version) {
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
    if (version == kVersion) return r.done();
    return read_fields(r, m.unknown, [&m](std::uint8_t tag, std::string_view value, bool& good) {
        if (tag == kWelcomeCapabilities) m.capabilities = number_of(value, good);
        return tag == kWelcomeCapabilities;
    });
}

std::string encode(const Limits& m) {
    std::string out = frame(Verb::limits, false);
    Writer w(out);
    put(w, m);
    return out;
}
bool decode(std::string_view body, Limits& m) {
    Reader r(body);
    get(r, m);
    return r.done();
}

std::string encode(const ErrorReply& m) {
    std::string out = frame(Verb::error, !m.leader.empty());
    Writer w(out);
    w.u16(static_cast<std::uint16_t>(m.code)).u8(m.verb).str16(m.text);
    if (!m.leader.empty()) put_field(w, kErrorLeader, m.leader);
    return out;
}
bool decode(std::string_view body, ErrorReply& m, std::uint8_t version) {
    Reader r(body);
    m.code = static_cast<ErrorCode>(r.u16());
    m.verb = r.u8();
    m.text = r.str16();
    if (version == kVersion) return r.done();
    return read_fields(r, m.unknown, [&m](std::uint8_t tag, std::string_view value, bool& good) {
        if (tag == kErrorLeader) good = !value.empty(), m.leader = value;
        return tag == kErrorLeader;
    });
}

}  // namespace cast::wire
