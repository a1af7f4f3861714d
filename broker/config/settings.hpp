// Settings: one row for each member of Options: its name, kind, range and help. Flags, environment, file, help text
// and reload all come from this table. Plain values and pure functions, any thread; it reads no source itself.
#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/options.hpp"

namespace broker {

struct SizeRange {
    std::uint64_t Options::*member;
    std::uint64_t min, max;
};
struct CountRange {
    std::uint64_t Options::*member;
    std::uint64_t min, max;
};
/// HOST:PORT or "off".
struct HttpEndpoint {
    std::string Options::*member;
};
struct HostName {
    std::string Options::*member;
};
/// Permissions of a file, in octal.
struct FileMode {
    std::uint32_t Options::*member;
};
struct GroupName {
    std::string Options::*member;
};
struct TimeRange {
    std::chrono::milliseconds Options::*member;
    std::chrono::milliseconds min, max;
};

struct Setting {
    std::string_view name;  ///< of the flag (after --) and of the key in the file
    std::variant<std::vector<std::string> Options::*, std::string Options::*, bool Options::*, LogLevel Options::*,
                 LogFormat Options::*, Durable Options::*, WhenFull Options::*, SizeRange, CountRange, TimeRange,
                 HttpEndpoint, HostName, FileMode, GroupName>
        kind;
    bool live;  ///< SIGHUP can change it
    const char* group;
    const char* help;
};

std::span<const Setting> all_settings();

/// "CAST_BROKER_MAX_MESSAGE" of "max-message".
std::string environment_name(std::string_view name);

/// Sets a value given as text (several texts for a list). Returns what is wrong with it, or an empty string.
std::string set_value(Options& options, const Setting& setting, const std::vector<std::string>& values);

/// The value as it would stand in the file: "1MiB" (quoted), 10000, true, ["tcp://..."].
std::string value_text(const Options& options, const Setting& setting);

/// Copies one setting's value.
void copy_value(Options& to, const Options& from, const Setting& setting);

/// What is wrong with an end's URL, or an empty string.
std::string url_fault(const std::string& url);

}  // namespace broker
