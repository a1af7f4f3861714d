// Raw libzmq: a ROUTER and PUB relay, one message a pair of frames, names not checked, nothing kept. What libzmq does
// without a broker's promises.
#include <zmq.h>

#include "process.hpp"
#include "systems.hpp"

namespace rig {
namespace {

constexpr int kHighWater = 100000;
constexpr int kAtOnce = 1000;

struct Endpoints {
    std::string router, publish;
};

void set(void* socket, int option, int value) { zmq_setsockopt(socket, option, &value, sizeof value); }

class ZmqEndpoint : public Endpoint {
public:
    ZmqEndpoint(const Seat& seat, const Endpoints& endpoints) {
        const std::string& name = seat.names.front();
        zmq_setsockopt(dealer_, ZMQ_ROUTING_ID, name.data(), name.size());
        set(dealer_, ZMQ_SNDHWM, kHighWater);
        set(dealer_, ZMQ_RCVHWM, kHighWater);
        set(sub_, ZMQ_RCVHWM, kHighWater);
        zmq_connect(dealer_, endpoints.router.c_str());
        // A subscriber that does not read would stall the relay, which drops nothing: a sender is none.
        if (!seat.only_sends) {
            zmq_connect(sub_, endpoints.publish.c_str());
            zmq_setsockopt(sub_, ZMQ_SUBSCRIBE, "all", 3);
        }
        zmq_send(dealer_, "", 0, ZMQ_SNDMORE);
        zmq_send(dealer_, "hi", 2, 0);
        pause_ms(100);
    }
    ~ZmqEndpoint() override {
        zmq_close(dealer_);
        zmq_close(sub_);
        zmq_ctx_term(context_);
    }
    void unicast(const std::string& to, std::string_view payload) override {
        zmq_send(dealer_, to.data(), to.size(), ZMQ_SNDMORE);
        zmq_send(dealer_, payload.data(), payload.size(), 0);
    }
    void broadcast(std::string_view payload) override {
        zmq_send(dealer_, "*", 1, ZMQ_SNDMORE);
        zmq_send(dealer_, payload.data(), payload.size(), 0);
    }
    int receive(const Take& take) override {
        zmq_pollitem_t items[2] = {{dealer_, 0, ZMQ_POLLIN, 0}, {sub_, 0, ZMQ_POLLIN, 0}};
        if (zmq_poll(items, 2, 100) <= 0) return 0;
        int got = 0;
        zmq_msg_t message;
        zmq_msg_init(&message);
        const auto hand_out = [&] {
            take(static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
            ++got;
        };
        for (int i = 0; i < kAtOnce && zmq_msg_recv(&message, dealer_, ZMQ_DONTWAIT) >= 0; ++i) hand_out();
        for (int i = 0; i < kAtOnce && zmq_msg_recv(&message, sub_, ZMQ_DONTWAIT) >= 0; ++i) {
            zmq_msg_recv(&message, sub_, 0);  // after its topic
            hand_out();
        }
        zmq_msg_close(&message);
        return got;
    }

private:
    void* context_ = zmq_ctx_new();
    void* dealer_ = zmq_socket(context_, ZMQ_DEALER);
    void* sub_ = zmq_socket(context_, ZMQ_SUB);
};

void relay(const Endpoints& endpoints) {
    void* context = zmq_ctx_new();
    void* router = zmq_socket(context, ZMQ_ROUTER);
    void* publish = zmq_socket(context, ZMQ_PUB);
    set(router, ZMQ_ROUTER_MANDATORY, 1);
    set(router, ZMQ_SNDHWM, kHighWater);
    set(router, ZMQ_RCVHWM, kHighWater);
    set(publish, ZMQ_SNDHWM, kHighWater);
    set(publish, ZMQ_XPUB_NODROP, 1);
    if (zmq_bind(router, endpoints.router.c_str()) != 0 || zmq_bind(publish, endpoints.publish.c_str()) != 0)
        fail("zmq: cannot bind");
    zmq_msg_t from, to, body;
    zmq_msg_init(&from);
    zmq_msg_init(&to);
    zmq_msg_init(&body);
    while (zmq_msg_recv(&from, router, 0) >= 0) {
        zmq_msg_recv(&to, router, 0);
        zmq_msg_recv(&body, router, 0);
        if (zmq_msg_size(&to) == 0) continue;
        if (*static_cast<const char*>(zmq_msg_data(&to)) == '*') {
            zmq_send(publish, "all", 3, ZMQ_SNDMORE);
            zmq_msg_send(&body, publish, 0);
        } else if (zmq_msg_send(&to, router, ZMQ_SNDMORE) >= 0) {
            zmq_msg_send(&body, router, 0);
        }
    }
}

class Zmq : public System {
public:
    explicit Zmq(const Setup& setup) : setup_(setup) {}
    void start() override {
        const std::string base = "ipc://" + (setup_.folder / "zmq").string();
        const int port = free_port();
        endpoints_ = setup_.ipc ? Endpoints{base, base + ".publish"} : Endpoints{loopback(port), loopback(free_port())};
        server_ = rig::start([this] { relay(endpoints_); });
        setup_.ipc ? await_path(setup_.folder / "zmq.publish") : await_port(port);
    }
    pid_t server_pid() const override { return server_; }
    std::unique_ptr<Endpoint> join(const Seat& seat) override {
        return std::make_unique<ZmqEndpoint>(seat, endpoints_);
    }
    std::string objection(const std::string& mode) const override {
        if (mode == "fanout" || mode == "multicast" || mode == "idle-memory")
            return "has one name an endpoint, no groups";
        return System::objection(mode);
    }

private:
    Setup setup_;
    Endpoints endpoints_;
    pid_t server_ = 0;
};

}  // namespace

std::unique_ptr<System> make_zmq(const Setup& setup) { return std::make_unique<Zmq>(setup); }

}  // namespace rig
