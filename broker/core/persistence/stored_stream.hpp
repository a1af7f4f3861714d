// StoredStream: a stream that the store keeps, whatever it is: a lane, the lane of a node that is gone, a group, a dead
// letter, or what is scheduled. What the persister and the page loads ask of it is the same for all of them;
// StreamRegistry says which one an id stands for. Broker's thread.
#pragma once
#include <string>

#include "core/outbox.hpp"
#include "core/store.hpp"
#include "core/types.hpp"

namespace broker {

/// What an operator is told of a stream. Empty where there is nothing to say.
struct StreamLabel {
    std::string what;  ///< "mailbox of bob, priority 4"
    std::string node;
    std::string group;
};

class StoredStream {
public:
    /// So many loads of a page failed: it will hardly be read any more.
    static constexpr int kManyTries = 5;

    /// Adds its row and what is new in it to the transaction. Returns the last sequence that the transaction has of it.
    virtual Sequence write(Transaction& transaction) = 0;
    /// The transaction of this turn is in the store, and has the stream through that sequence.
    virtual void committed(Sequence through, Turn turn) = 0;
    /// A page that was asked for was read. Takes as much out of it as this turn allows; false: some of it is left.
    virtual bool page_loaded(Loaded& loaded, Now now, Outbox& outbox) = 0;
    /// A page could not be read, for the `tries`-th time. Returns what was let go for that, as "3 of them are".
    /// Empty: nothing, and the page is asked for again. The stream may have ended with what it let go.
    virtual std::string load_failed(const Loaded& loaded, int tries, Now now, Outbox& outbox) = 0;
    /// Somebody still waits for the page that begins there.
    virtual bool awaits(Sequence from) const = 0;
    /// Nobody does: its load is not repeated.
    virtual void load_given_up() {}
    /// The load to be repeated: the stream may have grown since.
    virtual Load load_again(const Load& load) const { return load; }
    virtual StreamLabel describe() const = 0;

protected:
    ~StoredStream() = default;
};

}  // namespace broker
