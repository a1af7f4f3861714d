// Pushing to browsers. io thread; the watch_ functions on threads of their own. See hub.hpp.
#include "gateway/push/hub.hpp"

#include <signal.h>

#include <algorithm>

#include "base/json_text.hpp"
#include "gateway/api/messages.hpp"
#include "gateway/app.hpp"
#include "gateway/http/request.hpp"

namespace gateway {

using nlohmann::json;

namespace {

constexpr std::size_t kAlive = 8u << 20;  // bytes to all browsers together
constexpr std::size_t kQueue = 1 << 20;   // bytes to a browser; samples have half of it, status three quarters
constexpr std::size_t kShown = 40;        // messages in one "log"
constexpr std::size_t kSamplesKept = 400;
constexpr milliseconds kDripEvery{200}, kDripMost{1000};
constexpr std::size_t kDripBytes = 250;  // so many browsers more, and the log comes a step less often

bool name_passes(const std::string& wanted, const json& message, const char* key) {
    if (wanted.empty()) return true;
    const auto at = message.find(key);
    if (at == message.end() || !at->is_string()) return false;
    const auto& name = at->get_ref<const std::string&>();
    if (wanted.back() == '*') return name.starts_with(std::string_view(wanted).substr(0, wanted.size() - 1));
    return name == wanted;
}

/// Signals are the main thread's to take.
template <class Run>
std::thread quiet_thread(Run run) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    std::thread thread(std::move(run));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
}

}  // namespace

bool Filter::passes(const json& message) const {
    if (!name_passes(sender, message, "sender") || !name_passes(target, message, "target")) return false;
    if (!name_passes(cast_type, message, "cast_type") || !name_passes(message_type, message, "message_type"))
        return false;
    if (text.empty()) return true;
    const auto content = message.find("content");
    if (content == message.end()) return false;
    return (content->is_string() ? content->get<std::string>() : dump(*content)).find(text) != std::string::npos;
}

bool Subscriber::push(Text text, std::size_t most) {
    if (queued_bytes + text->size() > most) return false;
    queued_bytes += text->size();
    queue.push_back(std::move(text));
    wake.notify();
    return true;
}

Hub::Hub(App& app) : app_(app) {}

void Hub::join() {
    if (event_thread_.joinable()) event_thread_.join();
    if (sample_thread_.joinable()) sample_thread_.join();
}

void Hub::start() {
    event_thread_ = quiet_thread([this] { watch_events(); });
    sample_thread_ = quiet_thread([this] { watch_samples(); });
}

void Hub::halt() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    changed_.notify_all();
}

void Hub::stop() {
    halt();
    for (const auto& subscriber : subscribers_) {
        subscriber->closing = true;
        subscriber->wake.notify();
    }
}

void Hub::add(std::shared_ptr<Subscriber> subscriber) {
    subscribers_.insert(std::move(subscriber));
    review();
}

void Hub::remove(const std::shared_ptr<Subscriber>& subscriber) {
    subscribers_.erase(subscriber);
    review();
}

void Hub::review() {
    const bool wanted = std::any_of(subscribers_.begin(), subscribers_.end(),
                                    [](const auto& s) { return s->wants(Subscriber::Topic::log); });
    const std::lock_guard lock(mutex_);
    if (log_wanted_ == wanted) return;
    log_wanted_ = wanted;
    changed_.notify_all();
}

Text Hub::text(std::string what) {
    const std::size_t size = what.size();
    *alive_ += size;
    return Text(new const std::string(std::move(what)), [alive = alive_, size](const std::string* last) {
        *alive -= size;
        delete last;
    });
}

void Hub::make_room() {
    while (*alive_ > kAlive) {
        const auto behind =
            std::max_element(subscribers_.begin(), subscribers_.end(),
                             [](const auto& a, const auto& b) { return a->queued_bytes < b->queued_bytes; });
        if (behind == subscribers_.end() || (*behind)->queue.empty()) return;
        // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): end() may let go of the list's one
        const std::shared_ptr<Subscriber> ending = *behind;
        for (const Text& queued : ending->queue) ending->queued_bytes -= queued->size();
        ending->queue.clear();
        ending->closing = true;
        ending->wake.notify();
        if (ending->end) ending->end();
        subscribers_.erase(behind);
        ++ended_;
    }
}

void Hub::tell_status(const Text& status, const Text& stats) {
    const Text first = text(R"({"type":"status","status":)" + *status + "}");
    Text second;
    for (const auto& subscriber : subscribers_) {
        if (subscriber->wants(Subscriber::Topic::status)) subscriber->push(first, kQueue / 4 * 3);
        if (!subscriber->wants(Subscriber::Topic::stats)) continue;
        if (second == nullptr) second = text(R"({"type":"stats","stats":)" + *stats + "}");
        subscriber->push(second, kQueue / 4 * 3);
    }
    make_room();
}

