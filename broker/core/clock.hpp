// Clock: where the event loop has its time from: the system's in the broker's program, a virtual one in tests. The core
// itself reads no clock: it is given the time of the turn. Broker's thread.
#pragma once
#include "core/types.hpp"

namespace broker {

class Clock {
public:
    virtual ~Clock() = default;
    virtual Now read() = 0;
};

}  // namespace broker
