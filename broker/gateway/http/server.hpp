// Server: what server.cpp (HTTP) needs of its neighbours: the routes, uploads, WebSockets. io thread.
#pragma once
#include <boost/beast/websocket.hpp>

#include "gateway/http/budget.hpp"
#include "gateway/http/request.hpp"
#include "gateway/net.hpp"

namespace gateway {

struct App;

struct Route {
    awaitable<Answer> (*answer)(App& app, Request request, tcp::socket& socket) = nullptr;
    bool upload = false;
    bool bare = false;        ///< a POST that needs no body
    bool deprecated = false;  ///< the answer says so
    bool acts = false;        ///< a GET that changes something: not for HEAD, nor for browsers
};

/// Finds who answers, and fills in Request::names. Throws a Failure of 404 or 405.
Route find_route(Request& request);
/// "GET, HEAD, POST" of a target.
std::string allowed_methods(std::string_view target);

/// A request's body, after its header; checks what the header says of it. `hold` holds it, at work when it is complete.
/// Throws Failures.
awaitable<std::string> read_body(beast::tcp_stream& stream, beast::flat_buffer& buffer,
                                 http::request_parser<http::empty_body>& head, Budget::Hold& hold);
/// The memory of all is spent: 503.
Failure no_room();

/// POST /api/files: streams the body to nodes as a file, after its header.
awaitable<Answer> upload(App& app, const Request& request, beast::tcp_stream& stream, beast::flat_buffer& buffer,
                         http::request_parser<http::empty_body>& head);

/// A request that asked for a WebSocket, from its handshake to its end.
awaitable<void> websocket(App& app, beast::tcp_stream stream, http::request<http::empty_body> request);

}  // namespace gateway