void Hub::tell_event(const json& event) {
    const Text event_json = text(dump({{"type", "presence"}, {"event", event}}));
    for (const auto& subscriber : subscribers_) {
        if (!subscriber->wants(Subscriber::Topic::presence)) continue;
        if (subscriber->lost_events > 0) {  // in the order of things: first that something is missing
            if (!subscriber->push(text(dump({{"type", "presence"}, {"lost", subscriber->lost_events}})), kQueue)) {
                ++subscriber->lost_events;
                continue;
            }
            subscriber->lost_events = 0;
        }
        if (!subscriber->push(event_json, kQueue)) ++subscriber->lost_events;
    }
    make_room();
}

void Hub::tell_reload() {
    const Text event_json = text(dump({{"type", "reload"}}));
    for (const auto& subscriber : subscribers_) subscriber->push(event_json, kQueue);
}

void Hub::take_samples(const json& samples) {
    for (const json& record : samples) {
        if (!record.is_object()) continue;
        seen_ += record.value("seen", std::uint64_t{1});
        if (samples_.size() < kSamplesKept) samples_.push_back(show_record(record, 0));
    }
    if (pacing_) return;
    pacing_ = true;
    asio::co_spawn(app_.io, limit_log(), asio::detached);
}

/// The first ones at once, then at most five times a second; less often the more look on, for each costs a write.
awaitable<void> Hub::limit_log() {
    error_code ec;
    asio::steady_timer timer(app_.io);
    while (!samples_.empty() && !stop_) {
        tell_log();
        timer.expires_after(
            std::min<milliseconds>(kDripEvery * (1 + static_cast<int>(subscribers_.size() / kDripBytes)), kDripMost));
        co_await timer.async_wait(into(ec));
    }
    pacing_ = false;
}

Text Hub::log_for(const Filter& filter, std::uint64_t dropped) {
    json shown = json::array();
    std::size_t passed = 0;
    for (const json& sample : samples_) {
        if (!filter.passes(sample)) continue;
        if (++passed <= kShown) shown.push_back(sample);
    }
    if (passed == 0) return nullptr;
    const std::uint64_t seen = filter.empty() || seen_ > samples_.size() ? seen_ : passed;
    const bool sampled = seen_ > samples_.size() || passed > shown.size();
    const std::size_t count = shown.size();
    return text(dump({{"type", "log"},
                      {"messages", std::move(shown)},
                      {"seen", seen},
                      {"shown", count},
                      {"sampled", sampled},
                      {"dropped", dropped}}));
}

void Hub::tell_log() {
    std::map<Filter, Text> made;  // most browsers have the same filter: none
    for (const auto& subscriber : subscribers_) {
        if (!subscriber->wants(Subscriber::Topic::log)) continue;
        const auto [at, fresh] = made.try_emplace(subscriber->filter);
        if (fresh) at->second = log_for(subscriber->filter, 0);
        Text text = at->second;
        if (text == nullptr) continue;
        // One of its own only for a browser that has room for it again: those that do not read are many, and it is
        // dear.
        if (subscriber->lost_samples > 0 && subscriber->queued_bytes + text->size() <= kQueue / 2)
            text = log_for(subscriber->filter, subscriber->lost_samples);
        if (subscriber->push(std::move(text), kQueue / 2))
            subscriber->lost_samples = 0;
        else
            subscriber->lost_samples += std::min(samples_.size(), kShown);
    }
    samples_.clear();
    seen_ = 0;
    make_room();
}

void Hub::watch_events() {
    std::optional<cast::Admin> admin;
    while (!stop_) {
        try {
            const bool begins = !admin;
            if (begins) admin.emplace(app_.client.watcher()), admin->set_timeout(milliseconds(1000));
            const auto event = admin->next_event(milliseconds(begins ? 0 : 250));
            if (!event && event.code() != cast::ErrorCode::timed_out) throw Failure(event.error());
            if (begins)
                asio::post(app_.io, [this] { app_.ports.refresh(); });  // from now on we hear of all that changes
            if (!event) continue;
            json event_json = cast::base::parse_json(event->json);
            asio::post(app_.io, [this, event_json = std::move(event_json)] {
                app_.monitor.event(event_json);
                app_.ports.noticed(event_json);
                tell_event(event_json);
            });
        } catch (const Failure&) {
            admin.reset();
            std::unique_lock lock(mutex_);
            changed_.wait_for(lock, milliseconds(500), [this] { return stop_.load(); });
        }
    }
}

/// Takes samples from the broker while a browser wants them; it picks none while nobody takes them.
void Hub::watch_samples() {
    const std::string request = dump({{"op", "tap"}, {"key", app_.settings.key}});
    std::optional<cast::Admin> admin;
    while (!stop_) {
        milliseconds pause = kDripEvery;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return log_wanted_ || stop_; });
        }
        try {
            if (stop_) return;
            if (!admin) admin.emplace(app_.client.watcher()), admin->set_timeout(milliseconds(1000));
            const auto answer = admin->call(request);
            if (!answer) throw Failure(answer.error());
            json taken = cast::base::parse_json(*answer);
            if (taken.is_object() && !taken["samples"].empty())
                asio::post(app_.io, [this, samples = std::move(taken["samples"])] { take_samples(samples); });
        } catch (const Failure&) {
            admin.reset();
            pause = milliseconds(500);
        }
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, pause, [this] { return stop_ || !log_wanted_; });
    }
}

}  // namespace gateway
