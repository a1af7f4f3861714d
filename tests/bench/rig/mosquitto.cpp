// Mosquitto (MQTT 3.1.1) at QoS 0 and 1, with libmosquitto. A name and a group are topics. At most 5,000 messages are
// under way unacknowledged. Callbacks run on the library's thread.
#include <mosquitto.h>
#include <unistd.h>

#include <fstream>

#include "collected.hpp"
#include "process.hpp"
#include "systems.hpp"

namespace rig {
namespace {

constexpr long kMostUnderWay = 5000, kFewUnderWay = 1000;

class MosquittoEndpoint : public Endpoint {
public:
    MosquittoEndpoint(const Seat& seat, int qos, int port, bool listens)
        : client_(mosquitto_new(seat.names.front().c_str(), true, this)), qos_(qos) {
        mosquitto_message_callback_set(client_, on_message);
        mosquitto_publish_callback_set(client_, on_published);
        mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1);
        mosquitto_max_inflight_messages_set(client_, 1000);
        if (mosquitto_connect(client_, "127.0.0.1", port, 60) != MOSQ_ERR_SUCCESS) fail("mosquitto: connect");
        mosquitto_loop_start(client_);
        pause_ms(100);
        if (listens) {
            for (const std::string& name : seat.names) subscribe("u/" + name);
            for (const std::string& group : seat.groups) subscribe("g/" + group);
            subscribe("all");
        }
        pause_ms(200);
    }
    ~MosquittoEndpoint() override {
        std::unique_lock lock(mutex_);
        published_.wait_for(lock, std::chrono::seconds(20), [&] { return under_way_ == 0; });
    }
    void unicast(const std::string& to, std::string_view payload) override { publish("u/" + to, payload); }
    void multicast(const std::string& group, std::string_view payload) override { publish("g/" + group, payload); }
    void broadcast(std::string_view payload) override { publish("all", payload); }
    int receive(const Take& take) override {
        const auto messages = collected_.take();
        for (const std::string& message : messages) take(message.data(), message.size());
        return static_cast<int>(messages.size());
    }

private:
    static void on_message(mosquitto*, void* self, const mosquitto_message* message) {
        static_cast<MosquittoEndpoint*>(self)->collected_.put(
            std::string(static_cast<const char*>(message->payload), static_cast<std::size_t>(message->payloadlen)));
    }
    static void on_published(mosquitto*, void* self, int) {
        auto* endpoint = static_cast<MosquittoEndpoint*>(self);
        const std::lock_guard lock(endpoint->mutex_);
        --endpoint->under_way_;
        if (endpoint->under_way_ == kFewUnderWay || endpoint->under_way_ == 0) endpoint->published_.notify_all();
    }
    void subscribe(const std::string& topic) { mosquitto_subscribe(client_, nullptr, topic.c_str(), qos_); }
    void publish(const std::string& topic, std::string_view payload) {
        {
            std::unique_lock lock(mutex_);
            if (under_way_ > kMostUnderWay) published_.wait(lock, [&] { return under_way_ <= kFewUnderWay; });
            ++under_way_;
        }
        mosquitto_publish(client_, nullptr, topic.c_str(), static_cast<int>(payload.size()), payload.data(), qos_,
                          false);
    }

    mosquitto* client_;
    int qos_;
    Collected<std::string> collected_;
    std::mutex mutex_;
    std::condition_variable published_;
    long under_way_ = 0;
};

class Mosquitto : public System {
public:
    Mosquitto(const Setup& setup, int qos) : setup_(setup), qos_(qos) {}
    void start() override {
        port_ = free_port();
        const std::string file = setup_.folder / "mosquitto.conf";
        std::ofstream conf(file);
        conf << "listener " << port_ << " 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_queued_bytes 0\n"
             << "max_inflight_messages 0\nset_tcp_nodelay true\n";
        if (geteuid() == 0) conf << "user root\n";  // else it changes its user, and no longer dies with its parent
        conf.close();
        server_ = start_program({"mosquitto", "-c", file});
        await_port(port_);
    }
    pid_t server_pid() const override { return server_; }
    std::unique_ptr<Endpoint> join(const Seat& seat) override {
        mosquitto_lib_init();
        return std::make_unique<MosquittoEndpoint>(seat, qos_, port_, !(seat.only_sends && setup_.stalled_sender));
    }
    std::string objection(const std::string& mode) const override {
        return setup_.ipc ? "has no ipc here" : System::objection(mode);
    }

private:
    Setup setup_;
    int qos_;
    int port_ = 0;
    pid_t server_ = 0;
};

}  // namespace

std::unique_ptr<System> make_mosq0(const Setup& setup) { return std::make_unique<Mosquitto>(setup, 0); }
std::unique_ptr<System> make_mosq1(const Setup& setup) { return std::make_unique<Mosquitto>(setup, 1); }

}  // namespace rig
