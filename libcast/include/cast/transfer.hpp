// cast/transfer.hpp: files of any size to nodes, to a group or to everybody, in chunks under a SHA-256. Memory stays
// flat on all sides: a sender is never more than 8 MiB ahead of the slowest receiver that answers it. An interrupted
// transfer goes on where it was when the same node sends the same file again.
// A FileSender and a FileReceiver belong to one thread at a time; their node may be used by other threads meanwhile.
// What travels is in TRANSFER.md. SHA-256 is libcrypto's, linked into libcast: no library more to load.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cast/export.hpp"
#include "cast/message.hpp"
#include "cast/node.hpp"
#include "cast/result.hpp"

namespace cast {

// --- Sending. --------------------------------------------------------------------------------------------------

/// How far a transfer has got.
struct FileProgress {
    std::uint64_t done = 0;             ///< bytes of the file that were sent, or that every receiver had already
    std::uint64_t held = 0;             ///< bytes that the slowest answering receiver has; 0 when none has answered
    std::optional<std::uint64_t> size;  ///< of the whole file, if it is known
    std::size_t receivers = 0;          ///< how many have answered
    std::size_t saved = 0;              ///< how many of them have the whole file, verified and on disk
};

/// What became of a file at one receiver.
struct FileOutcome {
    enum class State {
        sent,    ///< a node that did not answer: the broker holds the file for it, or it does not save files
        saved,   ///< verified, on disk, under `saved_as` in the receiver's folder
        failed,  ///< see `error`
    };
    std::string node;  ///< empty: the group, or everybody, as a whole
    State state = State::sent;
    std::string saved_as;
    Error error{ErrorCode::ok, {}};
};

/// What finish() tells.
struct FileReport {
    std::uint64_t size = 0;
    std::uint64_t skipped = 0;  ///< bytes at the front that were not sent, because every receiver had them
    std::string sha256;         ///< 64 hexadecimal digits
    /// Every node named in a unicast; of a group or broadcast, those that answered, and one for the whole if that
    /// failed.
    std::vector<FileOutcome> outcomes;
    /// The first failure among them, or ok.
    Result<void> result() const;
};

struct FileOptions {
    /// As the receivers will see it. It is cut to what follows the last slash. send_file: empty for the path's.
    std::string name;

    /// Bytes of the whole file, if they are known: then finish() insists on them. send_file knows.
    std::optional<std::uint64_t> size;

    /// What tells that this is the same content as at an earlier try: a hash, a version, a time of change. Receivers
    /// go on with what they have of a file of the same sender, name, size and identity. Empty: each try is its own;
    /// send_file makes one of the file's time of change and samples of its content.
    std::string identity;

    /// How long nothing may move (no receipt, no progress of any receiver) before a receiver is given up.
    std::chrono::milliseconds patience{30000};

    /// How long open() waits, before the first byte, for what the named receivers have of the file from an earlier try.
    /// Who has not said it by then gets the file from its beginning.
    std::chrono::milliseconds answer_time{250};

    /// When finish() is content. `none`: all is in the send window. `receipt`: the broker holds all, and each receiver
    /// that answers has saved the file or failed. Of a unicast, who reads is waited for until it has acknowledged the
    /// first message (5 s at most); of a group or broadcast nobody tells that, so answers are waited for 1 s.
    /// `delivered` (unicast): every named node has saved it.
    Wait wait = Wait::receipt;

