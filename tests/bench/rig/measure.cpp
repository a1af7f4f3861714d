// Reading clocks and /proc. See measure.hpp.
#include "measure.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <new>
#include <sstream>
#include <string>

#include "process.hpp"

namespace rig {
namespace {

double status_kb(pid_t process, const std::string& key) {
    std::ifstream file("/proc/" + std::to_string(process) + "/status");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(key)) return std::stod(line.substr(key.size()));
    return 0;
}

}  // namespace

Board& make_board() {
    void* page = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) fail("mmap");
    return *new (page) Board{};
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double cpu_seconds(pid_t process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/stat");
    std::string text;
    std::getline(file, text);
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) return 0;
    std::istringstream fields(text.substr(name_end + 1));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0, system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double awaited_cpu_seconds() {
    rusage used{};
    getrusage(RUSAGE_CHILDREN, &used);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double peak_rss_kb(pid_t process) { return status_kb(process, "VmHWM:"); }
double rss_kb(pid_t process) { return status_kb(process, "VmRSS:"); }

void put_percentiles(Board& board, std::vector<double> round_trips_s) {
    if (round_trips_s.empty()) return;
    std::sort(round_trips_s.begin(), round_trips_s.end());
    const auto at = [&](double part) {
        return round_trips_s[static_cast<std::size_t>(static_cast<double>(round_trips_s.size()) * part)] * 5e5;
    };
    board.p50_us = at(.5);
    board.p99_us = at(.99);
    board.p999_us = at(.999);
}

}  // namespace rig
