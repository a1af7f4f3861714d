// nodectl events: who comes and goes, joins and leaves, one line each. Main thread.
#include "nodectl/commands/events.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "nodectl/commands/commands.hpp"
#include "nodectl/context.hpp"
#include "nodectl/interrupt.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {
namespace {

using Clock = std::chrono::steady_clock;

bool wanted(const cast::Event& event, const EventOptions& options) {
    if (options.nodes_only && event.node.empty()) return false;
    const auto& nodes = options.nodes;
    return nodes.empty() || std::find(nodes.begin(), nodes.end(), event.node) != nodes.end();
}

void append(std::string& out, const cast::Event& event, bool json) {
    if (json) {
        (out += event.json) += '\n';
        return;
    }
    append_time(out, event.time);
    fmt::format_to(std::back_inserter(out), "  {:<8}", printable(event.kind));
    if (!event.node.empty()) out += " node " + printable(event.node);
    if (!event.group.empty()) out += " group " + printable(event.group);
    const auto whole = nlohmann::json::parse(event.json, nullptr, false);
    if (whole.is_object() && whole.contains("text")) out += " " + printable(whole.value("text", ""));
    out += '\n';
}

}  // namespace

void add_event_limits(CLI::App& app, EventOptions& options) {
    app.add_option("-n", options.count, "Stop after so many events")->type_name("COUNT")->check(count_trouble);
    add_duration(app, "-W", options.silence,
                 "Stop after so long without an event; exits 7 if there were none, or fewer than -n asks for");
}

int print_events(const Context& context, const EventOptions& options) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot watch events", admin.error());
    catch_interrupts();
    Output out;
    std::uint64_t seen = 0;
    auto last = Clock::now();
    while (interrupted() == 0 && !out.reader_gone()) {
        const auto event = admin->next_event(slice_of(options.silence, Clock::now() - last));
        if (!event && event.code() != cast::ErrorCode::timed_out) {
            return fail(context, "cannot watch events", event.error());
        }
        if (event && wanted(*event, options)) {
            append(out.buffer(), *event, context.json);
            if (!out.flush()) break;
            last = Clock::now();
            if (++seen == options.count) return out.finish();
        } else if (options.silence && Clock::now() - last >= *options.silence) {
            if (connection_lost()) {
                warn("unreachable: the connection to the broker is lost");
                return out.finish(cast::exit_code(cast::ErrorCode::unreachable));
            }
            if (seen > 0 && options.count == 0) return out.finish();
            warn(options.count == 0 ? "timed_out: no event came"
                                    : fmt::format("timed_out: {} of {} events came", seen, options.count));
            return out.finish(kTimedOut);
        }
    }
    return out.finish(interrupted() != 0 && options.count != 0 ? 128 + interrupted() : 0);
}

void add_events(CLI::App& app, Context& context) {
    auto* events = add_command(app, "events", "Print a line whenever nodes or groups come, go, join or leave");
    auto options = std::make_shared<EventOptions>();
    add_event_limits(*events, *options);
    events->footer(
        "\nKinds: created, deleted, online, offline, joined, left, changed; of the store: store_failed, store_slow,\n"
        "store_well, unreadable, readable.\n"
        "\nExamples:\n  nodectl events\n  nodectl events --json -n 1 -W 30\n" +
        kGlobalHelp);
    events->callback(
        [&context, options] { context.run = [&context, options] { return print_events(context, *options); }; });
}

}  // namespace nodectl
