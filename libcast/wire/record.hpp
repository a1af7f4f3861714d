// Record: one message's bytes inside a batch: varint length, descriptor, type, headers, payload.
// Pure; any thread. It knows no sender and no target: those stand once, in the batch's header.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/bytes.hpp"
#include "wire/limits.hpp"

namespace cast::wire {

/// Types that take no bytes on the wire. Any other type is written out by its name.
enum class KnownType : std::uint8_t { text = 0, json = 1, binary = 2, file = 3, named = 15 };

using HeaderList = std::vector<std::pair<std::string, std::string>>;

/// A record's parts; all views point into the bytes it was decoded from.
struct RecordView {
    std::string_view type;     ///< "text", "json", "binary", "file", or any other name
    std::string_view headers;  ///< the encoded map; see for_each_header
    std::string_view payload;
};

/// Names of the types below `named`.
inline constexpr std::array<std::string_view, 4> kKnownTypes = {"text", "json", "binary", "file"};
/// What a plain record takes besides its payload, at most.
inline constexpr std::size_t kPlainOverhead = 6;

/// Writes a plain record (a text without headers) to `at`, which has room for payload.size() + kPlainOverhead bytes.
/// Returns its end. The same bytes as append_record's, without its checks: the way of most records of a burst.
inline char* write_plain_record(char* at, std::string_view payload) {
    std::size_t length = 1 + payload.size();
    for (; length >= 0x80; length >>= 7) *at++ = static_cast<char>(length | 0x80);
    *at++ = static_cast<char>(length);
    *at++ = static_cast<char>(KnownType::text);
    copy_bytes(at, payload.data(), payload.size());
    return at + payload.size();
}

/// Takes a record of a known type without headers and of less than 16 KiB off the front of `records`. False when the
/// next one is not of that kind, or is malformed; read_record can tell.
inline bool read_plain_record(std::string_view& records, RecordView& record) {
    if (records.size() < 3) return false;
    const auto* at = reinterpret_cast<const unsigned char*>(records.data());
    std::size_t length = at[0], head = 1;
    if (length >= 0x80) {
        if (at[1] >= 0x80) return false;
        length = (length & 0x7F) | std::size_t{at[1]} << 7;
        head = 2;
    }
    if (length == 0 || length > records.size() - head || at[head] >= kKnownTypes.size()) return false;
    record.type = kKnownTypes[at[head]];
    record.headers = {};
    record.payload = std::string_view(records.data() + head + 1, length - 1);
    records.remove_prefix(head + length);
    return true;
}

/// Appends one record. `headers` is an encoded map (encode_headers) or empty. The caller has checked type, headers
/// and payload against kMaxType, kMaxHeaders and kHardMaxMessage; a longer type is cut.
void append_record(std::string& out, std::string_view type, std::string_view headers, std::string_view payload);

/// Bytes that append_record would take, at most.
std::size_t record_bound(std::string_view type, std::string_view headers, std::string_view payload);

/// The next record of `in`; nothing when its bytes are malformed or end too early.
std::optional<RecordView> read_record(Reader& in);

/// Encodes a header map: key (str8), value length (varint), value; one after the other. The caller has checked
/// that keys have 1 to 255 bytes, and the limits.
std::string encode_headers(const HeaderList& headers);

/// Calls visit(key, value) for each header; false when the bytes are malformed or hold more than kMaxHeaderCount.
template <class Visit>
bool for_each_header(std::string_view encoded, Visit&& visit) {
    Reader in(encoded);
    for (std::size_t count = 1; in.left() > 0; ++count) {
        const std::string_view key = in.str8();
        const std::string_view value = in.bytes(in.varint());
        if (!in.ok() || key.empty() || count > kMaxHeaderCount) return false;
        visit(key, value);
    }
    return true;
}

}  // namespace cast::wire
