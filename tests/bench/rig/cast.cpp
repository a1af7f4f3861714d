// cast itself, without a store and, as cast-disk, with one that syncs: cast-broker (beside the rig, or in CAST_BIN_DIR)
// and cast::Node. Public headers only. An endpoint of one name has a connection of its own, as a program of a user
// would; one of many names carries them all over one.
#include <cast/admin.hpp>
#include <cast/node.hpp>

#include <cstdlib>
#include <thread>

#include "process.hpp"
#include "systems.hpp"

namespace rig {
namespace {

using std::chrono::milliseconds;

template <class T>
T must(cast::Result<T> result) {
    if (!result) fail("cast: " + result.error().text());
    return std::move(*result);
}
void must(const cast::Result<void>& result) {
    if (!result) fail("cast: " + result.error().text());
}

cast::Options options_for(const std::string& url) {
    cast::Options options;
    options.broker = url;
    options.connect_timeout = std::chrono::seconds(20);
    return options;
}

class CastEndpoint : public Endpoint {
public:
    CastEndpoint(const Seat& seat, const std::string& url, bool one_by_one)
        : only_sends_(seat.only_sends), one_by_one_(one_by_one) {
        cast::Options options = options_for(url);
        options.send_only = only_sends_;
        if (seat.names.size() == 1)
            nodes_.push_back(must(cast::Node::attach(seat.names.front(), options)));
        else
            nodes_ = must(must(cast::Connection::open(options)).attach_all(seat.names));
        for (const std::string& group : seat.groups) must(nodes_.front().join(group));
    }
    void unicast(const std::string& to, std::string_view payload) override {
        must(nodes_.front().unicast(to, payload));
    }
    void multicast(const std::string& group, std::string_view payload) override {
        must(nodes_.front().multicast(group, payload));
    }
    void broadcast(std::string_view payload) override { must(nodes_.front().broadcast(payload)); }
    void flush() override {
        if (only_sends_) must(nodes_.front().flush(std::chrono::seconds(60)));
    }
    int receive(const Take& take) override {
        if (nodes_.size() > 1) return receive_in_turn(take);
        if (!one_by_one_) return receive_at(0, take, milliseconds(100));
        const auto message = nodes_.front().receive(milliseconds(100));
        if (!message) return 0;
        take(message->payload().data(), message->payload().size());
        return 1;
    }

private:
    int receive_at(std::size_t index, const Take& take, milliseconds timeout) {
        const auto hand_out = [&](const cast::Message& m) { take(m.payload().data(), m.payload().size()); };
        const auto got = nodes_[index].receive_some(hand_out, timeout);
        return got ? static_cast<int>(*got) : 0;
    }
    // Each node is asked once; while none has anything, it waits a little at the next one, which drives the connection
    // for all of them.
    int receive_in_turn(const Take& take) {
        int got = 0;
        for (int tries = 0; tries < 20 && got == 0; ++tries) {
            for (std::size_t i = 0; i < nodes_.size(); ++i) got += receive_at(i, take, milliseconds(0));
            turn_ = (turn_ + 1) % nodes_.size();
            if (got == 0) got += receive_at(turn_, take, milliseconds(5));
        }
        return got;
    }

    bool only_sends_;
    bool one_by_one_;
    std::vector<cast::Node> nodes_;
    std::size_t turn_ = 0;
};

// Creates its share of the names; a call waits for its answer, so several connections do this at once.
void create(const std::string& url, const std::vector<std::string>& names, std::size_t first, std::size_t step) {
    cast::Admin admin = must(cast::Admin::open(options_for(url)));
    for (std::size_t i = first; i < names.size(); i += step) must(admin.create_node(names[i]));
}

class Cast : public System {
public:
    Cast(const Setup& setup, bool on_disk) : setup_(setup), on_disk_(on_disk) {}
    void start() override {
        const std::string base = "ipc://" + (setup_.folder / "cast").string();
        const int port = free_port();
        url_ = setup_.ipc ? base : loopback(port);
        std::vector<std::string> command = {program(),
                                            "--bind",
                                            url_,
                                            "--publish",
                                            setup_.ipc ? base + ".publish" : loopback(free_port()),
                                            "--http",
                                            setup_.http == 0 ? "off" : "127.0.0.1:" + std::to_string(setup_.http)};
        if (on_disk_) {
            command.emplace_back("--data");
            command.push_back(setup_.folder / "data");
        } else {
            command.emplace_back("--memory");
        }
        if (setup_.unread)
            for (const char* word : {"--mailbox-bytes", "16GiB", "--mailbox-messages", "1000000000"})
                command.emplace_back(word);
        if (setup_.nodes > 50000) {
            command.emplace_back("--max-nodes");
            command.push_back(std::to_string(setup_.nodes + 1000));
        }
        server_ = start_program(std::move(command));
        setup_.ipc ? await_path(setup_.folder / "cast.publish") : await_port(port);
        if (setup_.http != 0) await_port(setup_.http);
    }
    pid_t server_pid() const override { return server_; }
    std::unique_ptr<Endpoint> join(const Seat& seat) override {
        return std::make_unique<CastEndpoint>(seat, url_, setup_.one_by_one);
    }
    bool store(const std::vector<std::string>& names) override {
        constexpr std::size_t kAtOnce = 32;
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < kAtOnce; ++i) threads.emplace_back([&, i] { create(url_, names, i, kAtOnce); });
        for (std::thread& thread : threads) thread.join();
        return true;
    }
    std::string objection(const std::string&) const override { return {}; }

private:
    static std::string program() {
        const char* folder = std::getenv("CAST_BIN_DIR");
        if (folder != nullptr) return std::string(folder) + "/cast-broker";
        return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "cast-broker";
    }

    Setup setup_;
    bool on_disk_;
    std::string url_;
    pid_t server_ = 0;
};

}  // namespace

std::unique_ptr<System> make_cast(const Setup& setup) { return std::make_unique<Cast>(setup, false); }
std::unique_ptr<System> make_cast_disk(const Setup& setup) { return std::make_unique<Cast>(setup, true); }

}  // namespace rig
