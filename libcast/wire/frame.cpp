// A frame's header. Pure; any thread.
#include "wire/frame.hpp"

#include <cstddef>
#include <cstring>

#include "wire/bytes.hpp"

namespace cast::wire {

void write_frame_header(char* at, Verb verb, std::uint8_t flags, std::uint32_t aux, std::uint8_t version) {
    at[0] = static_cast<char>(kMagic);
    at[1] = static_cast<char>(version);
    at[2] = static_cast<char>(verb);
    at[3] = static_cast<char>(flags);
    store(at + 4, aux);
}

void begin_frame(std::string& out, Verb verb, std::uint8_t flags, std::uint32_t aux) {
    char raw[kFrameHeader];
    write_frame_header(raw, verb, flags, aux);
    out.append(raw, sizeof raw);
}

ErrorCode read_frame(std::string_view bytes, Frame& frame) {
    static_assert(offsetof(Frame, verb) == 2 && offsetof(Frame, aux) == 4 && offsetof(Frame, body) >= kFrameHeader);
    if (bytes.size() < kFrameHeader) return ErrorCode::malformed;
    std::memcpy(static_cast<void*>(&frame), bytes.data(), kFrameHeader);
    if (frame.magic != kMagic) return ErrorCode::malformed;
    const unsigned beyond = static_cast<unsigned>(frame.version) - kVersion;  // of 0 it is large
    if (beyond > kNewestVersion - kVersion) return ErrorCode::unsupported_version;
    frame.body = bytes.substr(kFrameHeader);
    return ErrorCode::ok;
}

}  // namespace cast::wire
