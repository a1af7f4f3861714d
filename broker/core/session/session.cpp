// Look-ups and the order of absence. Pure; broker's thread.
#include "core/session/session.hpp"

namespace broker {

bool Session::admits(const SecretHash& said) const {
    if (secret == SecretHash{}) return true;
    unsigned char difference = 0;  // looks at all bytes: how much of a guess is right is not to be measured
    for (std::size_t i = 0; i < said.size(); ++i) difference |= said[i] ^ secret[i];
    return difference == 0;
}

Connection* Sessions::connection(ConnectionId id) {
    const auto at = connections_.find(id);
    return at == connections_.end() ? nullptr : at->second.get();
}

Session* Sessions::session(SessionId id) {
    const auto at = sessions_.find(id);
    return at == sessions_.end() ? nullptr : at->second.get();
}

Connection& Sessions::add_connection(ConnectionId id, Session& session, std::int64_t mono_us) {
    auto connection = std::make_unique<Connection>();
    connection->id = id;
    connection->session = &session;
    connection->heard_us = mono_us;
    connection->pinged_us = mono_us;
    session.connection = connection.get();
    return *(connections_[id] = std::move(connection));
}

void Sessions::remove_connection(ConnectionId id) { connections_.erase(id); }

Session& Sessions::add_session(SessionId id) {
    auto session = std::make_unique<Session>();
    session->id = id;
    session->life = ++lives_;
    return *(sessions_[id] = std::move(session));
}

void Sessions::remove_session(SessionId id) {
    if (Session* s = session(id)) mark_back(*s);
    sessions_.erase(id);
}

void Sessions::mark_away(Session& session, std::int64_t mono_us) {
    session.away_since_us = mono_us;
    if (away_at_.contains(session.id)) return;
    away_at_[session.id] = away_.insert(away_.end(), session.id);
}

void Sessions::mark_back(Session& session) {
    const auto at = away_at_.find(session.id);
    if (at == away_at_.end()) return;
    away_.erase(at->second);
    away_at_.erase(at);
}

}  // namespace broker