    /// Told about every 256 KiB, on the calling thread. False: stop; the call fails with `closed`, and what the
    /// receivers have they keep for the next try.
    std::function<bool(const FileProgress&)> on_progress;
};

/// Sends a regular file and waits. `to` says to whom, with its priority, ttl and headers; its payload and type do not
/// matter. A receiver that comes late, or has lost something, gets what it lacks afterwards. What failed at single
/// receivers is in the report. Errors: as of Node::send; invalid_argument with the system's words when the file cannot
/// be read, or changes meanwhile; the last target's when all have failed; closed.
CAST_API Result<FileReport> send_file(Node& node, const std::string& path, const Message& to, FileOptions options = {});

/// Sends a file whose content the program has piece by piece: an upload, a pipe. Destroyed before finish(): the
/// transfer is interrupted.
class CAST_API FileSender {
public:
    /// `to` as of send_file. Waits up to a quarter of a second for receivers that have a part of the file already, if
    /// it has an identity and is large.
    /// Errors: as of Node::send; invalid_argument (no recipient, no name).
    static Result<FileSender> open(Node& node, const Message& to, FileOptions options);

    FileSender(FileSender&&) noexcept;
    FileSender& operator=(FileSender&&) noexcept;
    ~FileSender();

    /// Takes bytes, waiting while the receivers are too far behind. A target that fails is left out, and told of in the
    /// report. Errors: the last target's when all have failed; closed; too_large (more than FileOptions::size).
    Result<void> write(std::string_view bytes);
    /// The same without waiting: takes what may go now and answers how many bytes that were (0: try again in some
    /// milliseconds). For programs with an event loop.
    Result<std::size_t> write_some(std::string_view bytes);

    /// Sends the rest with the SHA-256, and waits as FileOptions::wait says. Call it once.
    /// Errors: as of write(); invalid_argument (fewer bytes than FileOptions::size). What failed at single receivers
    /// is in the report.
    Result<FileReport> finish();
    /// The same without waiting: nothing yet as long as it is empty; call it again in some milliseconds.
    Result<std::optional<FileReport>> finish_some();

    FileProgress progress() const;

    struct CAST_LOCAL State;  ///< libcast's own

private:
    friend Result<FileReport> send_file(Node&, const std::string&, const Message&, FileOptions);
    explicit FileSender(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// --- Receiving. ------------------------------------------------------------------------------------------------

/// What a received message meant for the files.
struct FileEvent {
    enum class Kind {
        other,   ///< not part of a file: the message is the program's to handle
        part,    ///< some bytes were written, or a question of the sender was answered
        saved,   ///< the file is verified, synced and in the folder
        failed,  ///< see `error`: not_saved (the disk is full, ...), malformed (not what its sender promised)
    };
    Kind kind = Kind::other;
    std::string sender;
    std::string name;                   ///< in the folder: cleaned, and numbered if the name was taken
    std::uint64_t held = 0;             ///< bytes of it that are here
    std::optional<std::uint64_t> size;  ///< of the whole, if the sender knows it
    std::string sha256;                 ///< saved: 64 hexadecimal digits
    Error error{ErrorCode::ok, {}};
};

/// Saves the files that a node receives in a folder. A file is written under a hidden name there (".cast-*.part"),
/// verified, synced, renamed without replacing anything, and the folder is synced. Whatever name the sender gives, the
/// file lands in the folder; links in it are not followed. Parts that nobody went on with for a week are removed.
class CAST_API FileReceiver {
public:
    /// Makes the folder if it is not there (but not the ones above it).
    /// Error: invalid_argument, with the system's words.
    static Result<FileReceiver> open(Node& node, const std::string& folder);

    FileReceiver(FileReceiver&&) noexcept;
    FileReceiver& operator=(FileReceiver&&) noexcept;
    ~FileReceiver();

    /// Handles one received message, without waiting for whoever it reports to. Acknowledge it afterwards, as any
    /// other: bytes are with the system by then, and
    /// a program that is killed goes on from there. A message of type "file" without the
    /// transfer's headers is a whole file.
    FileEvent take(const Message& message);

    struct CAST_LOCAL State;  ///< libcast's own

private:
    explicit FileReceiver(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// The name under which FileReceiver saves what its sender calls `name`: one component, valid UTF-8, no control
/// characters, at most 200 bytes, neither empty nor beginning with '.' or '-'.
CAST_API std::string clean_file_name(std::string_view name);

}  // namespace cast
