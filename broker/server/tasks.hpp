// Tasks: what cast-broker does instead of serving: looking at its data, backing it up, restoring it. Main thread.
#pragma once
#include "config/options.hpp"

namespace broker {

/// Does it, says what came of it, and returns the exit code: 0 done and sound, 1 not.
int run_task(const Parsed& parsed, std::uint64_t fresh_id);

}  // namespace broker
