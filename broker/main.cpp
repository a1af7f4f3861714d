// cast-broker: reads its options, binds its ends, and turns until SIGTERM. Assembles the parts and nothing more.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <random>
#include <string>

#ifdef CAST_HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "broker.hpp"
#include "log.hpp"
#include "store/memory.hpp"
#include "wire/heap.hpp"

namespace {

using broker::Broker;

int g_argc = 0;
char** g_argv = nullptr;

void notify(const char* state) {
#ifdef CAST_HAVE_SYSTEMD
    sd_notify(0, state);
#else
    (void)state;
#endif
}

std::uint64_t random_id() {
    std::random_device device;
    return (std::uint64_t(device()) << 32 | device()) >> 1 | 1;
}

/// Every connection is a descriptor: take as many as the system allows.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
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
    return info.ssi_signo == SIGHUP ? Broker::Wish::reload : Broker::Wish::stop;
}

bool reload(broker::Options& running) {
    const broker::Parsed fresh = broker::parse_options(g_argc, g_argv);
    if (fresh.exit_code) {
        broker::log_error("reload: nothing changed: " + fresh.text);
        return false;
    }
    const broker::Reload result = broker::reload_options(running, fresh.options);
    for (const std::string& name : result.needs_restart) broker::log_warning("reload: " + name + " changes with the next start only");
    for (const std::string& name : result.changed) broker::log_info("reload: " + name + " taken over");
    broker::set_log(running.log_level, running.log_format);
    broker::log_info("reloaded");
    return true;
}

/// The chosen ends for scripts; under a temporary name first, so that nobody reads half of it.
bool write_endpoints(const std::string& path, const broker::Edge& edge) {
    const std::string temporary = path + ".new";
    {
        std::ofstream out(temporary);
        for (const std::string& end : edge.bound()) out << "bind=" << end << '\n';
        for (const std::string& end : edge.published()) out << "publish=" << end << '\n';
        if (!out.flush()) return false;
    }
    return std::rename(temporary.c_str(), path.c_str()) == 0;
}

int serve(const broker::Options& options, int signals) {
    broker::Edge edge({options.bind, options.publish, options.max_message + (8u << 20), !options.no_spin});
    broker::MemoryStore store;
    broker::Config config = broker::core_config(options);
    config.epoch = Broker::now().wall_us;
    config.store_id = random_id();
    config.first_stream = random_id() >> 16 << 16;  // ids of an earlier start are not given out again
    Broker broker(options, edge, store, config, CAST_VERSION);
    for (const std::string& end : edge.bound()) broker::log_info("serving nodes at " + end);
    for (const std::string& end : edge.published()) broker::log_info("publishing at " + end);
    if (!options.endpoints_file.empty() && !write_endpoints(options.endpoints_file, edge)) {
        broker::log_error("cannot write " + options.endpoints_file);
        return 1;
    }
    notify("READY=1");
    broker.run(signals, read_signal, reload);
    notify("STOPPING=1");
    if (!options.endpoints_file.empty()) std::remove(options.endpoints_file.c_str());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    g_argc = argc;
    g_argv = argv;
    const broker::Parsed parsed = broker::parse_options(argc, argv);
    if (parsed.exit_code) {
        std::fputs(parsed.text.c_str(), *parsed.exit_code == 0 ? stdout : stderr);
        return *parsed.exit_code;
    }
    const int signals = open_signals();  // before any thread, so that none of them takes a signal
    raise_descriptor_limit();
    cast::wire::keep_freed_memory();
    broker::set_log(parsed.options.log_level, parsed.options.log_format);
    try {
        return serve(parsed.options, signals);
    } catch (const std::exception& error) {
        broker::log_error(error.what());
        return 1;
    }
}
