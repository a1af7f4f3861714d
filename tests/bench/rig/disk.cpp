// The limit of whoever syncs: a message is written to the end of a file, flush() is fdatasync. No server, no network.
#include <fcntl.h>
#include <unistd.h>

#include "process.hpp"
#include "systems.hpp"

namespace rig {
namespace {

class DiskEndpoint : public Endpoint {
public:
    explicit DiskEndpoint(const std::string& path) : fd_(open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600)) {
        if (fd_ < 0) fail("disk: cannot open a file");
    }
    ~DiskEndpoint() override { close(fd_); }
    void unicast(const std::string&, std::string_view payload) override {
        if (write(fd_, payload.data(), payload.size()) != static_cast<ssize_t>(payload.size())) fail("disk: write");
    }
    void broadcast(std::string_view payload) override { unicast({}, payload); }
    void flush() override {
        if (fdatasync(fd_) != 0) fail("disk: fdatasync");
    }
    int receive(const Take&) override { fail("disk: nobody receives"); }

private:
    int fd_;
};

class Disk : public System {
public:
    explicit Disk(const Setup& setup) : setup_(setup) {}
    void start() override {
        idle_ = rig::start([] { pause(); });
    }
    pid_t server_pid() const override { return idle_; }
    std::unique_ptr<Endpoint> join(const Seat&) override {
        return std::make_unique<DiskEndpoint>((setup_.folder / "file").string());
    }
    bool store(const std::vector<std::string>&) override { return true; }
    std::string objection(const std::string& mode) const override {
        return mode == "receipts" || mode == "lone-receipts" ? "" : "is here for receipts and lone-receipts only";
    }

private:
    Setup setup_;
    pid_t idle_ = 0;
};

}  // namespace

std::unique_ptr<System> make_disk(const Setup& setup) { return std::make_unique<Disk>(setup); }

}  // namespace rig
