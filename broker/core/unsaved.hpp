// Unsaved: what the store has not been told yet, by name: each is looked up when a transaction is made, and what is no
// longer there is gone. Of what came and went in between the store hears nothing, so that clients who come and go while
// it fails leave nothing behind. Plain state; broker's thread.
#pragma once
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/store.hpp"
#include "core/types.hpp"

namespace broker {

/// Of one kind of things; in the order of their names.
template <class Name>
class Changes {
public:
    void touch(const Name& name) { changed_.insert(name); }
    /// It ends. `told`: the store may have it; else only an earlier one of its name.
    void end(const Name& name, bool told) {
        changed_.erase(name);
        if (told) ended_.insert(name);
    }
    bool empty() const { return changed_.empty() && ended_.empty(); }
    std::size_t size() const { return changed_.size() + ended_.size(); }
    std::set<Name> take() {
        changed_.merge(ended_);
        ended_.clear();
        return std::exchange(changed_, {});
    }

private:
    std::set<Name> changed_, ended_;
};

struct Unsaved {
    std::vector<StreamId> streams;
    Changes<SessionId> sessions;
    Changes<std::string> nodes;
    Changes<std::pair<std::string, StreamId>> members;
    bool later = false;    ///< something came to $later, or left it
    bool letters = false;  ///< dead letters came, or went
    bool urgent = false;   ///< somebody waits for it
    bool empty() const {
        return !later && !letters && streams.empty() && sessions.empty() && nodes.empty() && members.empty();
    }
};

/// How far things were numbered when the last transaction was collected, or the store was read: it knows of no later
/// ones.
struct Told {
    Turn turn = 0;
    StreamId next_stream = 0;
    std::uint64_t nodes = 0;
    std::uint64_t lives = 0;  ///< of sessions
};

}  // namespace broker
