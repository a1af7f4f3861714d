// Fuzzes the bytes of a transaction: they are refused with a sentence and leave nothing, or are read, and then give
// just themselves again; no frame lies outside of them, and no list is longer than they are.
#include <cstdint>
#include <cstdlib>

#include "store/codec.hpp"
#include "support/wire_check.hpp"

namespace {

using cast::test::inside;
using cast::wire::Slice;

void require(bool good) {
    if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Slice bytes = Slice::copy({reinterpret_cast<const char*>(data), size});
    broker::Transaction t;
    const std::string why = broker::decode_transaction(bytes, t);
    if (!why.empty()) {
        require(t == broker::Transaction{});
        return 0;
    }
    require(broker::encode_transaction(t) == bytes.view());
    require(t.nodes.size() + t.streams.size() + t.sessions.size() + t.chunks.size() <= size);
    for (const broker::DeadLetterRow& letter : t.letters) require(inside(letter.frame.view(), bytes.view()));
    for (const broker::ChunkRow& chunk : t.chunks)
        for (const Slice& frame : chunk.frames) require(inside(frame.view(), bytes.view()));
    return 0;
}
