// Outcome: what became of a batch, as a RECEIPT and the store say it. Pure; any thread.
#pragma once
#include <cast/error.hpp>
#include <cstdint>

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

}  // namespace cast::wire
