// Redis pub/sub: redis-server without persistence and hiredis. PUBLISH is pipelined, 512 at a time. Nothing is
// acknowledged or kept. One connection to publish, one to subscribe.
#include <hiredis/hiredis.h>

#include "process.hpp"
#include "systems.hpp"

namespace rig {
namespace {

constexpr int kPipelined = 512;

class RedisEndpoint : public Endpoint {
public:
    RedisEndpoint(const Seat& seat, int port, bool listens)
        : publish_(redisConnect("127.0.0.1", port)), subscribe_(redisConnect("127.0.0.1", port)) {
        if (publish_ == nullptr || publish_->err != 0 || subscribe_->err != 0) fail("redis: connect");
        if (listens) {
            for (const std::string& name : seat.names) subscribe("u." + name);
            for (const std::string& group : seat.groups) subscribe("g." + group);
            subscribe("all");
        }
        redisSetTimeout(subscribe_, timeval{0, 100000});
    }
    void unicast(const std::string& to, std::string_view payload) override { publish("u." + to, payload); }
    void multicast(const std::string& group, std::string_view payload) override { publish("g." + group, payload); }
    void broadcast(std::string_view payload) override { publish("all", payload); }
    void flush() override {
        for (; pending_ > 0; --pending_) {
            void* reply = nullptr;
            if (redisGetReply(publish_, &reply) != REDIS_OK) fail("redis: publish");
            freeReplyObject(reply);
        }
    }
    int receive(const Take& take) override {
        void* next = nullptr;
        if (redisGetReply(subscribe_, &next) != REDIS_OK) {  // timed out; hiredis takes that for the end
            subscribe_->err = 0;
            subscribe_->errstr[0] = 0;
            return 0;
        }
        int got = 0;
        while (next != nullptr) {
            const auto* reply = static_cast<const redisReply*>(next);
            take(reply->element[2]->str, static_cast<std::size_t>(reply->element[2]->len));
            freeReplyObject(next);
            ++got;
            next = nullptr;
            redisGetReplyFromReader(subscribe_, &next);
        }
        return got;
    }

private:
    void subscribe(const std::string& channel) {
        void* reply = redisCommand(subscribe_, "SUBSCRIBE %s", channel.c_str());
        if (reply == nullptr) fail("redis: subscribe");
        freeReplyObject(reply);
    }
    void publish(const std::string& channel, std::string_view payload) {
        redisAppendCommand(publish_, "PUBLISH %s %b", channel.c_str(), payload.data(), payload.size());
        if (++pending_ >= kPipelined) flush();
    }

    redisContext* publish_;
    redisContext* subscribe_;
    int pending_ = 0;
};

class Redis : public System {
public:
    explicit Redis(const Setup& setup) : setup_(setup) {}
    void start() override {
        port_ = free_port();
        server_ = start_program({"redis-server", "--port", std::to_string(port_), "--bind", "127.0.0.1", "--save", "",
                                 "--dir", setup_.folder, "--client-output-buffer-limit", "pubsub 0 0 0"});
        await_port(port_);
    }
    pid_t server_pid() const override { return server_; }
    std::unique_ptr<Endpoint> join(const Seat& seat) override {
        return std::make_unique<RedisEndpoint>(seat, port_, !(seat.only_sends && setup_.stalled_sender));
    }
    std::string objection(const std::string& mode) const override {
        return setup_.ipc ? "has no ipc here" : System::objection(mode);
    }

private:
    Setup setup_;
    int port_ = 0;
    pid_t server_ = 0;
};

}  // namespace

std::unique_ptr<System> make_redis(const Setup& setup) { return std::make_unique<Redis>(setup); }

}  // namespace rig
