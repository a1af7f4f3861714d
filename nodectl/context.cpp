// Flags, environment and config file become one Context. Main thread; tell() on libcast's.
#include "nodectl/context.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdlib>
#include <fstream>

#include "base/duration.hpp"
#include "nodectl/output/output.hpp"

namespace nodectl {
namespace {

std::atomic<bool> lost{false};  // the connection that there was

constexpr const char* kDefaultBroker = "tcp://127.0.0.1:5570";

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::string trimmed(const std::string& text) {
    const auto begin = text.find_first_not_of(" \t\r");
    if (begin == std::string::npos) return "";
    return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// The value of `key = "value"  # comment`; quotes may be double, single or missing.
std::optional<std::string> toml_value(const std::string& raw) {
    const std::string text = trimmed(raw);
    if (!text.empty() && (text[0] == '"' || text[0] == '\'')) {
        const auto end = text.find(text[0], 1);
        if (end == std::string::npos) return std::nullopt;
        const std::string rest = trimmed(text.substr(end + 1));
        if (!rest.empty() && rest[0] != '#') return std::nullopt;
        return text.substr(1, end - 1);
    }
    const std::string bare = trimmed(text.substr(0, text.find('#')));
    return bare.empty() ? std::nullopt : std::optional(bare);
}

// Applies one setting unless something stronger has set it already. False: the value is no good.
class Settings {
public:
    Settings(Context& context, const CLI::App& app) : context_(context) {
        broker_ = app.count("--broker") > 0;
        timeout_ = app.count("--timeout") > 0;
        json_ = app.count("--json") > 0;
    }

    bool known(const std::string& key) const {
        return key == "broker" || key == "node" || key == "timeout" || key == "json";
    }

    bool apply(const std::string& key, const std::string& value) {
        if (key == "broker" && !std::exchange(broker_, true)) context_.broker = value;
        if (key == "node" && !std::exchange(node_, true)) context_.node = value;
        if (key == "timeout" && !std::exchange(timeout_, true)) {
            context_.timeout = up_to_longest(cast::base::parse_duration(value));
            return context_.timeout.has_value();
        }
        if (key == "json" && !std::exchange(json_, true)) {
            context_.json = value == "true" || value == "1";
            return context_.json || value == "false" || value == "0";
        }
        return true;
    }

private:
    Context& context_;
    bool broker_, timeout_, json_, node_ = false;
};

bool read_environment(Settings& settings) {
    constexpr std::pair<const char*, const char*> kNames[] = {
        {"CAST_BROKER", "broker"}, {"CAST_NODE", "node"}, {"CAST_TIMEOUT", "timeout"}, {"CAST_JSON", "json"}};
    for (const auto& [variable, key] : kNames) {
        const std::string value = environment(variable);
        if (value.empty() || settings.apply(key, value)) continue;
        warn(fmt::format("{}={} in the environment makes no sense; unset it or write another value", variable, value));
        return false;
    }
    return true;
}

std::string default_config_file() {
    if (auto file = environment("CAST_CONFIG"); !file.empty()) return file;
    if (auto home = environment("XDG_CONFIG_HOME"); !home.empty()) return home + "/cast/nodectl.toml";
    if (auto home = environment("HOME"); !home.empty()) return home + "/.config/cast/nodectl.toml";
    return "";
}

bool read_file(Settings& settings, const std::string& path, bool required) {
    std::ifstream file(path);
    if (!file) {
        if (required) warn(fmt::format("cannot read the config file {}; check --config and CAST_CONFIG", path));
        return !required;
    }
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        line = trimmed(line);
        if (line.empty() || line[0] == '#') continue;
        const auto equals = line.find('=');
        const std::string key = trimmed(line.substr(0, equals));
        const auto value = equals == std::string::npos ? std::nullopt : toml_value(line.substr(equals + 1));
        if (value && settings.known(key) && settings.apply(key, *value)) continue;
        warn(
            fmt::format("{}:{}: '{}' is not understood; the keys are broker, node, timeout and json, "
                        "as in broker = \"{}\"",
                        path, number, line, kDefaultBroker));
        return false;
    }
    return true;
}

}  // namespace

cast::Options Context::options() const {
    cast::Options options;
    options.broker = broker;
    options.connect_timeout = timeout_or(kDefaultTimeout);
    options.agent = "nodectl";
    options.on_notice = tell;
    return options;
}

cast::Result<cast::Admin> Context::admin() const {
    auto admin = cast::Admin::open(options());
    if (admin) admin->set_timeout(timeout_or(kDefaultTimeout));
    return admin;
}

void add_global_options(CLI::App& app, Context& context) {
    app.add_option(
           "--broker", context.broker,
           fmt::format(
               "Where the broker is: tcp://HOST:PORT or ipc://PATH; several, with commas between them, are tried in "
               "turn ($CAST_BROKER, default {})",
               kDefaultBroker))
        ->type_name("URL");
    add_duration(app, "--timeout", context.timeout,
                 "How long to wait for the broker, to connect (else exit code 3) and to answer, as 500ms, 5s, 2m "
                 "($CAST_TIMEOUT, default 5s; send: 30s for receipts)");
    app.add_flag("--json", context.json, "One JSON object a line instead of text for people ($CAST_JSON)");
    app.add_option("--config", context.config_file,
                   "Config file with broker, node, timeout, json ($CAST_CONFIG, default ~/.config/cast/nodectl.toml)")
        ->type_name("FILE");
}

bool complete(Context& context, const CLI::App& app) {
    Settings settings(context, app);
    if (!read_environment(settings)) return false;
    const std::string named = !context.config_file.empty() ? context.config_file : environment("CAST_CONFIG");
    const std::string path = named.empty() ? default_config_file() : named;
    if (!path.empty() && !read_file(settings, path, !named.empty())) return false;
    if (context.broker.empty()) context.broker = kDefaultBroker;
    if (context.timeout && context.timeout->count() == 0) {
        warn("--timeout (CAST_TIMEOUT) must be more than 0, as in 500ms, 5s or 2m");
        return false;
    }
    return true;
}

bool connection_lost() { return lost; }

void tell(const cast::Notice& notice) {
    using Kind = cast::Notice::Kind;
    if (notice.kind == Kind::connected) {
        if (lost.exchange(false)) warn("connected to the broker again");
    } else if (notice.kind == Kind::disconnected) {
        if (!lost.exchange(true)) warn("lost the connection to the broker; trying again");
    } else if (notice.kind == Kind::gap) {
        warn(fmt::format("gap: {} messages were let go before they were read{}{}", notice.count,
                         notice.text.empty() ? "" : ": ", notice.text));
    } else if (notice.kind == Kind::session_expired) {
        warn("session_expired: away for too long; whether the last messages arrived is unknown");
    }
    // taken_over and deleted come as the error of the next call.
}

int fail(const Context& context, std::string_view doing, const cast::Error& error) {
    if (error.code != cast::ErrorCode::unreachable) return fail(doing, error);
    const bool why = error.detail.size() > context.broker.size() && error.detail.rfind(context.broker, 0) == 0;
    warn(
        fmt::format("{}: cannot reach the broker at {}; is cast-broker running there? "
                    "--broker URL or CAST_BROKER name another address",
                    doing, why ? error.detail : context.broker));
    return cast::exit_code(error.code);
}

}  // namespace nodectl
