// DirtySet: what has changed since the last transaction, by name. Each name is looked up when a transaction is made,
// and what is no longer there then is gone. What came and went in between is not mentioned to the store at all, so that
// clients who come and go while it fails leave nothing behind. Plain state; broker's thread.
#pragma once
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/types.hpp"

namespace broker {

/// Of one kind of things; in the order of their names.
template <class Name>
class Changes {
public:
    void touch(const Name& name) { changed_.insert(name); }
    /// It ends. `persisted`: the store may have it; else only an earlier one of its name.
    void end(const Name& name, bool persisted) {
        changed_.erase(name);
        if (persisted) ended_.insert(name);
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

struct DirtySet {
    std::vector<StreamId> streams;
    Changes<SessionId> sessions;
    Changes<std::string> nodes;
    Changes<std::pair<std::string, StreamId>> members;
    bool letters = false;  ///< dead letters came, or went
    bool urgent = false;   ///< somebody waits for the next transaction
    bool empty() const { return !letters && streams.empty() && sessions.empty() && nodes.empty() && members.empty(); }
};

}  // namespace broker
