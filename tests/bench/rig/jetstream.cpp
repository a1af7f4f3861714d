// JetStream: NATS's server with a stream on file, as it comes: it acknowledges what it has written, and syncs it to the
// disk every two minutes. Publishing is asynchronous, the library's fast way; flush() waits for every acknowledgement.
#include <nats/nats.h>

#include <fstream>

#include "process.hpp"
#include "systems.hpp"

namespace rig {
namespace {

void check(natsStatus status) {
    if (status != NATS_OK) fail(std::string("jetstream: ") + natsStatus_GetText(status));
}

class JetStreamEndpoint : public Endpoint {
public:
    JetStreamEndpoint(const Seat& seat, const std::string& url) {
        natsOptions* options = nullptr;
        check(natsOptions_Create(&options));
        check(natsOptions_SetURL(options, url.c_str()));
        if (seat.lone) check(natsOptions_SetSendAsap(options, true));
        check(natsConnection_Connect(&connection_, options));
        natsOptions_Destroy(options);
        check(natsConnection_JetStream(&stream_, connection_, nullptr));
    }
    ~JetStreamEndpoint() override {
        jsCtx_Destroy(stream_);
        natsConnection_Destroy(connection_);
    }
    void unicast(const std::string& to, std::string_view payload) override {
        check(js_PublishAsync(stream_, ("u." + to).c_str(), payload.data(), static_cast<int>(payload.size()), nullptr));
    }
    void broadcast(std::string_view payload) override { unicast("all", payload); }
    void flush() override { check(js_PublishAsyncComplete(stream_, nullptr)); }
    int receive(const Take&) override { fail("jetstream: only publishing is measured"); }
    void make_stream() {
        jsStreamConfig config;
        check(jsStreamConfig_Init(&config));
        const char* subjects[] = {"u.*"};
        config.Name = "mail";
        config.Subjects = subjects;
        config.SubjectsLen = 1;
        config.Storage = js_FileStorage;
        check(js_AddStream(nullptr, stream_, &config, nullptr, nullptr));
    }

private:
    natsConnection* connection_ = nullptr;
    jsCtx* stream_ = nullptr;
};

class JetStream : public System {
public:
    explicit JetStream(const Setup& setup) : setup_(setup) {}
    void start() override {
        const int port = free_port();
        url_ = "nats://127.0.0.1:" + std::to_string(port);
        const std::string file = setup_.folder / "nats.conf";
        std::ofstream(file) << "port: " << port << "\nhost: 127.0.0.1\njetstream { store_dir: \""
                            << (setup_.folder / "jetstream").string() << "\" }\n";
        server_ = start_program({"nats-server", "-c", file});
        await_port(port);
    }
    pid_t server_pid() const override { return server_; }
    std::unique_ptr<Endpoint> join(const Seat& seat) override {
        return std::make_unique<JetStreamEndpoint>(seat, url_);
    }
    bool store(const std::vector<std::string>&) override {
        JetStreamEndpoint(Seat{}, url_).make_stream();
        return true;
    }
    std::string objection(const std::string& mode) const override {
        return mode == "receipts" || mode == "lone-receipts" ? "" : "is here for receipts and lone-receipts only";
    }

private:
    Setup setup_;
    std::string url_;
    pid_t server_ = 0;
};

}  // namespace

std::unique_ptr<System> make_jetstream(const Setup& setup) { return std::make_unique<JetStream>(setup); }

}  // namespace rig
