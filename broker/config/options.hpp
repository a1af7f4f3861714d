// Options: every setting of the daemon with its default, and how they are read: flags before environment before
// configuration file before default. Plain values; main thread, at start and on SIGHUP. Opens nothing but the file.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/types.hpp"

namespace broker {

enum class LogLevel { trace, debug, info, warning, error };
enum class LogFormat { text, json };
/// What a receipt promises: synced to the disk, handed to the operating system, or held in memory.
enum class Durable { fsync, os, memory };
enum class WhenFull { block, reject };

constexpr std::chrono::milliseconds in_milliseconds(std::int64_t us) { return std::chrono::milliseconds(us / kMs); }

/// A member is called like its flag: max_message is --max-message, CAST_BROKER_MAX_MESSAGE and the key max-message.
/// "Live" settings change with SIGHUP; the others need a restart. settings.cpp holds their ranges. What the core keeps
/// to has the core's defaults (core/types.hpp).
struct Options {
    // --- Ends -------------------------------------------------------------------------------------------------
    /// Where clients connect: tcp://HOST:PORT (port 0 or * picks a free one) or ipc://PATH. May be several.
    std::vector<std::string> bind{"tcp://127.0.0.1:5570"};
    /// Where clients subscribe to groups and broadcasts; same forms.
    std::vector<std::string> publish{"tcp://127.0.0.1:5571"};
    /// The daemon writes the ends it got here, a line each: bind=tcp://..., publish=tcp://..., http=http://...
    /// Empty: nowhere.
    std::string endpoints_file;
    /// Who may connect to ipc ends: the mode of their sockets, and their group. Empty: the broker's own.
    std::uint32_t ipc_mode = 0600;
    std::string ipc_group;
    /// Threads of libzmq's that move the bytes, 1 to 16. One writes to readers while the other reads from senders.
    std::uint64_t io_threads = 2;
    /// Sleep whenever there is nothing to do, also while single messages come every moment (core/spin.hpp).
    bool no_spin = false;

    // --- The page and the API -----------------------------------------------------------------------------------
    /// Where browsers and scripts are answered: HOST:PORT (port 0 picks a free one), or "off".
    std::string http = "127.0.0.1:8000";
    /// Connections to it, HTTP and WebSocket, that one address may have.
    std::uint64_t http_connections = 4096;
    /// Where the ports of nodes listen.
    std::string node_address = "127.0.0.1";
    /// Allow bind, publish, http and node-address to be reached from other machines, although there are no users yet.
    bool insecure = false;
    /// Serve the page from this source folder, and reload it in browsers when a file there changes. Empty: as built.
    std::string dev;

    // --- Store ------------------------------------------------------------------------------------------------
    /// The directory of the store. Empty: $STATE_DIRECTORY, else /var/lib/cast for root, else $XDG_STATE_HOME/cast or
    /// ~/.local/state/cast.
    std::string data;
    /// No store: messages, nodes and groups end with the process.
    bool memory = false;
    /// When a receipt may leave: `memory` is the same as the setting above.
    Durable durability = Durable::fsync;

    // --- Log (live) -------------------------------------------------------------------------------------------
    LogLevel log_level = LogLevel::info;
    LogFormat log_format = LogFormat::text;

