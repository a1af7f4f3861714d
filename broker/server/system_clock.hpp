// SystemClock: the time of the machine. Any thread.
#pragma once
#include "core/clock.hpp"

namespace broker {

class SystemClock final : public Clock {
public:
    Now read() override;
};

}  // namespace broker
