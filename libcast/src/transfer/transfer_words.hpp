// The headers of a transfer (TRANSFER.md) as values: what a sender says about a piece of a file, and what a
// receiver reports. Pure; any thread.
#pragma once
#include <cast/message.hpp>
#include <cast/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/record.hpp"

namespace cast::detail {

inline constexpr std::size_t kFileChunk = 256 * 1024;
inline constexpr std::uint64_t kFileReportEach = 1u << 20;  // bytes between two reports of a receiver
inline constexpr std::uint64_t kFileAhead = 8u << 20;       // how far a sender goes ahead of its slowest receiver
inline constexpr std::string_view kFileType = "file";

/// What stands in the headers of an offer or a chunk.
struct FileHead {
    bool offer = false;
    std::string transfer;
    std::string correlation;
    std::string name;
    std::optional<std::uint64_t> size;
    std::uint64_t offset = 0;
    std::string sha256;  ///< of the last chunk only
    std::string report_to;

    bool last() const { return !sha256.empty(); }
};

/// What stands in the headers of a report.
struct FileWord {
    enum class State { have, back, saved, failed };
    State state = State::have;
    std::string transfer;
    std::string correlation;
    std::uint64_t offset = 0;
    std::string name;  ///< saved: in the receiver's folder
    Error error{ErrorCode::ok, {}};
};

/// Fills the headers into `headers`, replacing those of the same keys.
void write_head(const FileHead& head, wire::HeaderList& headers);
/// Nothing when the message is no offer or chunk, or one that makes no sense.
std::optional<FileHead> read_head(const Message& message);

/// The report as a message to `to`.
Message word_message(const FileWord& word, std::string_view to);
std::optional<FileWord> read_word(const Message& message);

/// The id of a transfer: the same for the same name, size and identity.
std::string transfer_id(std::string_view name, std::optional<std::uint64_t> size, std::string_view identity);

/// The code of this name (cast/error.hpp); internal when there is none.
ErrorCode code_named(std::string_view name);

}  // namespace cast::detail
