// nodectl node: create, delete, list, show and watch the broker's nodes. Main thread.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "nodectl/commands/commands.hpp"
#include "nodectl/commands/events.hpp"
#include "nodectl/context.hpp"
#include "nodectl/input/names.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {
namespace {

struct NodeOptions {
    std::vector<std::string> names;
    std::optional<int> port;
};

std::string node_line(const cast::NodeInfo& node) {
    const nlohmann::ordered_json object = {{"name", node.name},
                                           {"created", node.created},
                                           {"attached", node.attached},
                                           {"port", node.port},
                                           {"groups", node.groups},
                                           {"queued", node.queued},
                                           {"queued_bytes", node.queued_bytes},
                                           {"received", node.received},
                                           {"acknowledged", node.acknowledged},
                                           {"sent", node.sent},
                                           {"agent", node.agent},
                                           {"host", node.host}};
    return cast::base::dump_json(object) + "\n";
}

std::string port_text(int port) { return port == 0 ? "-" : std::to_string(port); }

std::string joined(const std::vector<std::string>& names) {
    return names.empty() ? "-" : fmt::format("{}", fmt::join(names, ","));
}

int create(const Context& context, const NodeOptions& options) {
    const int port = options.port.value_or(0);
    if (port != 0 && options.names.size() > 1) {
        return usage("node create", "one port cannot belong to several nodes; create them one by one, or use --port 0");
    }
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot create a node", admin.error());
    int worst = 0;
    std::size_t created = 0;
    std::string out;
    for (const auto& name : options.names) {
        const auto node = admin->create_node(name, port, options.port == 0);
        if (!node) {
            const int code = fail(context, fmt::format("cannot create node '{}'", name), node.error());
            worst = worst == 0 ? code : worst;
            continue;
        }
        ++created;
        if (context.json)
            out += node_line(*node);
        else if (options.port)
            out += fmt::format("{}\n", node->port);
    }
    tell_partly("created", created, options.names.size(), "node");
    const int written = print(out);
    return worst != 0 ? worst : written;
}

int remove(const Context& context, const NodeOptions& options) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot delete a node", admin.error());
    int worst = 0;
    std::size_t deleted = 0;
    for (const auto& name : options.names) {
        const auto done = admin->delete_node(name);
        deleted += done ? 1 : 0;
        if (done) continue;
        const int code = fail(context, fmt::format("cannot delete node '{}'", name), done.error());
        worst = worst == 0 ? code : worst;
    }
    tell_partly("deleted", deleted, options.names.size(), "node");
    return worst;
}

int list_nodes(const Context& context) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot list the nodes", admin.error());
    const auto nodes = admin->nodes();
    if (!nodes) return fail(context, "cannot list the nodes", nodes.error());
    std::string out;
    Table table({"NODE", "STATE", "KIND", "PORT", "QUEUED", "RECEIVED", "SENT", "GROUPS"});
    for (const auto& node : *nodes) {
        if (context.json) out += node_line(node);
        table.add({node.name, node.attached ? "online" : "offline", node.created ? "created" : "session",
                   port_text(node.port), std::to_string(node.queued), std::to_string(node.received),
                   std::to_string(node.sent), joined(node.groups)});
    }
    return print(context.json ? out : table.text());
}

int show_node(const Context& context, const std::string& name) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot show the node", admin.error());
    const auto node = admin->node(name);
    if (!node) return fail(context, fmt::format("cannot show node '{}'", name), node.error());
    if (context.json) return print(node_line(*node));
    return print(fields({{"node", node->name},
                         {"state", node->attached ? "online" : "offline"},
                         {"kind", node->created ? "created: stays until deleted" : "session: vanishes with its reader"},
                         {"program", node->agent.empty() ? "-" : printable(node->agent)},
                         {"host", node->host.empty() ? "-" : printable(node->host)},
                         {"port", port_text(node->port)},
                         {"groups", joined(node->groups)},
                         {"queued", fmt::format("{} ({})", counted(node->queued, "message"),
                                                bytes_text(static_cast<double>(node->queued_bytes)))},
                         {"received", grouped(node->received)},
                         {"acknowledged", grouped(node->acknowledged)},
                         {"sent", grouped(node->sent)}}));
}

void add_create(CLI::App& node, Context& context, const std::shared_ptr<NodeOptions>& options) {
    auto* app = add_command(node, "create", "Create nodes: their mail is kept until they read it");
    app->add_option("NAME", options->names, "1 to 128 bytes of [A-Za-z0-9._-]")->required()->check(name_trouble);
    app->add_option("--port", options->port,
                    "A TCP port for the node, at which a broker with a page (--http) listens for it; 0 picks a free "
                    "one. Prints it")
        ->check(CLI::Range(0, 65535));
    app->footer(
        "\nExamples:\n"
        "  nodectl node create alice bob\n"
        "  port=$(nodectl node create printer --port 0)\n"
        "Creating a node that exists with the same settings is fine; with another port it is refused (6).\n" +
        kGlobalHelp);
    app->callback([&context, options] { context.run = [&context, options] { return create(context, *options); }; });
}

void add_watch(CLI::App& node, Context& context, const std::shared_ptr<NodeOptions>& options) {
    auto* app = add_command(node, "watch", "Print a line whenever a node comes, goes, joins or leaves");
    auto limits = std::make_shared<EventOptions>();
    app->add_option("NAME", options->names, "Only these nodes (default: all)")->check(name_trouble);
    add_event_limits(*app, *limits);
    app->footer("\nExamples:\n  nodectl node watch alice bob\n  nodectl node watch --json | jq .event\n" + kGlobalHelp);
    app->callback([&context, options, limits] {
        limits->nodes = options->names;
        limits->nodes_only = true;
        context.run = [&context, limits] { return print_events(context, *limits); };
    });
}

}  // namespace

void add_node(CLI::App& app, Context& context) {
    auto* node = add_command(app, "node", "Create, delete, list, show and watch nodes");
    node->require_subcommand(1);
    node->footer("\nExamples:\n  nodectl node create alice\n  nodectl node list\n  nodectl node show alice --json\n" +
                 kGlobalHelp);
    auto options = std::make_shared<NodeOptions>();
    add_create(*node, context, options);

    auto* gone = add_command(*node, "delete", "Delete nodes; their mail goes to the dead letters");
    gone->add_option("NAME", options->names, "Which nodes")->required()->check(name_trouble);
    gone->footer("\nExample:\n  nodectl node delete alice bob\n" + kGlobalHelp);
    gone->callback([&context, options] { context.run = [&context, options] { return remove(context, *options); }; });

    auto* all = add_command(*node, "list", "List the nodes");
    all->footer("\nExamples:\n  nodectl node list\n  nodectl node list --json | jq -r 'select(.attached).name'\n" +
                kGlobalHelp);
    all->callback([&context] { context.run = [&context] { return list_nodes(context); }; });

    auto* one = add_command(*node, "show", "Show all about a node");
    one->add_option("NAME", options->names, "Which node")->required()->expected(1)->check(name_trouble);
    one->footer("\nExample:\n  nodectl node show alice\n" + kGlobalHelp);
    one->callback([&context, options] {
        context.run = [&context, options] { return show_node(context, options->names.front()); };
    });
    add_watch(*node, context, options);
}

}  // namespace nodectl
