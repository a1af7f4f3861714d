// The table of settings, and how each kind of value is read from text and written back.
#include "config/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/duration.hpp"
#include "base/size.hpp"

namespace broker {
namespace {

using namespace std::chrono_literals;
using cast::base::format_duration;
using cast::base::format_size;
using cast::base::parse_count;
using cast::wire::kHardMaxMessage;

constexpr std::uint64_t kKiB = 1ull << 10, kGiB = 1ull << 30, kTiB = 1ull << 40;
constexpr std::uint64_t kBillion = 1'000'000'000;
constexpr const char *kEndpoints = "Ends", *kWebPage = "The page and the API", *kStore = "Store", *kLog = "Log",
                     *kLimits = "Limits", *kTimes = "Times";
constexpr bool kLive = true, kFixed = false;

constexpr std::array kLevels{std::pair{"trace", LogLevel::trace}, std::pair{"debug", LogLevel::debug},
                             std::pair{"info", LogLevel::info}, std::pair{"warning", LogLevel::warning},
                             std::pair{"error", LogLevel::error}};
constexpr std::array kFormats{std::pair{"text", LogFormat::text}, std::pair{"json", LogFormat::json}};
constexpr std::array kDurable{std::pair{"fsync", Durable::fsync}, std::pair{"os", Durable::os},
                              std::pair{"memory", Durable::memory}};
constexpr std::array kWhenFull{std::pair{"block", WhenFull::block}, std::pair{"reject", WhenFull::reject}};

using O = Options;
const std::array kSettings{
    Setting{"bind", &O::bind, kFixed, kEndpoints,
            "where clients connect: tcp://HOST:PORT (port 0: a free one) or ipc://PATH; repeatable"},
    Setting{"publish", &O::publish, kFixed, kEndpoints, "where groups and broadcasts are published; same forms"},
    Setting{"endpoints-file", &O::endpoints_file, kFixed, kEndpoints,
            "write the ends there: lines bind=URL, publish=URL and http=URL"},
    Setting{"ipc-mode", FileMode{&O::ipc_mode}, kFixed, kEndpoints,
            "who may connect to ipc ends: the mode of their sockets"},
    Setting{"ipc-group", GroupName{&O::ipc_group}, kFixed, kEndpoints,
            "the group of these sockets; empty: the broker's own"},
    Setting{"io-threads", CountRange{&O::io_threads, 1, 16}, kFixed, kEndpoints,
            "threads that move the bytes of connections"},
    Setting{"no-spin", &O::no_spin, kFixed, kEndpoints,
            "sleep whenever nothing is there: saves processor time, and single messages take longer"},
    Setting{"http", HttpEndpoint{&O::http}, kFixed, kWebPage,
            "where browsers and scripts are answered (port 0: a free one), or off"},
    Setting{"http-connections", CountRange{&O::http_connections, 1, 1'000'000}, kFixed, kWebPage,
            "connections that one address may have there"},
    Setting{"node-address", HostName{&O::node_address}, kFixed, kWebPage, "where the ports of nodes listen"},
    Setting{"insecure", &O::insecure, kFixed, kWebPage,
            "allow ends, page and ports to be reached from other machines: anybody there may do anything"},
    Setting{"dev", &O::dev, kFixed, kWebPage,
            "serve the page from this source folder and reload it when a file changes"},
    Setting{"data", &O::data, kFixed, kStore,
            "directory of the store; default: $STATE_DIRECTORY, /var/lib/cast for root, ~/.local/state/cast"},
    Setting{"memory", &O::memory, kFixed, kStore, "no store: messages end with the process"},
    Setting{"durability", &O::durability, kFixed, kStore, "what a receipt promises: fsync, os or memory"},
    Setting{"log-level", &O::log_level, kLive, kLog, "trace, debug, info, warning or error"},
    Setting{"log-format", &O::log_format, kLive, kLog, "text or json"},
    Setting{"max-message", SizeRange{&O::max_message, 1, kHardMaxMessage}, kLive, kLimits,
            "largest payload of a message"},
    Setting{"max-connections", CountRange{&O::max_connections, 1, 1'000'000}, kLive, kLimits, "clients at a time"},
    Setting{"max-nodes", CountRange{&O::max_nodes, 1, 10'000'000}, kLive, kLimits, "nodes, created or attached"},
    Setting{"max-groups", CountRange{&O::max_groups, 1, 10'000'000}, kLive, kLimits, "groups"},
    Setting{"max-memberships", CountRange{&O::max_memberships, 1, 1'000'000'000}, kLive, kLimits,
            "memberships, of all nodes in all groups together"},
    Setting{"mailbox-messages", CountRange{&O::mailbox_messages, 1, kBillion}, kLive, kLimits,
            "messages that wait for one node"},
    Setting{"mailbox-bytes", SizeRange{&O::mailbox_bytes, 64 * kKiB, kTiB}, kLive, kLimits,
            "bytes that wait for one node"},
    Setting{"when-full", &O::when_full, kLive, kLimits,
            "a sender without room waits up to its deadline (block), or is refused at once (reject)"},
    Setting{"group-messages", CountRange{&O::group_messages, 1, kBillion}, kLive, kLimits,
            "messages that a group keeps for members who are behind"},
    Setting{"group-bytes", SizeRange{&O::group_bytes, 64 * kKiB, kTiB}, kLive, kLimits, "bytes that a group keeps"},
    Setting{"group-age", TimeRange{&O::group_age, 1s, 8760h}, kLive, kLimits, "how long a group keeps a message"},
    Setting{"reader-window", SizeRange{&O::reader_window, 64 * kKiB, kGiB}, kLive, kLimits,
            "bytes under way to a reader, unacknowledged; twice that unless memory is set, for the disk delays its "
            "acknowledgements, too"},
    Setting{"sender-window", SizeRange{&O::sender_window, 64 * kKiB, kGiB}, kLive, kLimits,
            "bytes under way from a sender, without receipt; twice that unless memory is set, for a receipt waits for "
            "the disk"},
    Setting{"memory-budget", SizeRange{&O::memory_budget, 1024 * kKiB, 16 * kTiB}, kLive, kLimits,
            "bytes of all streams together that are in memory"},
    Setting{"later-messages", CountRange{&O::scheduled_messages, 1, kBillion}, kLive, kLimits,
            "messages that wait for their time"},
    Setting{"later-bytes", SizeRange{&O::scheduled_bytes, 64 * kKiB, kTiB}, kLive, kLimits,
            "bytes that wait for their time"},
    Setting{"later-time", TimeRange{&O::scheduled_time, 1s, 8760h * 8}, kLive, kLimits,
            "how far ahead that time may be"},
    Setting{"dead-messages", CountRange{&O::dead_letter_messages, 0, 1'000'000}, kLive, kLimits,
            "dead letters that are kept (0: none)"},
    Setting{"dead-bytes", SizeRange{&O::dead_letter_bytes, 0, kTiB}, kLive, kLimits,
            "bytes of dead letters that are kept (0: none); one that is larger than that by itself is not"},
    Setting{"max-redeliveries", CountRange{&O::max_redeliveries, 0, 1'000'000}, kLive, kLimits,
            "how often a message comes again to readers that go without acknowledging it, before it is a dead letter "
            "(0: always)"},
    Setting{"history-messages", CountRange{&O::history_messages, 0, 1'000'000}, kLive, kLimits,
            "acknowledged messages of a node that are kept for looking at"},
    Setting{"history-bytes", SizeRange{&O::history_bytes, 0, kTiB}, kLive, kLimits,
            "bytes of those, of all nodes together"},
    Setting{"session-time", TimeRange{&O::session_time, 1s, 168h}, kLive, kTimes,
            "how long a client may be away and still come back as itself"},
    Setting{"grace-time", TimeRange{&O::grace_time, 0s, 24h}, kLive, kTimes,
            "how long a node made by attaching outlives its lost connection"},
    Setting{"ping-interval", TimeRange{&O::ping_interval, 100ms, 1h}, kLive, kTimes,
            "silence after which a client is asked for a sign of life"},
    Setting{"dead-after", TimeRange{&O::dead_after, 200ms, 24h}, kLive, kTimes,
            "silence after which a connection is given up"},
    Setting{"hold-back", TimeRange{&O::backpressure_budget, 0s, 10min}, kLive, kTimes,
            "how long a slow reader may hold its senders back"},
    Setting{"drain-time", TimeRange{&O::drain_time, 0s, 10min}, kLive, kTimes, "how long SIGTERM waits"},
};

std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

/// The letters of a refused value, made safe to print in a log or on a terminal, and short.
std::string shown(std::string_view text) {
    std::string out(text.substr(0, 60));
    std::ranges::replace_if(
        out, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    return '"' + out + (text.size() > 60 ? "...\"" : "\"");
}

template <typename Value, std::size_t N>
std::string choose(Value& value, const std::string& text, const std::array<std::pair<const char*, Value>, N>& choices) {
    std::string names;
    for (const auto& [name, choice] : choices) {
        if (text == name) {
            value = choice;
            return {};
        }
        names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    }
    return fmt::format("{} is not one of: {}", shown(text), names);
}

template <typename Value, std::size_t N>
std::string name_of(Value value, const std::array<std::pair<const char*, Value>, N>& choices) {
    return toml_string(std::ranges::find(choices, value, &std::pair<const char*, Value>::second)->first);
}

/// Stores a number if it was understood and lies in its range.
template <typename Range, typename Value, typename Format>
std::string put(Options& options, const Range& range, std::optional<Value> value, const std::string& text,
                const char* expected, Format format) {
    if (!value) return fmt::format("{} is not {}", shown(text), expected);
    if (*value < range.min) return fmt::format("{} is too small; the least is {}", shown(text), format(range.min));
    if (*value > range.max) return fmt::format("{} is too large; the most is {}", shown(text), format(range.max));
    options.*range.member = *value;
    return {};
}

std::string tcp_fault(std::string_view address) {
    const auto colon = address.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return "needs tcp://HOST:PORT";
    const auto host = address.substr(0, colon), port = address.substr(colon + 1);
    if (host.find(':') != std::string_view::npos && (host.front() != '[' || host.back() != ']')) {
        return "needs brackets around an IPv6 address: tcp://[::1]:5570";
    }
    const auto number = parse_count(port);
    const bool good = port == "*" || (number && *number <= 65535 && port.find('_') == std::string_view::npos);
    return good ? "" : "needs a port from 0 to 65535, or * for a free one";
}

/// Sets one value of each kind; the string it returns is the fault.
struct Setter {
    Options& options;
    const std::string& text;

    std::string operator()(std::string Options::*member) const {
        options.*member = text;
        return {};
    }
    std::string operator()(bool Options::*member) const {
        if (text != "true" && text != "false") return fmt::format("{} is neither true nor false", shown(text));
        options.*member = text == "true";
        return {};
    }
    std::string operator()(LogLevel Options::*member) const { return choose(options.*member, text, kLevels); }
    std::string operator()(LogFormat Options::*member) const { return choose(options.*member, text, kFormats); }
    std::string operator()(Durable Options::*member) const { return choose(options.*member, text, kDurable); }
    std::string operator()(WhenFull Options::*member) const { return choose(options.*member, text, kWhenFull); }
    std::string operator()(const SizeRange& range) const {
        return put(options, range, cast::base::parse_size(text), text,
                   "a size; write 65536, 64KiB, 1MiB, 1GiB (1024s) or 64kB, 1MB, 1GB (1000s)", format_size);
    }
    std::string operator()(const CountRange& range) const {
        return put(options, range, parse_count(text), text, "a whole number",
                   [](std::uint64_t count) { return std::to_string(count); });
    }
    std::string operator()(const TimeRange& range) const {
        return put(options, range, cast::base::parse_duration(text), text,
                   "a duration; write 250ms, 30s, 5m, 1.5h or 2d", format_duration);
    }
    std::string operator()(const HttpEndpoint& end) const {
        const std::string fault = text == "off" ? "" : tcp_fault(text);
        if (!fault.empty()) return fmt::format("{} is neither HOST:PORT nor off", shown(text));
        options.*end.member = text;
        return {};
    }
    std::string operator()(const HostName& host) const {
        if (text.empty() || text.find_first_of(" /[]") != std::string::npos) return shown(text) + " is not an address";
        options.*host.member = text;
        return {};
    }
    std::string operator()(const FileMode& mode) const {
        const bool octal = !text.empty() && text.size() <= 4 && text.find_first_not_of("01234567") == std::string::npos;
        const unsigned long value = octal ? std::stoul(text, nullptr, 8) : 01000;
        if (value > 0777) return shown(text) + " is no mode; write it in octal: 0600, 0660 or 0666";
        options.*mode.member = static_cast<std::uint32_t>(value);
        return {};
    }
    std::string operator()(const GroupName& group) const {
        if (text.find_first_of(" :,/\n") != std::string::npos || text.size() > 255)
            return shown(text) + " is no name of a group";
        options.*group.member = text;
        return {};
    }
    std::string operator()(std::vector<std::string> Options::*) const { return "internal fault"; }  // see set_value
};

struct Writer {
    const Options& options;

    std::string operator()(std::vector<std::string> Options::*member) const {
        std::string out;
        for (const auto& value : options.*member) out += (out.empty() ? "" : ", ") + toml_string(value);
        return "[" + out + "]";
    }
    std::string operator()(std::string Options::*member) const { return toml_string(options.*member); }
    std::string operator()(bool Options::*member) const { return options.*member ? "true" : "false"; }
    std::string operator()(LogLevel Options::*member) const { return name_of(options.*member, kLevels); }
    std::string operator()(LogFormat Options::*member) const { return name_of(options.*member, kFormats); }
    std::string operator()(const HttpEndpoint& end) const { return toml_string(options.*end.member); }
    std::string operator()(const HostName& host) const { return toml_string(options.*host.member); }
    std::string operator()(const FileMode& mode) const { return fmt::format("\"{:04o}\"", options.*mode.member); }
    std::string operator()(const GroupName& group) const { return toml_string(options.*group.member); }
    std::string operator()(Durable Options::*member) const { return name_of(options.*member, kDurable); }
    std::string operator()(WhenFull Options::*member) const { return name_of(options.*member, kWhenFull); }
    std::string operator()(const SizeRange& range) const { return toml_string(format_size(options.*range.member)); }
    std::string operator()(const CountRange& range) const { return std::to_string(options.*range.member); }
    std::string operator()(const TimeRange& range) const { return toml_string(format_duration(options.*range.member)); }
};

}  // namespace

std::span<const Setting> all_settings() { return kSettings; }

std::string environment_name(std::string_view name) {
    std::string out = "CAST_BROKER_";
    for (const char c : name) out += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return out;
}

std::string url_fault(const std::string& url) {
    constexpr std::size_t kMaxPath = 107;  // sun_path of a Unix socket, without its NUL
    std::string fault = "is not an end; write tcp://HOST:PORT or ipc://PATH";
    if (url.starts_with("tcp://")) {
        fault = tcp_fault(std::string_view(url).substr(6));
    } else if (url.starts_with("ipc://")) {
        const auto length = url.size() - 6;
        fault = length == 0         ? "needs a path after ipc://"
                : length > kMaxPath ? fmt::format("has a path over {} bytes", kMaxPath)
                                    : "";
    }
    return fault.empty() ? "" : shown(url) + " " + fault;
}

std::string set_value(Options& options, const Setting& setting, const std::vector<std::string>& values) {
    if (const auto* list = std::get_if<std::vector<std::string> Options::*>(&setting.kind)) {
        if (values.empty()) return "needs at least one end";
        for (const auto& url : values) {
            if (auto fault = url_fault(url); !fault.empty()) return fault;
        }
        options.*(*list) = values;
        return {};
    }
    if (values.size() != 1) return fmt::format("takes one value, not {}", values.size());
    return std::visit(Setter{options, values.front()}, setting.kind);
}

std::string value_text(const Options& options, const Setting& setting) {
    return std::visit(Writer{options}, setting.kind);
}

void copy_value(Options& to, const Options& from, const Setting& setting) {
    std::visit(
        [&](const auto& kind) {
            if constexpr (requires { kind.member; }) {
                to.*kind.member = from.*kind.member;
            } else {
                to.*kind = from.*kind;
            }
        },
        setting.kind);
}

}  // namespace broker
