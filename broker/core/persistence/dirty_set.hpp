// DirtySet: what has changed since the last transaction, by name. Each name is looked up when a transaction is made,
// and what is no longer there then is gone. What came and went in between is not mentioned to the store at all, so that
// clients who come and go while it fails leave nothing behind. Plain state; broker's thread.
#pragma once
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/directory.hpp"
#include "core/persistence/persisted_watermark.hpp"
#include "core/session/session.hpp"
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

class DirtySet {
public:
    DirtySet(const Config& config, const PersistedWatermark& persisted) : config_(config), persisted_(persisted) {}

    std::vector<StreamId> streams;
    Changes<SessionId> sessions;
    Changes<std::string> nodes;
    Changes<std::pair<std::string, StreamId>> members;
    bool letters = false;  ///< dead letters came, or went
    bool urgent = false;   ///< somebody waits for the next transaction
    bool empty() const { return !letters && streams.empty() && sessions.empty() && nodes.empty() && members.empty(); }

    // What the store keeps nothing of is not listed.
    void touch(Stream& stream) {
        if (!stream.kept || stream.touched) return;
        stream.touched = true;
        streams.push_back(stream.id());
    }
    void touch(Session& session) {
        if (!config_.durable || session.touched) return;
        session.touched = true;
        sessions.touch(session.id);
    }
    void touch(const Node& node) {
        if (config_.durable && !node.hidden) nodes.touch(node.name);
    }
    void touch(const Node& node, Membership& membership) {
        if (!membership.group->stream.kept || node.hidden || membership.touched) return;
        membership.touched = true;
        members.touch({node.name, membership.group->stream.id()});
    }
    void touch_letters() { letters = letters || config_.durable; }

    // Called just before the object is erased: the next transaction deletes its row.
    void end(const Stream& stream) {
        if (!stream.kept) return;
        std::erase(streams, stream.id());
        if (stream.id() < persisted_.next_stream) streams.push_back(stream.id());
    }
    void end(const Session& session) {
        if (config_.durable) sessions.end(session.id, session.life <= persisted_.lives);
    }
    void end(const Node& node) {
        if (config_.durable && !node.hidden) nodes.end(node.name, node.id <= persisted_.nodes);
    }
    void end(const Node& node, const Membership& membership) {
        const Stream& stream = membership.group->stream;
        if (!stream.kept || node.hidden) return;
        members.end({node.name, stream.id()}, node.id <= persisted_.nodes && stream.id() < persisted_.next_stream);
    }

private:
    const Config& config_;
    const PersistedWatermark& persisted_;
};

}  // namespace broker
