// What ends a node: its connection is closed, another session takes it over, it is deleted. Every call says so, those
// that wait and those that come later. A real broker, the real library.
#include <doctest/doctest.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cast/transfer.hpp>
#include <cstdlib>
#include <cstring>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "support/broker_process.hpp"

using namespace cast;
using namespace cast::test;

namespace {

bool readable(int fd, int within_ms = 0) {
    pollfd admin{fd, POLLIN, 0};
    return poll(&admin, 1, within_ms) == 1;
}

/// The names of the kinds that on_notice told of a node ("" for the connection), in order.
class Notified {
public:
    void listen(Options& o) {
        o.on_notice = [this](const Notice& n) {
            const std::lock_guard lock(mutex_);
            if (n.kind == Notice::Kind::taken_over) notified_ += "taken_over " + n.node + ";";
            if (n.kind == Notice::Kind::deleted) notified_ += "deleted " + n.node + ";";
            if (n.kind == Notice::Kind::closed) notified_ += "closed " + n.node + ";";
            if (n.kind == Notice::Kind::disconnected) notified_ += "disconnected;";
        };
    }
    std::string all() {
        const std::lock_guard lock(mutex_);
        return notified_;
    }

private:
    std::mutex mutex_;
    std::string notified_;
};

/// How many of the node's calls that send, or are about what it sends, answer with this code.
int calls_that_say(Node& node, ErrorCode code) {
    const auto patience = scaled(20000);
    const Message message = Message::unicast("bob", "x");
    int count = 0;
    for (const Result<void>& result :
         {node.unicast("bob", "x"), node.multicast("team", "x"), node.broadcast("x"), node.send(message),
          node.send(message, Wait::receipt, patience), node.send(message, Wait::delivered, patience), node.join("team"),
          node.leave("team")})
        count += result.code() == code;
    count += node.send_each(Message::unicast(std::vector<std::string>{"bob", "carol"}, "x")).back().code() == code;
    count += node.request("bob", "x", patience).code() == code;
    FileOptions file;
    file.name = "file";
    auto sender = FileSender::open(node, message, file);
    count += (sender ? sender->write(std::string(600 << 10, 'x')).code() : sender.code()) == code;
    count += node.receive(patience).code() == code;
    count += node.receive(milliseconds(0)).code() == code;
    count += node.receive_some([](const Message&) {}, patience).code() == code;
    return count;
}
constexpr int kAllOfThem = 14;

}  // namespace

TEST_CASE("after close() every call of every object on the connection says closed, at once") {
    BrokerProcess broker;
    Notified notified;
    Node watcher = attach(broker, "watcher");
    Connection connection = must(Connection::open(broker.options([&](Options& o) { notified.listen(o); })));
    Node bob = must(connection.attach("bob")), carol = must(connection.attach("carol"));
    Admin admin(connection);
    const int fd = bob.poll_fd();
    for (int i = 0; i < 100; ++i) must(watcher.send(Message::unicast("bob", "lies ready"), Wait::receipt));
    REQUIRE(readable(fd, 10000));
    const Message kept = must(bob.receive(milliseconds(0)));
    FileOptions file;
    file.name = "file";
    FileSender sender = must(FileSender::open(bob, Message::unicast("carol", ""), file));
    for (int i = 0; i < 3000; ++i) must(carol.unicast("watcher", std::to_string(i)));  // a batch of them lies open
    const auto begin = std::chrono::steady_clock::now();
    connection.close();

    int said_ok = 0;
    for (int i = 0; i < 1000; ++i) said_ok += carol.unicast("watcher", "nowhere").ok();
    CHECK(said_ok == 0);
    CHECK(calls_that_say(bob, ErrorCode::closed) == kAllOfThem);
    CHECK(bob.flush(scaled(20000)).code() == ErrorCode::closed);
    CHECK(bob.nack(kept, "late").code() == ErrorCode::closed);
    CHECK(bob.reply(kept, "late").code() == ErrorCode::invalid_argument);  // it is no request
    CHECK(bob.on_message([](const Message&) {}).code() == ErrorCode::closed);
    CHECK(bob.poll_fd() == fd);
    CHECK(readable(fd));
    CHECK(readable(carol.poll_fd()));
    bob.ack();
    CHECK(connection.flush(scaled(20000)).code() == ErrorCode::closed);
    CHECK(connection.attach("dave").code() == ErrorCode::closed);
    CHECK_FALSE(connection.connected());
    CHECK(sender.write_some("x").code() == ErrorCode::closed);
    CHECK(sender.finish_some().code() == ErrorCode::closed);
    CHECK(sender.finish().code() == ErrorCode::closed);
    for (const ErrorCode code : {admin.nodes().code(), admin.create_node("dave").code(), admin.status().code(),
                                 admin.call("{}").code(), admin.next_event(scaled(20000)).code()})
        CHECK(code == ErrorCode::closed);
    CHECK(admin.nodes().error().text().find(broker.url()) != std::string::npos);
    connection.close();
    CHECK(std::chrono::steady_clock::now() - begin < scaled(5000));
    CHECK(eventually([&] { return notified.all() == "closed ;"; }));
    // What was sent before has left.
    for (int i = 0; i < 3000; ++i) REQUIRE(next(watcher) == std::to_string(i));
    CHECK(nothing(watcher) == "");
}

