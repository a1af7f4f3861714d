// Outcome: what became of a batch, as a RECEIPT and the store say it. Pure; any thread.
#pragma once
#include <cast/error.hpp>
#include <cstdint>
#include <vector>

#include "wire/bytes.hpp"

namespace cast::wire {

/// A batch by number and what became of it.
struct Outcome {
    std::uint64_t number = 0;
    ErrorCode code = ErrorCode::ok;
    bool operator==(const Outcome&) const = default;
};

/// In an outcome's code: it is the last word, though the code by itself would have the client try again.
inline constexpr std::uint16_t kFinal = 0x8000;
inline ErrorCode final_code(ErrorCode code) {
    return static_cast<ErrorCode>(static_cast<std::uint16_t>(code) | kFinal);
}
inline ErrorCode plain_code(ErrorCode code) {
    return static_cast<ErrorCode>(static_cast<std::uint16_t>(code) & ~kFinal);
}

/// A list of outcomes, as bodies and the store hold it.
inline void put(Writer& w, const std::vector<Outcome>& outcomes) {
    w.u32(static_cast<std::uint32_t>(outcomes.size()));
    for (const Outcome& o : outcomes) w.u64(o.number).u16(static_cast<std::uint16_t>(o.code));
}
inline void get(Reader& r, std::vector<Outcome>& outcomes) {
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

}  // namespace cast::wire
