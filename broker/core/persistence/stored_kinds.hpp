// The kinds of streams that a store keeps, as StoredStream: each is a view on the real thing and the part of the core
// that works on it. Made for one call by StreamRegistry, kept by nobody. Broker's thread.
#pragma once
#include <string>

#include "core/dead_letters.hpp"
#include "core/group/groups.hpp"
#include "core/mailbox/mailboxes.hpp"
#include "core/mailbox/reaper.hpp"
#include "core/persistence/stored_stream.hpp"
#include "core/scheduled.hpp"
#include "core/state.hpp"

namespace broker {

/// The parts of the core that streams are read back for.
struct StreamParts {
    const State& state;
    Groups& groups;
    Mailboxes& mailboxes;
    Reaper& reaper;
    DeadLetters& dead;
    Scheduled& scheduled;
};

/// One priority of a node's mailbox.
class StoredLane final : public StoredStream {
public:
    StoredLane(const StreamParts& parts, Lane& lane) : parts_(parts), lane_(lane) {}
    Sequence write(Transaction& transaction) override;
    void committed(Sequence through, Turn turn) override;
    bool page_loaded(Loaded& loaded, Now now, Outbox& outbox) override;
    std::string load_failed(const Loaded& loaded, int tries, Now now, Outbox& outbox) override;
    bool awaits(Sequence from) const override;
    void load_given_up() override;
    Load load_again(const Load& load) const override { return lane_.stream.load(load.from, load.bytes); }
    StreamLabel describe() const override;

private:
    void page_out();
    const StreamParts& parts_;
    Lane& lane_;
};

/// A lane whose node is gone, or was purged: the Reaper lets go of it.
class StoredOrphan final : public StoredStream {
public:
    StoredOrphan(const StreamParts& parts, const OrphanedLane& orphan) : parts_(parts), orphan_(orphan) {}
    Sequence write(Transaction& transaction) override;
    void committed(Sequence, Turn) override {}  // it leaves memory by being read
    bool page_loaded(Loaded& loaded, Now now, Outbox& outbox) override;
    std::string load_failed(const Loaded& loaded, int tries, Now now, Outbox& outbox) override;
    bool awaits(Sequence) const override { return true; }
    Load load_again(const Load& load) const override { return orphan_.lane->stream.load(load.from, load.bytes); }
    StreamLabel describe() const override { return {}; }

private:
    const StreamParts& parts_;
    const OrphanedLane& orphan_;
};

/// A group, or broadcast.
class StoredGroup final : public StoredStream {
public:
    StoredGroup(const StreamParts& parts, Group& group) : parts_(parts), group_(group) {}
    Sequence write(Transaction& transaction) override;
    void committed(Sequence through, Turn turn) override;
    bool page_loaded(Loaded& loaded, Now now, Outbox& outbox) override;
    std::string load_failed(const Loaded&, int, Now, Outbox&) override { return {}; }  // its readers' FETCHes wait
    bool awaits(Sequence from) const override;
    Load load_again(const Load& load) const override { return group_.stream.load(load.from, load.bytes); }
    StreamLabel describe() const override;

private:
    void page_out();
    const StreamParts& parts_;
    Group& group_;
};

class StoredLetter final : public StoredStream {
public:
    StoredLetter(const StreamParts& parts, StreamId id) : parts_(parts), id_(id) {}
    Sequence write(Transaction&) override { return 1; }  // DeadLetters::save writes all that are new
    void committed(Sequence, Turn) override {}           // it stays in memory
    bool page_loaded(Loaded& loaded, Now now, Outbox& outbox) override;
    std::string load_failed(const Loaded& loaded, int tries, Now now, Outbox& outbox) override;
    bool awaits(Sequence) const override { return true; }
    StreamLabel describe() const override { return {}; }

private:
    const StreamParts& parts_;
    StreamId id_;
};

/// The stream of what is scheduled.
class StoredSchedule final : public StoredStream {
public:
    explicit StoredSchedule(const StreamParts& parts) : parts_(parts) {}
    Sequence write(Transaction& transaction) override { return parts_.scheduled.save(transaction); }
    void committed(Sequence, Turn) override {}  // it stays in memory
    bool page_loaded(Loaded& loaded, Now now, Outbox& outbox) override;
    std::string load_failed(const Loaded& loaded, int tries, Now now, Outbox& outbox) override;
    bool awaits(Sequence) const override { return true; }
    StreamLabel describe() const override { return {"messages that wait for their time", {}, {}}; }

private:
    const StreamParts& parts_;
};

}  // namespace broker
