// nodectl dead: lists and shows dead letters, puts them back into their nodes' mailboxes, throws them away. Main
// thread.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "nodectl/commands/commands.hpp"
#include "nodectl/context.hpp"
#include "nodectl/input/names.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/shown.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {
namespace {

using nlohmann::json;

constexpr std::uint64_t kLettersAtOnce = 1000;  // what the broker answers at once

struct DeadLetterOptions {
    std::vector<std::uint64_t> ids;
    std::string node;
    std::uint64_t count = 50;
    bool all = false, raw = false;
};

nlohmann::ordered_json dead_letter_json(const json& dead) {
    nlohmann::ordered_json out = {{"id", number_of(dead, "seq")},
                                  {"node", text_of(dead, "node_id")},
                                  {"reason", text_of(dead, "reason")},
                                  {"detail", text_of(dead, "detail")},
                                  {"died", time_text(dead.value("dead_us", json()))}};
    out["message"] = shown_json(dead.value("record", json::object()));
    return out;
}

cast::Result<json> ask(cast::Admin& admin, const json& call) {
    const auto answer = admin.call(call.dump());
    if (!answer) return answer.error();
    return json::parse(*answer, nullptr, false);
}

// The newest are asked for first, a page at a time, and printed last.
int list_dead_letters(const Context& context, const DeadLetterOptions& options) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot list the dead letters", admin.error());
    std::vector<json> all;
    json before;
    while (all.size() < options.count) {
        json call = {{"op", "dead.list"}, {"count", std::min(kLettersAtOnce, options.count - all.size())}};
        if (!options.node.empty()) call["node"] = options.node;
        if (!before.is_null()) call["before"] = before;
        const auto answer = ask(*admin, call);
        if (!answer) return fail(context, "cannot list the dead letters", answer.error());
        for (const json& dead : answer->value("dead", std::vector<json>())) all.push_back(dead);
        before = answer->value("next_before", json());
        if (before.is_null()) break;
    }
    std::reverse(all.begin(), all.end());
    std::string out;
    Table table({"ID", "NODE", "REASON", "DIED", "MESSAGE"});
    for (const json& dead : all) {
        if (context.json) {
            out += json_line(dead_letter_json(dead));
            continue;
        }
        std::string line = shown_line(dead.value("record", json::object()));
        line = line.substr(std::min(line.find(' '), line.size() - 1) + 1);  // without its arrival
        if (!line.empty() && line.back() == '\n') line.pop_back();
        table.add({std::to_string(number_of(dead, "seq")), text_of(dead, "node_id"), printable(text_of(dead, "reason")),
                   time_text(dead.value("dead_us", json())), line});
    }
    return print(context.json ? out : table.text());
}

int show_dead_letter(const Context& context, const DeadLetterOptions& options) {
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot show the dead letter", admin.error());
    const auto dead = ask(*admin, {{"op", "dead.show"}, {"seq", options.ids.front()}});
    if (!dead) return fail(context, "cannot show the dead letter", dead.error());
    if (context.json) return print(json_line(dead_letter_json(*dead)));
    const json record = dead->value("record", json::object());
    const std::string payload = record.contains("payload")
                                    ? text_of(record, "payload")
                                    : cast::base::decode_base64(text_of(record, "payload_b64")).value_or("");
    if (options.raw) return print(payload);
    std::string headers;
    const json map = record.value("headers", json::object());
    for (const auto& [key, value] : map.items())
        headers +=
            (headers.empty() ? "" : " ") + printable(key + "=" + (value.is_string() ? value.get<std::string>() : ""));
    const std::string kind = text_of(record, "cast");
    return print(fields({{"id", std::to_string(options.ids.front())},
                         {"node", text_of(*dead, "node_id")},
                         {"reason", printable(text_of(*dead, "reason"))},
                         {"detail", text_of(*dead, "detail").empty() ? "-" : printable(text_of(*dead, "detail"))},
                         {"died", time_text(dead->value("dead_us", json()))},
                         {"sender", text_of(record, "sender")},
                         {"kind", kind == "multicast" ? "multicast to " + text_of(record, "target") : kind},
                         {"type", printable(text_of(record, "type"))},
                         {"headers", headers.empty() ? "-" : headers},
                         {"priority", std::to_string(number_of(record, "priority"))},
                         {"arrival", time_text(record.value("time_us", json()))},
                         {"size", grouped(number_of(record, "size"))},
                         {"payload", printable(payload)}}));
}

