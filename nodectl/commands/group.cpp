// nodectl group: create, delete, list and show groups, and make nodes join and leave them. Main thread.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "nodectl/commands/commands.hpp"
#include "nodectl/context.hpp"
#include "nodectl/input/names.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {
namespace {

struct GroupOptions {
    std::vector<std::string> names;
    std::vector<std::string> nodes;
    std::string group;
};

std::string group_line(const cast::GroupInfo& group) {
    const nlohmann::ordered_json object = {{"name", group.name},       {"created", group.created},
                                           {"members", group.members}, {"messages", group.messages},
                                           {"bytes", group.bytes},     {"retained", group.retained}};
    return cast::base::dump_json(object) + "\n";
}

int create(const Context& context, const GroupOptions& options) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot create a group", admin.error());
    int worst = 0;
    std::size_t created = 0;
    std::string out;
    for (const auto& name : options.names) {
        const auto group = admin->create_group(name);
        if (group) {
            ++created;
            if (context.json) out += group_line(*group);
            continue;
        }
        const int code = fail(context, fmt::format("cannot create group '{}'", name), group.error());
        worst = worst == 0 ? code : worst;
    }
    tell_partly("created", created, options.names.size(), "group");
    const int written = print(out);
    return worst != 0 ? worst : written;
}

int remove(const Context& context, const GroupOptions& options) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot delete a group", admin.error());
    int worst = 0;
    std::size_t deleted = 0;
    for (const auto& name : options.names) {
        const auto done = admin->delete_group(name);
        deleted += done ? 1 : 0;
        if (done) continue;
        const int code = fail(context, fmt::format("cannot delete group '{}'", name), done.error());
        worst = worst == 0 ? code : worst;
    }
    tell_partly("deleted", deleted, options.names.size(), "group");
    return worst;
}

int join(const Context& context, const GroupOptions& options) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot join the group", admin.error());
    const auto done = admin->join(options.group, options.nodes);
    return done ? 0 : fail(context, fmt::format("cannot join group '{}'", options.group), done.error());
}

int leave(const Context& context, const GroupOptions& options) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot leave the group", admin.error());
    const auto done = admin->leave(options.group, options.nodes);
    return done ? 0 : fail(context, fmt::format("cannot leave group '{}'", options.group), done.error());
}

int list_groups(const Context& context) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot list the groups", admin.error());
    const auto groups = admin->groups();
    if (!groups) return fail(context, "cannot list the groups", groups.error());
    std::string out;
    Table table({"GROUP", "KIND", "MEMBERS", "MESSAGES", "BYTES", "RETAINED"});
    for (const auto& group : *groups) {
        if (context.json) out += group_line(group);
        table.add({group.name, group.created ? "created" : "members", std::to_string(group.members.size()),
                   std::to_string(group.messages), std::to_string(group.bytes), std::to_string(group.retained)});
    }
    return print(context.json ? out : table.text());
}

int show_group(const Context& context, const std::string& name) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot show the group", admin.error());
    const auto group = admin->group(name);
    if (!group) return fail(context, fmt::format("cannot show group '{}'", name), group.error());
    if (context.json) return print(group_line(*group));
    return print(fields({{"group", group->name},
                         {"kind", group->created ? "created: stays until deleted" : "vanishes with its last member"},
                         {"members", group->members.empty() ? "-" : fmt::format("{}", fmt::join(group->members, " "))},
                         {"messages", grouped(group->messages)},
                         {"bytes", bytes_text(static_cast<double>(group->bytes))},
                         {"retained", counted(group->retained, "message")}}));
}

using Action = int (*)(const Context&, const GroupOptions&);

void add_action(CLI::App& group, Context& context, const char* name, const char* about, const char* example,
                Action action) {
    auto* app = add_command(group, name, about);
    auto options = std::make_shared<GroupOptions>();
    if (action == join || action == leave) {
        app->add_option("GROUP", options->group, "Which group")->required()->check(name_trouble);
        app->add_option("NODE", options->nodes, "Which nodes")->required()->check(name_trouble);
    } else {
        app->add_option("NAME", options->names, "Which groups")->required()->check(name_trouble);
    }
    app->footer(fmt::format("\nExample:\n  nodectl group {}\n", example) + kGlobalHelp);
    app->callback([&context, options, action] {
        context.run = [&context, options, action] { return action(context, *options); };
    });
}

}  // namespace

void add_group(CLI::App& app, Context& context) {
    auto* group = add_command(app, "group", "Create, delete, list and show groups; join and leave them");
    group->require_subcommand(1);
    group->footer(
        "\nExamples:\n"
        "  nodectl group join team alice bob      creates the group when there is none\n"
        "  nodectl send --multicast team hello\n"
        "  nodectl group show team\n" +
        kGlobalHelp);
    add_action(*group, context, "create", "Create groups that stay until they are deleted", "create team news", create);
    add_action(*group, context, "delete", "Delete groups", "delete team", remove);
    add_action(*group, context, "join", "Make nodes members: from now on they get what is sent to the group",
               "join team alice bob", join);
    add_action(*group, context, "leave", "End the membership of nodes", "leave team bob", leave);

    auto* all = add_command(*group, "list", "List the groups");
    all->footer("\nExample:\n  nodectl group list --json\n" + kGlobalHelp);
    all->callback([&context] { context.run = [&context] { return list_groups(context); }; });

    auto* one = add_command(*group, "show", "Show a group and its members");
    auto name = std::make_shared<std::string>();
    one->add_option("NAME", *name, "Which group")->required()->check(name_trouble);
    one->footer("\nExample:\n  nodectl group show team\n" + kGlobalHelp);
    one->callback([&context, name] { context.run = [&context, name] { return show_group(context, *name); }; });
}

}  // namespace nodectl
