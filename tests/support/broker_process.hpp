// BrokerProcess: a real cast-broker on free ports of the loopback interface, with a folder of its own; and the few
// words that tests of the library speak to it with. Ended with the object, which insists that it exits well.
#pragma once
#include <cast/admin.hpp>
#include <cast/node.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/process.hpp"

namespace cast::test {

class BrokerProcess {
public:
    /// Keeps everything in memory; with the flag "--data" alone, in a directory of its folder. "NAME=VALUE" is
    /// environment.
    explicit BrokerProcess(std::vector<std::string> flags = {});
    ~BrokerProcess();

    const std::string& url() const { return url_; }
    const std::string& publish_url() const { return publish_url_; }
    /// A path in its folder.
    std::string path(const std::string& name) const { return folder_ / name; }
    std::string log() const { return read_file(path("log")); }
    Process& process() { return process_; }

    void stop();      ///< SIGSTOP
    void go_on();     ///< SIGCONT
    int terminate();  ///< SIGTERM; the exit code
    void kill();      ///< SIGKILL
    void restart();   ///< again at the same ends, after terminate() or kill()

    Options options() const;
    Options options(const std::function<void(Options&)>& change) const;

private:
    void start();
    Folder folder_;
    std::vector<std::string> flags_;
    std::string url_, publish_url_;
    Process process_;
    bool up_ = false;
};

/// The value; a test that gets none fails with the error's text.
template <class T>
T must(Result<T> result);
void must(const Result<void>& result);

/// The flags of a BrokerProcess with a store of its own and this library of tests/support preloaded.
std::vector<std::string> preloading(const std::string& library);

/// A node attached to the broker, over a connection of its own.
Node attach(const BrokerProcess& broker, const std::string& name);
Node attach(const BrokerProcess& broker, const std::string& name, const std::function<void(Options&)>& change);
Admin administer(const BrokerProcess& broker);

/// The payload of the node's next message, waiting up to 10 s (scaled); the error's name when there is none.
std::string next(Node& node, int limit_ms = 10000);
/// What comes within so long: nothing, if all is well.
std::string nothing(Node& node, int for_ms = 100);
/// Has the broker forgotten this node?
bool gone(Admin& admin, const std::string& name);
bool attached(Admin& admin, const std::string& name);

[[noreturn]] void fail_test(const std::string& why);

template <class T>
T must(Result<T> result) {
    if (!result.ok()) fail_test(result.error().text());
    return std::move(result).value();
}

}  // namespace cast::test
