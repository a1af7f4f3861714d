// What may stand in a line of the log: names, agents and file names come from others, and a log is read on terminals.
// Pure; any thread.
#pragma once
#include <string>
#include <string_view>

namespace broker {

/// The text with everything escaped that could end the line, steer a terminal or change the direction of reading:
/// control characters (\n, \x1b, \u009b), the marks of Unicode for lines and directions (\u202e), bytes that are no
/// UTF-8 (\xff). A backslash is doubled, so that what is escaped cannot be forged.
std::string log_text(std::string_view text);

}  // namespace broker
