// One function a task. Main thread.
#include "server/tasks.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "store/backup.hpp"
#include "store/check.hpp"
#include "store/disk.hpp"

namespace broker {
namespace {

std::string contents(const Checked& c) {
    return fmt::format("{} nodes, {} streams, {} messages in {} chunks", c.nodes, c.streams, c.messages, c.chunks);
}

int check(const std::string& directory) {
    const std::string path = directory + "/cast.db";
    const Checked checked = check_data(path);
    for (const std::string& fault : checked.faults) fmt::print("{}\n", fault);
    if (checked.faults.empty())
        fmt::print("{}: sound: {}\n", path, contents(checked));
    else
        fmt::print("{}: {} faults\n", path, checked.faults.size());
    return checked.faults.empty() ? 0 : 1;
}

}  // namespace

int run_task(const Parsed& parsed, std::uint64_t fresh_id) try {
    const std::string directory = parsed.options.data.empty() ? default_directory() : parsed.options.data;
    if (directory.empty()) throw std::runtime_error("no data directory: give one with --data");
    if (parsed.task == Task::check_data) return check(directory);
    if (parsed.task == Task::backup)
        fmt::print("{}: {}\n", parsed.file, contents(back_up(directory, parsed.file)));
    else
        fmt::print("{}: {}\n", directory, contents(restore_backup(parsed.file, directory, fresh_id)));
    return 0;
} catch (const std::exception& error) {
    fmt::print(stderr, "cast-broker: {}\n", error.what());
    return 1;
}

}  // namespace broker
