// WebSockets: /ws, which pushes what happens, and /ws/nodes/{id}, which is a node. io thread.
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "gateway/api/messages.hpp"
#include "gateway/app.hpp"
#include "gateway/http/server.hpp"
#include "gateway/http/worker.hpp"
#include "gateway/node_ports/node_session.hpp"

namespace gateway {

using cast::ErrorCode;
using nlohmann::json;

namespace {

using Socket = beast::websocket::stream<beast::tcp_stream>;
using Close = beast::websocket::close_reason;

constexpr seconds kHandshake{10}, kPeerSilence{40};  // half of the latter without a sign of life: a ping
constexpr seconds kFrameStuck{60};                   // a frame that is not taken
constexpr std::size_t kSubscriberFrame = 64 * 1024, kFramePiece = 16 * 1024;

void set_up(Socket& socket) {
    beast::websocket::stream_base::timeout times{};
    times.handshake_timeout = kHandshake;
    times.idle_timeout = kPeerSilence;
    times.keep_alive_pings = true;
    socket.set_option(times);
    socket.set_option(beast::websocket::stream_base::decorator(
        [](beast::websocket::response_type& response) { response.set(http::field::server, "cast-broker"); }));
    socket.auto_fragment(false);
    socket.text(true);
}

Close reason(ErrorCode code) {
    if (code == ErrorCode::ok) return Close(beast::websocket::close_code::normal);
    if (code == ErrorCode::shutting_down)
        return Close(beast::websocket::close_code::going_away, "the broker goes down");
    std::uint16_t number = beast::websocket::close_code::policy_error;
    if (code == ErrorCode::taken_over) number = 4000;
    if (code == ErrorCode::deleted) number = 4001;
    if (code == ErrorCode::too_large) number = beast::websocket::close_code::too_big;
    if (code == ErrorCode::internal) number = beast::websocket::close_code::internal_error;
    return Close(beast::websocket::close_code(number), cast::error_name(code));
}

/// Writes one text; a peer that takes nothing for a minute is cut off.
awaitable<void> write(const std::shared_ptr<Socket>& socket, const std::string& text, error_code& ec) {
    auto timer = std::make_shared<asio::steady_timer>(socket->get_executor(), kFrameStuck);
    timer->async_wait([weak = std::weak_ptr(socket), timer](error_code ended) {
        if (const auto stuck = weak.lock(); stuck != nullptr && !ended) beast::get_lowest_layer(*stuck).cancel();
    });
    co_await socket->async_write(asio::buffer(text), into(ec));
    timer->cancel();
}

/// A whole frame, which is counted while it comes.
awaitable<std::string> read_text(Socket& socket, Budget::Hold& hold, error_code& ec) {
    beast::flat_buffer buffer;
    do {
        co_await socket.async_read_some(buffer, kFramePiece, into(ec));
        if (!ec && !hold.set(buffer.capacity())) ec = asio::error::no_memory;
    } while (!ec && !socket.is_message_done());
    std::string text = ec ? std::string() : beast::buffers_to_string(buffer.data());
    hold.release();
    co_return text;
}

json ok_json(const Subscriber& s) {
    json topics = json::array();
    for (const auto topic : s.topics)
        topics.push_back(std::array{"status", "presence", "log", "stats"}[static_cast<std::size_t>(topic)]);
    const Filter& f = s.filter;
    return {{"type", "ok"},
            {"topics", std::move(topics)},
            {"filter",
             {{"sender", f.sender},
              {"target", f.target},
              {"cast_type", f.cast_type},
              {"message_type", f.message_type},
              {"text", f.text}}}};
}

json obey(App& app, Subscriber& s, const std::string& text) {
    const json request = cast::base::parse_json(text);
    if (!request.is_object())
        throw Failure(400, "malformed", "not a JSON object", "send one object, such as {\"type\": \"ping\"}");
    const std::string type = text_member(request, "type");
    if (type == "ping") return {{"type", "pong"}};
    if (type == "subscribe") {
        check_members(request, {"type", "topics"});
        std::set<Subscriber::Topic> topics;
        for (const std::string& name : names_member(request, "topics")) {
            const std::array names{"status", "presence", "log", "stats"};
            const auto at = std::find(names.begin(), names.end(), name);
            if (at == names.end())
                throw Failure(422, "invalid_argument", "no such topic: \"" + name.substr(0, 60) + "\"",
                              "status, presence, log, stats");
            topics.insert(static_cast<Subscriber::Topic>(at - names.begin()));
        }
        s.topics = std::move(topics);
        app.hub.review();
        return ok_json(s);
    }
    if (type == "filter") {
        check_members(request, {"type", "sender", "target", "cast_type", "message_type", "text"});
        s.filter = {text_member(request, "sender", ""), text_member(request, "target", ""),
                    text_member(request, "cast_type", ""), text_member(request, "message_type", ""),
                    text_member(request, "text", "")};
        return ok_json(s);
    }
    throw Failure(422, "invalid_argument", "no such type: \"" + type.substr(0, 60) + "\"", "subscribe, filter or ping");
}

awaitable<void> push(std::shared_ptr<Socket> socket, std::shared_ptr<Subscriber> subscriber) {
    error_code ec;
    while (!ec) {
        while (subscriber->queue.empty() && !subscriber->closing) co_await subscriber->wake.wait();
        if (subscriber->closing) break;
        const Text text = std::move(subscriber->queue.front());
        subscriber->queue.pop_front();
        co_await write(socket, *text, ec);
        subscriber->queued_bytes -= text->size();
    }
    if (!ec) co_await socket->async_close(reason(ErrorCode::shutting_down), into(ec));
    beast::get_lowest_layer(*socket).cancel();
}

awaitable<void> subscribe(App& app, std::shared_ptr<Socket> socket) {
    socket->read_message_max(kSubscriberFrame);
    const auto subscriber = std::make_shared<Subscriber>(app.io);
    subscriber->end = [weak = std::weak_ptr(socket)] {
        if (const auto hanging = weak.lock()) beast::get_lowest_layer(*hanging).cancel();
    };
    const auto say = [&app, &subscriber](const json& what) {
        subscriber->push(app.hub.text(dump(what)), 2 << 20);
        app.hub.make_room();
    };
    Budget::Hold hold(app.budget, subscriber->end);
    Text status;
    std::string epoch = "0";
    json hello = {{"type", "hello"},
                  {"version", app.settings.version},
                  {"dev", !app.settings.dev.empty()},
                  {"max_message", 1 << 20}};
    try {
        status = co_await app.monitor.status();
        Client& client = app.client;
        hello["epoch"] = json::parse(*status).at("epoch");
        auto work = [&client] { return client.max_message(); };
        hello["max_message"] = co_await on_worker(app.workers, work);
    } catch (
        const std::exception& fault) {  // a browser that comes while the broker is silent waits for the next status
        hello["epoch"] = nullptr;
    }
    say(hello);
    if (status != nullptr) subscriber->push(app.hub.text(R"({"type":"status","status":)" + *status + "}"), 2 << 20);
    app.hub.add(subscriber);
    if (app.stopping) subscriber->closing = true;
    asio::co_spawn(app.io, push(socket, subscriber), asio::detached);
    error_code ec;
    while (!ec && !subscriber->closing) {
        const std::string text = co_await read_text(*socket, hold, ec);
        if (ec) break;
        try {
            say(obey(app, *subscriber, text));
        } catch (const Failure& failure) {
            say(error_json(failure));
        }
    }
    app.hub.remove(subscriber);
    subscriber->closing = true;
    subscriber->wake.notify();
}

awaitable<void> refuse(std::shared_ptr<Socket> socket, Failure failure) {
    error_code ec;
    const std::string text = dump(error_json(failure));
    co_await write(socket, text, ec);
    if (!ec)
        co_await socket->async_close(Close(beast::websocket::close_code::policy_error, failure.code.substr(0, 120)),
                                     into(ec));
}

awaitable<void> write_out(std::shared_ptr<Socket> socket, std::shared_ptr<NodeSession> session) {
    error_code ec;
    for (std::string text = co_await session->next(); !text.empty(); text = co_await session->next()) {
        co_await write(socket, text, ec);
        if (ec) break;
        session->written();
    }
    session->end(ErrorCode::ok);
    if (!ec) co_await socket->async_close(reason(session->ended()), into(ec));
    beast::get_lowest_layer(*socket).cancel();
}

awaitable<void> be_node(App& app, std::shared_ptr<Socket> socket, std::string name, bool take_over) {
    std::shared_ptr<NodeSession> session;
    std::optional<Failure> refused;
    try {
        Client& client = app.client;
        auto work = [&client, &name, take_over] { return client.attach(name, take_over); };
        cast::Node node = co_await on_worker(app.workers, work);
        session = std::make_shared<NodeSession>(app, name, std::move(node), false);
    } catch (const Failure& failure) {
        refused = failure;
    }
    if (refused) co_return co_await refuse(std::move(socket), std::move(*refused));
    socket->read_message_max(session->longest());
    asio::co_spawn(app.io, session->pump(), asio::detached);
    asio::co_spawn(app.io, write_out(socket, session), asio::detached);
    error_code ec;
    Budget::Hold hold(app.budget, [weak = std::weak_ptr(socket)] {
        if (const auto hanging = weak.lock()) beast::get_lowest_layer(*hanging).cancel();
    });
    while (!ec && !session->ending()) {
        std::string text = co_await read_text(*socket, hold, ec);
        if (!ec) co_await session->handle(std::move(text));
    }
    session->end(ec == beast::websocket::error::message_too_big ? ErrorCode::too_large : ErrorCode::ok);
    if (session->ended() == ErrorCode::would_block) beast::get_lowest_layer(*socket).cancel();  // it reads nothing
}

}  // namespace

awaitable<void> websocket(App& app, beast::tcp_stream stream, http::request<http::empty_body> request) {
    stream.expires_never();
    const std::shared_ptr<Socket> socket(new Socket(std::move(stream)), [&app](Socket* last) {
        app.sockets.erase(&beast::get_lowest_layer(*last));
        delete last;
    });
    app.sockets.insert(&beast::get_lowest_layer(*socket));
    set_up(*socket);
    Request asked;
    bool known = false;
    std::optional<Failure> refused;
    try {
        asked.method = "GET";
        read_target(request.target(), asked);
        find_route(asked);
        known = asked.path == "/ws" || asked.path.starts_with("/ws/nodes/");
        if (!known)
            throw Failure(404, "no_such_path", asked.path.substr(0, 200) + " is no WebSocket", "/ws or /ws/nodes/{id}");
        if (asked.path != "/ws") asked.only({"take_over"}), asked.yes("take_over");
    } catch (const Failure& failure) {
        refused = failure;
    }
    error_code ec;
    if (refused) {
        const Answer answer = answer_failure(*refused);
        http::response<http::string_body> response(static_cast<http::status>(answer.status), 11, *answer.body);
        response.set(http::field::content_type, answer.type);
        response.prepare_payload();
        response.keep_alive(false);
        co_await http::async_write(socket->next_layer(), response, into(ec));
        co_return;
    }
    co_await socket->async_accept(request, into(ec));
    if (ec) co_return;
    ++app.traffic.websockets;
    if (asked.path == "/ws")
        co_await subscribe(app, socket);
    else
        co_await be_node(app, socket, asked.names.front(), asked.yes("take_over"));
    --app.traffic.websockets;
}

}  // namespace gateway
