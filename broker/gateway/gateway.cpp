// The gateway's life: binding, its thread, stopping. See gateway.hpp.
#include "gateway/gateway.hpp"

#include <signal.h>

#include <stdexcept>

#include "gateway/app.hpp"
#include "gateway/http/server.hpp"

namespace gateway {
namespace {

constexpr seconds kUnderWay{1};

tcp::endpoint resolve(asio::io_context& io, const std::string& end) {
    const auto colon = end.rfind(':');
    std::string host = end.substr(0, colon), port = end.substr(colon + 1);
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    if (host == "*") host = "0.0.0.0";
    if (port == "*") port = "0";
    error_code ec;
    const auto found = tcp::resolver(io).resolve(host, port, tcp::resolver::passive, ec);
    if (ec) throw std::runtime_error("http: " + end + ": " + ec.message());
    for (const auto& one : found)
        if (one.endpoint().address().is_v4()) return one.endpoint();  // "localhost" means 127.0.0.1 to most
    return found.begin()->endpoint();
}

/// Waits for what is under way, at most a second; then closes what is left, and tells who waits.
awaitable<void> wind_up(App& app, std::function<void()> done) {
    app.stopping = true;
    error_code ec;
    app.acceptor->close(ec);
    app.receivers.stop();
    app.ports.stop();
    app.hub.stop();
    for (NodeSession* session : app.sessions) session->end(ErrorCode::shutting_down);
    asio::steady_timer timer(app.io);
    const auto until = steady_clock::now() + kUnderWay;
    while ((app.busy > 0 || app.traffic.websockets > 0) && steady_clock::now() < until) {
        timer.expires_after(milliseconds(10));
        co_await timer.async_wait(into(ec));
    }
    for (beast::tcp_stream* stream : app.sockets) stream->cancel();
    done();
}

}  // namespace

App::App(Settings s)
    : settings(std::move(s)),
      client(settings.broker),
      assets(*this),
      monitor(*this),
      hub(*this),
      sends(*this),
      receivers(*this),
      ports(*this) {
    // libcast tells of gaps on a thread of its own.
    client.on_notice = [this](const cast::Notice& notice) {
        if (notice.kind != cast::Notice::Kind::gap) return;
        asio::post(io, [this, notice] {
            for (NodeSession* session : sessions)
                if (session->name() == notice.node) session->gap(notice.count, notice.text);
        });
    };
    const tcp::endpoint end = resolve(io, settings.end);
    error_code ec;
    acceptor.emplace(io);
    acceptor->open(end.protocol(), ec);
    if (!ec) acceptor->set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) acceptor->bind(end, ec);
    if (!ec) acceptor->listen(1024, ec);
    if (ec) acceptor.reset();  // while there is what it belongs to
    if (ec)
        throw std::runtime_error(
            "http: cannot listen at " + settings.end + ": " + ec.message() +
            (ec == asio::error::address_in_use
                 ? "; is another broker running? --http HOST:PORT takes another port, --http off none"
                 : ""));
}

App::~App() {
    hub.halt();
    hub.join();
    client.close();  // who still waits for the broker is told so
    workers.join();
    asking.join();
    uploads.join();
    parsing.join();
    io.stop();
    if (thread.joinable()) thread.join();
    receivers.stop();
    ports.stop();
    sends.stop();
    acceptor.reset();
}

Gateway::Gateway(Settings settings) : app_(std::make_unique<App>(std::move(settings))) {}
Gateway::~Gateway() = default;

std::string Gateway::url() const {
    const tcp::endpoint end = app_->acceptor->local_endpoint();
    const std::string host = end.address().to_string();
    return "http://" + (end.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(end.port());
}

void Gateway::start() {
    App& app = *app_;
    asio::co_spawn(app.io, serve(app), asio::detached);
    asio::co_spawn(app.io, app.monitor.run(), asio::detached);
    asio::co_spawn(app.io, app.assets.watch(), asio::detached);
    sigset_t all, before;  // signals are the main thread's to take
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    app.thread = std::thread([&app] { app.io.run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    app.hub.start();
}

void Gateway::stop(std::function<void()> done) {
    asio::co_spawn(app_->io, wind_up(*app_, std::move(done)), asio::detached);
}

}  // namespace gateway
