// Reading the options: flags with CLI11, the environment, the configuration file, in this order of precedence.
// CLI11 sees the flags only: with a file of its own it would let that override the environment.
#include "config/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <string_view>
#include <utility>

#include "config/config_file.hpp"
#include "config/settings.hpp"
#include "wire/local.hpp"

namespace broker {
namespace {

constexpr const char* kFooter =
    "\nEvery setting is also an environment variable (--max-message is CAST_BROKER_MAX_MESSAGE; several ends are\n"
    "separated by commas) and a key of the file of --config or CAST_BROKER_CONFIG (max-message = \"1MiB\").\n"
    "Flags come before the environment, and that before the file. SIGHUP reads the file again.\n";

struct Given {
    std::vector<std::string> values;
    std::string source;  // what to call it in a message: "--bind", "CAST_BROKER_BIND", "FILE:3: bind"
};

using GivenBySetting = std::map<std::string_view, Given>;

struct CommandLine {
    GivenBySetting given;
    std::string config;
    bool check = false;
    bool check_data = false;
    std::string backup, restore;
};

std::string environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? "" : value;
}

bool is_list(const Setting& setting) {
    return std::holds_alternative<std::vector<std::string> Options::*>(setting.kind);
}

/// What a setting's value is called in the help.
struct ValueName {
    const char* operator()(std::vector<std::string> Options::*) const { return "URL"; }
    const char* operator()(std::string Options::*) const { return "PATH"; }
    const char* operator()(bool Options::*) const { return ""; }
    const char* operator()(LogLevel Options::*) const { return "LEVEL"; }
    const char* operator()(LogFormat Options::*) const { return "FORMAT"; }
    const char* operator()(const HttpEndpoint&) const { return "HOST:PORT"; }
    const char* operator()(const HostName&) const { return "ADDRESS"; }
    const char* operator()(const FileMode&) const { return "MODE"; }
    const char* operator()(const GroupName&) const { return "NAME"; }
    const char* operator()(Durable Options::*) const { return "LEVEL"; }
    const char* operator()(WhenFull Options::*) const { return "HOW"; }
    const char* operator()(const SizeRange&) const { return "SIZE"; }
    const char* operator()(const CountRange&) const { return "NUMBER"; }
    const char* operator()(const TimeRange&) const { return "TIME"; }
};

CLI::Option* add_setting(CLI::App& app, const Setting& setting) {
    const auto name = fmt::format("--{}", setting.name);
    const bool flag = std::holds_alternative<bool Options::*>(setting.kind);
    auto initial = value_text(Options{}, setting);
    std::erase_if(initial, [](char c) { return c == '"' || c == '[' || c == ']'; });
    auto* option = flag ? app.add_flag(name) : app.add_option(name);
    option->description(flag || initial.empty() ? setting.help : fmt::format("{} [{}]", setting.help, initial));
    option->type_name(std::visit(ValueName{}, setting.kind))->group(setting.group);
    return is_list(setting) ? option->take_all() : option;
}

/// Reads the flags; throws CLI::ParseError, also for --help and --version.
CommandLine read_flags(int argc, const char* const* argv) {
    CommandLine line;
    CLI::App app{"cast-broker: carries messages between named nodes: unicast, multicast and broadcast", "cast-broker"};
    app.footer(kFooter);
    app.get_formatter()->column_width(30);
    app.set_version_flag("--version", "cast-broker " CAST_VERSION);
    app.add_option("-c,--config", line.config, "read settings from this file")->type_name("FILE");
    app.add_flag("--check-config", line.check, "check all settings, print them and exit");
    auto* check_data = app.add_flag(
        "--check-data", line.check_data,
        "look at everything in the data directory, name what is damaged (exit 1), and exit; a broker may run on it");
    auto* backup = app.add_option("--backup", line.backup,
                                  "write the data directory's store to this new file and exit; a broker may run on it")
                       ->type_name("FILE");
    auto* restore =
        app.add_option("--restore", line.restore, "make the empty data directory what this backup holds, and exit")
            ->type_name("FILE");
    check_data->excludes(backup, restore);
    backup->excludes(restore);
    std::map<std::string_view, CLI::Option*> options;
    for (const auto& setting : all_settings()) options[setting.name] = add_setting(app, setting);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        throw CLI::Success(app.help(), CLI::ExitCodes::Success);
    }
    for (const auto& [name, option] : options) {
        if (option->count() > 0) line.given[name] = {option->results(), fmt::format("--{}", name)};
    }
    return line;
}

void read_environment(GivenBySetting& given) {
    for (const auto& setting : all_settings()) {
        const auto name = environment_name(setting.name);
        const auto value = environment(name);
        if (value.empty() || given.contains(setting.name)) continue;
        given[setting.name] = {is_list(setting) ? CLI::detail::split(value, ',') : std::vector{value}, name};
    }
}