/// "requeue" or "purge": of the letters that are named, or all (of one node).
int change(const Context& context, const DeadLetterOptions& options, const std::string& what, const char* done) {
    if (options.ids.empty() == !options.all && options.node.empty())
        return usage("dead " + what, "name letters by their ids ('nodectl dead list'), or say --all, or --node NAME");
    if (!options.ids.empty() && !options.node.empty())
        return usage("dead " + what, "ids and --node exclude each other");
    auto admin = context.admin();
    if (!admin) return fail(context, "cannot " + what + " dead letters", admin.error());
    const std::string op = "dead." + what, key = what + (what.back() == 'e' ? "d" : "ed");
    std::uint64_t count = 0;
    for (const std::uint64_t id : options.ids) {
        const auto answer = ask(*admin, {{"op", op}, {"seq", id}});
        if (!answer) {
            const int code = fail(context, fmt::format("cannot {} dead letter {}", what, id), answer.error());
            if (options.ids.size() > 1)
                warn(fmt::format("{} {}; those behind it were not tried", counted(count, "message"), done));
            return code;
        }
        ++count;
    }
    json failed = json::array();
    if (options.ids.empty()) {
        json call = {{"op", op}};
        if (!options.node.empty()) call["node"] = options.node;
        const auto answer = ask(*admin, call);
        if (!answer) return fail(context, "cannot " + what + " dead letters", answer.error());
        count = number_of(*answer, key.c_str());
        failed = answer->value("failed", json::array());
    }
    const int code = print(context.json ? json_line({{key, count}, {"failed", failed.size()}})
                                        : fmt::format("{} {}\n", counted(count, "message"), done));
    std::map<std::pair<std::string, std::string>, std::size_t> why;  // by code and node: there may be thousands
    for (const json& one : failed) ++why[{text_of(one, "code"), text_of(one, "node_id")}];
    for (const auto& [of, letters] : why)
        warn(fmt::format("{}: cannot {} {} to '{}'", of.first, what, counted(letters, "dead letter"), of.second));
    if (code != 0 || failed.empty()) return code;
    const bool nobody = text_of(failed.front(), "code") == cast::error_name(cast::ErrorCode::no_such_node);
    return cast::exit_code(nobody ? cast::ErrorCode::no_such_node : cast::ErrorCode::mailbox_full);
}

std::string id_form(const std::string& id) { return id_trouble(id, "nodectl dead list"); }

void add_choice(CLI::App& app, DeadLetterOptions& options) {
    app.add_option("ID", options.ids, "Which letters")->check(id_form);
    app.add_option("--node", options.node, "All of this node")->type_name("NAME")->check(name_trouble);
    app.add_flag("--all", options.all, "All of all nodes");
}

}  // namespace

void add_dead_letters(CLI::App& app, Context& context) {
    auto* dead = add_command(app, "dead", "Messages that nobody has handled: list, show, requeue, purge");
    dead->require_subcommand(1);
    dead->footer(
        "\nA message dies when its time to live runs out in a mailbox (expired), when its reader refuses it "
        "(refused),\n"
        "when its readers went without acknowledging it too often (redeliveries: the broker's max-redeliveries), or "
        "when\n"
        "its node is deleted or vanishes (deleted). The broker keeps the last 10,000 (dead-messages, dead-bytes).\n"
        "\nExamples:\n  nodectl dead list\n  nodectl dead show 17\n  nodectl dead requeue 17\n  nodectl dead purge "
        "--all\n" +
        kGlobalHelp);
    auto options = std::make_shared<DeadLetterOptions>();

    auto* all = add_command(*dead, "list", "List the dead letters, the newest last");
    all->add_option("--node", options->node, "Only of this node")->type_name("NAME")->check(name_trouble);
    all->add_option("-n", options->count, "At most so many, the newest")
        ->type_name("COUNT")
        ->check(CLI::Range(1, 1000000))
        ->capture_default_str();
    all->footer(
        "\nExamples:\n  nodectl dead list\n  nodectl dead list --json | jq -r 'select(.reason == \"refused\").id'\n" +
        kGlobalHelp);
    all->callback(
        [&context, options] { context.run = [&context, options] { return list_dead_letters(context, *options); }; });

    auto* one = add_command(*dead, "show", "Show all about a dead letter");
    one->add_option("ID", options->ids, "Which letter")->required()->expected(1)->check(id_form);
    one->add_flag("--raw", options->raw, "Print the payload's bytes, nothing else (of a large one the first 512 KiB)");
    one->footer("\nExamples:\n  nodectl dead show 17\n  nodectl dead show 17 --raw > payload\n" + kGlobalHelp);
    one->callback(
        [&context, options] { context.run = [&context, options] { return show_dead_letter(context, *options); }; });

    auto* back = add_command(*dead, "requeue", "Put dead letters back into their nodes' mailboxes");
    add_choice(*back, *options);
    back->footer(
        "\nWith their sender, type, headers and payload as they were, and no time to live. One that cannot be put back "
        "(no such\n"
        "node, its mailbox is full) stays, and the exit code tells.\n"
        "\nExamples:\n  nodectl dead requeue 17 18\n  nodectl dead requeue --node alice\n" +
        kGlobalHelp);
    back->callback([&context, options] {
        context.run = [&context, options] { return change(context, *options, "requeue", "put back"); };
    });

    auto* gone = add_command(*dead, "purge", "Throw dead letters away");
    add_choice(*gone, *options);
    gone->footer("\nExamples:\n  nodectl dead purge 17\n  nodectl dead purge --all\n" + kGlobalHelp);
    gone->callback([&context, options] {
        context.run = [&context, options] { return change(context, *options, "purge", "thrown away"); };
    });
}

}  // namespace nodectl
