// Check: the whole of a store looked at: SQLite's own check, and what the broker relies on beyond it. Reads only,
// tables of earlier versions, too; a broker may run on the store meanwhile. One thread.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace broker {

struct Checked {
    std::vector<std::string>
        faults;  ///< each names the file, the table, and the stream and sequence where there is one
    std::uint64_t nodes = 0;
    std::uint64_t streams = 0;
    std::uint64_t chunks = 0;
    std::uint64_t messages = 0;  ///< that wait for readers
};

/// Throws std::runtime_error when there is no such file, or it is of another program or a newer one.
Checked check_data(const std::string& path);

}  // namespace broker
