// What unit tests and fuzzers check of the wire's decoders: bytes in buffers of exactly their size, and
// "decode, then encode again" for records, batches and frames. Pure; header only, so that a fuzzer needs no more
// than the wire library.
#pragma once
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "wire/batch.hpp"
#include "wire/handshake.hpp"
#include "wire/messages.hpp"
#include "wire/record.hpp"

namespace cast::test {

/// A copy of bytes on the heap, in a block of exactly their size: the address sanitizer sees each byte read too far.
class Exact {
public:
    explicit Exact(std::string_view bytes) : size_(bytes.size()), block_(new char[size_]) {
        if (size_ > 0) std::memcpy(block_.get(), bytes.data(), size_);
    }
    std::string_view view() const { return {block_.get(), size_}; }
    char* data() { return block_.get(); }

private:
    std::size_t size_;
    std::unique_ptr<char[]> block_;
};

/// True when `part` is empty or lies within `whole`.
inline bool inside(std::string_view part, std::string_view whole) {
    const std::less_equal<const char*> le;
    if (part.empty()) return true;
    return le(whole.data(), part.data()) && le(part.data() + part.size(), whole.data() + whole.size());
}

/// Calls visit(view) for every prefix that is shorter than `bytes`.
template <class Visit>
void for_each_prefix(std::string_view bytes, Visit&& visit) {
    for (std::size_t size = 0; size < bytes.size(); ++size) visit(Exact(bytes.substr(0, size)).view());
}

/// Calls visit(view) for every change of one byte to another value.
template <class Visit>
void for_each_corruption(std::string_view bytes, Visit&& visit) {
    for (std::size_t at = 0; at < bytes.size(); ++at)
        for (int change = 1; change < 256; ++change) {
            Exact changed(bytes);
            changed.data()[at] = static_cast<char>(changed.data()[at] ^ change);
            visit(changed.view());
        }
}

/// The record at the front of `bytes`, encoded again; nothing when it is malformed.
inline std::optional<std::string> record_again(std::string_view bytes) {
    wire::Reader in(bytes);
    const auto record = wire::read_record(in);
    if (!record) return std::nullopt;
    std::string out;
    wire::append_record(out, record->type, record->headers, record->payload);
    return out;
}

/// A header map, encoded again; nothing when it is malformed.
inline std::optional<std::string> headers_again(std::string_view encoded) {
    wire::HeaderList list;
    const auto visit = [&](std::string_view key, std::string_view value) { list.emplace_back(key, value); };
    if (!wire::for_each_header(encoded, visit)) return std::nullopt;
    return wire::encode_headers(list);
}

/// Batches back to back, encoded again; nothing when one is malformed.
inline std::optional<std::string> batches_again(std::string_view bytes) {
    std::string out;
    const bool good = wire::for_each_batch(bytes, [&](const wire::BatchView& batch) {
        const std::size_t at = out.size();
        wire::begin_batch(out, batch.header);
        out.append(batch.records);
        wire::seal_batch(out, at, batch.header.number, batch.header.count, batch.header.flags);
    });
    return good ? std::optional(out) : std::nullopt;
}

/// A message of type M, encoded again; nothing when its body is malformed, or has fields that are not known.
template <class M>
std::optional<std::string> message_again(const wire::Frame& frame) {
    M message;
    if constexpr (requires { message.unknown; }) {
        if (!wire::decode(frame.body, message, frame.version) || message.unknown.skipped) return std::nullopt;
    } else {
        if (!wire::decode(frame.body, message)) return std::nullopt;
    }
    return wire::encode(message);
}

inline std::optional<std::string> ping_again(wire::Verb verb, std::string_view body) {
    wire::Ping ping;
    if (!wire::decode(body, ping)) return std::nullopt;
    return wire::encode_ping(verb, ping);
}

/// A frame's body as its verb says, encoded again as a frame without flags; nothing when it is malformed.
inline std::optional<std::string> body_again(const wire::Frame& frame) {
    using wire::Verb;
    switch (frame.verb) {
        case Verb::hello: return message_again<wire::Hello>(frame);
        case Verb::welcome: return message_again<wire::Welcome>(frame);
        case Verb::limits: return message_again<wire::Limits>(frame);
        case Verb::attach: return message_again<wire::Attach>(frame);
        case Verb::attached: return message_again<wire::Attached>(frame);
        case Verb::detach: return message_again<wire::Detach>(frame);
        case Verb::detached: return message_again<wire::Detached>(frame);
        case Verb::ack: return message_again<wire::Ack>(frame);
        case Verb::fetch: return message_again<wire::Fetch>(frame);
        case Verb::fetched: return message_again<wire::Fetched>(frame);
        case Verb::gap: return message_again<wire::Gap>(frame);
        case Verb::tail: return message_again<wire::Tail>(frame);
        case Verb::receipt: return message_again<wire::Receipt>(frame);
        case Verb::membership: return message_again<wire::Membership>(frame);
        case Verb::control: return message_again<wire::Control>(frame);
        case Verb::control_reply: return message_again<wire::ControlReply>(frame);
        case Verb::error: return message_again<wire::ErrorReply>(frame);
        case Verb::ping:
        case Verb::pong: return ping_again(frame.verb, frame.body);
        case Verb::bye: return frame.body.empty() ? std::optional(wire::encode_bye()) : std::nullopt;
        case Verb::cast:
        case Verb::deliver: break;
    }
    const bool batches = frame.verb == Verb::cast || frame.verb == Verb::deliver;
    const auto body = batches ? batches_again(frame.body) : std::nullopt;
    if (!body) return std::nullopt;
    std::string out;
    wire::begin_frame(out, frame.verb);
    return out + *body;
}

/// A frame, encoded again with its flags; nothing when it is malformed or of an unknown verb.
inline std::optional<std::string> frame_again(std::string_view bytes) {
    wire::Frame frame;
    if (wire::read_frame(bytes, frame) != ErrorCode::ok) return std::nullopt;
    auto out = body_again(frame);
    if (out) wire::write_frame_header(out->data(), frame.verb, frame.flags, frame.aux, frame.version);
    return out;
}

/// The rule for every frame: what decodes encodes to the same bytes, but for a boolean that was neither 0 nor 1.
inline bool frame_is_stable(std::string_view bytes) {
    const auto once = frame_again(bytes);
    if (!once) return true;
    if (*once == bytes) return true;
    const auto verb = static_cast<wire::Verb>(bytes[2]);
    const bool has_boolean = verb == wire::Verb::welcome || verb == wire::Verb::membership;
    return has_boolean && once->size() == bytes.size() && frame_again(*once) == once;
}

}  // namespace cast::test
