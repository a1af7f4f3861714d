// A frame's header. Pure; any thread.
#include "wire/frame.hpp"

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
    if (bytes.size() < kFrameHeader || static_cast<std::uint8_t>(bytes[0]) != kMagic) return ErrorCode::malformed;
    frame.version = static_cast<std::uint8_t>(bytes[1]);
    if (frame.version < kVersion || frame.version > kNewestVersion) return ErrorCode::unsupported_version;
    frame.verb = static_cast<Verb>(bytes[2]);
    frame.flags = static_cast<std::uint8_t>(bytes[3]);
    frame.aux = load<std::uint32_t>(bytes.data() + 4);
    frame.body = bytes.substr(kFrameHeader);
    return ErrorCode::ok;
}

}  // namespace cast::wire
