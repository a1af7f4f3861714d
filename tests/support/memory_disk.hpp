// MemoryDisk: what a store holds, as maps: transactions are applied whole, read back after a crash, and chunks are
// read. It stands for the SQLite store, whose tables work the same way. Each transaction is applied as its bytes say
// (store/codec.hpp), and they have to say the same as it does.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "core/store.hpp"

namespace cast::test {

class MemoryDisk {
public:
    void apply(const broker::Transaction& transaction);
    broker::Recovered recover(bool clean) const;
    broker::Loaded read(const broker::Load& load) const;

    const std::map<std::uint64_t, broker::StreamRow>& streams() const { return streams_; }
    const std::map<std::string, broker::NodeRow>& nodes() const { return nodes_; }
    const std::map<std::uint64_t, broker::SessionRow>& sessions() const { return sessions_; }
    const std::map<std::pair<std::uint64_t, std::string>, broker::MemberRow>& members() const { return members_; }
    std::size_t chunks() const { return chunks_.size(); }
    bool has_chunk(std::uint64_t stream, std::uint64_t first) const { return chunks_.contains({stream, first}); }

private:
    struct Chunk {
        broker::ChunkRow row;  // without frames
        std::string batches;
    };
    void apply(const broker::ChunkRow& row);

    std::uint64_t next_stream_ = 0;
    std::uint64_t forgetful_epoch_ = 0;
    std::uint64_t session_us_ = 0;
    std::map<std::string, broker::NodeRow> nodes_;
    std::map<std::uint64_t, broker::StreamRow> streams_;
    std::map<std::pair<std::uint64_t, std::string>, broker::MemberRow> members_;
    std::map<std::uint64_t, broker::SessionRow> sessions_;
    std::map<std::pair<std::uint64_t, std::uint64_t>, Chunk> chunks_;
};

}  // namespace cast::test