TEST_CASE("whatever waits when close() is called says closed, at once") {
    BrokerProcess broker;
    Connection connection = must(Connection::open(broker.options([](Options& o) { o.send_timeout = scaled(60000); })));
    Node reader = must(connection.attach("reader")), sender = must(connection.attach("sender"));
    Node called = must(connection.attach("called"));
    Admin admin(connection), watching(connection);
    admin.set_timeout(scaled(60000));
    watching.set_timeout(scaled(60000));
    CHECK(watching.next_event(milliseconds(1)).code() == ErrorCode::timed_out);
    must(called.on_message([](const Message&) {}));
    broker.stop();  // from now on no receipt comes, and no answer
    const std::string state = "/proc/" + std::to_string(broker.process().id()) + "/stat";
    REQUIRE(eventually([&] { return read_file(state).find(") T ") != std::string::npos; }));
    must(sender.unicast("reader", "x"));  // so that a flush has something to wait for from the start
    const std::vector<std::function<ErrorCode()>> waits{
        [&] { return reader.receive(scaled(60000)).code(); },
        [&] { return watching.next_event(scaled(60000)).code(); },
        [&] { return admin.status().code(); },
        [&] { return sender.request("reader", "x", scaled(60000)).code(); },
        [&] { return sender.send(Message::unicast("reader", "x"), Wait::receipt, scaled(60000)).code(); },
        [&] {
            while (const auto sent = sender.unicast("reader", std::string(100000, 'x')))
                if (!sent) return sent.code();  // once the window is full
            return sender.unicast("reader", std::string(100000, 'x')).code();
        },
        [&] { return connection.flush(scaled(60000)).code(); },
        [&] { return connection.attach("another").code(); },
        [&] {
            FileOptions file;
            file.name = "file";
            auto sending = FileSender::open(sender, Message::unicast("reader", ""), file);
            if (!sending) return sending.code();
            while (const auto written = sending->write(std::string(1 << 20, 'x')))
                if (!written) return written.code();
            return sending->write("x").code();
        }};
    std::atomic<std::size_t> begun{0};
    std::vector<std::atomic<ErrorCode>> said(waits.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < waits.size(); ++i)
        threads.emplace_back([&, i] {
            ++begun;
            said[i] = waits[i]();
        });
    REQUIRE(eventually([&] { return begun == waits.size(); }));
    std::this_thread::sleep_for(milliseconds(100));  // most of them wait by now; those that do not are later calls
    const auto begin = std::chrono::steady_clock::now();
    connection.close();
    for (auto& thread : threads) thread.join();
    CHECK(std::chrono::steady_clock::now() - begin < scaled(5000));
    for (std::size_t i = 0; i < waits.size(); ++i) {
        CAPTURE(i);
        CHECK(std::string(error_name(said[i])) == "closed");
    }
    broker.go_on();
}

