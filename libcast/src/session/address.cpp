// Reading addresses. See address.hpp.
#include "src/session/address.hpp"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace cast::detail {
namespace {

constexpr std::string_view kTcp = "tcp://", kIpc = "ipc://";
constexpr std::size_t kLongestHost = 253;

bool is_v4(const std::string& host) {
    in_addr number{};
    return inet_pton(AF_INET, host.c_str(), &number) == 1;
}

bool is_v6(const std::string& host) {  // with or without the zone of a link
    in6_addr number{};
    return inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &number) == 1;
}

bool is_port(std::string_view text) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() && number >= 1 && number <= 65535;
}

bool is_name(std::string_view host) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
               c == '_';
    };
    return !host.empty() && host.size() <= kLongestHost && std::all_of(host.begin(), host.end(), allowed);
}

Error wrong(std::string_view url, const std::string& why) {
    return {ErrorCode::invalid_argument, "'" + std::string(url) + "' is no address of a broker: " + why};
}

Result<Address> parse_tcp(std::string_view url) {
    std::string_view rest = url.substr(kTcp.size());
    if (rest.find(',') != std::string_view::npos)
        return wrong(url, "each of several begins with tcp:// or ipc://, as in tcp://a:5570,tcp://b:5570");
    const std::size_t colon = rest.rfind(':');
    if (colon == std::string_view::npos || rest.back() == ']')
        return wrong(url, "the port is missing, as in tcp://HOST:5570");
    Address address{std::string(url), std::string(rest.substr(0, colon)), std::string(rest.substr(colon + 1))};
    std::string& host = address.host;
    if (!is_port(address.port)) return wrong(url, "the port is a number from 1 to 65535");
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
        if (!is_v6(host)) return wrong(url, "in brackets stands an IPv6 address, as in tcp://[::1]:5570");
        return address;
    }
    if (host.find(':') != std::string::npos)
        return wrong(url, "an IPv6 address stands in brackets, as in tcp://[::1]:5570");
    if (!is_name(host)) return wrong(url, "the host is a name or a number, as in tcp://broker.example:5570");
    return address;
}

}  // namespace

Result<Address> Address::parse(std::string_view url) {
    if (url.substr(0, kTcp.size()) == kTcp) return parse_tcp(url);
    if (url.substr(0, kIpc.size()) != kIpc) return wrong(url, "it is tcp://HOST:PORT or ipc://PATH");
    const std::size_t size = url.size() - kIpc.size();
    if (size == 0) return wrong(url, "the path is missing, as in ipc:///run/cast/broker");
    if (size >= sizeof(sockaddr_un::sun_path))
        return wrong(
            url, "the path of a socket has at most " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes");
    if (url.find('\0') != std::string_view::npos) return wrong(url, "a path has no byte 0");
    return Address{std::string(url), {}, {}};
}

Result<std::vector<Address>> Address::parse_list(std::string_view urls) {
    std::vector<Address> all;
    for (std::size_t from = 0; from <= urls.size();) {
        std::size_t comma = urls.find(',', from);  // one before anything else belongs to a path
        while (comma != std::string_view::npos && urls.substr(comma + 1, kTcp.size()) != kTcp &&
               urls.substr(comma + 1, kIpc.size()) != kIpc)
            comma = urls.find(',', comma + 1);
        const std::size_t end = std::min(comma, urls.size());
        auto address = parse(urls.substr(from, end - from));
        if (!address) return address.error();
        all.push_back(std::move(*address));
        from = end + 1;
    }
    return all;
}

std::string Address::at(std::string_view number) const {
    std::string end(kTcp);
    const bool v6 = number.find(':') != std::string_view::npos;
    end.append(v6 ? "[" : "").append(number).append(v6 ? "]:" : ":").append(port);
    return end;
}

std::vector<std::string> Address::known() const {
    if (!tcp()) return {url};
    if (is_v4(host) || is_v6(host)) return {at(host)};
    if (host == "localhost" || host == "localhost.") return {at("127.0.0.1"), at("::1")};
    return {};
}

std::string publish_endpoint(const std::vector<std::string>& endpoints, const std::string& dialled) {
    std::string chosen;
    const std::string scheme = dialled.substr(0, dialled.find(':') + 1);
    for (const std::string& end : endpoints)
        if (chosen.empty() || (end.rfind(scheme, 0) == 0 && chosen.rfind(scheme, 0) != 0)) chosen = end;
    for (const char* any : {"tcp://*:", "tcp://0.0.0.0:", "tcp://[::]:"}) {
        if (chosen.rfind(any, 0) != 0) continue;
        const bool tcp = dialled.rfind(kTcp, 0) == 0;  // else it is on this machine
        return (tcp ? dialled.substr(0, dialled.rfind(':')) : "tcp://127.0.0.1") + ":" +
               chosen.substr(std::strlen(any));
    }
    return chosen;
}

}  // namespace cast::detail
