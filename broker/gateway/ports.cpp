// Listening for nodes. io thread; see ports.hpp.
#include "gateway/ports.hpp"

#include <nlohmann/json.hpp>

#include "gateway/app.hpp"
#include "gateway/calls.hpp"
#include "gateway/messages.hpp"
#include "gateway/worker.hpp"

namespace gateway {

using nlohmann::json;

namespace {

constexpr std::size_t kPorts = 4096;  // each is a descriptor
constexpr std::size_t kWaiting = 8;   // connections to one port that wait for their turn
constexpr seconds kStuck{60};         // without progress in writing

awaitable<void> write_line(std::shared_ptr<tcp::socket> socket, std::string line, error_code& ec) {
    line += '\n';
    // Cut off when the other side takes nothing for a minute.
    auto timer = std::make_shared<asio::steady_timer>(socket->get_executor(), kStuck);
    timer->async_wait([socket, timer](error_code ended) {
        error_code ignored;
        if (!ended) socket->close(ignored);
    });
    co_await asio::async_write(*socket, asio::buffer(line), into(ec));
    timer->cancel();
}

}  // namespace

std::shared_ptr<Ports::Port> Ports::bind(int number) {
    if (ports_.size() >= kPorts) throw Failure(ErrorCode::too_many, std::to_string(kPorts) + " nodes have ports");
    auto port = std::make_shared<Port>(app_.io);
    error_code ec;
    const auto address = asio::ip::make_address(app_.settings.node_address, ec);
    if (ec) throw Failure(ErrorCode::internal, "node-address: " + app_.settings.node_address + ": " + ec.message());
    const tcp::endpoint end(address, static_cast<std::uint16_t>(number));
    port->acceptor.open(end.protocol(), ec);
    if (!ec) port->acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) port->acceptor.bind(end, ec);
    if (!ec) port->acceptor.listen(16, ec);
    if (ec)
        throw Failure(409, "already_exists", "port " + std::to_string(number) + ": " + ec.message(),
                      "choose another port, or 0 for a free one");
    return port;
}

void Ports::open(const std::string& name, std::shared_ptr<Port> port) {
    close(name);
    ports_[name] = port;
    asio::co_spawn(app_.io, accept(name, port), asio::detached);
}

void Ports::close(const std::string& name) {
    const auto at = ports_.find(name);
    if (at == ports_.end()) return;
    error_code ec;
    at->second->acceptor.close(ec);
    if (at->second->door != nullptr) at->second->door->end(ErrorCode::deleted);
    ports_.erase(at);
}

void Ports::stop() {
    for (const auto& [name, port] : ports_) {
        error_code ec;
        port->acceptor.close(ec);
        if (port->door != nullptr) port->door->end(ErrorCode::shutting_down);
    }
    ports_.clear();
}

awaitable<void> Ports::start() {
    json nodes;
    for (;;) {
        try {
            Client& client = app_.client;
            auto work = [&client] {
                return list_all(client, {{"op", "node.list"}, {"with_port", true}}, "nodes", SIZE_MAX);
            };
            nodes = co_await on_worker(app_.workers, work);
            break;
        } catch (const std::exception& fault) {
            if (app_.stopping) co_return;
        }
    }
    for (const json& node : nodes.at("nodes"))
        if (node.value("port", 0) > 0)
            noticed({{"event", "changed"}, {"node", node.at("name")}, {"port", node.at("port")}});
}

void Ports::noticed(const json& event) {
    const std::string kind = event.value("event", ""), name = event.value("node", "");
    if (kind == "deleted" && !name.empty()) close(name);
    const int number = event.value("port", 0);
    if (kind != "changed" || number <= 0 || app_.stopping) return;
    const auto at = ports_.find(name);
    if (at != ports_.end() && at->second->acceptor.local_endpoint().port() == number) return;
    try {
        open(name, bind(number));
    } catch (const Failure& failure) {
        app_.settings.log_warning("the port of node " + name + ": " + failure.what());
    }
}

