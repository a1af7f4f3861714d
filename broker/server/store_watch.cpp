// Comparing what is with what was. Broker's thread.
#include "server/store_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace broker {

void StoreWatch::browse(const Store& store, bool watched, Now now, Outbox& outbox) {
    const bool well = store.healthy();
    const std::int64_t busy = store.busy_ms();
    const bool slow = well && busy >= kSlowMs;
    std::string trouble = store.trouble();
    if (!well && (well_ || trouble != trouble_)) {
        tell("store_failed", "the store fails, new messages are refused: " + trouble, watched, now, outbox);
    } else if (well && !trouble.empty() && trouble != trouble_) {
        tell("store_failed", "the store takes messages, and cannot tidy up: " + trouble, watched, now, outbox);
    } else if (well && trouble.empty() && (!well_ || !trouble_.empty())) {
        tell("store_well", "the store takes messages again", watched, now, outbox);
    }
    if (slow && !slow_)
        tell("store_slow", fmt::format("the disk is slow: the store has been writing for {} ms, receipts wait", busy),
             watched, now, outbox);
    if (slow) slowest_ms_ = std::max(slowest_ms_, busy);
    if (!slow && slow_ && well)
        tell("store_well", fmt::format("the slow disk has done it, after {} ms", std::exchange(slowest_ms_, 0)),
             watched, now, outbox);
    well_ = well;
    slow_ = slow;
    trouble_ = std::move(trouble);
}

void StoreWatch::tell(const char* kind, const std::string& text, bool watched, Now now, Outbox& outbox) {
    outbox.log.push_back({text, std::string_view(kind) != "store_well", true});
    if (watched) outbox.events.push_back({kind, {}, {}, now.wall_us, 0, text});
}

std::vector<std::string> store_troubles(const Store& store) {
    std::vector<std::string> all;
    const std::string trouble = store.trouble();
    if (!store.healthy())
        all.push_back("the store cannot take messages: " + trouble);
    else if (!trouble.empty())
        all.push_back("the store cannot tidy up: " + trouble);
    else if (const std::int64_t busy = store.busy_ms(); busy >= StoreWatch::kSlowMs)
        all.push_back(fmt::format("the disk is slow: the store has been writing for {} ms", busy));
    return all;
}

}  // namespace broker
