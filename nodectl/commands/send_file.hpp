// nodectl send --file: a file of any size as a transfer (cast/transfer.hpp), with a progress bar. Main thread.
#pragma once
#include <string>

#include "nodectl/sender.hpp"

namespace nodectl {

/// Sends it from the opened sender's node and waits; 0 or an exit code. What went wrong is told on stderr.
int send_file(Sender& sender, const Envelope& envelope, const std::string& path);

}  // namespace nodectl
