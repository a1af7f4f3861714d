// Encoding and decoding of one record. Pure; any thread.
#include "wire/record.hpp"

#include <cassert>

namespace cast::wire {
namespace {

constexpr std::uint8_t kTypeMask = 0x0F;
constexpr std::uint8_t kHasHeaders = 0x10;

KnownType known_type(std::string_view type) {
    if (type.empty()) return KnownType::text;
    if (type.size() == 4 && load<std::uint32_t>(type.data()) == load<std::uint32_t>("text")) return KnownType::text;
    for (std::size_t i = 0; i < kKnownTypes.size(); ++i)
        if (type == kKnownTypes[i]) return static_cast<KnownType>(i);
    return KnownType::named;
}

std::size_t varint_size(std::size_t value) {
    std::size_t size = 1;
    for (; value >= 0x80; value >>= 7) ++size;
    return size;
}

}  // namespace

void append_record(std::string& out, std::string_view type, std::string_view headers, std::string_view payload) {
    assert(type.size() <= kMaxType && headers.size() <= kMaxHeaders && payload.size() <= kHardMaxMessage);
    type = type.substr(0, kMaxType);  // the length must not lie, whatever the caller forgot to check
    const KnownType known = known_type(type);
    std::size_t length = 1 + payload.size();
    if (known == KnownType::named) length += 1 + type.size();
    if (!headers.empty()) length += varint_size(headers.size()) + headers.size();
    Writer w(out);
    w.varint(static_cast<std::uint32_t>(length));
    w.u8(static_cast<std::uint8_t>(static_cast<std::uint8_t>(known) | (headers.empty() ? 0 : kHasHeaders)));
    if (known == KnownType::named) w.str8(type);
    if (!headers.empty()) w.varint(static_cast<std::uint32_t>(headers.size())).bytes(headers);
    w.bytes(payload);
}

std::size_t record_bound(std::string_view type, std::string_view headers, std::string_view payload) {
    return 12 + type.size() + headers.size() + payload.size();
}

std::optional<RecordView> read_record(Reader& in) {
    Reader body(in.bytes(in.varint()));
    const std::uint8_t descriptor = body.u8();
    const std::uint8_t type = descriptor & kTypeMask;
    if (!in.ok() || !body.ok() || (descriptor & ~(kTypeMask | kHasHeaders)) != 0) return std::nullopt;
    RecordView record;
    if (type == static_cast<std::uint8_t>(KnownType::named)) {
        record.type = body.str8();
        if (record.type.empty() || record.type.size() > kMaxType) return std::nullopt;
    } else if (type < kKnownTypes.size()) {
        record.type = kKnownTypes[type];
    } else {
        return std::nullopt;
    }
    if ((descriptor & kHasHeaders) != 0) {
        record.headers = body.bytes(body.varint());
        if (record.headers.empty() || record.headers.size() > kMaxHeaders) return std::nullopt;
    }
    if (!body.ok()) return std::nullopt;
    record.payload = body.rest();
    return record;
}

std::string encode_headers(const HeaderList& headers) {
    std::string out;
    Writer w(out);
    for (const auto& [key, value] : headers) w.str8(key).varint(static_cast<std::uint32_t>(value.size())).bytes(value);
    return out;
}

}  // namespace cast::wire
