// Local: ends on this machine, and how much the kernel is to hold of what is on its way between two of them. A reader
// over loopback takes at once what is written; what the kernel collects in between (up to 4 MiB by its own rule) only
// leaves the processor's caches. Over a network the kernel's own rule stays: it follows the delay of the line.
#pragma once
#include <string_view>

namespace cast::wire {

/// Bytes for SO_SNDBUF and SO_RCVBUF; the kernel takes twice that, for its own accounts.
inline constexpr int kLocalPublishBuffer = 128 << 10;  // of what is published, on both sides: many readers share the caches
inline constexpr int kLocalSendBuffer = 256 << 10;     // of what a client sends

/// Whether this end ("tcp://HOST:PORT") is on the loopback interface, by its name alone.
inline bool over_loopback(std::string_view end) {
    for (const std::string_view host : {"tcp://127.", "tcp://localhost:", "tcp://[::1]:"})
        if (end.substr(0, host.size()) == host) return true;
    return false;
}

}  // namespace cast::wire
