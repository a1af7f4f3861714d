// Frames that are made once and then used again and again under new numbers, so that making them is not measured.
// Plain bytes; one thread.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wire/batch.hpp"
#include "wire/slice.hpp"

namespace bench {

inline constexpr std::size_t kPayload = 100;
inline constexpr std::size_t kRecords = 300;  ///< in a batch of a burst
inline constexpr std::string_view kSender = "alice";

/// "node-0007": as long for all of them.
std::string node_name(std::size_t index);

/// Appends one sealed batch of `records` messages of kPayload bytes.
void append_batch(std::string& out, cast::wire::Cast cast, std::uint64_t session, std::string_view target,
                  std::size_t records);

/// The number of the last batch of a CAST frame.
std::uint64_t last_number(const cast::wire::Slice& frame);

/// A CAST frame with one batch for each target.
class CastFrame {
public:
    CastFrame(cast::wire::Cast cast, std::uint64_t session, const std::vector<std::string>& targets,
              std::size_t records);
    /// As it would come fresh from the socket, its batches numbered from `number` on, which is moved past them.
    /// What the broker keeps of it must have been let go.
    cast::wire::Slice renewed(std::uint64_t& number);

private:
    std::shared_ptr<std::string> bytes_;
    std::vector<std::size_t> batches_;  // where they begin
};

/// An ACK of so many streams.
class AckFrame {
public:
    explicit AckFrame(const std::vector<std::uint64_t>& streams);
    cast::wire::Slice through(std::uint64_t sequence);

private:
    std::shared_ptr<std::string> bytes_;
    std::vector<std::size_t> sequences_;  // where they stand
};

}  // namespace bench