TEST_CASE("a node that is taken over, or deleted, says so in every call, and no call goes nowhere") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    Node carol = attach(broker, "carol"), watcher = attach(broker, "watcher");
    Notified notified;
    Connection connection = must(Connection::open(broker.options([&](Options& o) { notified.listen(o); })));
    Node other = must(connection.attach("other"));
    Node bob = must(connection.attach("bob"));
    const int fd = bob.poll_fd();
    CHECK_FALSE(readable(fd));
    must(carol.send(Message::unicast("bob", "for the next reader"), Wait::receipt));
    REQUIRE(readable(fd, 10000));
    for (int i = 0; i < 3000; ++i) must(bob.unicast("watcher", std::to_string(i)));  // a batch of them lies open
    must(bob.flush(scaled(10000)));
    ErrorCode expected = ErrorCode::deleted;
    std::unique_ptr<Node> second;
    SUBCASE("taken over") {
        expected = ErrorCode::taken_over;
        second = std::make_unique<Node>(attach(broker, "bob", [](Options& o) { o.take_over = true; }));
        CHECK(next(*second) == "for the next reader");
    }
    SUBCASE("deleted") { must(admin.delete_node("bob")); }
    const std::string notice = std::string(error_name(expected)) + " bob;";
    REQUIRE(eventually([&] { return notified.all() == notice; }));
    CHECK(readable(fd));
    CHECK(calls_that_say(bob, expected) == kAllOfThem);
    CHECK(bob.unicast("carol", "x").error().text().find("bob") != std::string::npos);
    CHECK(bob.on_message([](const Message&) {}).code() == expected);
    CHECK(readable(fd));
    must(bob.flush(scaled(10000)));  // nothing that was said to be sent was refused
    must(other.send(Message::unicast("carol", "the connection's other nodes go on"), Wait::receipt));
    CHECK(next(carol) == "the connection's other nodes go on");
    CHECK(nothing(carol) == "");
    second.reset();
    bob = must(connection.attach("another"));  // lets go of the one that was lost
    Node again = must(connection.attach("bob"));
    must(again.send(Message::unicast("carol", "back"), Wait::receipt));
    CHECK(next(carol) == "back");
}

TEST_CASE("what was under way when a node was lost is refused with the reason") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    Node carol = attach(broker, "carol");
    Node bob = attach(broker, "bob");
    broker.stop();
    std::thread deletes([&] { (void)admin.delete_node("bob"); });
    // The broker finds both when it goes on: some of these come after the deletion.
    std::atomic<bool> stop{false};
    std::thread sends([&] {
        while (!stop && bob.unicast("carol", "x")) std::this_thread::yield();
    });
    broker.go_on();
    deletes.join();
    CHECK(eventually([&] { return bob.receive(milliseconds(20)).code() == ErrorCode::deleted; }));
    stop = true;
    sends.join();
    const ErrorCode code = bob.flush(scaled(10000)).code();
    CHECK((code == ErrorCode::ok || code == ErrorCode::deleted));
}

TEST_CASE("who has only callbacks is told that the node ended; then receive() says why") {
    BrokerProcess broker;
    Admin admin = administer(broker);
    Notified notified;
    Node carol = attach(broker, "carol");
    Node bob = attach(broker, "bob", [&](Options& o) { notified.listen(o); });
    std::atomic<int> called{0};
    must(bob.on_message([&](const Message&) { ++called; }));
    must(carol.unicast("bob", "x"));
    REQUIRE(eventually([&] { return called == 1; }));
    SUBCASE("deleted") {
        must(admin.delete_node("bob"));
        CHECK(eventually([&] { return notified.all() == "deleted bob;"; }));
        CHECK(eventually([&] { return bob.receive(milliseconds(0)).code() == ErrorCode::deleted; }));
    }
    SUBCASE("closed, by the callback itself") {
        Node dave = attach(broker, "dave", [&](Options& o) { notified.listen(o); });
        must(dave.on_message([&](const Message&) { dave.connection().close(); }));
        must(carol.unicast("dave", "x"));
        CHECK(eventually([&] { return notified.all() == "closed ;"; }));
        CHECK(dave.receive(scaled(10000)).code() == ErrorCode::closed);
    }
}

