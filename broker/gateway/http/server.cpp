// The HTTP side: accepting, the limits of a connection, reading a request, answering. Who may ask is in source.cpp,
// what is answered in routes.cpp; WebSockets go on in websocket.cpp. io thread.
#include "gateway/http/server.hpp"

#include <boost/beast/http/span_body.hpp>
#include <nlohmann/json.hpp>

#include "gateway/app.hpp"
#include "gateway/http/source.hpp"

namespace gateway {
namespace {

constexpr std::uint32_t kHeaderBytes = 16 * 1024;
constexpr seconds kKeptAlive{60}, kHeaderTime{10}, kWriteTime{60};
constexpr const char* kDeprecated = "@1795824000";  // since 28 November 2026 (RFC 9745)
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self' ws: wss:; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

using Head = http::request_parser<http::empty_body>;
using Response = http::response<http::span_body<const char>>;

/// Counts a connection while it lives.
struct Counted {
    App& app;
    asio::ip::address address;
    Counted(App& a, asio::ip::address from) : app(a), address(std::move(from)) {
        ++app.connections;
        ++app.addresses[address];
    }
    ~Counted() {
        --app.connections;
        const auto at = app.addresses.find(address);
        if (--at->second == 0) app.addresses.erase(at);
    }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
};

struct Working {
    std::size_t& count;
    explicit Working(std::size_t& c) : count(c) { ++count; }
    ~Working() { --count; }
    Working(const Working&) = delete;
    Working& operator=(const Working&) = delete;
};

/// `answer` lives until it is written.
Response response_of(const App& app, const Answer& answer, const Head::value_type& head, bool keep) {
    Response response(static_cast<http::status>(answer.status), head.version() == 10 ? 10 : 11);
    response.set(http::field::server, "cast-broker");
    response.set("X-Content-Type-Options", "nosniff");
    response.set(http::field::cache_control, answer.cached ? "no-cache" : "no-store");
    if (std::string_view(answer.type).starts_with("text/html")) {
        response.set("Content-Security-Policy", kPolicy);
        response.set("Referrer-Policy", "no-referrer");
        response.set("X-Frame-Options", "DENY");
        response.set("Cross-Origin-Opener-Policy", "same-origin");
    }
    for (const auto& [name, value] : answer.headers) response.set(name, value);
    if (answer.status != 204 && answer.status != 304) response.set(http::field::content_type, answer.type);
    response.keep_alive(keep && !app.stopping);
    if (answer.body != nullptr && answer.status != 304) {
        if (head.method() != http::verb::head) response.body() = {answer.body->data(), answer.body->size()};
        response.content_length(answer.body->size());
    } else if (answer.status != 204 && answer.status != 304) {
        response.content_length(0);
    }
    return response;
}

/// Writes it; false when the connection is to be closed.
awaitable<bool> write_answer(App& app, beast::tcp_stream& stream, Answer answer, const Head::value_type& head,
                             bool keep) {
    // One that several share, such as a page's file, is not this peer's.
    Budget::Hold hold(app.budget, [&stream] { stream.cancel(); });
    if (answer.body != nullptr && answer.body.use_count() == 1 && !hold.set(answer.body->size())) {
        answer = answer_failure(no_room());
        keep = false;
    }
    if (answer.status >= 400) ++app.traffic.failures;
    auto response = response_of(app, answer, head, keep);
    const bool stays = response.keep_alive();
    http::response_serializer<http::span_body<const char>> serializer(response);
    serializer.split(head.method() == http::verb::head);
    stream.expires_after(kWriteTime);
    error_code ec;
    if (head.method() == http::verb::head)
        co_await http::async_write_header(stream, serializer, into(ec));
    else
        co_await http::async_write(stream, serializer, into(ec));
    co_return !ec && stays;
}

/// Reads and drops what still comes for a moment: to close at once would take our answer from the peer.
awaitable<void> close_gently(beast::tcp_stream& stream) {
    error_code ec;
    stream.socket().shutdown(tcp::socket::shutdown_send, ec);
    std::array<char, 4096> rest;
    const auto until = steady_clock::now() + seconds(2);
    for (std::size_t total = 0; !ec && total < (4u << 20) && steady_clock::now() < until;) {
        stream.expires_after(seconds(1));
        total += co_await stream.async_read_some(asio::buffer(rest), into(ec));
    }
    stream.socket().close(ec);
}

Failure header_failure(error_code ec) {
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow)
        return Failure(431, "headers_too_large", "request line and headers of more than 16 KiB",
                       "send fewer or shorter headers");
    if (ec == beast::error::timeout)
        return Failure(408, "timed_out", "the request did not arrive in 10 s", "send it at once");
    return Failure(400, "malformed", "not HTTP: " + ec.message(), "this is an HTTP/1.1 server");
}

/// One request. False: the connection is to be closed.
awaitable<bool> answer_request(App& app, beast::tcp_stream& stream, beast::flat_buffer& buffer, Head& parsed) {
    const Working working(app.busy);
    ++app.traffic.requests;
    const Head::value_type head = parsed.get();
    bool keep = head.keep_alive();
    std::optional<Answer> answer;
    std::optional<Failure> failure;
    // In a coding that is not spoken here nobody knows where the body ends, and what comes next begins.
    const bool odd = head.count(http::field::transfer_encoding) > 0 && !parsed.chunked();
    bool read = parsed.is_done() && !odd;
    Budget::Hold hold(app.budget, [&stream] { stream.cancel(); });
    try {
        if (odd)
            throw Failure(400, "malformed", "a Transfer-Encoding other than chunked",
                          "send it in chunks, or with its length");
        check_source(app, stream.socket(), head);
        Request request;
        request.head = head.method() == http::verb::head;
        request.method = request.head ? "GET" : std::string(head.method_string());
        request.browser = from_browser(head);
        read_target(head.target(), request);
        const Route route = find_route(request);
        if (app.stopping) throw Failure(cast::ErrorCode::shutting_down, "the broker is going down");
        if (route.upload) {
            answer = co_await upload(app, request, stream, buffer, parsed);
        } else {
            const bool wants_body = request.method == "POST" && !route.bare;
            if (wants_body || !read) request.body = co_await read_body(stream, buffer, parsed, hold);
            answer = co_await route.answer(app, std::move(request), stream.socket());
        }
        read = true;
        const auto given = head.find(http::field::if_none_match);
        if (route.deprecated) answer->headers.emplace_back("Deprecation", kDeprecated);
        for (const auto& [name, value] : answer->headers)
            if (name == "ETag" && given != head.end() && given->value() == value) answer->status = 304;
    } catch (const Failure& fault) {
        failure = fault;
    } catch (const std::exception& fault) {
        failure = Failure(500, "internal", fault.what(), "please report it");
    }
    if (failure) {
        answer = answer_failure(*failure);
        if (failure->status == 405) answer->headers.emplace_back("Allow", allowed_methods(std::string(head.target())));
        // What it has to say after its header would be taken for the next request.
        keep = keep && read;
        if (failure->status == 503) answer->headers.emplace_back("Retry-After", "1");
    }
    hold.release();
    co_return co_await write_answer(app, stream, std::move(*answer), head, keep);
}

awaitable<void> session(App& app, tcp::socket socket, asio::ip::address from) {
    const Counted counted(app, from);
    beast::tcp_stream stream(std::move(socket));
    const auto at = app.sockets.insert(&stream).first;
    beast::flat_buffer buffer(64 * 1024);
    Budget::Hold hold(app.budget, [&stream] { stream.cancel(); });
    error_code ec;
    stream.socket().set_option(tcp::no_delay(true), ec);
    bool close_at_once = false;
    for (bool go_on = true; go_on && !app.stopping;) {
        stream.expires_after(kKeptAlive);
        if (buffer.size() == 0) {
            buffer.shrink_to_fit();
            const std::size_t size = co_await stream.async_read_some(buffer.prepare(4096), into(ec));
            buffer.commit(size);
            close_at_once = static_cast<bool>(ec);
            if (ec) break;  // closed or idle: nothing to say
        }
        Head head;
        head.header_limit(kHeaderBytes);
        head.body_limit(boost::none);
        stream.expires_after(kHeaderTime);
        close_at_once = !hold.set(kHeaderBytes);
        if (close_at_once) break;
        co_await http::async_read_header(stream, buffer, head, into(ec));
        close_at_once = ec == beast::error::timeout || hold.ended() || ec == http::error::end_of_stream ||
                        ec == asio::error::connection_reset || ec == asio::error::operation_aborted;
        if (close_at_once) break;
        if (ec) {
            co_await write_answer(app, stream, answer_failure(header_failure(ec)), head.get(), false);
            break;
        }
        hold.release();
        if (beast::websocket::is_upgrade(head.get())) {
            app.sockets.erase(at);
            std::optional<Failure> refused;
            try {
                check_source(app, stream.socket(), head.get());
            } catch (const Failure& failure) {
                refused = failure;
            }
            if (!refused) co_return co_await websocket(app, std::move(stream), head.release());
            co_await write_answer(app, stream, answer_failure(*refused), head.get(), false);
            co_return co_await close_gently(stream);
        }
        go_on = co_await answer_request(app, stream, buffer, head);
    }
    app.sockets.erase(at);
    if (!close_at_once) co_await close_gently(stream);
}

}  // namespace

awaitable<void> serve(App& app) {
    error_code ec;
    asio::steady_timer pause(app.io);
    while (!app.stopping) {
        tcp::socket socket = co_await app.acceptor->async_accept(into(ec));
        if (app.stopping) co_return;
        if (ec) {  // out of descriptors, say: others may go
            pause.expires_after(milliseconds(50));
            co_await pause.async_wait(into(ec));
            continue;
        }
        const auto from = socket.remote_endpoint(ec).address();
        if (ec) continue;
        const auto many = app.addresses.find(from);
        if (app.connections >= app.settings.connections || socket.native_handle() >= app.settings.highest_descriptor ||
            (many != app.addresses.end() && many->second >= app.settings.connections_per_address)) {
            ++app.traffic.refused_connections;
            static constexpr std::string_view kFull =
                "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nConnection: "
                "close\r\nContent-Length: 100\r\n\r\n"
                "{\"code\":\"too_many\",\"message\":\"too many connections\",\"hint\":\"close some, or raise "
                "http-connections\"}\n";
            socket.non_blocking(true, ec);
            socket.write_some(asio::buffer(kFull), ec);
            continue;
        }
        asio::co_spawn(app.io, session(app, std::move(socket), from), asio::detached);
    }
}

}  // namespace gateway
