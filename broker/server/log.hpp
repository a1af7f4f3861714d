// Log: lines to stderr, as text or as one JSON object each. Any thread. Whoever logs waits for nobody: a thread of its
// own writes the lines. While nobody reads them, a bounded queue holds the newest, and the others are counted.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/options.hpp"

namespace broker {

/// Lines that may wait for their reader; beyond it the oldest are dropped and counted.
inline constexpr std::size_t kLogQueue = 2048;

/// Sets level and format; may be called again (SIGHUP).
void set_log(LogLevel level, LogFormat format);
void log_line(LogLevel level, std::string_view text);
/// A line that a client can cause as often as it likes: only so many are written (log_limit.hpp), the others counted.
void log_of_client(LogLevel level, std::string_view text);

inline void log_info(std::string_view text) { log_line(LogLevel::info, text); }
inline void log_warning(std::string_view text) { log_line(LogLevel::warning, text); }
inline void log_error(std::string_view text) { log_line(LogLevel::error, text); }

/// Lines that were not written since the start.
struct LogCounts {
    std::uint64_t dropped = 0;   ///< nobody read the log, or it could not be written
    std::uint64_t left_out = 0;  ///< of clients, because they were too many
};
LogCounts log_counts();

/// Waits until all lines are written, for `patience` at most: who does not read the log does not keep the program from
/// its end. The last thing that main does.
void end_log(std::chrono::milliseconds patience);

}  // namespace broker
