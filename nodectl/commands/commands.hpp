// Every command of nodectl: each add_... hangs one into the command line; chosen, it sets Context::run. One file
// a command. Main thread.
#pragma once
#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's
class App;
}

namespace nodectl {

struct Context;

void add_node(CLI::App& app, Context& context);
void add_group(CLI::App& app, Context& context);
void add_send(CLI::App& app, Context& context);
void add_schedule(CLI::App& app, Context& context);
void add_recv(CLI::App& app, Context& context);
void add_request(CLI::App& app, Context& context);
void add_reply(CLI::App& app, Context& context);
void add_browse(CLI::App& app, Context& context);
void add_dead_letters(CLI::App& app, Context& context);
void add_events(CLI::App& app, Context& context);
void add_stats(CLI::App& app, Context& context);
void add_status(CLI::App& app, Context& context);

/// A command below another (or below the whole command line), which owns it. The only place that makes one: what CLI11
/// instantiates for that takes ten seconds to compile.
CLI::App* add_command(CLI::App& above, const std::string& name, const std::string& about);

/// What every command's help ends with.
inline const std::string kGlobalHelp =
    "\nFor every command: --broker URL, --timeout TIME, --json, --config FILE; 'nodectl --help' tells more.\n"
    "Exit codes: 0 done, 1 failed, 2 usage, 3 cannot reach the broker, 4 not allowed, 5 no such node, group or id,\n"
    "            6 refused (full, too large), 7 timed out";

}  // namespace nodectl