/// How many letters must change to make one word of the other.
std::size_t distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> row(right.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < left.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < right.size(); ++j) {
            const auto replaced = diagonal + (left[i] == right[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

std::string unknown_key(std::string_view key) {
    const auto by_distance = [&](const Setting& setting) { return distance(key, setting.name); };
    const auto nearest = std::ranges::min_element(all_settings(), {}, by_distance);
    const auto hint = by_distance(*nearest) <= 3 ? fmt::format("; did you mean \"{}\"?", nearest->name) : "";
    return fmt::format("unknown key \"{}\"{}", key.substr(0, 60), hint);
}

void read_file(const std::string& path, GivenBySetting& given, std::vector<std::string>& faults) {
    auto file = read_config_file(path);
    if (!file.error.empty()) faults.push_back(file.error);
    for (auto& entry : file.entries) {
        const auto place = fmt::format("{}:{}: ", path, entry.line);
        const auto setting = std::ranges::find(all_settings(), entry.key, &Setting::name);
        if (setting == all_settings().end()) {
            faults.push_back(place + unknown_key(entry.key));
        } else if (!given.contains(setting->name)) {
            given[setting->name] = {std::move(entry.values), place + entry.key};
        } else {  // overridden, but still checked: a broken file must not start to matter later
            Options unused;
            const auto fault = set_value(unused, *setting, entry.values);
            if (!fault.empty()) faults.push_back(fmt::format("{}{}: {}", place, entry.key, fault));
        }
    }
}

/// What no setting can see alone.
void check_together(const Options& options, std::vector<std::string>& faults) {
    if (options.memory && !options.data.empty())
        faults.push_back("data, memory: a broker that keeps all in memory has no data directory");
    if (options.dead_after <= options.ping_interval) faults.push_back("dead-after: must be longer than ping-interval");
    if (!options.insecure && options.http != "off" && !cast::wire::is_loopback(options.http))
        faults.push_back(fmt::format(
            "http: \"{}\" is open to other machines, and there are no users yet; --insecure allows it", options.http));
    if (!options.insecure && !cast::wire::is_loopback(options.node_address))
        faults.push_back(fmt::format(
            "node-address: \"{}\" is open to other machines, and there are no users yet; --insecure allows it",
            options.node_address));
    const auto check_open = [&](const char* setting, const std::string& end) {
        if (options.insecure || end.starts_with("ipc://") || cast::wire::over_loopback(end)) return;
        faults.push_back(fmt::format(
            "{}: \"{}\" is open to other machines, and there are no users yet; --insecure allows it", setting, end));
    };
    for (const auto& end : options.bind) check_open("bind", end);
    for (const auto& end : options.publish) check_open("publish", end);
    auto endpoints = options.bind;
    endpoints.insert(endpoints.end(), options.publish.begin(), options.publish.end());
    std::erase_if(endpoints, [](const std::string& url) { return url.ends_with(":0") || url.ends_with(":*"); });
    std::ranges::sort(endpoints);
    for (auto same = std::ranges::adjacent_find(endpoints); same != endpoints.end();
         same = std::adjacent_find(same + 1, endpoints.end())) {
        faults.push_back(fmt::format("bind, publish: \"{}\" is given twice", *same));
    }
}

Parsed read_all(int argc, const char* const* argv) {
    auto line = read_flags(argc, argv);
    std::vector<std::string> faults;
    read_environment(line.given);
    if (line.config.empty()) line.config = environment("CAST_BROKER_CONFIG");
    if (!line.config.empty()) read_file(line.config, line.given, faults);

    Parsed parsed;
    for (const auto& setting : all_settings()) {
        const auto given = line.given.find(setting.name);
        if (given == line.given.end()) continue;
        const auto fault = set_value(parsed.options, setting, given->second.values);
        if (!fault.empty()) faults.push_back(given->second.source + ": " + fault);
    }
    parsed.task = line.check_data         ? Task::check_data
                  : !line.backup.empty()  ? Task::backup
                  : !line.restore.empty() ? Task::restore
                                          : Task::serve;
    parsed.file = line.backup + line.restore;
    if (parsed.task != Task::serve && parsed.options.memory)
        faults.push_back(
            "memory: --check-data, --backup and --restore are for a data directory; name it with --data DIR");
    if (faults.empty()) check_together(parsed.options, faults);
    for (const auto& fault : faults) parsed.text += "cast-broker: " + fault + "\n";
    if (!faults.empty()) {
        parsed.exit_code = 2;
    } else if (line.check) {
        parsed.exit_code = 0;
        parsed.text = describe(parsed.options);
    }
    return parsed;
}

}  // namespace

Parsed parse_options(int argc, const char* const* argv) {
    try {
        return read_all(argc, argv);
    } catch (const CLI::ParseError& error) {
        const bool fine = error.get_exit_code() == 0;  // --help, --version
        const std::string text = error.what();
        if (fine) return {{}, Task::serve, {}, 0, text.ends_with('\n') ? text : text + "\n"};
        return {{}, Task::serve, {}, 2, "cast-broker: " + text + "\nRun cast-broker --help for all settings.\n"};
    } catch (const std::exception& error) {
        return {{}, Task::serve, {}, 2, std::string("cast-broker: ") + error.what() + "\n"};
    }
}

Reload reload_options(Options& running, const Options& fresh) {
    Reload reload;
    for (const auto& setting : all_settings()) {
        if (value_text(running, setting) == value_text(fresh, setting)) continue;
        if (setting.live) copy_value(running, fresh, setting);
        (setting.live ? reload.changed : reload.needs_restart).emplace_back(setting.name);
    }
    return reload;
}

std::string describe(const Options& options) {
    std::string text;
    for (const auto& setting : all_settings())
        text += fmt::format("{} = {}\n", setting.name, value_text(options, setting));
    return text;
}

}  // namespace broker
