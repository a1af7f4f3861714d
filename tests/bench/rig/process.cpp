// Starting, awaiting and ending the processes of a run. See process.hpp.
#include "process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <set>
#include <thread>

namespace rig {
namespace {

std::set<pid_t> exited;  // children that exited with 0 while another one was awaited

sockaddr_in loopback_address(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

bool listens(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback_address(port);
    const bool connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    return connected;
}

void await_up(const std::function<bool()>& up, const std::string& what) {
    for (int i = 0; i < 1000; ++i) {
        if (up()) return;
        pause_ms(10);
    }
    fail("nobody answers at " + what);
}

// In a child: a fresh one that dies with its parent.
void settle_in(pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    exited.clear();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

pid_t fork_child() {
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) fail("fork: " + std::string(std::strerror(errno)));
    if (child == 0) settle_in(parent);
    return child;
}

// One child that has exited goes to `exited`; one that failed fails the run.
bool reap(int flags) {
    int status = 0;
    const pid_t child = waitpid(-1, &status, flags);
    if (child < 0) fail("waitpid: " + std::string(std::strerror(errno)));
    if (child == 0) return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) fail("a program could not be started: is it installed?");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail("a process of this run failed");
    exited.insert(child);
    return true;
}

// Kills whatever is still below this process: children, and theirs, who come to it as its orphans.
void end_all() {
    for (int round = 0; round < 50; ++round) {
        const std::string list = "/proc/self/task/" + std::to_string(getpid()) + "/children";
        FILE* file = std::fopen(list.c_str(), "r");
        if (file == nullptr) return;
        std::vector<pid_t> left;
        for (int pid = 0; std::fscanf(file, "%d", &pid) == 1;) left.push_back(pid);
        std::fclose(file);
        if (left.empty()) return;
        for (const pid_t pid : left) end(pid);
    }
}

// The exit code of the child, 124 when it is not done in time, 128 + n when signal n asks this process to stop.
int await_limited(pid_t child, int limit_s, const sigset_t& signals) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(limit_s);
    while (true) {
        int status = 0;
        if (waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        const auto left = until - std::chrono::steady_clock::now();
        if (left.count() <= 0) {
            std::fprintf(stderr, "rig: not done after %d s\n", limit_s);
            return 124;
        }
        const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
        const timespec wait{ns / 1000000000, ns % 1000000000};
        const int signal = sigtimedwait(&signals, nullptr, &wait);
        if (signal > 0 && signal != SIGCHLD) return 128 + signal;
    }
}

}  // namespace

void fail(std::string_view why) {
    std::fprintf(stderr, "rig: %.*s\n", static_cast<int>(why.size()), why.data());
    _exit(1);
}

pid_t start(const std::function<void()>& work) {
    std::fflush(stdout);
    const pid_t child = fork_child();
    if (child != 0) return child;
    try {
        work();
    } catch (const std::exception& error) {
        fail(error.what());
    }
    _exit(0);
}

pid_t start_program(std::vector<std::string> command) {
    const pid_t child = fork_child();
    if (child != 0) return child;
    const int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, 1);
    if (std::getenv("RIG_LOUD") == nullptr) dup2(nothing, 2);
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    _exit(127);
}

pid_t start_ready(std::vector<std::string> command) {
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) fail("no pipe");
    const pid_t child = fork_child();
    if (child == 0) {
        dup2(pipe_fds[1], 1);
        std::vector<char*> arguments;
        for (std::string& word : command) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        execvp(arguments[0], arguments.data());
        _exit(127);
    }
    close(pipe_fds[1]);
    char letter = 0;
    while (read(pipe_fds[0], &letter, 1) == 1 && letter != '\n') {
    }
    if (letter != '\n') fail(command.back() + ": did not get ready");
    return child;
}

void await(const std::vector<pid_t>& children) {
    const auto done = [](pid_t child) { return exited.contains(child); };
    while (!std::all_of(children.begin(), children.end(), done)) reap(0);
}

void wait_until(const std::function<bool()>& condition) {
    while (!condition()) {
        if (!reap(WNOHANG)) pause_ms(1);
    }
}

void end(pid_t child) {
    if (child <= 0) return;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
}

int free_port() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback_address(0);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(fd, generic, size) != 0 || getsockname(fd, generic, &size) != 0) fail("no free port");
    close(fd);
    return ntohs(address.sin_port);
}

std::string loopback(int port) { return "tcp://127.0.0.1:" + std::to_string(port); }

void await_port(int port) {
    await_up([port] { return listens(port); }, loopback(port));
    pause_ms(200);
}

void await_path(const std::string& path) {
    await_up([&] { return std::filesystem::exists(path); }, path);
    pause_ms(200);
}

void pause_ms(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int run_kept(int limit_s, const std::function<int(const std::string& folder)>& work) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    const char* base = std::getenv("TMPDIR");
    std::string folder = std::string(base != nullptr ? base : "/tmp") + "/rig.XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) fail("cannot make " + folder);
    std::filesystem::permissions(folder, std::filesystem::perms(0755));
    const pid_t child = fork_child();
    if (child == 0) {
        const int code = work(folder);
        std::fflush(stdout);
        _exit(code);
    }
    const int code = await_limited(child, limit_s, signals);
    end(child);
    end_all();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    return code;
}

}  // namespace rig
