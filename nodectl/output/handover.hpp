// Handover: which of the printed messages are with whoever reads our output, and so may be acknowledged. What is in a
// file or on a terminal is; what lies in a pipe is not yet, and is lost with the pipe when its reader goes. Main
// thread.
#pragma once
#include <cast/node.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "nodectl/input/times.hpp"
#include "nodectl/output/output.hpp"

namespace nodectl {

class Handover {
public:
    Handover(cast::Node& node, Output& out) : node_(node), out_(out) {}

    /// All that is printed of the message that was received last is in the buffer.
    void add() { positions_.push_back(out_.position()); }
    /// Writes the buffer, and acknowledges meanwhile what is taken. False when it cannot be written: the reader is
    /// gone, an error, or a signal came and nobody takes anything.
    bool write();
    /// Acknowledges what has been taken.
    void settle();
    /// Waits until everything that was written is taken, as long as something is (or a signal cuts that short). How
    /// many messages were not.
    std::size_t wait_until_taken();
    /// How long to wait for a message at most, so that what is taken meanwhile is acknowledged soon.
    Milliseconds until_next_check(Milliseconds most);

    static constexpr Milliseconds kPatience{30000};  // for a reader that takes nothing, at the end
    static constexpr Milliseconds kParting{1000};    // the same once a signal has come

private:
    using Clock = std::chrono::steady_clock;
    bool given_up() const;

    cast::Node& node_;
    Output& out_;
    std::deque<std::uint64_t> positions_;  // of messages that are not acknowledged: where their output ends
    std::uint64_t taken_ = 0;
    Milliseconds interval_{1};
    Clock::time_point moved_ = Clock::now();
};

}  // namespace nodectl
