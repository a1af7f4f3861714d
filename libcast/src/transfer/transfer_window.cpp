// See transfer_window.hpp. Pure.
#include "src/transfer/transfer_window.hpp"

#include <algorithm>

#include "src/session/session_time.hpp"

namespace cast::detail {
namespace {

constexpr std::int64_t kAskAfter = 1000 * kMillisecond;
constexpr std::int64_t kGoneFor = 5000 * kMillisecond;
constexpr int kBacks = 16;

// Reports come after each MiB: who has all but that owes none, until the end.
bool owes(const FileTaker& taker, const FilePlace& place) {
    if (taker.over() || taker.state == FileTaker::State::overdue) return false;
    if (taker.state == FileTaker::State::behind || place.ended) return true;
    return taker.held + kFileReportEach <= place.position;
}

}  // namespace

void FileWindow::heard(std::string_view node, const FileWord& word, const FilePlace& place, std::int64_t now_us) {
    auto at = takers_.find(node);
    if (at == takers_.end()) {
        if (takers_.size() >= kTakers) return;
        at = takers_.emplace(std::string(node), FileTaker{}).first;
        at->second.moved_us = now_us;
    }
    FileTaker& taker = at->second;
    taker.gone_us = 0;
    if (word.state == FileWord::State::saved) {
        taker.state = FileTaker::State::saved;
        taker.saved_as = word.name;
        taker.held = place.position;
        return;
    }
    if (taker.over()) return;
    if (word.state == FileWord::State::failed) {
        taker.state = FileTaker::State::failed;
        taker.error = word.error;
        return;
    }
    if (word.offset > taker.held) {
        taker.moved_us = now_us;
        taker.backs = 0;
    }
    taker.held = word.offset;
    const bool same = taker.asked && taker.answered == word.offset;
    if (taker.asked) taker.answered = word.offset;
    taker.asked = false;
    // Who twice gives the same answer has got nothing meanwhile: what was sent to it is lost.
    const bool lost = same && (word.offset < place.position || place.ended);
    if (word.state == FileWord::State::back || lost) {
        back(taker, word.offset, place, now_us);
    } else if (taker.state == FileTaker::State::behind && taker.repaired && taker.held >= taker.repair_to &&
               !place.ended) {
        taker.state = FileTaker::State::taking;
    }
}

void FileWindow::back(FileTaker& taker, std::uint64_t offset, const FilePlace& place, std::int64_t now_us) {
    if (offset > place.position) return;  // another sender of the same file is further
    if (++taker.backs > kBacks) {
        taker.state = FileTaker::State::failed;
        taker.error = {ErrorCode::malformed, "it asks for the same bytes again and again"};
        return;
    }
    taker.moved_us = now_us;
    taker.answered.reset();
    taker.repair = offset;
    taker.repair_to = place.position;
    taker.repaired = false;
    if (offset >= place.kept_from) {
        taker.state = FileTaker::State::behind;
    } else if (place.reread) {
        taker.state = FileTaker::State::overdue;
    } else {
        taker.state = FileTaker::State::failed;
        taker.error = {ErrorCode::expired,
                       "it lacks bytes from " + std::to_string(offset) + " on, which the sender has no more"};
    }
}

bool FileWindow::give_up(const FilePlace& place, std::int64_t now_us, std::int64_t patience_us) {
    bool any = false;
    for (auto& [node, taker] : takers_) {
        if (!owes(taker, place) && taker.gone_us == 0) taker.moved_us = now_us;
        const bool gone =
            taker.gone_us != 0 && !taker.over() && now_us - taker.gone_us >= std::min(patience_us, kGoneFor);
        if (now_us - taker.moved_us < patience_us && !gone) continue;
        if (taker.over()) continue;
        taker.state = FileTaker::State::failed;
        taker.error = {gone ? ErrorCode::no_such_node : ErrorCode::timed_out,
                       "'" + node + "' stopped at " + std::to_string(taker.held) + " bytes"};
        any = true;
    }
    return any;
}

std::vector<std::string> FileWindow::to_ask(const FilePlace& place, std::int64_t now_us) {
    std::vector<std::string> nodes;
    for (auto& [node, taker] : takers_) {
        const bool waited_for = owes(taker, place) || (taker.gone_us != 0 && !taker.over());
        const bool stuck = waited_for && now_us - taker.moved_us >= kAskAfter && now_us - taker.asked_us >= kAskAfter;
        if (!stuck && !taker.ask_now) continue;
        taker.asked = true;
        taker.ask_now = false;
        taker.asked_us = now_us;
        nodes.push_back(node);
    }
    return nodes;
}

void FileWindow::take_up_overdue(const FilePlace& place, std::int64_t now_us) {
    for (auto& [node, taker] : takers_) {
        if (taker.state != FileTaker::State::overdue) continue;
        taker.state = FileTaker::State::behind;
        taker.repair = taker.held;
        taker.repair_to = place.position;
        taker.repaired = false;
        taker.moved_us = now_us;
    }
}

void FileWindow::fail(std::string_view node, Error error) {
    const auto at = takers_.find(node);
    if (at == takers_.end() || at->second.over()) return;
    at->second.state = FileTaker::State::failed;
    at->second.error = std::move(error);
}

bool FileWindow::gone(std::string_view node, std::int64_t now_us) {
    const auto at = takers_.find(node);
    if (at == takers_.end() || at->second.over()) return false;
    if (at->second.gone_us == 0) at->second.gone_us = now_us;
    return true;
}

bool FileWindow::may_go(std::uint64_t end) const { return !anybody_behind() && end <= floor(end) + kFileAhead; }

std::uint64_t FileWindow::floor(std::uint64_t otherwise) const {
    std::uint64_t least = otherwise;
    for (const auto& [node, taker] : takers_)
        if (taker.state == FileTaker::State::taking || taker.state == FileTaker::State::behind)
            least = std::min(least, taker.held);
    return least;
}

bool FileWindow::anybody_behind() const {
    return std::any_of(takers_.begin(), takers_.end(),
                       [](const auto& t) { return t.second.state == FileTaker::State::behind; });
}

bool FileWindow::all_over() const {
    return std::all_of(takers_.begin(), takers_.end(), [](const auto& t) { return t.second.over(); });
}

std::size_t FileWindow::saved() const {
    return static_cast<std::size_t>(std::count_if(
        takers_.begin(), takers_.end(), [](const auto& t) { return t.second.state == FileTaker::State::saved; }));
}

const FileTaker* FileWindow::find(std::string_view node) const {
    const auto at = takers_.find(node);
    return at == takers_.end() ? nullptr : &at->second;
}

}  // namespace cast::detail
