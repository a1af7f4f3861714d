// rig: measures one messaging system in one run, as the only work of this process; prints one JSON line.
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <string>

#include "measure.hpp"
#include "process.hpp"
#include "run.hpp"

namespace rig {
namespace {

constexpr const char* kModes =
    "unicast           one sender, one receiver: messages/s at the receiver\n"
    "broadcast         one sender, RECEIVERS receivers: deliveries/s over all of them\n"
    "multicast         one sender, --groups in turn, all RECEIVERS members of all: deliveries/s\n"
    "fanout            one sender, --targets nodes in turn, held by RECEIVERS processes: messages/s\n"
    "funnel            --senders, one receiver: messages/s\n"
    "pingpong          COUNT round trips of two endpoints: half a round trip, microseconds\n"
    "pingpong-receive  the same through the call that gives one message (cast)\n"
    "flood-latency     the same while another pair sends as fast as it can\n"
    "receipts          one sender, a node that nobody reads: messages/s until all are receipted\n"
    "lone-receipts     the same, each after the receipt of the one before: microseconds\n"
    "idle-memory       bytes of the server for each of COUNT nodes: attached over --connections, or --stored";

Json measure(System& system, const Run& run) {
    if (run.mode == "idle-memory") return measure_memory(system, run);
    if (run.mode.starts_with("pingpong") || run.mode == "flood-latency") return measure_latency(system, run);
    if (run.mode.ends_with("receipts")) return measure_receipts(system, run);
    return measure_flow(system, run);
}

int carry_out(Run run, const std::string& folder) {
    run.setup.folder = folder;
    run.setup.one_by_one = run.mode == "pingpong-receive";
    run.setup.unread = run.mode.ends_with("receipts");
    run.setup.nodes = run.mode == "idle-memory" ? static_cast<std::size_t>(run.count) : std::size_t(run.targets);
    run.setup.http = run.beside.empty() ? 0 : free_port();
    raise_descriptor_limit();
    auto system = make_system(run.system, run.setup);
    if (system == nullptr) fail("no system " + run.system + " in this build; there are: " + system_names());
    if (const std::string why = system->objection(run.mode); !why.empty()) fail(run.system + " " + why);
    Json line{{"system", run.system}, {"mode", run.mode}, {"size", run.size}};
    if (run.setup.ipc) line["ipc"] = true;
    system->start();
    const pid_t beside =
        run.beside.empty()
            ? 0
            : start_ready(
                  {"/bin/sh", "-c", "exec " + run.beside + " http://127.0.0.1:" + std::to_string(run.setup.http)});
    line.update(measure(*system, run));
    end(beside);
    end(system->server_pid());
    std::printf("%s\n", line.dump().c_str());
    return 0;
}

int parse(int argc, char** argv, Run& run) {
    CLI::App app{"Measures one messaging system in one run and prints one JSON line.", "rig"};
    app.footer(std::string("Modes:\n") + kModes + "\nSystems: " + system_names());
    app.add_option("SYSTEM", run.system)->required();
    app.add_option("MODE", run.mode)
        ->required()
        ->check(CLI::IsMember({"unicast", "broadcast", "multicast", "fanout", "funnel", "pingpong", "pingpong-receive",
                               "flood-latency", "receipts", "lone-receipts", "idle-memory"}));
    app.add_option("COUNT", run.count, "messages, round trips or nodes")->required()->check(CLI::PositiveNumber);
    app.add_option("SIZE", run.size, "bytes of a message")->required();
    app.add_option("RECEIVERS", run.receivers)->check(CLI::Range(1, kSeats));
    app.add_option("--senders", run.senders)->check(CLI::Range(1, kSeats));
    app.add_option("--targets", run.targets)->check(CLI::Range(1, 1000000));
    app.add_option("--groups", run.groups)->check(CLI::Range(1, 100000));
    app.add_option("--connections", run.connections)->check(CLI::Range(1, 1000));
    app.add_flag("--stored", run.stored, "idle-memory: nodes that exist without a client");
    app.add_flag("--ipc", run.setup.ipc, "over ipc instead of TCP loopback: cast and zmq");
    app.add_flag("--deaf-sender", run.setup.stalled_sender, "the sender subscribes to nothing, at no system");
    app.add_option("--beside", run.beside,
                   "a command that runs meanwhile, given the URL of cast's page; it prints a line when ready");
    app.add_option("--limit", run.limit_s, "seconds after which the run is ended")->check(CLI::PositiveNumber);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return -1;
}

}  // namespace

double rounded(double value, int digits) {
    const double scale = std::pow(10, digits);
    return std::round(value * scale) / scale;
}

}  // namespace rig

int main(int argc, char** argv) {
    rig::Run run;
    if (const int code = rig::parse(argc, argv, run); code >= 0) return code;
    return rig::run_kept(run.limit_s, [&](const std::string& folder) { return rig::carry_out(run, folder); });
}
