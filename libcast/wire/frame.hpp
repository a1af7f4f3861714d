// Frame: one ZeroMQ message part: an 8-byte header and a body that its verb explains.
// CAST's and DELIVER's bodies are batches back to back; the others stand in messages.hpp.
// Pure; any thread. Decoded views point into the frame.
#pragma once
#include <cast/error.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire/limits.hpp"

namespace cast::wire {

enum class Verb : std::uint8_t {
    // client to broker
    hello = 1,
    attach = 2,
    detach = 3,
    cast = 4,
    ack = 5,
    fetch = 6,
    control = 8,
    // both ways
    ping = 9,
    pong = 10,
    bye = 11,
    // broker to client
    welcome = 32,
    attached = 33,
    detached = 34,
    receipt = 35,
    deliver = 36,
    gap = 37,
    fetched = 38,
    tail = 39,
    membership = 40,
    control_reply = 41,
    error = 42,
    limits = 43,
};

enum FrameFlags : std::uint8_t {
    kHasAux = 1,  ///< `aux` is meant: CAST: low 32 bits of `seen`; DELIVER: low 32 bits of `through`
};

struct Frame {
    // The header, as its bytes lie.
    std::uint8_t magic = kMagic;
    std::uint8_t version = kVersion;
    Verb verb = Verb::error;
    std::uint8_t flags = 0;
    std::uint32_t aux = 0;

    std::string_view body;
};

/// Appends a frame's header; the body follows it.
void begin_frame(std::string& out, Verb verb, std::uint8_t flags = 0, std::uint32_t aux = 0);
/// Writes a header over the first 8 bytes at `at`.
void write_frame_header(char* at, Verb verb, std::uint8_t flags = 0, std::uint32_t aux = 0,
                        std::uint8_t version = kVersion);
/// The frame in `bytes`, or why not: malformed (too short, wrong magic) or unsupported_version.
/// An unknown verb decodes; who reads it answers unknown_verb.
ErrorCode read_frame(std::string_view bytes, Frame& frame);

}  // namespace cast::wire
