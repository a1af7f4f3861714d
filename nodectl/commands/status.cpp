// nodectl status: is the broker well? Exits 0 when it is, 1 when degraded, 3 when it cannot be reached. Main thread.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "nodectl/commands/commands.hpp"
#include "nodectl/context.hpp"
#include "nodectl/output/output.hpp"
#include "nodectl/output/text.hpp"

namespace nodectl {
namespace {

using Json = nlohmann::json;

int unreachable(const Context& context, const cast::Error& error) {
    const int code = fail(context, "cannot ask for the status", error);
    if (context.json) {
        const nlohmann::ordered_json answer = {
            {"status", "unreachable"}, {"reasons", {cast::error_name(error.code)}}, {"broker", context.broker}};
        print(cast::base::dump_json(answer) + "\n");
    }
    return code;
}

std::string status_text(const Json& status) {
    std::vector<std::pair<std::string, std::string>> rows = {{"status", status.value("status", "?")}};
    for (const auto& reason : status.value("reasons", Json::array())) {
        rows.emplace_back("reason", printable(reason.is_string() ? reason.get<std::string>() : reason.dump()));
    }
    const auto seconds = status.value("uptime_s", 0.0);
    rows.emplace_back("version", printable(status.value("version", "?")));
    rows.emplace_back("uptime", uptime_text(seconds));
    rows.emplace_back("nodes", fmt::format("{} ({} attached)", status.value("nodes", std::uint64_t{0}),
                                           status.value("attached", std::uint64_t{0})));
    rows.emplace_back("queued", bytes_text(status.value("queued_bytes", 0.0)));
    rows.emplace_back("memory", fmt::format("{} of {}", bytes_text(status.value("memory_bytes", 0.0)),
                                            bytes_text(status.value("memory_budget", 0.0))));
    rows.emplace_back("store", printable(status.value("store", "?")));
    return fields(rows);
}

int show_status(const Context& context) {
    auto admin = context.admin();
    if (!admin) return unreachable(context, admin.error());
    const auto answer = admin->status();
    if (!answer) return unreachable(context, answer.error());
    const Json status = Json::parse(*answer, nullptr, false);
    if (!status.is_object()) {
        warn("the broker's status is not JSON; is it of the same version?");
        return kFailed;
    }
    const int written = print(context.json ? *answer + "\n" : status_text(status));
    return status.value("status", "?") == "ok" ? written : kFailed;
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
    auto* status = add_command(app, "status", "Is the broker well? Exits 0 if so, 1 if degraded, 3 if unreachable");
    status->footer(
        "\nExamples:\n  nodectl status --timeout 1s || systemctl restart cast-broker\n"
        "  nodectl status --json | jq .queued_bytes\n" +
        kGlobalHelp);
    status->callback([&context] { context.run = [&context] { return show_status(context); }; });
}

}  // namespace nodectl
