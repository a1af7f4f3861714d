// The system's two clocks. Any thread.
#include "server/system_clock.hpp"

#include "base/clock.hpp"

namespace broker {

Now SystemClock::read() { return {cast::base::monotonic_us(), static_cast<std::uint64_t>(cast::base::wall_us())}; }

}  // namespace broker
