// Runs a shell command for a message (--exec): the payload on its stdin, what is known about it in its environment.
// Waits for its end. Main thread; not for anything that must be fast.
#pragma once
#include <cast/message.hpp>

#include <string>
#include <string_view>

namespace nodectl {

struct ShellResult {
    int status = 0;      ///< exit status; 128 + signal when one ended it; 127 when it could not be started
    std::string output;  ///< what it wrote to stdout, if captured
};

/// /bin/sh -c `command`, with CAST_SENDER, CAST_TARGET, CAST_TYPE, CAST_ID, CAST_KIND and CAST_HEADER_<KEY>
/// (upper case, whatever is no letter or digit as _). `capture`: its stdout goes to the result.
/// `payload` is the message's, or what stands for it.
ShellResult run_shell(const std::string& command, const cast::Message& message, std::string_view payload, bool capture);

inline const std::string kShellHelp =
    "CMD is run by /bin/sh, once a message: the payload is its stdin; CAST_SENDER, CAST_TARGET, CAST_TYPE, CAST_ID,\n"
    "CAST_KIND and CAST_HEADER_<KEY> (upper case, _ for what is no letter or digit) are in its environment.\n";

}  // namespace nodectl
