// Source: who sends a request. A browser runs pages of all sites, and any of them can make it send requests to this
// machine; so requests that a page of another site may have caused are refused. Plain values; any thread.
#pragma once
#include "gateway/net.hpp"

namespace gateway {

struct App;

/// Throws a Failure (403 bad_host, bad_origin; 415) for who may not ask.
void check_source(const App& app, const tcp::socket& socket, const http::request<http::empty_body>& head);

/// Whether a browser sends this. One marks what it sends with Origin or Sec-Fetch headers, but not all of them do for
/// images and links, and none says Sec-Fetch to an address that is not of its own machine: so its name counts, too.
bool from_browser(const http::request<http::empty_body>& head);

}  // namespace gateway
