// Gateway: the page, the API and the ports of nodes. It answers HTTP and WebSocket (API.md) on a thread of its own, and
// is a client of the broker like any other: it knows an address and libcast, nothing of the core or the store.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gateway {

struct Settings {
    std::string end = "127.0.0.1:8000";  ///< HOST:PORT to answer at; port 0: a free one
    std::size_t connections = 8192;      ///< at a time, of all
    std::size_t connections_per_address = 4096;
    int highest_descriptor = 1 << 30;        ///< connections and ports with this number or a higher one are refused
    std::string node_address = "127.0.0.1";  ///< where the ports of nodes listen
    std::string dev;                         ///< folder of the page's source; empty: the page as built in
    std::string broker;                      ///< the broker's end
    std::string version;
    std::string key;  ///< shows the broker that this is its own page, which may see messages
    std::function<void(const std::string&)> log_warning = [](const std::string&) {};
    /// Told what does not work here, in sentences, whenever that changes; none: all is well.
    std::function<void(std::vector<std::string>)> tell_troubles = [](const std::vector<std::string>&) {};
};

struct App;

class Gateway {
public:
    /// Binds its end. Throws std::runtime_error with a sentence when it cannot.
    explicit Gateway(Settings settings);
    /// Stops at once, if stop() was not called, and waits for its threads.
    ~Gateway();

    /// "http://127.0.0.1:8000"
    std::string url() const;
    /// Begins to answer.
    void start();
    /// Takes nothing new, gives what is under way a second, closes everything, then calls `done`, on any thread.
    void stop(std::function<void()> done);

private:
    std::unique_ptr<App> app_;
};

}  // namespace gateway
