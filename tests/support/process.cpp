// Programs that a test runs beside itself. See process.hpp.
#include "support/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace cast::test {

milliseconds scaled(int ms) {
    const char* factor = std::getenv("CAST_TIME_FACTOR");
    const int times = factor == nullptr ? 1 : std::atoi(factor);
    return milliseconds(static_cast<long>(ms) * (times < 1 ? 1 : times));
}

Folder::Folder() : path_((std::filesystem::temp_directory_path() / "cast-test-XXXXXX").string()) {
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no folder for the test: " + path_);
}

Folder::~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string program(const std::string& name) {
    const char* folder = std::getenv("CAST_BIN_DIR");
    if (folder == nullptr) throw std::runtime_error("CAST_BIN_DIR is to name the folder of the built programs");
    return std::string(folder) + "/" + name;
}

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
}

Process::Process(std::vector<std::string> command, const std::string& out, const std::string& errors) {
    std::vector<char*> argv;
    for (std::string& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t parent = getpid();
    id_ = fork();
    if (id_ < 0) throw std::runtime_error("cannot fork");
    if (id_ > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nothing behind
    if (getppid() != parent) _exit(126);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const int in_fd = open("/dev/null", O_RDONLY);
    const int out_fd = open(out.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    const int error_fd = open(errors.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(in_fd, 0);
    dup2(out_fd, 1);
    dup2(error_fd, 2);
    for (int fd = 3; fd < 256; ++fd) close(fd);
    execv(argv[0], argv.data());
    _exit(127);
}

Process::~Process() { kill(); }

Process::Process(Process&& other) noexcept : id_(std::exchange(other.id_, 0)), code_(other.code_) {}

Process& Process::operator=(Process&& other) noexcept {
    kill();
    id_ = std::exchange(other.id_, 0);
    code_ = other.code_;
    return *this;
}

void Process::signal(int number) const {
    if (id_ > 0 && code_ == kRunning) ::kill(id_, number);
}

int Process::wait(milliseconds limit) {
    if (id_ <= 0 || code_ != kRunning) return code_;
    const auto until = std::chrono::steady_clock::now() + limit;
    for (;;) {
        int status = 0;
        if (waitpid(id_, &status, WNOHANG) == id_)
            return code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        if (std::chrono::steady_clock::now() >= until) return kRunning;
        std::this_thread::sleep_for(milliseconds(1));
    }
}

void Process::kill() {
    if (id_ <= 0 || code_ != kRunning) return;
    ::kill(id_, SIGKILL);
    int status = 0;
    waitpid(id_, &status, 0);
    code_ = -SIGKILL;
}

std::size_t Process::memory(const std::string& field) const {
    std::ifstream in("/proc/" + std::to_string(id_) + "/status");
    std::string word;
    while (in >> word) {
        std::size_t kib = 0;
        if (word == field && in >> kib) return kib;
    }
    return 0;
}

double Process::cpu_seconds() const {
    std::string stat = read_file("/proc/" + std::to_string(id_) + "/stat");
    std::istringstream in(stat.substr(stat.rfind(')') + 1));
    std::string skipped;
    for (int i = 0; i < 11; ++i) in >> skipped;
    double user = 0, system = 0;
    in >> user >> system;
    return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace cast::test
