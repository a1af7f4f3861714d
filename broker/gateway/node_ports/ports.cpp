// Listening for nodes. io thread; see ports.hpp.
#include "gateway/node_ports/ports.hpp"

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "gateway/api/calls.hpp"
#include "gateway/api/messages.hpp"
#include "gateway/app.hpp"
#include "gateway/http/worker.hpp"

namespace gateway {

using nlohmann::json;

namespace {

constexpr std::size_t kPorts = 4096;  // each is a descriptor
constexpr std::size_t kWaiting = 8;   // connections to one port that wait for their turn
constexpr seconds kWriteStuck{60};    // without progress in writing
constexpr seconds kLastWords{1};      // so long an older connection has to hear that a newer one is the node
constexpr milliseconds kFirstWords{250};
constexpr std::size_t kReadPiece = 4096;
constexpr milliseconds kRetry{500}, kRetryMost{30'000};  // of a port that could not be opened
constexpr std::size_t kExplained = 10;                   // ports named in the status

/// What a connection says first, as far as it is there; it stays to be read. Nothing: it has closed. Who only listens
/// says nothing, so the wait is short.
awaitable<std::optional<std::string>> first_words(std::shared_ptr<tcp::socket> socket) {
    const auto waiting = std::make_shared<bool>(true);
    asio::steady_timer timer(socket->get_executor(), kFirstWords);
    timer.async_wait([socket, waiting](error_code ended) {
        error_code ignored;
        if (!ended && *waiting) socket->cancel(ignored);
    });
    error_code ec;
    co_await socket->async_wait(tcp::socket::wait_read, into(ec));
    *waiting = false;
    if (ec == asio::error::operation_aborted) co_return std::string();
    std::string words(256, '\0');
    socket->non_blocking(true, ec);
    if (!ec) words.resize(socket->receive(asio::buffer(words), tcp::socket::message_peek, ec));
    if (ec == asio::error::would_block) co_return std::string();
    if (ec) co_return std::nullopt;
    co_return words;
}

/// Whether this begins a JSON object, or is empty so far.
bool begins_object(std::string_view words) {
    const std::size_t at = words.find_first_not_of(" \t\r\n");
    return at == std::string_view::npos || words[at] == '{';
}

Failure no_object() {
    return Failure(400, "malformed", "the first line is no JSON object",
                   "send a JSON object a line, such as {\"content\": \"hi\", \"recipients\": [\"bob\"]}");
}

awaitable<void> write_line(std::shared_ptr<tcp::socket> socket, std::string line, error_code& ec) {
    line += '\n';
    // Cut off when the other side takes nothing for a minute.
    auto timer = std::make_shared<asio::steady_timer>(socket->get_executor(), kWriteStuck);
    timer->async_wait([socket, timer](error_code ended) {
        error_code ignored;
        if (!ended) socket->close(ignored);
    });
    co_await asio::async_write(*socket, asio::buffer(line), into(ec));
    timer->cancel();
}

/// What comes next, at the end of `buffer`. Who waits for it with an empty one holds nothing.
awaitable<void> read_piece(tcp::socket& socket, std::string& buffer, Budget::Hold& hold, error_code& ec) {
    if (buffer.empty()) {
        std::string().swap(buffer);
        hold.release();
        co_await socket.async_wait(tcp::socket::wait_read, into(ec));
        if (ec) co_return;
    }
    const std::size_t before = buffer.size(), wanted = before + kReadPiece;
    if (wanted > buffer.capacity()) {
        const std::size_t room = std::max(wanted, 2 * buffer.capacity());
        if (!hold.set(room)) ec = asio::error::no_memory;
        if (ec) co_return;
        buffer.reserve(room);
    }
    buffer.resize(wanted);
    const std::size_t size =
        co_await socket.async_read_some(asio::buffer(buffer.data() + before, kReadPiece), into(ec));
    buffer.resize(before + size);
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
    if (ec == asio::error::no_descriptors ||
        (!ec && port->acceptor.native_handle() >= app_.settings.highest_descriptor))
        throw Failure(ErrorCode::too_many,
                      "no descriptor is left for a port: the limit of open files is reached (ulimit -n)");
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
    found(name);
    ports_[name] = port;
    asio::co_spawn(app_.io, accept(name, std::move(port)), asio::detached);
}

void Ports::close(const std::string& name) {
    const auto at = ports_.find(name);
    if (at == ports_.end()) return;
    error_code ec;
    at->second->acceptor.close(ec);
    if (at->second->session != nullptr) at->second->session->end(ErrorCode::deleted);
    ports_.erase(at);
}

void Ports::stop() {
    for (const auto& [name, port] : ports_) {
        error_code ec;
        port->acceptor.close(ec);
        if (port->session != nullptr) port->session->end(ErrorCode::shutting_down);
    }
    ports_.clear();
}

void Ports::refresh() { asio::co_spawn(app_.io, open_all(), asio::detached); }

awaitable<void> Ports::open_all() {
    ++refreshing_;
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
        if (node.value("port", 0) > 0 && !deleted_.contains(node.at("name")))
            noticed({{"event", "changed"}, {"node", node.at("name")}, {"port", node.at("port")}});
    if (--refreshing_ == 0) deleted_.clear();
}

void Ports::noticed(const json& event) {
    const std::string kind = event.value("event", ""), name = event.value("node", "");
    if (kind == "deleted" && !name.empty()) close(name), found(name);
    if (kind == "deleted" && refreshing_ > 0) deleted_.insert(name);
    const int number = event.value("port", 0);
    if (kind != "changed" || number <= 0 || app_.stopping || opening_.contains(name)) return;
    const auto at = ports_.find(name);
    if (at != ports_.end() && at->second->acceptor.local_endpoint().port() == number) return;
    if (const auto tried = missing_.find(name); tried != missing_.end() && tried->second.number == number) return;
    try {
        open(name, bind(number));
    } catch (const Failure& failure) {
        app_.settings.log_warning("the port of node " + name + ": " + failure.what() + "; it is tried again");
        missing_[name] = {number, failure.what()};
        tell_missing();
        asio::co_spawn(app_.io, retry(name, number), asio::detached);
    }
}

awaitable<void> Ports::retry(std::string name, int number) {
    asio::steady_timer timer(app_.io);
    for (milliseconds pause = kRetry;; pause = std::min(2 * pause, kRetryMost)) {
        error_code ec;
        timer.expires_after(pause);
        co_await timer.async_wait(into(ec));
        const auto at = missing_.find(name);
        if (app_.stopping || at == missing_.end() || at->second.number != number) co_return;
        try {
            open(name, bind(number));
            co_return;
        } catch (const Failure& failure) {
            at->second.why = failure.what();
        }
    }
}

/// It is open now, or not wanted any more.
void Ports::found(const std::string& name) {
    if (missing_.erase(name) > 0) tell_missing();
}

void Ports::tell_missing() {
    std::vector<std::string> sentences;
    for (const auto& [name, missing] : missing_) {
        if (sentences.size() == kExplained) {
            sentences.push_back(std::to_string(missing_.size() - kExplained) + " more nodes' ports cannot be opened");
            break;
        }
        sentences.push_back("node " + name + " is not reached at its port: " + missing.why);
    }
    app_.settings.tell_troubles(std::move(sentences));
    app_.monitor.changed();
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
    if (had > 0 && (number == 0 || number == had) && missing_.contains(name)) port = bind(had);
    if (port != nullptr) number = port->acceptor.local_endpoint().port();
    if (number == 0) number = had;
    auto create = [&client, name, number] {
        return client.call({{"op", "node.create"}, {"name", name}, {"port", std::max(number, 0)}});
    };
    struct Opening {
        std::multiset<std::string>& names;
        std::multiset<std::string>::iterator at;
        Opening(std::multiset<std::string>& all, const std::string& name) : names(all), at(all.insert(name)) {}
        ~Opening() { names.erase(at); }
        Opening(const Opening&) = delete;
        Opening& operator=(const Opening&) = delete;
    } const opening(opening_, name);
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
        if (port->waiting >= kWaiting || socket.native_handle() >= app_.settings.highest_descriptor)
            continue;  // closes it
        asio::co_spawn(app_.io, serve(name, port, std::move(socket)), asio::detached);
    }
}

awaitable<void> Ports::serve(std::string name, std::shared_ptr<Port> port, tcp::socket accepted) {
    auto socket = std::make_shared<tcp::socket>(std::move(accepted));
    error_code ec;
    socket->set_option(tcp::no_delay(true), ec);
    socket->set_option(asio::socket_base::keep_alive(true), ec);
    ++port->waiting;
    // A browser that a page of another site led here would be the node, and take its mail, before it has said a word.
    const auto words = co_await first_words(socket);
    if (!words || !begins_object(*words)) {
        --port->waiting;
        if (words) co_await refuse(socket);
        co_return;
    }
    asio::steady_timer pause(app_.io);
    const auto patience = steady_clock::now() + kLastWords;
    while ((port->session != nullptr || port->attaching) && port->acceptor.is_open()) {
        if (port->session != nullptr) port->session->end(ErrorCode::taken_over);  // the newer connection is the node
        if (port->session != nullptr && steady_clock::now() > patience) port->socket->cancel(ec);  // nobody reads that
        pause.expires_after(milliseconds(5));
        co_await pause.async_wait(into(ec));
    }
    const bool ours = !port->last.expired();  // it may still be at work, and hold the node: it sends, say
    std::optional<Failure> refused;
    port->attaching = true;
    try {
        Client& client = app_.client;
        auto work = [&client, &name, ours] { return client.attach(name, ours); };
        cast::Node node = co_await on_worker(app_.workers, work);
        if (port->acceptor.is_open()) {
            port->session = std::make_shared<NodeSession>(app_, name, std::move(node), true);
            port->last = port->session;
            port->socket = socket;
        }
    } catch (const Failure& failure) {
        refused = failure;
    }
    port->attaching = false;
    --port->waiting;
    if (refused) co_return co_await write_line(socket, dump(error_json(*refused)), ec);
    const std::shared_ptr<NodeSession> session = port->session;
    if (session == nullptr || !port->acceptor.is_open()) co_return;
    asio::co_spawn(app_.io, session->pump(), asio::detached);
    asio::co_spawn(app_.io, read(session, socket), asio::detached);
    for (std::string line = co_await session->next(); !line.empty(); line = co_await session->next()) {
        co_await write_line(socket, std::move(line), ec);
        if (ec) break;
        session->written();
    }
    session->end(ErrorCode::ok);
    socket->shutdown(tcp::socket::shutdown_both, ec);
    port->session.reset();
    port->socket.reset();
}

/// Says why and hangs up; what it has sent is read first, or the answer would be lost with it.
awaitable<void> Ports::refuse(std::shared_ptr<tcp::socket> socket) {
    error_code ec;
    std::string unread(64 * 1024, '\0');
    socket->read_some(asio::buffer(unread), ec);
    co_await write_line(socket, dump(error_json(no_object())), ec);
    socket->shutdown(tcp::socket::shutdown_both, ec);
}

awaitable<void> Ports::read(std::shared_ptr<NodeSession> session, std::shared_ptr<tcp::socket> socket) {
    Budget::Hold hold(app_.budget, [socket] {
        error_code ignored;
        socket->cancel(ignored);
    });
    std::string buffer;
    std::size_t searched = 0;
    error_code ec;
    for (bool first = true; !ec && !session->ending();) {
        std::size_t end = buffer.find('\n', searched);
        if (end == std::string::npos && buffer.size() >= session->longest()) {
            session->say(error_json(Failure(413, "too_large",
                                            "a line of more than " + std::to_string(session->longest()) + " bytes",
                                            "end lines with \\n")));
            break;
        }
        if (end == std::string::npos) {
            searched = buffer.size();
            co_await read_piece(*socket, buffer, hold, ec);
            if (ec && ec != asio::error::eof) break;
            if (!ec) continue;
            end = buffer.size();  // the last line needs no end
        }
        std::string line = buffer.substr(0, end);
        buffer.erase(0, end + 1);
        searched = 0;
        while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.pop_back();
        if (line.empty()) continue;
        if (std::exchange(first, false) && !cast::base::parse_json(line, cast::base::kMostValues).is_object()) {
            session->say(error_json(no_object()));
            break;
        }
        co_await session->handle(std::move(line));
    }
    session->end(ErrorCode::ok);  // what is in the queue is still written: `echo ... | nc` hears its answer
    if (session->ended() == ErrorCode::would_block) socket->cancel(ec);  // but to who reads nothing
}

}  // namespace gateway
