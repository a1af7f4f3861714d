// libcast/src/session/address.hpp: what is an address, and what is not, in words; where a broker's PUB end is.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "src/session/address.hpp"

using namespace cast;
using namespace cast::detail;

namespace {

/// The ends that are dialled without a look-up, or "name"; the code of an error.
std::string endpoints_of(const std::string& url) {
    const auto address = Address::parse(url);
    if (!address) return error_name(address.code());
    std::string text;
    for (const std::string& end : address->known()) text += (text.empty() ? "" : " ") + end;
    return text.empty() ? "name " + address->at("10.0.0.1") : text;
}

std::string why_not(const std::string& url) {
    const auto address = Address::parse(url);
    return address ? "" : address.error().detail;
}

}  // namespace

TEST_CASE("numbers and paths are dialled as they are, localhost by both of its numbers, names by their own") {
    CHECK(endpoints_of("tcp://127.0.0.1:5570") == "tcp://127.0.0.1:5570");
    CHECK(endpoints_of("tcp://[::1]:5570") == "tcp://[::1]:5570");
    CHECK(endpoints_of("tcp://[fe80::1%eth0]:1") == "tcp://[fe80::1%eth0]:1");
    CHECK(endpoints_of("tcp://localhost:65535") == "tcp://127.0.0.1:65535 tcp://[::1]:65535");
    CHECK(endpoints_of("tcp://broker.example:5570") == "name tcp://10.0.0.1:5570");
    CHECK(endpoints_of("tcp://my_broker-1:5570") == "name tcp://10.0.0.1:5570");
    CHECK(endpoints_of("ipc:///run/cast/broker") == "ipc:///run/cast/broker");
    CHECK(endpoints_of("ipc://@abstract") == "ipc://@abstract");
    CHECK(endpoints_of("ipc://" + std::string(107, 'x')) == "ipc://" + std::string(107, 'x'));
}

TEST_CASE("what is no address is told with what is wrong") {
    for (const char* url :
         {"", "nonsense", "inproc://x", "http://127.0.0.1:80", "udp://h:1", "TCP://h:1", "pgm://h:1", "tcp:/h:1"}) {
        CAPTURE(url);
        CHECK(why_not(url).find("it is tcp://HOST:PORT or ipc://PATH") != std::string::npos);
    }
    for (const char* url : {"tcp://", "tcp://127.0.0.1", "tcp://[::1]", "tcp://broker"}) {
        CAPTURE(url);
        CHECK(why_not(url).find("the port is missing") != std::string::npos);
    }
    for (const char* url : {"tcp://h:", "tcp://h:notaport", "tcp://h:1x", "tcp://h:-1", "tcp://h:+1", "tcp://h: 1",
                            "tcp://h:0", "tcp://h:65536", "tcp://h:99999999999", "tcp://h:*"}) {
        CAPTURE(url);
        CHECK(why_not(url).find("from 1 to 65535") != std::string::npos);
    }
    for (const char* url : {"tcp://::1:5570", "tcp://fe80::1:5570", "tcp://:::1"}) {
        CAPTURE(url);
        CHECK(why_not(url).find("stands in brackets") != std::string::npos);
    }
    for (const char* url : {"tcp://[]:1", "tcp://[broker]:1", "tcp://[127.0.0.1]:1"}) {
        CAPTURE(url);
        CHECK(why_not(url) != "");
    }
    for (const std::string& url :
         {std::string("tcp://:1"), std::string("tcp://*:1"), std::string("tcp://a b:1"),
          std::string("tcp://10.0.0.2;h:1"), std::string("tcp://h/x:1"), "tcp://" + std::string(254, 'x') + ":1"}) {
        CAPTURE(url);
        CHECK(why_not(url).find("a name or a number") != std::string::npos);
    }
    CHECK(why_not("ipc://").find("the path is missing") != std::string::npos);
    CHECK(why_not("ipc://" + std::string(108, 'x')).find("at most 107 bytes") != std::string::npos);
    CHECK(why_not(std::string("ipc:///a\0b", 10)).find("no byte 0") != std::string::npos);
}

TEST_CASE("the PUB end is the one over the dialled transport, and \"every interface\" is the host that was dialled") {
    using Endpoints = std::vector<std::string>;
    CHECK(publish_endpoint(Endpoints{}, "tcp://10.0.0.1:5570").empty());
    CHECK(publish_endpoint(Endpoints{"tcp://10.0.0.1:5571"}, "tcp://10.0.0.1:5570") == "tcp://10.0.0.1:5571");
    CHECK(publish_endpoint(Endpoints{"tcp://*:5571"}, "tcp://10.0.0.1:5570") == "tcp://10.0.0.1:5571");
    CHECK(publish_endpoint(Endpoints{"tcp://0.0.0.0:5571"}, "tcp://10.0.0.1:5570") == "tcp://10.0.0.1:5571");
    CHECK(publish_endpoint(Endpoints{"tcp://[::]:5571"}, "tcp://[fe80::1]:5570") == "tcp://[fe80::1]:5571");
    CHECK(publish_endpoint(Endpoints{"tcp://*:5571"}, "ipc:///run/cast") == "tcp://127.0.0.1:5571");
    CHECK(publish_endpoint(Endpoints{"ipc:///run/pub", "tcp://*:5571"}, "tcp://[::1]:5570") == "tcp://[::1]:5571");
    CHECK(publish_endpoint(Endpoints{"tcp://*:5571", "ipc:///run/pub"}, "ipc:///run/cast") == "ipc:///run/pub");
    CHECK(publish_endpoint(Endpoints{"tcp://broker.example:5571"}, "tcp://10.0.0.1:5570") ==
          "tcp://broker.example:5571");
}

TEST_CASE("several addresses have commas between them, which a path may have, too") {
    const auto urls = [](const std::string& list) {
        const auto all = Address::parse_list(list);
        if (!all) return "! " + all.error().detail;
        std::string text;
        for (const Address& address : *all) text += (text.empty() ? "" : " | ") + address.url;
        return text;
    };
    CHECK(urls("tcp://a:1") == "tcp://a:1");
    CHECK(urls("tcp://a:1,tcp://[::1]:2,ipc:///x") == "tcp://a:1 | tcp://[::1]:2 | ipc:///x");
    CHECK(urls("ipc:///a,b,ipc:///c") == "ipc:///a,b | ipc:///c");
    for (const char* list : {"tcp://a:1,b:2", "tcp://a:1,"})
        CHECK(urls(list) == "! '" + std::string(list) +
                                "' is no address of a broker: each of several begins with tcp:// or ipc://, as in "
                                "tcp://a:5570,tcp://b:5570");
    CHECK(urls("tcp://a:1,tcp://") ==
          "! 'tcp://' is no address of a broker: the port is missing, as in tcp://HOST:5570");
    CHECK(urls("").rfind("! '' is no address of a broker", 0) == 0);
}
