// nodectl: the command line of the cast broker. Puts the commands together, parses, runs the chosen one, and turns
// whatever happens into an exit code. Knows nothing of sockets or bytes: everything goes through <cast/...>.
#include <fcntl.h>
#include <CLI/CLI.hpp>

#include <csignal>
#include <exception>

#include "nodectl/commands/commands.hpp"
#include "nodectl/context.hpp"
#include "nodectl/output/output.hpp"

#ifndef CAST_VERSION
#define CAST_VERSION "0.1.0"
#endif

namespace {

constexpr const char* kExamples =
    "\nExamples:\n"
    "  nodectl node create alice bob            two nodes whose mail is kept for them\n"
    "  nodectl send --unicast bob 'hello'       exits 0 once the broker has it\n"
    "  nodectl recv bob -n 1                    one message, then done\n"
    "  nodectl group join team alice bob && nodectl send --multicast team 'to both'\n"
    "  journalctl -f | nodectl send -l --unicast bob\n"
    "  nodectl status && echo well\n"
    "\nEnvironment: CAST_BROKER, CAST_NODE (who sends), CAST_TIMEOUT, CAST_JSON, CAST_CONFIG. A flag wins over the\n"
    "environment, the environment over the config file. A payload that begins with '-' goes after '--'.\n"
    "\nExit codes: 0 done, 1 failed, 2 usage, 3 cannot reach the broker, 4 not allowed, 5 no such node, group or id,\n"
    "            6 refused (full, too large), 7 timed out";

std::string chosen(const CLI::App& app) {
    std::string name;
    for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
        at = at->get_subcommands().front();
        name += (name.empty() ? "" : " ") + at->get_name();
    }
    return name;
}

// What is wrong with the command line, in words that help more than the parser's where it matters.
std::string problem(const CLI::App& app, const CLI::ParseError& error) {
    const std::string command = chosen(app);
    const auto rest = app.remaining(true);
    if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && command.find(' ') == std::string::npos) {
        const CLI::App* at = command.empty() ? &app : app.get_subcommands().front();
        const auto choices = at->get_subcommands([](const CLI::App*) { return true; });
        std::string names;
        for (const auto* choice : choices) names += " " + choice->get_name();
        const std::string what = rest.empty() ? "a command is needed" : "'" + rest.front() + "' is no command";
        if (!choices.empty()) return what + ", one of:" + names;
    }
    std::string text = error.what();
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && (command == "send" || command == "request")) {
        text += "\nA message with spaces needs quotes; one that begins with '-' goes after '--'";
    }
    return text;
}

int run(int argc, char** argv) {
    CLI::App app("Creates nodes, sends and receives messages, and looks at a cast broker.", "nodectl");
    nodectl::Context context;
    app.set_version_flag("--version", "nodectl " CAST_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    app.footer(kExamples);
    nodectl::add_global_options(app, context);
    nodectl::add_node(app, context);
    nodectl::add_group(app, context);
    nodectl::add_send(app, context);
    nodectl::add_schedule(app, context);
    nodectl::add_recv(app, context);
    nodectl::add_request(app, context);
    nodectl::add_reply(app, context);
    nodectl::add_browse(app, context);
    nodectl::add_dead_letters(app, context);
    nodectl::add_events(app, context);
    nodectl::add_stats(app, context);
    nodectl::add_status(app, context);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& help) {
        return app.exit(help);
    } catch (const CLI::ParseError& error) {
        return nodectl::usage(chosen(app), problem(app, error));
    }
    if (!nodectl::complete(context, app)) return nodectl::kUsage;
    return context.run();
}

}  // namespace

int main(int argc, char** argv) {
    // Descriptors that were closed are taken, so that no socket becomes stdin or stdout. Using them fails, as it
    // should.
    for (int fd = 0; fd <= 2; ++fd)
        if (fcntl(fd, F_GETFD) < 0) (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    std::signal(SIGPIPE, SIG_IGN);  // `| head` is noticed by write(2), and the node is detached in order
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        nodectl::warn(error.what());
        return nodectl::kFailed;
    }
}
