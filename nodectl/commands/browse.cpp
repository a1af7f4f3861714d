// nodectl peek, history, purge: looks at a node's messages without taking them, and throws unread ones away. Main
// thread.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "nodectl/commands/commands.hpp"
#include "nodectl/context.hpp"
#include "nodectl/input/names.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/shown.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMessagesAtOnce = 1000;  // what the broker answers at once

struct BrowseOptions {
    std::vector<std::string> nodes;
    std::string group;
    bool broadcast = false;
    std::uint64_t count = 50;
};

/// Whose messages a call is about.
json about(const BrowseOptions& options) {
    if (!options.group.empty()) return {{"group", options.group}};
    if (options.broadcast) return {{"broadcast", true}};
    return {{"node", options.nodes.front()}};
}

std::string subject(const BrowseOptions& options) {
    if (!options.group.empty()) return fmt::format("group '{}'", options.group);
    return options.broadcast ? "the broadcasts" : fmt::format("node '{}'", options.nodes.front());
}

int print_messages(const Context& context, const std::vector<json>& messages) {
    std::string out;
    for (const json& message : messages) out += context.json ? json_line(shown_json(message)) : shown_line(message);
    return print(out);
}

int peek(const Context& context, const BrowseOptions& options) {
    auto admin = context.admin();
    const std::string doing = fmt::format("cannot look at {}", subject(options));
    if (!admin) return fail(context, doing, admin.error());
    json call = about(options);
    call["op"] = "peek";
    call["count"] = options.count;
    const auto answer = admin->call(call.dump());
    if (!answer) return fail(context, doing, answer.error());
    const json parsed = json::parse(*answer, nullptr, false);
    return print_messages(context, parsed.value("messages", std::vector<json>()));
}

// The newest are asked for first, a page at a time, and printed last.
int history(const Context& context, const BrowseOptions& options) {
    auto admin = context.admin();
    const std::string doing = fmt::format("cannot look at {}", subject(options));
    if (!admin) return fail(context, doing, admin.error());
    std::vector<json> all;
    json before;
    while (all.size() < options.count) {
        json call = about(options);
        call["op"] = "history";
        call["count"] = std::min(kMessagesAtOnce, options.count - all.size());
        if (!before.is_null()) call["before"] = before;
        const auto answer = admin->call(call.dump());
        if (!answer) return fail(context, doing, answer.error());
        const json parsed = json::parse(*answer, nullptr, false);
        for (const json& message : parsed.value("messages", std::vector<json>())) all.push_back(message);
        before = parsed.value("next_before", json());
        if (before.is_null()) break;
    }
    std::reverse(all.begin(), all.end());
    return print_messages(context, all);
}

int purge(const Context& context, const BrowseOptions& options) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot purge", admin.error());
    std::vector<json> calls;
    if (options.nodes.empty()) calls.push_back(about(options));
    for (const std::string& node : options.nodes) calls.push_back({{"node", node}});
    std::string out;
    int worst = 0;
    for (json& call : calls) {
        call["op"] = "purge";
        const std::string name = call.value("node", options.group.empty() ? "broadcast" : options.group);
        const auto answer = admin->call(call.dump());
        if (!answer) {
            const int code = fail(context, fmt::format("cannot purge '{}'", name), answer.error());
            worst = worst == 0 ? code : worst;
            continue;
        }
        const std::uint64_t purged = number_of(json::parse(*answer, nullptr, false), "purged");
        out += context.json ? json_line({{"name", name}, {"purged", purged}})
                            : fmt::format("{}: {} thrown away\n", name, counted(purged, "message"));
    }
    const int written = print(out);
    return worst != 0 ? worst : written;
}

// Exactly one of nodes, --group, --broadcast.
bool one_subject(const BrowseOptions& options) {
    return (options.nodes.empty() ? 0 : 1) + (options.group.empty() ? 0 : 1) + (options.broadcast ? 1 : 0) == 1;
}

void add_subject(CLI::App& app, BrowseOptions& options, bool several) {
    auto* node = app.add_option("NODE", options.nodes, several ? "Of these nodes" : "Of this node");
    node->check(name_trouble);
    if (!several) node->expected(0, 1);
    app.add_option("--group", options.group, "Of this group: what it keeps for its members")
        ->type_name("GROUP")
        ->check(name_trouble);
    app.add_flag("--broadcast", options.broadcast, "Of the broadcasts");
}

void add_count(CLI::App& app, BrowseOptions& options, const char* words) {
    app.add_option("-n", options.count, words)
        ->type_name("COUNT")
        ->check(CLI::Range(1, 1000000))
        ->capture_default_str();
}

}  // namespace

void add_browse(CLI::App& app, Context& context) {
    auto options = std::make_shared<BrowseOptions>();

    auto* first = add_command(app, "peek", "Look at a node's unread messages without taking them");
    first->add_option("NODE", options->nodes, "Whose mailbox")->required()->expected(1)->check(name_trouble);
    first->add_option("-n", options->count, "At most so many, from the next one on")
        ->type_name("COUNT")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    first->footer(
        "\nPrints a line a message in the order in which they would be read: when it came, who sent it, the payload "
        "(its\n"
        "first 16 KiB). What its reader has and has not acknowledged counts as unread.\n"
        "\nExamples:\n  nodectl peek alice\n  nodectl peek alice -n 1 --json | jq .headers\n" +
        kGlobalHelp);
    first->callback([&context, options] { context.run = [&context, options] { return peek(context, *options); }; });

    auto* past = add_command(app, "history", "Look at what a node has acknowledged, or at what a group keeps");
    add_subject(*past, *options, false);
    add_count(*past, *options, "At most so many, the newest");
    past->footer(
        "\nPrints a line a message, the newest last. The broker keeps the last 100 messages that a node has "
        "acknowledged\n"
        "(history-messages), in memory; a group keeps what members have yet to read.\n"
        "\nExamples:\n  nodectl history alice\n  nodectl history --group team -n 10 --json\n" +
        kGlobalHelp);
    past->callback([&context, options] {
        context.run = [&context, options] {
            if (!one_subject(*options)) return usage("history", "name one node, --group GROUP, or --broadcast");
            return history(context, *options);
        };
    });

    auto* away = add_command(app, "purge", "Throw away the unread messages of nodes, or what a group keeps");
    add_subject(*away, *options, true);
    away->footer(
        "\nTheir readers are told of the gap, and senders who wait for the delivery that it will not come.\n"
        "\nExamples:\n  nodectl purge alice\n  nodectl purge --group team\n" +
        kGlobalHelp);
    away->callback([&context, options] {
        context.run = [&context, options] {
            if (!one_subject(*options)) return usage("purge", "name nodes, --group GROUP, or --broadcast");
            return purge(context, *options);
        };
    });
}

}  // namespace nodectl
