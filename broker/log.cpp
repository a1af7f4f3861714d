// The log, over spdlog. Any thread.
#include "log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

namespace broker {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
    switch (level) {
        case LogLevel::trace: return spdlog::level::trace;
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warning: return spdlog::level::warn;
        case LogLevel::error: break;
    }
    return spdlog::level::err;
}

bool& as_json() {
    static bool json = false;
    return json;
}

spdlog::logger& logger() {
    static const auto instance = std::make_shared<spdlog::logger>("cast-broker", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    return *instance;
}

}  // namespace

void set_log(LogLevel level, LogFormat format) {
    as_json() = format == LogFormat::json;
    logger().set_level(level_of(level));
    logger().set_pattern(as_json() ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","text":%v})" : "%Y-%m-%d %H:%M:%S.%e %l %v");
    logger().flush_on(spdlog::level::trace);
}

void log_line(LogLevel level, std::string_view text) {
    if (!logger().should_log(level_of(level))) return;
    if (as_json())
        logger().log(level_of(level), nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    else
        logger().log(level_of(level), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace broker
