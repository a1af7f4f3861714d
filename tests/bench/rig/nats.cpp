// NATS: nats-server and its C client. A name is a subject, a group is a subject, a broadcast goes to a subject that all
// listen to. Nothing is acknowledged or kept (that would be JetStream). Callbacks run on the library's threads.
#include <nats/nats.h>

#include <cstdint>
#include <fstream>

#include "collected.hpp"
#include "process.hpp"
#include "systems.hpp"

namespace rig {
namespace {

constexpr int kPendingMessages = 200000000, kPendingBytes = 2000000000;
constexpr std::size_t kThreadEach = 8;  // up to so many subscriptions have a thread each, more share a pool

void check(natsStatus status) {
    if (status != NATS_OK) fail(std::string("nats: ") + natsStatus_GetText(status));
}

class NatsEndpoint : public Endpoint {
public:
    NatsEndpoint(const Seat& seat, const std::string& url, bool listens) : lone_(seat.lone) {
        natsOptions* options = nullptr;
        check(natsOptions_Create(&options));
        check(natsOptions_SetURL(options, url.c_str()));
        if (lone_) check(natsOptions_SetSendAsap(options, true));
        if (seat.names.size() + seat.groups.size() > kThreadEach)
            check(natsOptions_UseGlobalMessageDelivery(options, true));
        check(natsConnection_Connect(&connection_, options));
        natsOptions_Destroy(options);
        if (listens) {
            for (const std::string& name : seat.names) subscribe("u." + name);
            for (const std::string& group : seat.groups) subscribe("g." + group);
            subscribe("all");
        }
        check(natsConnection_Flush(connection_));
    }
    ~NatsEndpoint() override { natsConnection_Flush(connection_); }
    void unicast(const std::string& to, std::string_view payload) override { publish("u." + to, payload); }
    void multicast(const std::string& group, std::string_view payload) override { publish("g." + group, payload); }
    void broadcast(std::string_view payload) override { publish("all", payload); }
    void flush() override {
        if (!lone_) natsConnection_Flush(connection_);
    }
    int receive(const Take& take) override {
        const auto messages = collected_.take();
        for (natsMsg* message : messages) {
            take(natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message)));
            natsMsg_Destroy(message);
        }
        return static_cast<int>(messages.size());
    }

private:
    static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
        static_cast<NatsEndpoint*>(self)->collected_.put(message);
    }
    void subscribe(const std::string& subject) {
        natsSubscription* subscription = nullptr;
        check(natsConnection_Subscribe(&subscription, connection_, subject.c_str(), on_message, this));
        check(natsSubscription_SetPendingLimits(subscription, kPendingMessages, kPendingBytes));
    }
    void publish(const std::string& subject, std::string_view payload) {
        check(natsConnection_Publish(connection_, subject.c_str(), payload.data(), static_cast<int>(payload.size())));
    }

    bool lone_;
    natsConnection* connection_ = nullptr;
    Collected<natsMsg*> collected_;
};

class Nats : public System {
public:
    explicit Nats(const Setup& setup) : setup_(setup) {}
    void start() override {
        const int port = free_port();
        url_ = "nats://127.0.0.1:" + std::to_string(port);
        const std::string file = setup_.folder / "nats.conf";
        std::ofstream(file) << "port: " << port
                            << "\nhost: 127.0.0.1\nwrite_deadline: \"60s\"\nmax_pending: 2147483648\n";
        server_ = start_program({"nats-server", "-c", file});
        await_port(port);
    }
    pid_t server_pid() const override { return server_; }
    std::unique_ptr<Endpoint> join(const Seat& seat) override {
        return std::make_unique<NatsEndpoint>(seat, url_, !(seat.only_sends && setup_.stalled_sender));
    }
    std::string objection(const std::string& mode) const override {
        return setup_.ipc ? "has no ipc" : System::objection(mode);
    }

private:
    Setup setup_;
    std::string url_;
    pid_t server_ = 0;
};

}  // namespace

std::unique_ptr<System> make_nats(const Setup& setup) { return std::make_unique<Nats>(setup); }

}  // namespace rig
