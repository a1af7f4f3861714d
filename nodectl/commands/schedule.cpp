// nodectl later: what waits at the broker for its time (send --at, --delay): list and cancel. Main thread.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "nodectl/commands/commands.hpp"
#include "nodectl/context.hpp"
#include "nodectl/input/times.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {
namespace {

struct ScheduleOptions {
    std::size_t count = 1000;
    std::vector<std::uint64_t> ids;
};

std::string scheduled_line(const cast::ScheduledInfo& info) {
    const auto due_us = std::chrono::duration_cast<std::chrono::microseconds>(info.due.time_since_epoch()).count();
    const nlohmann::ordered_json object = {
        {"id", info.id},         {"due_us", due_us},          {"cast", info.cast},  {"sender", info.sender},
        {"target", info.target}, {"messages", info.messages}, {"bytes", info.bytes}};
    return cast::base::dump_json(object) + "\n";
}

std::string target_text(const cast::ScheduledInfo& info) {
    if (info.cast == "broadcast") return "everybody";
    return info.cast == "multicast" ? "group " + info.target : info.target;
}

int list_scheduled(const Context& context, const ScheduleOptions& options) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot list what waits", admin.error());
    const auto waiting = admin->scheduled(options.count);
    if (!waiting) return fail(context, "cannot list what waits", waiting.error());
    std::string out;
    Table table({"ID", "DUE", "FROM", "TO", "MESSAGES", "BYTES"});
    for (const auto& info : *waiting) {
        if (context.json) out += scheduled_line(info);
        table.add({std::to_string(info.id), local_time_text(info.due), info.sender, target_text(info),
                   std::to_string(info.messages), std::to_string(info.bytes)});
    }
    return print(context.json ? out : table.text());
}

int cancel(const Context& context, const ScheduleOptions& options) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot cancel", admin.error());
    const auto canceled = admin->cancel_scheduled(options.ids);
    if (!canceled) return fail(context, "cannot cancel", canceled.error());
    int code = 0;
    for (const std::uint64_t id : options.ids) {
        if (std::find(canceled->begin(), canceled->end(), id) != canceled->end()) continue;
        warn(fmt::format("nothing waits under {}; it has gone, or was canceled", id));
        code = cast::exit_code(cast::ErrorCode::no_such_node);
    }
    return code;
}

}  // namespace

void add_schedule(CLI::App& app, Context& context) {
    auto* schedule = add_command(app, "later", "List and cancel what waits for its time (send --at, --delay)");
    schedule->require_subcommand(1);
    schedule->footer(
        "\nExamples:\n"
        "  nodectl send --unicast bob --at 17:30 'time to go home'\n"
        "  nodectl later list\n"
        "  nodectl later cancel 12\n" +
        kGlobalHelp);
    auto options = std::make_shared<ScheduleOptions>();
    auto* all = add_command(*schedule, "list", "What waits, the next one first: a row is what was sent together");
    all->add_option("-n", options->count, "At most so many rows")
        ->type_name("N")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    all->footer("\nExample:\n  nodectl later list --json\n" + kGlobalHelp);
    all->callback(
        [&context, options] { context.run = [&context, options] { return list_scheduled(context, *options); }; });
    auto* one = add_command(*schedule, "cancel", "Throw away what waits under these ids");
    one->add_option("ID", options->ids, "As 'later list' shows them")->required()->check([](const std::string& id) {
        return id_trouble(id, "nodectl later list");
    });
    one->footer("\nExample:\n  nodectl later cancel 12 13\n" + kGlobalHelp);
    one->callback([&context, options] { context.run = [&context, options] { return cancel(context, *options); }; });
}

}  // namespace nodectl
