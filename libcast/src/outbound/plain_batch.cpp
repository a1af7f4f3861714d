// Opening and closing, and the rare wait.
#include "src/outbound/plain_batch.hpp"

#include <sched.h>
#include <time.h>

namespace cast::detail {

void PlainBatch::wait() const noexcept {
    // Who is at it needs some nanoseconds. If it was put aside, it needs the processor; and if it may not have that
    // before us, whatever the priorities are, we sleep.
    constexpr int kYields = 100;
    for (int i = 0; busy_.exchange(true, std::memory_order_acquire); ++i) {
        if (i < kYields) {
            sched_yield();
        } else {
            const timespec pause{0, 50000};
            nanosleep(&pause, nullptr);
        }
    }
}

bool PlainBatch::add_in_turn(wire::Cast cast, std::string_view sender, std::string_view target,
                             std::string_view payload) noexcept {
    enter();
    const bool fits = write(cast, sender, target, payload);
    busy_.store(false, std::memory_order_release);
    return fits;
}

void PlainBatch::open(wire::Cast cast, std::string_view sender, std::string_view target, char* at,
                      const char* end) noexcept {
    open_ = true;
    enter();
    begin_ = at;
    cast_ = cast;
    sender_ = sender;
    target_ = target;
    count_ = 0;
    at_ = at;
    end_ = end;
    busy_.store(false, std::memory_order_release);
}

PlainBatch::Written PlainBatch::close() noexcept {
    open_ = false;
    enter();
    const Written written{at_, static_cast<std::size_t>(at_ - begin_), count_};
    begin_ = at_ = nullptr;
    end_ = nullptr;
    count_ = 0;
    busy_.store(false, std::memory_order_release);
    return written;
}

PlainBatch::Written PlainBatch::written_so_far() const noexcept {
    enter();
    const Written written{at_, static_cast<std::size_t>(at_ - begin_), count_};
    busy_.store(false, std::memory_order_release);
    return written;
}

}  // namespace cast::detail
