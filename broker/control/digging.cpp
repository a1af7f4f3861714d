// Letter by letter. Broker's thread.
#include "control/digging.hpp"

#include <utility>

namespace broker {

using cast::ErrorCode;

namespace {

constexpr std::size_t kRequeueSteps = 3;  // what it takes to put one back

}  // namespace

ControlAnswer Digging::begin(const Call& call, Wish wish) {
    if (waiting_.size() >= kWaiting) return fail(ErrorCode::too_many, "too many calls about dead letters at once");
    Dig& dig = waiting_.emplace_back();
    dig.to = call.asker;
    dig.wish = wish;
    dig.node = call.text("node");
    dig.last = router_.dead().newest();
    ControlAnswer answer;
    answer.deferred = true;
    return answer;
}

bool Digging::go_on(Now now, Outbox& outbox) {
    while (!waiting_.empty()) {
        Dig& dig = waiting_.front();
        if (!go_on(dig, now)) return true;
        nlohmann::json answer{{dig.wish == Wish::requeue ? "requeued" : "purged", dig.done}};
        if (dig.wish == Wish::requeue) answer["failed"] = std::move(dig.failed);
        outbox.answers.push_back({dig.to, good(answer).text, true});
        waiting_.pop_front();
    }
    return false;
}

/// False: there is more to do.
bool Digging::go_on(Dig& dig, Now now) {
    State& state = router_.state();
    for (bool once = true; once || state.may_go_on(); once = false) {
        const auto dead = router_.dead().after(dig.at);
        if (!dead || dead->id > dig.last) return true;
        dig.at = dead->id;
        state.budget.spend();
        if (!dig.node.empty() && dead->letter.target != dig.node) continue;
        if (dig.wish == Wish::purge) {
            router_.dead().drop(dig.at);
            ++dig.done;
            continue;
        }
        state.budget.spend(kRequeueSteps);
        std::string node(dead->letter.target);
        const ErrorCode code = router_.requeue(dig.at, now);
        if (code == ErrorCode::ok)
            ++dig.done;
        else
            dig.failed.push_back({{"seq", dig.at}, {"node_id", std::move(node)}, {"code", cast::error_name(code)}});
    }
    return false;
}

}  // namespace broker
