// The handlers of fork(). See forking.hpp.
#include "src/connection/forking.hpp"

#include <pthread.h>

#include <mutex>
#include <set>

#include "src/connection/link.hpp"

namespace cast::detail {
namespace {

struct Links {
    std::mutex mutex;
    std::set<Link*> all;
};

/// Never destroyed: links may outlive whatever is destroyed at the program's end.
Links& links() {
    static auto* all = new Links;
    return *all;
}

void before() {
    links().mutex.lock();
    for (Link* link : links().all) link->before_fork();
}

void in_parent() {
    for (Link* link : links().all) link->after_fork(false);
    links().mutex.unlock();
}

void in_child() {
    for (Link* link : links().all) link->after_fork(true);
    links().all.clear();
    links().mutex.unlock();
}

}  // namespace

void remember_at_fork(Link& link) {
    static const int registered = pthread_atfork(before, in_parent, in_child);
    (void)registered;
    const std::lock_guard lock(links().mutex);
    links().all.insert(&link);
}

void forget_at_fork(Link& link) {
    const std::lock_guard lock(links().mutex);
    links().all.erase(&link);
}

void Link::before_fork() {
    mutex_.lock();
    session_.outbound().end();
}

void Link::after_fork(bool child) {
    if (child) {
        forked_ = stop_ = true;
        session_.for_each_node([](Attachment& node) { node.inbox.end(ErrorCode::closed); });
    }
    mutex_.unlock();
}

}  // namespace cast::detail