    // --- Limits (live); sizes in bytes ------------------------------------------------------------------------
    /// The largest payload of one message; at most 64 MiB.
    std::uint64_t max_message = kDefaults.max_message;
    std::uint64_t max_connections = kDefaults.max_connections;
    /// Nodes, created and attached ones together.
    std::uint64_t max_nodes = kDefaults.max_nodes;
    std::uint64_t max_groups = kDefaults.max_groups;
    /// Memberships, of all nodes in all groups together: 160 bytes of the memory budget each.
    std::uint64_t max_memberships = kDefaults.max_memberships;
    /// What waits for one node; a full mailbox refuses.
    std::uint64_t mailbox_messages = kDefaults.mailbox_messages;
    std::uint64_t mailbox_bytes = kDefaults.mailbox_bytes;
    /// What a group, and the broadcast stream, keeps for members that are behind; older ones go.
    std::uint64_t group_messages = kDefaults.group_messages;
    std::uint64_t group_bytes = kDefaults.group_bytes;
    std::chrono::milliseconds group_age = in_milliseconds(kDefaults.group_age_us);
    /// Bytes on their way to one reader without an acknowledgement.
    std::uint64_t reader_window = kDefaults.reader_window;
    /// Bytes on their way from one sender without a receipt.
    std::uint64_t sender_window = kDefaults.sender_window;
    /// Bytes of all streams together.
    std::uint64_t memory_budget = kDefaults.memory_budget;
    /// What waits for its time (send --at, --delay), and how far ahead that may be.
    std::uint64_t scheduled_messages = kDefaults.scheduled_messages;
    std::uint64_t scheduled_bytes = kDefaults.scheduled_bytes;
    std::chrono::milliseconds scheduled_time = in_milliseconds(kDefaults.scheduled_us);
    /// What becomes of a message when there is no room for it: its sender waits up to its own deadline, or hears so at
    /// once.
    WhenFull when_full = kDefaults.reject_full ? WhenFull::reject : WhenFull::block;
    /// Dead letters that are kept, on disk and in memory; the oldest go first. 0 of either: none. One that is larger
    /// than dead_bytes by itself is not kept; a reader that refuses such a message hears so and has it still.
    std::uint64_t dead_letter_messages = kDefaults.dead_letter_messages;
    std::uint64_t dead_letter_bytes = kDefaults.dead_letter_bytes;
    /// How often a message of a mailbox may come again because its reader went without acknowledging it. Beyond that it
    /// is a dead letter, so that it cannot end its readers for ever. 0: it comes again for as long as it takes, for
    /// only who knows the readers can tell those that die of a message from those that were stopped while they had one.
    std::uint64_t max_redeliveries = kDefaults.max_redeliveries;
    /// Messages that a node has acknowledged which are kept, in memory, to be looked at; 0: none.
    std::uint64_t history_messages = kDefaults.history_messages;
    /// Bytes of those of all nodes together.
    std::uint64_t history_bytes = kDefaults.history_bytes;

    // --- Times (live) -----------------------------------------------------------------------------------------
    /// How long a client may be away before its session, and what it had not confirmed, is forgotten.
    std::chrono::milliseconds session_time = in_milliseconds(kDefaults.session_us);
    /// How long a node that was made by attaching outlives its lost connection.
    std::chrono::milliseconds grace_time = in_milliseconds(kDefaults.grace_us);
    /// A silent client is asked for a sign of life after this long...
    std::chrono::milliseconds ping_interval = in_milliseconds(kDefaults.ping_us);
    /// ...and its connection given up after this long.
    std::chrono::milliseconds dead_after = in_milliseconds(kDefaults.dead_after_us);
    /// How long one slow member may hold its group back before the group goes on without it.
    std::chrono::milliseconds backpressure_budget = in_milliseconds(kDefaults.backpressure_us);
    /// How long SIGTERM waits for what is under way.
    std::chrono::milliseconds drain_time = std::chrono::seconds{5};

    bool operator==(const Options&) const = default;
};

/// What to do with them.
enum class Task { serve, check_data, backup, restore };

/// What came of reading them: options to run with, or a reason to end at once.
struct Parsed {
    Options options;
    Task task = Task::serve;
    std::string file;              ///< of a backup
    std::optional<int> exit_code;  ///< set: print text (to stdout for 0, else stderr) and exit; 2 for usage errors
    std::string text;
};

/// Reads flags, environment and the file of --config. Answers --help, --version and --check-config with exit code 0
/// and the text to print. Every mistake is named with where it stands. Throws nothing.
Parsed parse_options(int argc, const char* const* argv);

struct Reload {
    std::vector<std::string> changed;        ///< settings that running has taken over
    std::vector<std::string> needs_restart;  ///< settings that differ but cannot change while it runs
};

/// Takes over from fresh (parse_options again) what may change while the broker runs.
Reload reload_options(Options& running, const Options& fresh);

/// All settings and their values as a configuration file, a line each.
std::string describe(const Options& options);

}  // namespace broker
