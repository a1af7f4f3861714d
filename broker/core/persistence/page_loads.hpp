// PageLoads: takes in what the store has read, as much as a turn allows, and asks again for what it could not read,
// ever more rarely. Who asks the store in the first place are the parts that need a page. Pure; broker's thread.
#pragma once
#include <deque>
#include <string>

#include "core/browser.hpp"
#include "core/mailbox/mailboxes.hpp"
#include "core/persistence/stream_registry.hpp"
#include "core/state.hpp"

namespace broker {

class PageLoads {
public:
    PageLoads(const Config& config, Directory& directory, TurnBudget& budget, UnreadablePages& unreadable,
              const StreamRegistry& streams, Mailboxes& mailboxes, Browser& browser)
        : config_(config),
          directory_(directory),
          budget_(budget),
          unreadable_(unreadable),
          streams_(streams),
          mailboxes_(mailboxes),
          browser_(browser) {}

    /// The store's answer to a load of an outbox.
    void loaded(Loaded&& loaded, Now now, Outbox& outbox);
    /// Goes on with what the store has answered, as far as this turn allows.
    void go_on(Now now, Outbox& outbox);
    bool ready() const { return !arrived_.empty(); }
    /// Repeats the loads that failed and are due. Returns when the next one is.
    std::int64_t tick(Now now, Outbox& outbox);

private:
    void take_first(Now now, Outbox& outbox);
    bool take_in(Loaded& loaded, Now now, Outbox& outbox);
    void failed(FoundStream& stream, const Loaded& loaded, Now now, Outbox& outbox);
    void readable(FoundStream& stream, const Loaded& loaded, Now now, Outbox& outbox);
    void mark_persisted(const char* kind, StreamId id, const StreamLabel& label, const std::string& text, Now now,
                        Outbox& outbox);

    const Config& config_;
    Directory& directory_;
    TurnBudget& budget_;
    UnreadablePages& unreadable_;
    const StreamRegistry& streams_;
    Mailboxes& mailboxes_;
    Browser& browser_;
    std::deque<Loaded> arrived_;  ///< answers of the store that are not taken in yet
};

}  // namespace broker
