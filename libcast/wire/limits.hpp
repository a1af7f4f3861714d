// Every limit of the protocol and the defaults that both sides start from, in one place.
// Constants only. What the broker's operator may change is marked "default".
#pragma once
#include <cstddef>
#include <cstdint>

namespace cast::wire {

inline constexpr std::uint8_t kMagic = 0xCA;
inline constexpr std::uint8_t kVersion = 1;        // of batches, and of frames without fields
inline constexpr std::uint8_t kNewestVersion = 2;  // of frames that end in fields (fields.hpp)

inline constexpr std::size_t kFrameHeader = 8;   // bytes before a frame's body
inline constexpr std::size_t kBatchHeader = 64;  // bytes before a batch's names

inline constexpr std::size_t kMaxName = 128;      // bytes of a node's or group's name
inline constexpr std::size_t kMaxType = 128;      // bytes of a message type
inline constexpr std::size_t kMaxHeaders = 8192;  // bytes of one message's encoded header map
inline constexpr std::size_t kMaxHeaderCount = 64;

inline constexpr std::size_t kMaxMessage = 1 << 20;        // payload bytes, default
inline constexpr std::size_t kHardMaxMessage = 64u << 20;  // the most an operator may allow
inline constexpr std::size_t kRecordOverhead = 16 * 1024;  // what a record may hold beside its payload
inline constexpr std::size_t kBatchSeal = 64 * 1024;       // a batch is closed once it holds this many bytes
inline constexpr std::size_t kFrameFill = 128 * 1024;      // several batches share a frame up to this size
inline constexpr std::size_t kControlMax = 256 * 1024;     // bytes of one CONTROL request: milliseconds of JSON
inline constexpr std::size_t kControlList = 1000;          // names or numbers in a list of one CONTROL request

inline constexpr std::size_t kSenderWindow = 2u << 20;  // unreceipted bytes of one session, default
inline constexpr std::size_t kSenderBatches = 4096;     // unreceipted batches of one session
inline constexpr std::size_t kReaderWindow = 1u << 20;  // unacknowledged bytes of one reader, default
inline constexpr std::size_t kReaderBatches = 1024;     // unacknowledged batches of one reader
inline constexpr std::size_t kFetchBytes = 512 * 1024;  // the most that one FETCH brings
inline constexpr std::size_t kAttachMax = 1024;         // nodes in one ATTACH or DETACH
inline constexpr std::size_t kConnectionNodes = 16384;  // nodes attached on one connection
inline constexpr std::size_t kAttachPositions = 16384;  // positions in one ATTACH, of all its nodes
inline constexpr std::size_t kAckEntries = 1024;        // streams in one ACK
inline constexpr std::size_t kAckExceptions = 16384;    // exceptions in one ACK, of all its entries
inline constexpr std::size_t kSecret = 16;              // bytes of a session's secret
inline constexpr std::size_t kMaxHost = 255;            // bytes of a client's host name
inline constexpr std::size_t kRefusalsKept = 8192;      // unconfirmed refusals of one session

inline constexpr int kPriorities = 10;
inline constexpr int kDefaultPriority = 4;

}  // namespace cast::wire
