// Process: a program that a test runs beside itself: started with a command, its output in files, ended with the test
// whatever happens. Also the little that tests wait with. The thread that makes it.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace cast::test {

using std::chrono::milliseconds;

/// So many milliseconds, times CAST_TIME_FACTOR: slow builds need more.
milliseconds scaled(int ms);

/// Looks until `condition` holds, at most `limit` (scaled); whether it did.
template <class Condition>
bool eventually(Condition&& condition, int limit_ms = 15000) {
    const auto until = std::chrono::steady_clock::now() + scaled(limit_ms);
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= until) return false;
        std::this_thread::sleep_for(milliseconds(2));
    }
    return true;
}

/// A folder of its own, gone with the object.
class Folder {
public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

/// The built program of this name: $CAST_BIN_DIR/NAME.
std::string program(const std::string& name);
/// A file's content; empty when there is none.
std::string read_file(const std::string& path);

class Process {
public:
    static constexpr int kRunning = -1000;

    Process() = default;
    /// Output and errors go to these files.
    Process(std::vector<std::string> command, const std::string& out, const std::string& errors);
    ~Process();
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;

    pid_t id() const { return id_; }
    void signal(int number) const;
    bool running() { return id_ > 0 && wait(milliseconds(0)) == kRunning; }
    /// The exit code, minus the number of the signal that ended it, or kRunning after `limit`.
    int wait(milliseconds limit);
    /// Ends it for good.
    void kill();

    /// Largest and present resident memory, in KiB.
    std::size_t peak_kib() const { return memory("VmHWM:"); }
    std::size_t resident_kib() const { return memory("VmRSS:"); }
    /// Processor time used so far, user and system.
    double cpu_seconds() const;

private:
    std::size_t memory(const std::string& field) const;
    pid_t id_ = 0;
    int code_ = kRunning;
};

}  // namespace cast::test
