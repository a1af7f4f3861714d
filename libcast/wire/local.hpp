// Local: ends on this machine, and how much the kernel is to hold of what is on its way between two of them. A reader
// over loopback takes at once what is written; what the kernel collects in between (up to 4 MiB by its own rule) only
// leaves the processor's caches. Over a network the kernel's own rule stays: it follows the delay of the line.
#pragma once
#include <string_view>

namespace cast::wire {

/// Bytes for SO_SNDBUF and SO_RCVBUF; the kernel takes twice that, for its own accounts.
inline constexpr int kLocalPublishBuffer = 128
                                           << 10;  // of what is published, on both sides: many readers share the caches
inline constexpr int kLocalSendBuffer = 256 << 10;  // of what a client sends

/// Whether HOST (or HOST:PORT) can be reached from this machine alone, by its name.
inline bool is_loopback(std::string_view address) {
    if (address.substr(0, 5) == "[::1]" || address == "::1") return true;
    const std::string_view host = address.substr(0, address.find(':'));
    const bool numbers = host.substr(0, 4) == "127." && host.find_first_not_of("0123456789.") == std::string_view::npos;
    return host == "localhost" || numbers;
}

/// The same of an end, "tcp://HOST:PORT".
inline bool over_loopback(std::string_view end) {
    constexpr std::string_view kTcp = "tcp://";
    return end.substr(0, kTcp.size()) == kTcp && is_loopback(end.substr(kTcp.size()));
}

}  // namespace cast::wire
