// The client's sockets against a bare ROUTER: what is left when a connection ends.
#include <doctest/doctest.h>
#include <poll.h>

#include <chrono>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "src/connection/transport.hpp"

namespace {

using cast::detail::Transport;
using cast::wire::Slice;

/// Polls the transport's descriptors until it knows that its connection is lost.
bool see_the_end(Transport& transport) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!transport.lost() && std::chrono::steady_clock::now() < until) {
        std::vector<pollfd> fds;
        for (int fd : transport.descriptors()) fds.push_back({fd, POLLIN, 0});
        poll(fds.data(), fds.size(), 20);
        for (std::size_t i = 0; i < fds.size(); ++i)
            if ((fds[i].revents & POLLIN) != 0) transport.readable(i);
    }
    return transport.lost();
}

}  // namespace

TEST_CASE("transport: what came before the connection ended is still there to be read") {
    Transport transport;
    {
        zmq::context_t context(1);
        zmq::socket_t router(context, zmq::socket_type::router);
        router.set(zmq::sockopt::linger, 10000);
        router.bind("tcp://127.0.0.1:*");
        REQUIRE(transport.connect(router.get(zmq::sockopt::last_endpoint)));
        REQUIRE(transport.send(Slice::copy("hello")));
        zmq::message_t id, body;
        REQUIRE(router.recv(id).has_value());
        REQUIRE(router.recv(body).has_value());
        CHECK(body.to_string() == "hello");
        for (int i = 0; i < 100; ++i) {
            router.send(zmq::buffer(id.data(), id.size()), zmq::send_flags::sndmore);
            router.send(zmq::buffer(std::to_string(i)), zmq::send_flags::none);
        }
    }
    REQUIRE(see_the_end(transport));
    Slice frame;
    for (int i = 0; i < 100; ++i) {
        REQUIRE(transport.receive(frame));
        CHECK(std::string(frame.data(), frame.size()) == std::to_string(i));
    }
    CHECK_FALSE(transport.receive(frame));
    CHECK(transport.lost());
}

TEST_CASE("transport: a connection that cannot be made is lost, and a new one begins as if nothing had been") {
    Transport transport;
    zmq::context_t context(1);
    zmq::socket_t router(context, zmq::socket_type::router);
    router.bind("tcp://127.0.0.1:*");
    const std::string end = router.get(zmq::sockopt::last_endpoint);
    {
        zmq::socket_t taken(context, zmq::socket_type::router);
        taken.bind("tcp://127.0.0.1:*");
        const std::string gone = taken.get(zmq::sockopt::last_endpoint);
        taken.unbind(gone);
        REQUIRE(transport.connect(gone));
    }
    REQUIRE(see_the_end(transport));
    REQUIRE(transport.connect(end));
    CHECK_FALSE(transport.lost());
    REQUIRE(transport.send(Slice::copy("hello")));
    zmq::message_t id, body;
    REQUIRE(router.recv(id).has_value());
    REQUIRE(router.recv(body).has_value());
    CHECK(body.to_string() == "hello");
    CHECK_FALSE(transport.connect("nonsense"));
    CHECK(transport.trouble() != "");
    CHECK_FALSE(transport.connected());
}

TEST_CASE("transport: what may be to be read ends with the connection, in whatever moment that is") {
    zmq::context_t context(1);
    zmq::socket_t router(context, zmq::socket_type::router), publisher(context, zmq::socket_type::pub);
    router.bind("tcp://127.0.0.1:*");
    publisher.bind("tcp://127.0.0.1:*");
    Transport transport;
    REQUIRE(transport.connect(router.get(zmq::sockopt::last_endpoint)));
    transport.publish_endpoint(publisher.get(zmq::sockopt::last_endpoint));
    transport.subscribe(7);  // nobody has read since: all its sockets are to be looked at
    CHECK(transport.hot());
    SUBCASE("it is given up") {
        transport.disconnect(0);
        CHECK_FALSE(transport.hot());
    }
    SUBCASE("the end to subscribe at changes, and there is nothing to subscribe to") {
        transport.unsubscribe(7);
        Slice frame;
        CHECK_FALSE(transport.lost());
        CHECK_FALSE(transport.receive(frame));
        transport.publish_endpoint("");
        CHECK_FALSE(transport.hot());
    }
}