TEST_CASE("a connection for which the system has no thread is an error, not an exception") {
    BrokerProcess broker;
    Node bob = attach(broker, "bob");
    pthread_attr_t usual, impossible;
    REQUIRE(pthread_getattr_default_np(&usual) == 0);
    REQUIRE(pthread_getattr_default_np(&impossible) == 0);
    REQUIRE(pthread_attr_setstacksize(&impossible, std::size_t{1} << 46) == 0);
    REQUIRE(pthread_setattr_default_np(&impossible) == 0);
    const auto connection = Connection::open(broker.options());
    const auto node = Node::attach("carol", broker.options());
    const auto listening = bob.on_message([](const Message&) {});
    REQUIRE(pthread_setattr_default_np(&usual) == 0);
    for (const Error& error : {connection.error(), node.error(), listening.error()}) {
        CHECK(error.code == ErrorCode::too_many);
        CHECK(error.text().find("no more threads") != std::string::npos);
    }
    must(bob.unicast("bob", "x"));
    CHECK(next(bob) == "x");
    must(bob.on_message([](const Message&) {}));
    CHECK(Connection::open(broker.options()).ok());
}

TEST_CASE("a connection for which the system has no descriptor is an error, and does not end the program") {
    // The sanitizer of undefined behaviour opens a pipe to look at an object's type: without one it reports a fault.
    if (const char* sanitizer = std::getenv("CAST_SANITIZE");
        sanitizer != nullptr && std::strstr(sanitizer, "undefined"))
        return;
    BrokerProcess broker;
    rlimit usual{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &usual) == 0);
    const int first_free = dup(0);
    REQUIRE(close(first_free) == 0);
    for (const int left : {0, 1, 4, 12}) {
        CAPTURE(left);
        const rlimit few{static_cast<rlim_t>(first_free + left), usual.rlim_max};
        REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
        const auto connection = Connection::open(broker.options());
        REQUIRE(setrlimit(RLIMIT_NOFILE, &usual) == 0);
        CHECK(connection.code() == ErrorCode::too_many);
        CHECK(connection.error().text().find("open files") != std::string::npos);
    }
    CHECK(Connection::open(broker.options()).ok());
}

TEST_CASE("nodes, connections and administrators go in any order, before and after close()") {
    BrokerProcess broker;
    for (int order = 0; order < 4; ++order) {
        auto connection = std::make_unique<Connection>(must(Connection::open(broker.options())));
        auto admin = std::make_unique<Admin>(*connection);
        auto bob = std::make_unique<Node>(must(connection->attach("bob")));
        auto carol = std::make_unique<Node>(must(connection->attach("carol")));
        must(bob->on_message([](const Message&) {}));
        must(carol->unicast("bob", "x"));
        if (order % 2 == 0) connection->close();
        if (order < 2) connection.reset();
        if (order > 1) bob.reset();
        admin.reset();
        carol.reset();
        bob.reset();
        connection.reset();
        CHECK(eventually([&] {
            Admin other = administer(broker);
            return gone(other, "bob") && gone(other, "carol");
        }));
    }
}

TEST_CASE("in the child of a fork() every call says closed, nothing hangs, and the parent goes on") {
    BrokerProcess broker;
    auto connection = std::make_unique<Connection>(must(Connection::open(broker.options())));
    auto bob = std::make_unique<Node>(must(connection->attach("bob")));
    auto carol = std::make_unique<Node>(must(connection->attach("carol")));
    must(carol->on_message([](const Message&) {}));
    std::thread waits([&] { CHECK(next(*bob) == "after the fork"); });
    for (int i = 0; i < 3000; ++i) must(carol->unicast("carol", std::to_string(i)));  // a batch of them lies open
    const pid_t child = fork();
    if (child == 0) {
        int wrong = 0;
        wrong += carol->unicast("bob", "nowhere").code() != ErrorCode::closed;
        wrong += carol->send(Message::unicast("bob", "nowhere"), Wait::receipt).code() != ErrorCode::closed;
        wrong += bob->receive(scaled(60000)).code() != ErrorCode::closed;
        wrong += connection->flush(scaled(60000)).code() != ErrorCode::closed;
        connection->close();
        carol.reset();
        bob.reset();
        connection.reset();
        _exit(wrong);
    }
    int status = -1;
    CHECK(eventually([&] { return waitpid(child, &status, WNOHANG) == child; }));
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
    must(carol->send(Message::unicast("bob", "after the fork"), Wait::receipt));
    waits.join();
    must(carol->flush(scaled(10000)));
}
