// Net: the parts of Asio and Beast that the gateway speaks, under short names; and a signal between coroutines.
// Precompiled. Everything here runs on the gateway's io thread unless it says otherwise.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gateway {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

/// For co_await: the error goes to `ec` instead of being thrown.
inline auto into(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

/// Something that coroutines of the io thread wait for together.
class Signal {
public:
    explicit Signal(asio::io_context& io) : io_(io) {}
    void notify() {
        for (asio::steady_timer* waiter : waiters_) waiter->cancel();
    }
    /// Until the next notify(), or `until`. Who waits keeps the signal alive.
    awaitable<void> wait(steady_clock::time_point until = steady_clock::time_point::max()) {
        error_code ec;
        asio::steady_timer timer(io_, until);
        waiters_.push_back(&timer);
        co_await timer.async_wait(into(ec));
        std::erase(waiters_, &timer);
    }

private:
    asio::io_context& io_;
    std::vector<asio::steady_timer*> waiters_;
};

}  // namespace gateway
