// What somebody sees who looks at messages without taking them: plain values, on their way from the core to the part
// that knows JSON (preview_json.cpp).
#pragma once
#include <cast/error.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "core/types.hpp"
#include "wire/batch.hpp"

namespace broker {

inline constexpr std::size_t kPreviewPayload = 16u << 10;  // bytes of a payload that are shown in a list of messages
inline constexpr std::size_t kBrowseBytes = 512u << 10;    // of all that one answer shows; JSON may make six of each

struct MessagePreview {
    StreamId stream = 0;
    Sequence sequence = 0;
    cast::wire::Cast cast = cast::wire::Cast::unicast;
    std::string sender, target, type, payload;
    std::string headers;   ///< the encoded map
    std::size_t size = 0;  ///< of the whole payload
    int priority = 0;
    std::uint64_t wall_us = 0;  ///< arrival
    bool redelivered = false;   ///< a reader had it and has not acknowledged it
    bool acknowledged = false;
    std::uint64_t number = 0;  ///< of an acknowledged one: counts what its node has acknowledged
};

/// Who asks: a management call that is answered when everything is at hand.
struct Asker {
    ConnectionId connection = 0;
    std::uint32_t request = 0;
};

/// The answer.
struct BrowseAnswer {
    Asker to;
    cast::ErrorCode code = cast::ErrorCode::ok;
    std::vector<MessagePreview> messages;
    std::uint64_t next_before = 0;  ///< there are older ones, before this number; 0: there are none
};

}  // namespace broker
