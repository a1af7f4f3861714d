// The rig's adapter for cast: cast-broker as a child process, cast::Node as the endpoint. Public headers only.
// CAST_BIN_DIR says where cast-broker is.
#include <cast/node.hpp>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "peers.hpp"

namespace {

const char* end() {
    const char* set = std::getenv("CAST_RIG_END");
    return set != nullptr ? set : "tcp://127.0.0.1:7670";
}

struct CastEndpoint : Endpoint {
    std::optional<cast::Node> node;
    bool sender;
    explicit CastEndpoint(const std::string& name) : sender(name == "sender") {
        cast::Options options;
        options.broker = end();
        options.send_only = sender;
        auto attached = cast::Node::attach(name, options);
        if (!attached) {
            std::fprintf(stderr, "cast: %s\n", attached.error().text().c_str());
            std::abort();
        }
        node.emplace(std::move(*attached));
    }
    void check(const cast::Result<void>& result) {
        if (result) return;
        std::fprintf(stderr, "cast: %s\n", result.error().text().c_str());
        std::abort();
    }
    void unicast(const std::string& to, const char* data, size_t len) override { check(node->unicast(to, {data, len})); }
    void broadcast(const char* data, size_t len) override { check(node->broadcast({data, len})); }
    void flush() override {
        if (sender) check(node->flush(std::chrono::seconds(60)));
    }
    int receive(const std::function<void(const char*, size_t)>& on_message) override {
        auto took = node->receive_some([&](const cast::Message& m) { on_message(m.payload().data(), m.payload().size()); }, std::chrono::milliseconds(100));
        return took ? static_cast<int>(*took) : 0;
    }
};

struct CastSystem : System {
    int pid = 0;
    void start() override {
        const char* bin = std::getenv("CAST_BIN_DIR");
        const std::string program = std::string(bin != nullptr ? bin : ".") + "/cast-broker";
        pid = fork();
        if (pid == 0) {
            const int quiet = open("/dev/null", O_RDWR);
            dup2(quiet, 1);
            if (std::getenv("RIG_LOUD") == nullptr) dup2(quiet, 2);
            execl(program.c_str(), "cast-broker", "--memory", "--bind", end(), "--publish", "tcp://127.0.0.1:7671", nullptr);
            _exit(127);
        }
        usleep(500000);
    }
    void stop() override {
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
    }
    int server_pid() const override { return pid; }
    std::unique_ptr<Endpoint> join(const std::string& name) override { return std::make_unique<CastEndpoint>(name); }
};

}  // namespace

std::unique_ptr<System> make_cast() { return std::make_unique<CastSystem>(); }
