// Record: one message's bytes inside a batch: varint length, descriptor, type, headers, payload.
// Pure; any thread. It knows no sender and no target: those stand once, in the batch's header.
#pragma once
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
