// StoreWatch: sees when the store fails, is slow, or is well again, and says it once each time: as a line for the log
// and as an event, both by the outbox. Broker's thread, every turn. It does nothing about it: refusing is the core's,
// trying again the store's.
#pragma once
#include <string>
#include <vector>

#include "core/outbox.hpp"
#include "core/store.hpp"

namespace broker {

class StoreWatch {
public:
    /// A transaction that takes longer than this is news.
    static constexpr std::int64_t kSlowMs = 1000;

    /// `watched`: somebody reads events.
    void browse(const Store& store, bool watched, Now now, Outbox& outbox);

private:
    void tell(const char* kind, const std::string& text, bool watched, Now now, Outbox& outbox);

    bool well_ = true;
    bool slow_ = false;
    std::string trouble_;
    std::int64_t slowest_ms_ = 0;
};

/// What an operator should know of the store, each in a sentence; empty when all is well.
std::vector<std::string> store_troubles(const Store& store);

}  // namespace broker
