// The HTTP side: accepting, the limits of a connection, reading a request, who may ask, answering. What is answered is
// in routes.cpp; WebSockets go on in websocket.cpp. io thread.
#include "gateway/server.hpp"

#include <nlohmann/json.hpp>

#include "gateway/app.hpp"

namespace gateway {
namespace {

constexpr std::size_t kConnections = 8192;
constexpr std::uint32_t kHeaderBytes = 16 * 1024;
constexpr std::uint64_t kBodyBytes = 8u << 20;
constexpr seconds kIdle{60}, kHeaderTime{10}, kWriteTime{60};
constexpr std::size_t kBodyBytesPerSecond = 64 * 1024;
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self' ws: wss:; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

using Head = http::request_parser<http::empty_body>;
using Body = http::request_parser<http::string_body>;

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

/// The host of "Host: name:port" or "http://name:port", in lower case.
std::string host_of(std::string_view text) {
    if (const auto scheme = text.find("://"); scheme != std::string_view::npos) text.remove_prefix(scheme + 3);
    const bool bracket = text.starts_with('[');
    const auto colon = text.find(':', bracket ? text.find(']') : 0);
    std::string host(text.substr(0, colon));
    for (char& c : host) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    return host;
}

bool loopback_name(const std::string& host) { return host == "localhost" || host == "127.0.0.1" || host == "[::1]"; }

/// A name of another machine that points here would let its pages talk to us: only our own names are answered.
bool our_host(const App& app, const tcp::socket& socket, const std::string& host) {
    if (loopback_name(host)) return true;
    if (host == host_of(app.settings.end)) return true;
    error_code ec;
    const auto local = socket.local_endpoint(ec).address();
    const std::string text = local.is_v6() ? "[" + local.to_string() + "]" : local.to_string();
    return !ec && host == text;
}

bool writes(const Head::value_type& head) {
    return (head.method() != http::verb::get && head.method() != http::verb::head) ||
           beast::websocket::is_upgrade(head);
}

/// Throws a Failure for who may not ask.
void check_source(const App& app, const tcp::socket& socket, const Head::value_type& head) {
    if (head.count(http::field::host) != 1 && head.version() >= 11)
        throw Failure(400, "malformed", "one Host header is needed", "send Host: as HTTP/1.1 says");
    const std::string host(head[http::field::host]);
    if (!host.empty() && !our_host(app, socket, host_of(host)))
        throw Failure(403, "bad_host", "Host: " + host.substr(0, 100) + " is none of this server",
                      "use its address, or localhost");
    if (!writes(head)) return;
    const auto site = head.find("Sec-Fetch-Site");
    const std::string origin(head[http::field::origin]);
    const bool same = origin.empty() || (host_of(origin) == host_of(host) && std::string_view(origin).ends_with(host));
    const bool cross = site != head.end() && site->value() != "same-origin" && site->value() != "none";
    if (!same || (cross && !origin.empty() && !same) || (site != head.end() && site->value() == "cross-site"))
        throw Failure(403, "bad_origin", "a page of " + origin.substr(0, 100) + " may not do this",
                      "open this server's own page");
}

http::response<http::string_body> response_of(const App& app, const Answer& answer, const Head::value_type& head,
                                              bool keep) {
    http::response<http::string_body> response(static_cast<http::status>(answer.status),
                                               head.version() == 10 ? 10 : 11);
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
        if (head.method() != http::verb::head) response.body() = *answer.body;
        response.content_length(answer.body->size());
    } else if (answer.status != 204 && answer.status != 304) {
        response.content_length(0);
    }
    return response;
}

/// Writes it; false when the connection is to be closed.
awaitable<bool> write_answer(App& app, beast::tcp_stream& stream, Answer answer, const Head::value_type& head,
                             bool keep) {
    if (answer.status >= 400) ++app.traffic.failures;
    auto response = response_of(app, answer, head, keep);
    const bool stays = response.keep_alive();
    http::response_serializer<http::string_body> serializer(response);
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

Failure body_failure(error_code ec) {
    if (ec == http::error::body_limit)
        return Failure(413, "too_large", "a body of more than 8 MiB", "send less; files go to /api/files");
    return Failure(400, "malformed", "the body ends early or is no HTTP: " + ec.message(), "is Content-Length right?");
}

bool is_json(std::string_view type) {
    std::string kind(type.substr(0, type.find(';')));
    while (!kind.empty() && kind.back() == ' ') kind.pop_back();
    return beast::iequals(kind, "application/json") ||
           (kind.size() > 5 && beast::iequals(std::string_view(kind).substr(kind.size() - 5), "+json"));
}

/// A request's body, after its header; checks what the header says of it. Throws Failures.
awaitable<std::string> read_body(beast::tcp_stream& stream, beast::flat_buffer& buffer, Head& head) {
    const bool has_length = head.content_length().has_value();
    const bool post = head.get().method() == http::verb::post;  // others may bring one, which nobody looks at
    if (!has_length && !head.chunked())
        throw Failure(411, "length_required", "no Content-Length", "say how long the body is, or send it in chunks");
    if (post && !is_json(head.get()[http::field::content_type]))
        throw Failure(415, "unsupported_media_type",
                      "Content-Type: " + std::string(head.get()[http::field::content_type]).substr(0, 100),
                      "send application/json");
    if (has_length && *head.content_length() > kBodyBytes) throw body_failure(http::error::body_limit);
    error_code ec;
    const auto allowed =
        seconds(10 + (has_length ? static_cast<std::int64_t>(*head.content_length() / kBodyBytesPerSecond) : 20));
    stream.expires_after(allowed);
    if (beast::iequals(head.get()[http::field::expect], "100-continue")) {
        static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await asio::async_write(stream, asio::buffer(go_on), into(ec));
    }
    Body body(std::move(head));
    body.body_limit(kBodyBytes);
    co_await http::async_read(stream, buffer, body, into(ec));
    if (ec) throw body_failure(ec);
    co_return std::move(body.get().body());
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
    try {
        if (odd) throw Failure(400, "malformed", "a Transfer-Encoding other than chunked", "send it in chunks, or with its length");
        check_source(app, stream.socket(), head);
        Request request;
        request.method = head.method() == http::verb::head ? "GET" : std::string(head.method_string());
        read_target(head.target(), request);
        const Route route = find_route(request);
        if (app.stopping) throw Failure(cast::ErrorCode::shutting_down, "the broker is going down");
        if (route.upload) {
            answer = co_await upload(app, request, stream, buffer, parsed);
        } else {
            if (request.method == "POST" || !read) request.body = co_await read_body(stream, buffer, parsed);
            answer = co_await route.answer(app, std::move(request), stream.socket());
        }
        read = true;
        const auto given = head.find(http::field::if_none_match);
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
    }
    co_return co_await write_answer(app, stream, std::move(*answer), head, keep);
}

awaitable<void> session(App& app, tcp::socket socket, asio::ip::address from) {
    const Counted counted(app, from);
    beast::tcp_stream stream(std::move(socket));
    const auto at = app.sockets.insert(&stream).first;
    beast::flat_buffer buffer(64 * 1024);
    error_code ec;
    stream.socket().set_option(tcp::no_delay(true), ec);
    bool close_at_once = false;
    for (bool go_on = true; go_on && !app.stopping;) {
        stream.expires_after(kIdle);
        if (buffer.size() == 0) {
            const std::size_t size = co_await stream.async_read_some(buffer.prepare(4096), into(ec));
            buffer.commit(size);
            close_at_once = static_cast<bool>(ec);
            if (ec) break;  // closed or idle: nothing to say
        }
        Head head;
        head.header_limit(kHeaderBytes);
        head.body_limit(boost::none);
        stream.expires_after(kHeaderTime);
        co_await http::async_read_header(stream, buffer, head, into(ec));
        close_at_once = ec == beast::error::timeout || ec == http::error::end_of_stream ||
                        ec == asio::error::connection_reset || ec == asio::error::operation_aborted;
        if (close_at_once) break;
        if (ec) {
            co_await write_answer(app, stream, answer_failure(header_failure(ec)), head.get(), false);
            break;
        }
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
        if (app.connections >= kConnections ||
            (many != app.addresses.end() && many->second >= app.settings.connections_per_address)) {
            ++app.traffic.refused_connections;
            static constexpr std::string_view full =
                "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nConnection: "
                "close\r\nContent-Length: 100\r\n\r\n"
                "{\"code\":\"too_many\",\"message\":\"too many connections\",\"hint\":\"close some, or raise "
                "http-connections\"}\n";
            socket.non_blocking(true, ec);
            socket.write_some(asio::buffer(full), ec);
            continue;
        }
        asio::co_spawn(app.io, session(app, std::move(socket), from), asio::detached);
    }
}

}  // namespace gateway
