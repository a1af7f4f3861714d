// SIGINT and SIGTERM set a flag; nothing else happens in the handler.
#include "nodectl/interrupt.hpp"

#include <csignal>

namespace nodectl {
namespace {

volatile std::sig_atomic_t caught = 0;

void remember(int signal) { caught = signal; }

}  // namespace

void catch_interrupts() {
    struct sigaction action {};
    action.sa_handler = remember;
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // no SA_RESTART: a blocked read(2) must return
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

int interrupted() { return caught; }

}  // namespace nodectl