awaitable<json> Ports::create(std::string name, int number, bool& created) {
    Client& client = app_.client;
    auto known = [&client, name]() -> json {
        try {
            return client.call({{"op", "node.show"}, {"name", name}});
        } catch (const Failure& failure) {
            if (failure.code != "no_such_node") throw;
            return nullptr;
        }
    };
    const json before = co_await on_worker(app_.workers, known);
    created = before.is_null() || !before.at("created").get<bool>();
    const int had = before.is_null() ? 0 : before.at("port").get<int>();
    std::shared_ptr<Port> port;
    if (number > 0 && had == 0) port = bind(number);
    if (number == 0 && had == 0) port = bind(0);
    if (port != nullptr) number = port->acceptor.local_endpoint().port();
    if (number == 0) number = had;
    auto create = [&client, name, number] {
        return client.call({{"op", "node.create"}, {"name", name}, {"port", std::max(number, 0)}});
    };
    json node = co_await on_worker(app_.workers, create);
    if (port != nullptr && !app_.stopping) open(name, std::move(port));
    co_return node;
}

awaitable<void> Ports::accept(std::string name, std::shared_ptr<Port> port) {
    while (port->acceptor.is_open()) {
        error_code ec;
        tcp::socket socket = co_await port->acceptor.async_accept(into(ec));
        if (!port->acceptor.is_open()) co_return;
        if (ec) {  // out of descriptors, say: others may go
            asio::steady_timer pause(app_.io, milliseconds(50));
            co_await pause.async_wait(into(ec));
            continue;
        }
        if (port->waiting >= kWaiting) continue;  // closes it
        asio::co_spawn(app_.io, serve(name, port, std::move(socket)), asio::detached);
    }
}

awaitable<void> Ports::serve(std::string name, std::shared_ptr<Port> port, tcp::socket accepted) {
    auto socket = std::make_shared<tcp::socket>(std::move(accepted));
    error_code ec;
    socket->set_option(tcp::no_delay(true), ec);
    socket->set_option(asio::socket_base::keep_alive(true), ec);
    ++port->waiting;
    asio::steady_timer pause(app_.io);
    while (port->door != nullptr && port->acceptor.is_open()) {
        port->door->end(ErrorCode::taken_over);  // the newer connection is the node
        pause.expires_after(milliseconds(5));
        co_await pause.async_wait(into(ec));
    }
    std::optional<Failure> refused;
    try {
        Client& client = app_.client;
        auto work = [&client, &name] { return client.attach(name, false); };
        cast::Node node = co_await on_worker(app_.workers, work);
        if (port->acceptor.is_open() && port->door == nullptr)
            port->door = std::make_shared<Door>(app_, name, std::move(node), true);
    } catch (const Failure& failure) {
        refused = failure;
    }
    --port->waiting;
    if (refused) co_return co_await write_line(socket, dump(error_json(*refused)), ec);
    const std::shared_ptr<Door> door = port->door;
    if (door == nullptr || !port->acceptor.is_open()) co_return;
    asio::co_spawn(app_.io, door->pump(), asio::detached);
    asio::co_spawn(app_.io, read(door, socket), asio::detached);
    for (std::string line = co_await door->next(); !line.empty(); line = co_await door->next()) {
        co_await write_line(socket, std::move(line), ec);
        if (ec) break;
        door->written();
    }
    door->end(ErrorCode::ok);
    socket->shutdown(tcp::socket::shutdown_both, ec);
    port->door.reset();
}

awaitable<void> Ports::read(std::shared_ptr<Door> door, std::shared_ptr<tcp::socket> socket) {
    std::string buffer;
    error_code ec;
    while (!door->ending()) {
        const std::size_t size =
            co_await asio::async_read_until(*socket, asio::dynamic_buffer(buffer, door->longest()), '\n', into(ec));
        if (ec == asio::error::not_found)
            door->say(error_json(Failure(413, "too_large",
                                         "a line of more than " + std::to_string(door->longest()) + " bytes",
                                         "end lines with \\n")));
        if (ec) break;
        std::string line = buffer.substr(0, size - 1);
        buffer.erase(0, size);
        if (!line.empty() && line.back() == '\r') line.pop_back();
        if (!line.empty()) co_await door->handle(std::move(line));
    }
    door->end(ErrorCode::ok);  // what is in the queue is still written: `echo ... | nc` hears its answer
}

}  // namespace gateway
