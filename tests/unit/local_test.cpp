// libcast/wire/local.hpp: which ends are on this machine.
#include <doctest/doctest.h>

#include "wire/local.hpp"

using cast::wire::over_loopback;

TEST_CASE("an end over loopback is known by its name") {
    for (const char* end : {"tcp://127.0.0.1:5570", "tcp://127.1.2.3:1", "tcp://localhost:5571", "tcp://[::1]:5570"}) {
        CAPTURE(end);
        CHECK(over_loopback(end));
    }
    for (const char* end : {"tcp://10.0.0.1:5570", "tcp://*:5570", "tcp://0.0.0.0:5570", "tcp://localhost.example:1",
                            "tcp://127.example:1", "tcp://[fe80::1]:5570", "ipc:///tmp/x", "inproc://x", ""}) {
        CAPTURE(end);
        CHECK_FALSE(over_loopback(end));
    }
}
