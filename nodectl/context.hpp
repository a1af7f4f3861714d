// What all commands share: which broker, which node, how long to wait, how to print. A flag wins over the
// environment, the environment over the config file, the file over the default. Main thread.
#pragma once
#include <cast/admin.hpp>
#include <cast/options.hpp>

#include <functional>
#include <optional>
#include <string>

namespace CLI {
class App;
}

#include "nodectl/input/times.hpp"

namespace nodectl {

inline constexpr Milliseconds kDefaultTimeout{5000};

struct Context {
    std::string broker;                   ///< tcp://HOST:PORT or ipc://PATH
    std::string node = "nodectl";         ///< who sends when no --from says it
    std::optional<Milliseconds> timeout;  ///< --timeout, if given anywhere
    bool json = false;                    ///< one JSON object a line
    std::string config_file;              ///< --config

    std::function<int()> run;  ///< the chosen command; set while the command line is parsed

    Milliseconds timeout_or(Milliseconds fallback) const { return timeout.value_or(fallback); }
    /// libcast's options for this command line; lost and found connections are told on stderr.
    cast::Options options() const;
    cast::Result<cast::Admin> admin() const;
};

/// Adds --broker, --timeout, --json, --config.
void add_global_options(CLI::App& app, Context& context);

/// Fills what no flag has set, from the environment and the config file. Says what is wrong with those; false then.
bool complete(Context& context, const CLI::App& app);

/// What on_notice gets in every command: gaps, lost connections and the like, as sentences on stderr.
void tell(const cast::Notice& notice);

/// The broker was there, and is not now. What has not come by then may only have been held up.
bool connection_lost();

/// fail() of a call to the broker; an unreachable one is named with its address.
int fail(const Context& context, std::string_view doing, const cast::Error& error);

}  // namespace nodectl
