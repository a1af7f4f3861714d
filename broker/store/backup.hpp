// Backup and restore: a store as one file, and back. Both look at the whole of what they have copied before they call
// it done, and replace nothing. Throws std::runtime_error with a sentence for the operator. One thread.
#pragma once
#include <cstdint>
#include <string>

#include "store/check.hpp"

namespace broker {

/// Writes the store of a data directory, as it is at one moment, to a new file. A broker may run on it meanwhile.
Checked back_up(const std::string& directory, const std::string& file);

/// Makes an empty or missing directory a data directory with what a backup holds. It becomes another store, `id`: what
/// came after the backup is not in it, and clients have to know.
Checked restore_backup(const std::string& file, const std::string& directory, std::uint64_t id);

}  // namespace broker
