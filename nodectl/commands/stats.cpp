// nodectl stats: the broker's counters, rates and latencies for people, or its JSON as it is. Main thread.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "nodectl/commands/commands.hpp"
#include "nodectl/context.hpp"
#include "nodectl/interrupt.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {
namespace {

using Json = nlohmann::json;
using Rows = std::vector<std::pair<std::string, std::string>>;

struct StatsOptions {
    bool watch = false;
    std::uint64_t count = 0;
};

// The number at a path such as "/messages/total"; 0 when there is none.
double number(const Json& stats, const std::string& path) {
    const Json::json_pointer at(path);
    return stats.contains(at) && stats[at].is_number() ? stats[at].get<double>() : 0;
}

std::string count(const Json& stats, const std::string& path) {
    return grouped(static_cast<std::uint64_t>(number(stats, path)));
}

std::string size(const Json& stats, const std::string& path) { return bytes_text(number(stats, path)); }

std::string codes(const Json& refused) {
    std::string out;
    if (!refused.is_object()) return "0";
    for (const auto& [code, messages] : refused.items()) {
        out += fmt::format("{}{} {}", out.empty() ? "" : ", ", printable(code), messages.dump());
    }
    return out.empty() ? "0" : out;
}

std::string latency(const Json& stats, const std::string& which) {
    const double us = number(stats, "/latency_us/" + which);
    if (us < 1000) return fmt::format("{:.0f} us", us);
    return us < 1e6 ? fmt::format("{:.1f} ms", us / 1e3) : fmt::format("{:.2f} s", us / 1e6);
}

std::string store(const Json& s) {
    std::string out = printable(s.value("kind", "?"));
    out += s.value("healthy", true) ? ", takes messages" : ", takes no messages";
    if (const auto trouble = s.value("trouble", ""); !trouble.empty()) out += ": " + printable(trouble);
    if (const auto failures = s.value("failures", std::uint64_t{0}); failures > 0)
        out += fmt::format(" ({} attempts failed)", grouped(failures));
    for (const auto& place : s.value("unreadable", Json::array())) {
        const auto whose =
            place.contains("node") ? "node " + place.value("node", "") : "group " + place.value("group", "?");
        out +=
            fmt::format("; {}: unreadable from message {} on", printable(whose), place.value("from", std::uint64_t{0}));
    }
    return out;
}

Rows overview(const Json& s) {
    return {
        {"broker", fmt::format("version {}, up {}, epoch {}", printable(s.value("version", "?")),
                               uptime_text(number(s, "/uptime_s")), static_cast<std::uint64_t>(number(s, "/epoch")))},
        {"nodes", fmt::format("{} known, {} attached, {} created", count(s, "/nodes/known"),
                              count(s, "/nodes/attached"), count(s, "/nodes/created"))},
        {"groups", count(s, "/groups")},
        {"sessions", fmt::format("{} over {} connections", count(s, "/sessions"), count(s, "/connections"))},
        {"messages",
         fmt::format("{} ({} unicast, {} multicast, {} broadcast)", count(s, "/messages/total"),
                     count(s, "/messages/unicast"), count(s, "/messages/multicast"), count(s, "/messages/broadcast"))},
        {"delivered", count(s, "/delivered/messages")},
        {"bytes", fmt::format("{} in, {} out", size(s, "/bytes/in"), size(s, "/bytes/out"))},
        {"batches", fmt::format("{} in, {} out", count(s, "/batches/in"), count(s, "/batches/out"))},
        {"queued", fmt::format("{} messages, {}", count(s, "/queued/messages"), size(s, "/queued/bytes"))},
        {"store", store(s.value("store", Json::object()))},
        {"receipts", count(s, "/receipts")},
        {"redelivered", count(s, "/redelivered")},
        {"repaired gaps", count(s, "/repaired_gaps")},
        {"gaps", fmt::format("{} expired, {} retention, {} purged", count(s, "/gaps/expired"),
                             count(s, "/gaps/retention"), count(s, "/gaps/purged"))},
        {"expired", count(s, "/expired")},
        {"discarded", count(s, "/discarded")},
        {"waiting for their time", count(s, "/later/messages")},
        {"refused", codes(s.value("refused", Json::object()))},
        {"latency",
         fmt::format("p50 {}, p90 {}, p99 {}, p99.9 {}, max {} ({} samples)", latency(s, "p50"), latency(s, "p90"),
                     latency(s, "p99"), latency(s, "p999"), latency(s, "max"), count(s, "/latency_us/count"))}};
}

std::string rates(const Json& s) {
    Table table({"PER SECOND", "MESSAGES IN", "MESSAGES OUT", "BYTES IN", "BYTES OUT"});
    for (const std::string span : {"1s", "10s", "60s"}) {
        const std::string at = "/rates/" + span + "/";
        table.add({"over " + span, count(s, at + "messages_in"), count(s, at + "messages_out"),
                   size(s, at + "bytes_in"), size(s, at + "bytes_out")});
    }
    return table.text();
}

std::string table_of(const Json& objects, const std::string& title, const std::vector<std::string>& members) {
    if (!objects.is_object() || objects.empty()) return "";
    std::vector<std::string> header = {title};
    for (std::string name : members) {
        for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        header.push_back(name);
    }
    Table table(header);
    for (const auto& [name, object] : objects.items()) {
        std::vector<std::string> row = {printable(name)};
        for (const auto& member : members) row.push_back(count(object, "/" + member));
        table.add(row);
    }
    return "\n" + table.text();
}

std::string text_of(const Json& stats) {
    return fields(overview(stats)) + "\n" + rates(stats) +
           table_of(stats.value("per_node", Json::object()), "NODE", {"received", "acknowledged", "sent", "queued"}) +
           table_of(stats.value("per_group", Json::object()), "GROUP", {"messages", "bytes", "members"});
}

// Sleeps until the next refresh is due; a signal ends it early.
void wait_until(std::chrono::steady_clock::time_point due, Output& out) {
    while (interrupted() == 0 && !out.reader_gone() && std::chrono::steady_clock::now() < due) {
        std::this_thread::sleep_for(Milliseconds(50));
    }
}

int show_stats(const Context& context, const StatsOptions& options) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot ask for statistics", admin.error());
    if (options.watch) catch_interrupts();
    Output out;
    auto due = std::chrono::steady_clock::now();
    for (std::uint64_t round = 1; interrupted() == 0; ++round) {
        const auto answer = admin->stats();
        if (!answer) return fail(context, "cannot ask for statistics", answer.error());
        const Json stats = Json::parse(*answer, nullptr, false);
        if (!stats.is_object()) {
            warn("the broker's statistics are not JSON; is it of the same version?");
            return kFailed;
        }
        if (context.json) {
            out.buffer() += *answer + "\n";
        } else {
            if (options.watch && out.terminal())
                out.buffer() += "\x1b[H\x1b[J";
            else if (round > 1)
                out.buffer() += "\n";
            out.buffer() += text_of(stats);
        }
        if (!out.flush() || !options.watch || round == options.count) break;
        due += std::chrono::seconds(1);
        wait_until(due, out);
        if (out.reader_gone()) break;
    }
    return out.finish(interrupted() != 0 && options.count != 0 ? 128 + interrupted() : 0);
}

}  // namespace

void add_stats(CLI::App& app, Context& context) {
    auto* stats = add_command(app, "stats", "Show the broker's counters, rates and latencies");
    auto options = std::make_shared<StatsOptions>();
    stats->add_flag("--watch", options->watch, "Again every second; on a terminal in place");
    stats->add_option("-n", options->count, "Stop after so many refreshes; means --watch")
        ->type_name("COUNT")
        ->check(count_trouble);
    stats->footer("\nExamples:\n  nodectl stats --watch\n  nodectl stats --json | jq .queued.messages\n" + kGlobalHelp);
    stats->callback([&context, options] {
        if (options->count > 0) options->watch = true;
        context.run = [&context, options] { return show_stats(context, *options); };
    });
}

}  // namespace nodectl
