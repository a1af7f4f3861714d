// What the store read back in, and what it could not read. Pure; broker's thread.
#include "core/persistence/page_loads.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace broker {
namespace {

constexpr std::int64_t kAskAgain = 200 * kMs;  // for what could not be read; twice as long each time
constexpr std::int64_t kAskRarely = 5 * kSecond;

}  // namespace

void PageLoads::loaded(Loaded&& loaded, Now now, Outbox& outbox) {
    arrived_.push_back(std::move(loaded));
    while (!arrived_.empty() && budget_.may_go_on()) take_first(now, outbox);
}

void PageLoads::go_on(Now now, Outbox& outbox) {
    for (bool once = true; !arrived_.empty() && (once || budget_.may_go_on()); once = false) take_first(now, outbox);
}

/// The oldest answer of the store; of a long one what this turn allows.
void PageLoads::take_first(Now now, Outbox& outbox) {
    budget_.spend();
    Loaded& loaded = arrived_.front();
    bool whole = true;
    if (loaded.browse == Load::kExpiry)
        whole = mailboxes_.read_expired(loaded, now, outbox);
    else if (loaded.browse != 0)
        browser_.loaded(loaded, now, outbox);
    else
        whole = take_in(loaded, now, outbox);
    if (whole) arrived_.pop_front();
}

/// False: the rest of it is left.
bool PageLoads::take_in(Loaded& loaded, Now now, Outbox& outbox) {
    FoundStream stream = streams_.find(loaded.stream);
    if (!stream) return true;
    if (loaded.failed) {
        failed(stream, loaded, now, outbox);
        return true;
    }
    if (!unreadable_.empty()) readable(stream, loaded, now, outbox);
    return stream->page_loaded(loaded, now, outbox);
}

void PageLoads::failed(FoundStream& stream, const Loaded& loaded, Now now, Outbox& outbox) {
    const auto [at, fresh] = unreadable_.try_emplace({loaded.stream, loaded.from});
    Unreadable& u = at->second;
    if (fresh) {
        u.load = {loaded.stream, loaded.from, config_.reader_window / 2};
        u.since_us = now.mono_us;
    } else if (u.again_us != kNever) {
        return;  // two readers had asked
    }
    u.again_us = now.mono_us + std::min(kAskRarely, kAskAgain << std::min(u.tries, 10));
    ++u.tries;
    const StreamLabel label = stream->describe();
    const std::string let_go = stream->load_failed(loaded, u.tries, now, outbox);
    if (!let_go.empty()) {
        mark_persisted("unreadable", loaded.stream, label, let_go + " damaged and let go: " + loaded.why, now, outbox);
        unreadable_.erase(at);
    } else if (u.why != loaded.why) {
        u.why = loaded.why;
        mark_persisted("unreadable", loaded.stream, label,
                       "from message " + std::to_string(u.load.from) + " on cannot be read, readers wait: " + u.why,
                       now, outbox);
    }
}

void PageLoads::readable(FoundStream& stream, const Loaded& loaded, Now now, Outbox& outbox) {
    if (unreadable_.erase({loaded.stream, loaded.from}) > 0)
        mark_persisted("readable", loaded.stream, stream->describe(), "can be read again", now, outbox);
}

void PageLoads::mark_persisted(const char* kind, StreamId id, const StreamLabel& label, const std::string& text,
                               Now now, Outbox& outbox) {
    std::string whose = "the store: stream " + std::to_string(id);
    if (!label.what.empty()) whose += " (" + label.what + ")";
    const bool bad = std::string_view(kind) == "unreadable";
    outbox.log.push_back({whose + ": " + text, bad});
    if (directory_.watched())
        outbox.events.push_back({kind, label.node, label.group, now.wall_us, 0, whose + ": " + text});
}

std::int64_t PageLoads::tick(Now now, Outbox& outbox) {
    std::int64_t next = kNever;
    for (auto at = unreadable_.begin(); at != unreadable_.end();) {
        Unreadable& u = at->second;
        if (u.again_us > now.mono_us) {
            next = std::min(next, u.again_us);
            ++at;
            continue;
        }
        // What nobody waits for was purged, deleted or let go meanwhile, or whoever wanted it has gone.
        FoundStream stream = streams_.find(u.load.stream);
        if (stream && stream->awaits(u.load.from)) {
            outbox.loads.push_back(stream->load_again(u.load));
            u.again_us = kNever;
            ++at;
        } else {
            if (stream) stream->load_given_up();
            at = unreadable_.erase(at);
        }
    }
    return next;
}

}  // namespace broker
