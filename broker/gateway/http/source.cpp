// Who may ask. Plain values; any thread. See source.hpp.
#include "gateway/http/source.hpp"

#include <algorithm>
#include <boost/beast/websocket/rfc6455.hpp>

#include "gateway/app.hpp"
#include "gateway/http/request.hpp"

namespace gateway {
namespace {

using RequestHead = http::request<http::empty_body>;

/// The host of "name:port", in lower case.
std::string host_of(std::string_view text) {
    const auto colon = text.find(':', text.starts_with('[') ? text.find(']') : 0);
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

bool writes(const RequestHead& head) {
    return (head.method() != http::verb::get && head.method() != http::verb::head) ||
           beast::websocket::is_upgrade(head);
}

/// Everything of these is for our own page and for tools. The page's files may be linked to from anywhere.
bool guarded(const RequestHead& head) {
    const std::string_view target = head.target();
    return writes(head) || target.starts_with("/api") || target.starts_with("/ws");
}

bool same_site(const RequestHead& head, std::string_view host) {
    const std::string_view origin = head[http::field::origin], site = head["Sec-Fetch-Site"];
    if (head.count(http::field::origin) > 1 || head.count("Sec-Fetch-Site") > 1) return false;
    const bool foreign = head.count("Sec-Fetch-Site") == 1 && site != "same-origin" && site != "none";
    if (head.count(http::field::origin) == 0) return !foreign;
    return !foreign && (beast::iequals(origin, "http://" + std::string(host)) ||
                        beast::iequals(origin, "https://" + std::string(host)));  // behind somebody who speaks TLS
}

/// What a form, or a script that does not ask first, can send to another site.
bool form_type(std::string_view type) {
    std::string kind(type.substr(0, type.find_first_of(";,")));
    while (!kind.empty() && (kind.back() == ' ' || kind.back() == '\t')) kind.pop_back();
    return beast::iequals(kind, "text/plain") || beast::iequals(kind, "multipart/form-data") ||
           beast::iequals(kind, "application/x-www-form-urlencoded");
}

}  // namespace

void check_source(const App& app, const tcp::socket& socket, const RequestHead& head) {
    if (head.count(http::field::host) != 1 && head.version() >= 11)
        throw Failure(400, "malformed", "one Host header is needed", "send Host: as HTTP/1.1 says");
    const std::string host(head[http::field::host]);
    if (!host.empty() && !our_host(app, socket, host_of(host)))
        throw Failure(403, "bad_host", "Host: " + host.substr(0, 100) + " is none of this server",
                      "use its address, or localhost");
    if (!guarded(head)) return;
    const std::string origin(head[http::field::origin]);
    if (!same_site(head, host))
        throw Failure(403, "bad_origin",
                      "a page of " + (origin.empty() ? "another site" : origin.substr(0, 100)) + " may not do this",
                      "open this server's own page");
    const std::string type(head[http::field::content_type]);
    if (writes(head) && form_type(type))
        throw Failure(415, "unsupported_media_type", "Content-Type: " + type.substr(0, 100),
                      "send application/json; a file goes as application/octet-stream");
}

bool from_browser(const RequestHead& head) {
    const bool marked = std::any_of(head.begin(), head.end(), [](const auto& field) {
        return beast::iequals(field.name_string().substr(0, 10), "Sec-Fetch-");
    });
    return marked || head.count(http::field::origin) > 0 || head.count(http::field::referer) > 0 ||
           std::string_view(head[http::field::user_agent]).starts_with("Mozilla/");
}

}  // namespace gateway
