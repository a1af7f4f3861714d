// Finds a TCP port for a node that is to have one of its own. Broker's thread. It opens nothing for good: the page's
// server opens the port later, and may find it taken.
#pragma once

namespace broker {

/// A TCP port of the loopback interface that is free now; 0 when there is none.
int free_port();

}  // namespace broker
