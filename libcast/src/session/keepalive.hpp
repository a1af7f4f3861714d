// Keepalive: when a silent broker is asked whether it is there, and when the connection is given up. Pure; part of the
// session (session.hpp), under the link's lock.
#pragma once
#include <algorithm>
#include <cstdint>

#include "src/session/session_time.hpp"

namespace cast::detail {

class Keepalive {
public:
    enum class Next { wait, ask, give_up };

    /// Something came, or the connection is new.
    void heard(std::int64_t now_us) {
        heard_us_ = now_us;
        unanswered_ = 0;
    }
    /// The broker's ping-interval.
    void interval(std::int64_t us) { interval_us_ = std::max<std::int64_t>(us, 50 * kMillisecond); }

    /// What to do now; `due_us` is brought forward to when to look again.
    /// Silence alone says nothing: a program that was stopped for a while finds the answers only when it has looked. So
    /// the connection is given up by what was asked and not answered, each time for as long as one takes.
    Next tick(std::int64_t now_us, std::int64_t& due_us) {
        const std::int64_t due = unanswered_ == 0 ? heard_us_ + 2 * interval_us_ : asked_us_ + interval_us_;
        if (now_us < due) {
            due_us = std::min(due_us, std::max(due, now_us + kMillisecond));
            return Next::wait;
        }
        if (unanswered_ == kUnanswered) return Next::give_up;
        ++unanswered_;
        asked_us_ = now_us;
        due_us = std::min(due_us, now_us + interval_us_);
        return Next::ask;
    }

private:
    static constexpr int kUnanswered = 2;  // an interval each; then the connection is taken for lost
    std::int64_t heard_us_ = 0, asked_us_ = 0;
    std::int64_t interval_us_ = 3000 * kMillisecond;
    int unanswered_ = 0;  // PINGs since heard_us_
};

}  // namespace cast::detail
