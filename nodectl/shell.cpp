// Starts /bin/sh with posix_spawn. The payload is handed over as a memory file, so that no command that does not
// read its stdin can block us. Main thread.
#include "nodectl/shell.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "nodectl/output/message_format.hpp"
#include "nodectl/output/output.hpp"

extern char** environ;

namespace nodectl {
namespace {

constexpr int kCannotStart = 127;

/// A descriptor that closes itself.
class Descriptor {
public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { reset(); }
    int get() const { return fd_; }
    void reset(int fd = -1) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }

private:
    int fd_;
};

std::string variable(std::string_view name, std::string_view value) {
    return fmt::format("{}={}", name, value.substr(0, value.find('\0')));
}

std::string header_variable(std::string_view key) {
    std::string name = "CAST_HEADER_";
    for (const char c : key) {
        const auto u = static_cast<unsigned char>(c);
        name += std::isalnum(u) != 0 ? static_cast<char>(std::toupper(u)) : '_';
    }
    return name;
}

std::vector<std::string> environment_of(const cast::Message& message) {
    std::vector<std::string> variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::string_view name = text.substr(0, text.find('='));
        const bool ours = name == "CAST_SENDER" || name == "CAST_TARGET" || name == "CAST_TYPE" || name == "CAST_ID" ||
                          name == "CAST_KIND" || name.substr(0, 12) == "CAST_HEADER_";
        if (!ours) variables.emplace_back(text);
    }
    variables.push_back(variable("CAST_SENDER", message.sender()));
    variables.push_back(variable("CAST_TARGET", message.target()));
    variables.push_back(variable("CAST_TYPE", message.type()));
    variables.push_back(variable("CAST_ID", message.id()));
    variables.push_back(variable("CAST_KIND", kind_name(message.kind())));
    for (const auto& [key, value] : message.headers()) variables.push_back(variable(header_variable(key), value));
    return variables;
}

int payload_file(std::string_view payload) {
    const int fd = ::memfd_create("payload", MFD_CLOEXEC);
    while (fd >= 0 && !payload.empty()) {
        const ssize_t n = ::write(fd, payload.data(), payload.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            ::close(fd);
            return -1;
        }
        payload.remove_prefix(static_cast<std::size_t>(n));
    }
    if (fd >= 0) ::lseek(fd, 0, SEEK_SET);
    return fd;
}

std::string read_all(int fd) {
    std::string out;
    char chunk[16384];
    for (;;) {
        const ssize_t n = ::read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return out;
        out.append(chunk, static_cast<std::size_t>(n));
    }
}

int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return kCannotStart;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The child gets the signals' defaults back; ours are ignored or caught.
int spawn(const std::string& command, const std::vector<std::string>& variables, int in, int out, pid_t& child) {
    std::vector<char*> environment;
    environment.reserve(variables.size() + 1);
    for (const auto& text : variables) environment.push_back(const_cast<char*>(text.c_str()));
    environment.push_back(nullptr);
    char shell[] = "sh", option[] = "-c";
    char* arguments[] = {shell, option, const_cast<char*>(command.c_str()), nullptr};

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    if (out >= 0) posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults, none;
    sigemptyset(&none);
    sigemptyset(&defaults);
    for (const int signal : {SIGPIPE, SIGINT, SIGTERM}) sigaddset(&defaults, signal);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    const int error = posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments, environment.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

}  // namespace

ShellResult run_shell(const std::string& command, const cast::Message& message, std::string_view payload,
                      bool capture) {
    const Descriptor in(payload_file(payload));
    int pipe_fds[2] = {-1, -1};
    if (in.get() < 0 || (capture && ::pipe2(pipe_fds, O_CLOEXEC) != 0)) {
        warn(fmt::format("cannot run the command: {}", std::strerror(errno)));
        return {kCannotStart, {}};
    }
    const Descriptor reading(pipe_fds[0]);
    Descriptor writing(pipe_fds[1]);
    pid_t child = 0;
    if (const int error = spawn(command, environment_of(message), in.get(), writing.get(), child); error != 0) {
        warn(fmt::format("cannot run /bin/sh: {}", std::strerror(error)));
        return {kCannotStart, {}};
    }
    writing.reset();
    ShellResult result;
    if (capture) result.output = read_all(reading.get());
    result.status = wait_for(child);
    return result;
}

}  // namespace nodectl
