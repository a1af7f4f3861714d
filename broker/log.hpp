// Log: lines to stderr, as text or as one JSON object each. Any thread (spdlog locks).
#pragma once
#include <string_view>

#include "options.hpp"

namespace broker {

/// Sets level and format; may be called again (SIGHUP).
void set_log(LogLevel level, LogFormat format);
void log_line(LogLevel level, std::string_view text);

inline void log_info(std::string_view text) { log_line(LogLevel::info, text); }
inline void log_warning(std::string_view text) { log_line(LogLevel::warning, text); }
inline void log_error(std::string_view text) { log_line(LogLevel::error, text); }

}  // namespace broker
