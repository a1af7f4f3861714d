// Guard: a thread at the edge that does what time does to connections: it hangs up on strangers who say no HELLO, and
// on subscribers who take nothing while much waits for them. It sleeps while there are none. All it knows is the
// intake.
#pragma once
#include <thread>

namespace broker {

class Guard {
public:
    Guard();

private:
    std::jthread thread_;  ///< stops and joins at the end
};

}  // namespace broker
