// Codec: a transaction as bytes, and back: for a log that several machines read, and for tests. Little endian, each
// list with its count before it, each string and frame with its length. Frames stay as they are. Pure; any thread.
//
// What was once written can be read for good: a later version writes another number first and still reads this one.
// The same transaction always gives the same bytes, and bytes that can be read give just themselves again.
#pragma once
#include <cstdint>
#include <string>

#include "core/transaction.hpp"
#include "wire/slice.hpp"

namespace broker {

/// The first two bytes of an encoded transaction.
inline constexpr std::uint16_t kTransactionVersion = 1;

std::string encode_transaction(const Transaction& transaction);

/// Reads `bytes` into `transaction`, whose frames then share their owner. Returns an empty string, or what is wrong
/// with the bytes; then `transaction` is empty. Takes no more memory than a few times the size of the bytes.
std::string decode_transaction(const cast::wire::Slice& bytes, Transaction& transaction);

}  // namespace broker
