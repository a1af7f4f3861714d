// The places in libzmq where a connection begins, is read and ends, and where a subscription is kept. Linked over its
// archive's own, and over the system's calls in this program, by -Wl,--wrap (CMakeLists.txt beside this file). They ask
// the intake and then do what the replaced one does. On libzmq's I/O threads; subscriptions on the broker's.
//
// The memory that a peer costs is in libzmq before anybody else can count it. A receive high-water mark would count
// messages, not bytes, only whole ones, and cannot be set (edge.cpp says why).
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <cerrno>
#include <cstddef>

#include "edge/intake.hpp"

#define REAL(name) asm("__real_" name)
#define WRAPPED(name) asm("__wrap_" name)

using broker::Intake;

namespace {

constexpr unsigned char kMore = 1;  // libzmq's msg_t::more
thread_local int reading = -1;      // what this I/O thread has read last

}  // namespace

int real_listen(int fd, int backlog) REAL("listen");
int real_accept(int listener, sockaddr* peer, socklen_t* size, int flags) REAL("accept4");
int real_close(int fd) REAL("close");
int real_read(int fd, void* data, std::size_t size) REAL("_ZN3zmq8tcp_readEiPvm");
bool real_write(void* pipe, const zmq_msg_t* message) REAL("_ZN3zmq6pipe_t5writeEPKNS_5msg_tE");
bool real_add(void* trie, const unsigned char* topic, std::size_t size, void* pipe)
    REAL("_ZN3zmq15generic_mtrie_tINS_6pipe_tEE3addEPKhmPS1_");
unsigned char flags_of(const zmq_msg_t* message) asm("_ZNK3zmq5msg_t5flagsEv");

[[gnu::used]] int wrapped_listen(int fd, int backlog) WRAPPED("listen");
[[gnu::used]] int wrapped_accept(int listener, sockaddr* peer, socklen_t* size, int flags) WRAPPED("accept4");
[[gnu::used]] int wrapped_close(int fd) WRAPPED("close");
[[gnu::used]] int wrapped_read(int fd, void* data, std::size_t size) WRAPPED("_ZN3zmq8tcp_readEiPvm");
[[gnu::used]] bool wrapped_write(void* pipe, const zmq_msg_t* message) WRAPPED("_ZN3zmq6pipe_t5writeEPKNS_5msg_tE");
[[gnu::used]] bool wrapped_add(void* trie, const unsigned char* topic, std::size_t size, void* pipe)
    WRAPPED("_ZN3zmq15generic_mtrie_tINS_6pipe_tEE3addEPKhmPS1_");

int wrapped_listen(int fd, int backlog) {
    Intake::instance().listening(fd);
    return real_listen(fd, backlog);
}

int wrapped_accept(int listener, sockaddr* peer, socklen_t* size, int flags) {
    if (Intake::instance().full(listener)) {
        const timespec timestamp{0,
                                 100'000};  // libzmq asks again at once; its other connections have their turn between
        nanosleep(&timestamp, nullptr);
        errno = EAGAIN;
        return -1;
    }
    const int fd = real_accept(listener, peer, size, flags);
    if (fd < 0 || Intake::instance().accepted(listener, fd)) return fd;
    real_close(fd);
    errno = ECONNABORTED;  // as if it had gone by itself
    return -1;
}

int wrapped_close(int fd) {
    if (reading == fd) reading = -1;
    Intake::instance().closing(fd);
    return real_close(fd);
}

/// Used for ipc, too.
int wrapped_read(int fd, void* data, std::size_t size) {
    const int got = real_read(fd, data, size);
    reading = fd;
    if (got <= 0 || Intake::instance().received(fd, static_cast<std::uint64_t>(got))) return got;
    errno = ECONNRESET;
    return -1;
}

/// Into a pipe, both ways. Parts of messages come from peers alone on a thread that reads.
bool wrapped_write(void* pipe, const zmq_msg_t* message) {
    if (reading >= 0) Intake::instance().part(reading, (flags_of(message) & kMore) != 0);
    return real_write(pipe, message);
}

bool wrapped_add(void* trie, const unsigned char* topic, std::size_t size, void* pipe) {
    return Intake::instance().admits_topic(topic, size) && real_add(trie, topic, size, pipe);
}
