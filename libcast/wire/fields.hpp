// Fields: what some bodies of version 2 end in, so that a later broker or client can say more without a version 3. Each
// is a tag, a length and a value, in the order of their tags. Who does not know one skips it, unless the tag says that
// it has to be understood. Pure; any thread.
#pragma once
#include <cstdint>
#include <string_view>

#include "wire/bytes.hpp"

namespace cast::wire {

/// In a tag: whoever does not know this field does not act on the frame, and answers unsupported_version.
inline constexpr std::uint8_t kCritical = 0x80;

/// What a message did with the fields that it does not know.
struct Unknown {
    bool skipped = false;
    std::uint8_t critical = 0;  ///< the tag of one that had to be understood; 0: there was none
    bool operator==(const Unknown&) const = default;
};

/// Reads fields to the end of the body. take(tag, value) says whether it knows the tag, and turns `value` into what
/// it is; a value that is none makes it set `good` to false. False: malformed.
template <class Take>
bool read_fields(Reader& r, Unknown& unknown, Take&& take) {
    int last = -1;
    bool good = true;
    unknown = {};
    while (good && r.ok() && r.left() > 0) {
        const std::uint8_t tag = r.u8();
        const std::string_view value = r.bytes(r.u16());
        const int order = tag & ~kCritical;
        if (!r.ok() || order <= last) return false;
        last = order;
        if (take(tag, value, good)) continue;
        unknown.skipped = true;
        if ((tag & kCritical) != 0) unknown.critical = tag;
    }
    return good && r.done();
}

inline void put_field(Writer& w, std::uint8_t tag, std::string_view value) {
    value = value.substr(0, 0xFFFF);
    w.u8(tag).u16(static_cast<std::uint16_t>(value.size())).bytes(value);
}
inline void put_field(Writer& w, std::uint8_t tag, std::uint64_t value) { w.u8(tag).u16(8).u64(value); }

/// The value as a number of 8 bytes; else `good` is false.
inline std::uint64_t number_of(std::string_view value, bool& good) {
    good = value.size() == sizeof(std::uint64_t);
    return good ? load<std::uint64_t>(value.data()) : 0;
}

}  // namespace cast::wire
