// Asking the system for a name. See lookup.hpp for the threads.
#include "src/session/lookup.hpp"

#include <netdb.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>

#include "src/connection/thread.hpp"

namespace cast::detail {
namespace {

constexpr std::size_t kMost = 16;  // numbers of one name that are tried

struct UnderWay {
    std::mutex mutex;
    std::map<std::string, std::weak_ptr<Lookup>> by_name;
    pid_t process = 0;
};

/// Never destroyed: a thread may still be asking when the program ends.
UnderWay& under_way() {
    static auto* all = new UnderWay;
    return *all;
}

std::string number_of(const addrinfo& found) {
    char text[NI_MAXHOST];
    if (getnameinfo(found.ai_addr, found.ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return {};
    return text;
}

}  // namespace

Lookup::Lookup(std::string name) : name_(std::move(name)), fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Lookup::~Lookup() {
    if (fd_ >= 0) close(fd_);
}

std::shared_ptr<Lookup> Lookup::begin(const std::string& name) {
    UnderWay& all = under_way();
    const std::lock_guard lock(all.mutex);
    if (all.process != getpid()) all.by_name.clear();  // those of a parent will not end here
    all.process = getpid();
    std::erase_if(all.by_name, [](const auto& entry) { return entry.second.expired(); });
    auto& slot = all.by_name[name];
    if (auto same = slot.lock(); same != nullptr && !same->done()) return same;
    auto lookup = std::make_shared<Lookup>(name);
    slot = lookup;
    if (lookup->fd_ < 0) {
        lookup->trouble_ = std::string("no descriptor is left: ") + std::strerror(errno);
        lookup->finish();
        return lookup;
    }
    auto thread = start_thread([lookup] { lookup->run(); });
    if (thread) {
        thread->detach();
    } else {
        lookup->trouble_ = thread.error().detail;
        lookup->finish();
    }
    return lookup;
}

void Lookup::run() {
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = getaddrinfo(name_.c_str(), nullptr, &wanted, &found);
    if (error != 0) trouble_ = error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error);
    for (const addrinfo* one = error == 0 ? found : nullptr; one != nullptr && numbers_.size() < kMost;
         one = one->ai_next) {
        std::string number = number_of(*one);
        if (!number.empty() && std::find(numbers_.begin(), numbers_.end(), number) == numbers_.end())
            numbers_.push_back(std::move(number));
    }
    if (error == 0) freeaddrinfo(found);
    finish();
}

void Lookup::finish() {
    done_.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    if (fd_ >= 0) (void)!write(fd_, &one, sizeof one);
}

}  // namespace cast::detail
