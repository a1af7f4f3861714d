// cast-broker: reads its options, binds its ends, and turns until SIGTERM. Assembles the parts and nothing more.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#ifdef CAST_HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "base/random_id.hpp"
#include "gateway/gateway.hpp"
#include "server/broker.hpp"
#include "server/descriptors.hpp"
#include "server/endpoints_file.hpp"
#include "server/log.hpp"
#include "server/page_link.hpp"
#include "server/tasks.hpp"
#include "store/disk.hpp"
#include "store/memory.hpp"
#include "wire/heap.hpp"

namespace {

using broker::Broker;

constexpr std::chrono::milliseconds kLogPatience{1000};  // at the end, for who reads the log

gateway::Gateway* g_gateway = nullptr;
bool g_stopping = false;
int g_argc = 0;
char** g_argv = nullptr;

void notify(const char* state) {
#ifdef CAST_HAVE_SYSTEMD
    sd_notify(0, state);
#else
    (void)state;
#endif
}

/// SQLite's numbers have a sign.
std::uint64_t positive_id() { return cast::base::random_id() >> 1 | 1; }

/// Descriptors 0 to 2 that were closed are taken: a file of ours that got one would be written to by the log.
void take_standard_streams() {
    for (int fd = 0; fd <= 2; ++fd)
        if (fcntl(fd, F_GETFD) < 0) (void)open("/dev/null", O_RDWR);  // the lowest that is free
}

int open_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

Broker::Wish read_signal(int fd) {
    signalfd_siginfo info{};
    if (read(fd, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return Broker::Wish::none;
    if (info.ssi_signo == SIGHUP) return Broker::Wish::reload;
    if (g_gateway == nullptr || std::exchange(g_stopping, true)) return Broker::Wish::stop;
    // The gateway is a client: it finishes what is under way while the broker still answers, and then says so.
    g_gateway->stop([] { kill(getpid(), SIGTERM); });
    return Broker::Wish::none;
}

/// What nobody asked for is no reason to warn that it cannot be had.
void fit_and_tell(broker::Options& options) {
    const bool asked = options.max_connections != broker::Options{}.max_connections;
    const std::string lowered = broker::fit_connections(options);
    if (!lowered.empty()) asked ? broker::log_warning(lowered) : broker::log_info(lowered);
}

bool reload(broker::Options& running) {
    broker::Parsed fresh = broker::parse_options(g_argc, g_argv);
    if (fresh.exit_code) {
        std::istringstream faults(fresh.text);
        for (std::string fault; std::getline(faults, fault);) broker::log_error("reload: nothing changed: " + fault);
        return false;
    }
    fit_and_tell(fresh.options);
    const broker::Reload result = broker::reload_options(running, fresh.options);
    for (const std::string& name : result.needs_restart)
        broker::log_warning("reload: " + name + " changes with the next start only");
    for (const std::string& name : result.changed) broker::log_info("reload: " + name + " taken over");
    broker::set_log(running.log_level, running.log_format);
    broker::log_info("reloaded");
    return true;
}

/// The chosen ends, for scripts.
std::string endpoints(const broker::ZmqEdge& edge, const gateway::Gateway* page) {
    std::string text;
    for (const std::string& end : edge.bound()) text += "bind=" + end + "\n";
    for (const std::string& end : edge.published()) text += "publish=" + end + "\n";
    if (page != nullptr) text += "http=" + page->url() + "\n";
    return text;
}

/// An end that is bound to every address, as a client on this machine says it.
std::string own_endpoint(std::string end) {
    for (const auto& [all, one] : {std::pair{"//0.0.0.0:", "//127.0.0.1:"}, std::pair{"//[::]:", "//127.0.0.1:"},
                                   std::pair{"//*:", "//127.0.0.1:"}})
        if (const auto at = end.find(all); at != std::string::npos) end.replace(at, std::string_view(all).size(), one);
    return end;
}

std::unique_ptr<gateway::Gateway> make_gateway(const broker::Options& options, const broker::ZmqEdge& edge,
                                               broker::PageLink& link) {
    if (options.http == "off") return nullptr;
    gateway::Settings settings;
    settings.end = options.http;
    const broker::DescriptorPlan descriptors = broker::descriptor_counts().plan;
    settings.connections = descriptors.page;
    settings.connections_per_address = options.http_connections;
    settings.highest_descriptor = descriptors.page_limit;
    settings.node_address = options.node_address;
    settings.dev = options.dev;
    settings.broker = own_endpoint(edge.bound().front());
    settings.version = CAST_VERSION;
    settings.key = link.key();
    settings.tell_troubles = [&link](std::vector<std::string> sentences) { link.set_troubles(std::move(sentences)); };
    settings.log_warning = [](const std::string& text) { broker::log_of_client(broker::LogLevel::warning, text); };
    return std::make_unique<gateway::Gateway>(std::move(settings));
}

broker::ZmqEdge::Settings edge_settings(const broker::Options& o) {
    broker::ZmqEdge::Settings settings;
    settings.bind = o.bind;
    settings.publish = o.publish;
    // libzmq keeps to what was set when an end was bound, and max-message may be raised later: which message is too
    // large the core says, and the largest that could be allowed gets as far as that.
    settings.max_frame = cast::wire::kHardMaxMessage + (8u << 20);
    settings.spin = !o.no_spin;
    settings.io_threads = static_cast<int>(o.io_threads);
    settings.ipc = {static_cast<mode_t>(o.ipc_mode), o.ipc_group};
    settings.limits = broker::intake_limits(o);
    return settings;
}

/// Where clients come to. Bound after the data directory is locked, and before the store begins its epoch: a start that
/// finds an end taken leaves the store as it was. Nobody is answered yet.
struct Endpoints {
    explicit Endpoints(const broker::Options& o)
        : file(std::make_unique<broker::EndpointsFile>(o.endpoints_file)),
          edge(std::make_unique<broker::ZmqEdge>(edge_settings(o))),
          link(std::make_unique<broker::PageLink>(o.http != "off")),
          page(make_gateway(o, *edge, *link)) {}
    std::unique_ptr<broker::EndpointsFile> file;
    std::unique_ptr<broker::ZmqEdge> edge;
    std::unique_ptr<broker::PageLink> link;
    std::unique_ptr<gateway::Gateway> page;
};

void warn_of_ports(const broker::Recovered& recovered) {
    const auto count = std::count_if(recovered.nodes.begin(), recovered.nodes.end(),
                                     [](const broker::NodeRow& node) { return node.port != 0; });
    if (count > 0)
        broker::log_warning(std::to_string(count) +
                            " nodes have ports of their own, which are not opened: --http is off");
}

/// The ends are closed when it returns.
int run(const broker::Options& options, Endpoints bound, broker::Store& store, const broker::Config& config,
        const broker::Recovered* recovered, int signals) {
    broker::ZmqEdge& edge = *bound.edge;
    gateway::Gateway* const page = bound.page.get();
    Broker broker(options, edge, store, config, *bound.link, CAST_VERSION);
    if (recovered != nullptr) broker.restore(*recovered);
    if (!broker::ZmqEdge::numbers_peers())
        broker::log_warning("this build's libzmq can be made to abort by a peer: the broker serves this machine only");
    for (const std::string& end : edge.bound()) broker::log_info("serving nodes at " + end);
    for (const std::string& end : edge.published()) broker::log_info("publishing at " + end);
    if (page != nullptr) broker::log_info("serving the page and the API at " + page->url());
    if (page != nullptr) page->start();
    if (page == nullptr && recovered != nullptr) warn_of_ports(*recovered);
    bound.file->write(endpoints(edge, page));
    notify("READY=1");
    g_gateway = page;
    broker.run(signals, read_signal, reload);
    g_gateway = nullptr;
    notify("STOPPING=1");
    bound.file.reset();
    return 0;
}

bool in_memory(const broker::Options& o) { return o.memory || o.durability == broker::Durable::memory; }

std::string directory_of(const broker::Options& o) { return o.data.empty() ? broker::default_directory() : o.data; }

std::unique_ptr<broker::Store> make_store(const broker::Options& options) {
    if (in_memory(options)) return std::make_unique<broker::MemoryStore>();
    const std::string directory = directory_of(options);
    if (directory.empty())
        throw std::runtime_error("no data directory: give one with --data, or keep all in memory with --memory");
    const bool sync = options.durability == broker::Durable::fsync;
    auto store =
        std::make_unique<broker::DiskStore>(directory, sync ? broker::Durability::fsync : broker::Durability::os);
    for (const std::string& warning : broker::make_private(directory)) broker::log_warning(warning);
    store->may_spin(!options.no_spin &&
                    std::thread::hardware_concurrency() > 2);  // the broker spins, too; clients need the rest
    return store;
}

broker::Config start_config(const broker::Options& options, const broker::Store& store,
                            const broker::Recovered& recovered) {
    constexpr broker::StreamId kLeap = 1u << 16;  // over the ids that the epoch before gave out and did not keep
    broker::Config config = broker::core_config(options);
    config.durable = !store.volatile_only();
    config.epoch = recovered.epoch;
    config.store_id = recovered.store_id;
    config.first_stream = recovered.next_stream + (config.durable ? kLeap : 0);
    for (const broker::StreamRow& row : recovered.streams)
        if (row.kind == cast::wire::kBroadcastStream) config.broadcast_stream = row.id;
    return config;
}

int serve(const broker::Options& options, int signals) {
    const std::unique_ptr<broker::Store> store = make_store(options);
    Endpoints bound(options);
    // Stream ids of an earlier start are not given out again.
    store->open({positive_id(), broker::SystemClock().read().wall_us, positive_id() >> 16 << 16});
    const broker::Recovered recovered = store->recover();
    const broker::Config config = start_config(options, *store, recovered);
    if (config.durable) broker::log_info("the store is in " + directory_of(options));
    const int code = run(options, std::move(bound), *store, config, config.durable ? &recovered : nullptr, signals);
    if (store->close()) return code;
    const char* what =
        store->lost() ? ", and a start may not find what was receipted: " : "; what was receipted is in it: ";
    broker::log_error("the store could not be closed in order" + (what + store->trouble()));
    return store->lost() ? 1 : code;
}

}  // namespace

int main(int argc, char** argv) {
    umask(077);  // before anything is made: mail is nobody else's business
    take_standard_streams();
    g_argc = argc;
    g_argv = argv;
    broker::Parsed parsed = broker::parse_options(argc, argv);
    if (parsed.exit_code) {
        std::fputs(parsed.text.c_str(), *parsed.exit_code == 0 ? stdout : stderr);
        return *parsed.exit_code;
    }
    if (parsed.task != broker::Task::serve) return broker::run_task(parsed, positive_id());
    const int signals = open_signals();  // before any thread, so that none of them takes a signal
    cast::wire::keep_freed_memory();
    broker::set_log(parsed.options.log_level, parsed.options.log_format);
    int code = 1;
    try {
        broker::take_descriptors(parsed.options);
        fit_and_tell(parsed.options);
        code = serve(parsed.options, signals);
    } catch (const std::exception& error) {
        broker::log_error(error.what());
    }
    broker::end_log(kLogPatience);
    return code;
}
