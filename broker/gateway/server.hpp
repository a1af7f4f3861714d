// Server: what server.cpp (HTTP) needs of its neighbours: the routes, uploads, WebSockets. io thread.
#pragma once
#include <boost/beast/websocket.hpp>

#include "gateway/net.hpp"
#include "gateway/request.hpp"

namespace gateway {

struct App;

struct Route {
    awaitable<Answer> (*answer)(App& app, Request request, tcp::socket& socket) = nullptr;
    bool upload = false;
};

/// Finds who answers, and fills in Request::names. Throws a Failure of 404 or 405.
Route find_route(Request& request);
/// "GET, HEAD, POST" of a target.
std::string allowed_methods(std::string_view target);

/// POST /api/files: streams the body to nodes as a file, after its header.
awaitable<Answer> upload(App& app, const Request& request, beast::tcp_stream& stream, beast::flat_buffer& buffer,
                         http::request_parser<http::empty_body>& head);

/// A request that asked for a WebSocket, from its handshake to its end.
awaitable<void> websocket(App& app, beast::tcp_stream stream, http::request<http::empty_body> request);

}  // namespace gateway
