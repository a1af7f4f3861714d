// A store that keeps its promises late.
#include "simulation/store.hpp"

#include <algorithm>
#include <utility>

#include "simulation/world.hpp"

namespace sim {

void SimStore::Work::finish() {
    disk.apply(*under_way);
    committed = under_way->turn;
    under_way.reset();
    commit_us = kNever;
    news = true;
}

broker::Recovered SimStore::start(bool durable) {
    durable_ = durable;
    sick_ = incomplete_ = false;
    open({});
    return recover();
}

broker::Recovered SimStore::recover() { return work_.disk.recover(std::exchange(in_order_, false)); }

bool SimStore::close() {
    in_order_ = durable_ && !sick_ && !incomplete_;
    if (work_.under_way && (in_order_ || random_.one_in(2))) work_.finish();
    forget();
    return in_order_;
}

void SimStore::crash() {
    if (work_.under_way && random_.one_in(2)) work_.finish();
    forget();
}

void SimStore::forget() {
    work_.under_way.reset();
    work_.commit_us = kNever;
    work_.committed = 0;
    work_.news = false;
    loads_.clear();
}

std::int64_t SimStore::due() const {
    if (work_.news) return world_.now();
    const auto next = std::find_if(loads_.begin(), loads_.end(),
                                   [this](const Reading& reading) { return reading.due_us > checked_us_; });
    return std::min(sick_ ? kNever : work_.commit_us, next == loads_.end() ? kNever : next->due_us);
}

void SimStore::go_on() {
    if (work_.under_way && work_.commit_us <= world_.now() && !sick_) work_.finish();
    work_.news = false;
    checked_us_ = world_.now();
}

/// A transaction may be through since the turn began.
bool SimStore::idle() const {
    if (work_.under_way && !sick_ && work_.commit_us <= world_.now() + 1000 && random_.one_in(3)) work_.finish();
    return !work_.under_way;
}

void SimStore::begin(broker::Transaction&& transaction) {
    require(!work_.under_way, "the store is given a transaction while it has one under way");
    work_.under_way = std::move(transaction);
    work_.begun_us = world_.now();
    work_.commit_us = world_.now() + commit_time();
}

std::int64_t SimStore::busy_ms() const { return work_.under_way ? (world_.now() - work_.begun_us) / kMs : 0; }

std::int64_t SimStore::commit_time() {
    if (!world_.settings().slow_commits || world_.healed()) return random_.between(50, 1000);
    return random_.between(50, random_.one_in(30) ? 300 * kMs : 4 * kMs);
}

void SimStore::load(const broker::Load& load) {
    const std::int64_t before = loads_.empty() ? 0 : loads_.back().due_us;
    const bool at_once = (++loads_begun_ * 0x9E3779B97F4A7C15u >> 63) != 0;  // no draw: seeds keep their stories
    world_.trace("load of stream %llu from %llu%s", ull(load.stream), ull(load.from), at_once ? ", read at once" : "");
    loads_.push_back({load, std::max(before, world_.now() + random_.between(20, 2 * kMs)), {}});
    if (at_once) loads_.back().loaded = work_.disk.read(load);
}

bool SimStore::loaded(broker::Loaded& loaded) {
    if (loads_.empty() || loads_.front().due_us > world_.now()) return false;
    Reading& reading = loads_.front();
    loaded = reading.loaded ? std::move(*reading.loaded) : work_.disk.read(reading.load);
    if (sick_ && random_.one_in(2)) loaded.failed = true;
    loads_.pop_front();
    world_.trace("loaded stream %llu from %llu through %llu, %zu batches%s", ull(loaded.stream), ull(loaded.from),
                 ull(loaded.through), loaded.frames.size(), loaded.failed ? ", failed" : "");
    return true;
}

}  // namespace sim
