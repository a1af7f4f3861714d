// The guard's thread.
#include "edge/guard.hpp"

#include <signal.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <stop_token>

#include "base/clock.hpp"
#include "edge/intake.hpp"

namespace broker {
namespace {

constexpr std::int64_t kCheckUs = 250'000;  // between two looks at a subscriber, of which one finds it where it was

void watch(const std::stop_token& stop) {
    Intake& intake = Intake::instance();
    while (!stop.stop_requested()) {
        const std::int64_t now = cast::base::monotonic_us();
        const std::int64_t due = intake.expire(now);
        std::int64_t wait = due < 0 ? -1 : std::max<std::int64_t>(due - now, 1000);
        if (intake.unstick()) wait = wait < 0 ? kCheckUs : std::min(wait, kCheckUs);
        intake.wait(stop, wait);
    }
}

}  // namespace

Guard::Guard() : thread_(watch) {}

}  // namespace broker
