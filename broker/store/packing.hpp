// Packing: the lists of a row as bytes in one column. Pure; any thread.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/store.hpp"
#include "wire/bytes.hpp"

namespace broker {

inline std::string pack_gone(const std::vector<GoneRange>& gone) {
    std::string out;
    cast::wire::Writer w(out);
    for (const GoneRange& range : gone) w.u64(range.from).u64(range.to).u8(static_cast<std::uint8_t>(range.reason));
    return out;
}

inline std::vector<GoneRange> unpack_gone(std::string_view bytes) {
    std::vector<GoneRange> gone;
    cast::wire::Reader r(bytes);
    while (r.left() > 0) {
        GoneRange range;
        range.from = r.u64();
        range.to = r.u64();
        range.reason = static_cast<cast::wire::GapReason>(r.u8());
        if (r.ok()) gone.push_back(range);
    }
    return gone;
}

inline std::string pack_outcomes(const SessionRow& row) {
    std::string out;
    cast::wire::Writer w(out);
    put(w, row.refused);
    put(w, row.delivered);
    w.u32(static_cast<std::uint32_t>(row.blocked.size()));
    for (const auto& [destination, code] : row.blocked) w.str8(destination).u16(static_cast<std::uint16_t>(code));
    return out;
}

inline void unpack_outcomes(std::string_view bytes, SessionRow& row) {
    cast::wire::Reader r(bytes);
    get(r, row.refused);
    get(r, row.delivered);
    for (std::uint32_t n = r.count(3); n > 0; --n) {
        const std::string_view destination = r.str8();
        row.blocked.emplace_back(destination, static_cast<cast::ErrorCode>(r.u16()));
    }
}

}  // namespace broker
