// Ctrl-C and SIGTERM as a flag that loops look at, so that what was received is flushed and acknowledged before
// the program ends. A second signal ends it at once. Main thread.
#pragma once

namespace nodectl {

/// From here on SIGINT and SIGTERM only set the flag (and interrupt read(2)). Call it once connected:
/// until then the default, to die at once, is right.
void catch_interrupts();
/// The signal that came, or 0.
int interrupted();

}  // namespace nodectl
