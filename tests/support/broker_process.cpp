// A real broker for tests. See broker_process.hpp.
#include "support/broker_process.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace cast::test {

void fail_test(const std::string& why) { throw std::runtime_error(why); }

void must(const Result<void>& result) {
    if (!result.ok()) fail_test(result.error().text());
}

namespace {
/// A loopback address of this process's own: nobody else takes a port there while a broker is down.
std::string own_endpoint() {
    const int pid = ::getpid();
    return "tcp://127." + std::to_string(pid >> 16 & 255) + "." + std::to_string(pid >> 8 & 255) + "." +
           std::to_string(pid & 255) + ":0";
}
}  // namespace

BrokerProcess::BrokerProcess(std::vector<std::string> flags)
    : flags_(std::move(flags)), url_(own_endpoint()), publish_url_(own_endpoint()) {
    start();
}

void BrokerProcess::start() {
    std::vector<std::string> command{"/usr/bin/env"};
    for (const std::string& flag : flags_)
        if (flag[0] != '-' && flag.find('=') != std::string::npos) command.push_back(flag);
    command.push_back(program("cast-broker"));
    bool endpoints = false, data = false, http = false;
    for (const std::string& flag : flags_) {
        endpoints = endpoints || flag.rfind("--bind", 0) == 0;
        data = data || flag == "--data";
        http = http || flag == "--http";
    }
    if (data)
        command.insert(command.end(), {"--data", path("data")});
    else
        command.emplace_back("--memory");
    if (!endpoints) command.insert(command.end(), {"--bind", url_, "--publish", publish_url_});
    command.insert(command.end(), {"--endpoints-file", path("ends")});
    if (!http) command.insert(command.end(), {"--http", "off"});
    for (const std::string& flag : flags_)
        if (flag != "--data" && (flag[0] == '-' || flag.find('=') == std::string::npos)) command.push_back(flag);
    std::remove(path("ends").c_str());
    process_ = Process(command, path("log"), path("log"));
    const bool written = eventually([&] { return !read_file(path("ends")).empty() || !process_.running(); });
    std::istringstream lines(read_file(path("ends")));
    std::string line;
    bool bound = false, published = false;
    while (written && std::getline(lines, line)) {
        if (line.rfind("bind=", 0) == 0 && !std::exchange(bound, true)) url_ = line.substr(5);
        if (line.rfind("publish=", 0) == 0 && !std::exchange(published, true)) publish_url_ = line.substr(8);
    }
    up_ = bound && published;
    if (!up_) fail_test("the broker does not start: " + log());
}

BrokerProcess::~BrokerProcess() {
    if (!up_) return;
    go_on();
    const int code = terminate();
    if (code != 0) FAIL_CHECK("the broker ended with " << code << ": " << log());
}

void BrokerProcess::stop() { process_.signal(SIGSTOP); }
void BrokerProcess::go_on() { process_.signal(SIGCONT); }

int BrokerProcess::terminate() {
    process_.signal(SIGTERM);
    up_ = false;
    return process_.wait(scaled(20000));
}

void BrokerProcess::kill() {
    if (!process_.running()) FAIL_CHECK("the broker ended before its time: " << log());
    process_.kill();
    up_ = false;
}

void BrokerProcess::restart() { start(); }

Options BrokerProcess::options() const {
    Options options;
    options.broker = url_;
    options.connect_timeout = scaled(10000);
    options.agent = "test";
    return options;
}

Options BrokerProcess::options(const std::function<void(Options&)>& change) const {
    Options changed = options();
    change(changed);
    return changed;
}

std::vector<std::string> preloading(const std::string& library) {
    const char* libraries = std::getenv("CAST_LIB_DIR");
    const char* asan = std::getenv("ASAN_OPTIONS");  // which wants to be the first library
    return {"--data", "LD_PRELOAD=" + (libraries != nullptr ? libraries : program("../lib")) + "/" + library,
            "ASAN_OPTIONS=" + std::string(asan == nullptr ? "" : asan) + ":verify_asan_link_order=0"};
}

Node attach(const BrokerProcess& broker, const std::string& name) { return must(Node::attach(name, broker.options())); }
Node attach(const BrokerProcess& broker, const std::string& name, const std::function<void(Options&)>& change) {
    return must(Node::attach(name, broker.options(change)));
}
Admin administer(const BrokerProcess& broker) {
    Admin admin = must(Admin::open(broker.options()));
    admin.set_timeout(scaled(10000));
    return admin;
}

std::string next(Node& node, int limit_ms) {
    const auto message = node.receive(scaled(limit_ms));
    return message ? std::string(message->payload()) : std::string("<") + error_name(message.code()) + ">";
}

std::string nothing(Node& node, int for_ms) {
    const auto message = node.receive(milliseconds(for_ms));
    if (!message && message.code() == ErrorCode::timed_out) return {};
    return message ? std::string(message->payload()) : error_name(message.code());
}

bool gone(Admin& admin, const std::string& name) { return admin.node(name).code() == ErrorCode::no_such_node; }
bool attached(Admin& admin, const std::string& name) {
    const auto node = admin.node(name);
    return node && node->attached;
}

}  // namespace cast::test
