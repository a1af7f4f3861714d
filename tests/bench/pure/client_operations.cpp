// The client's halves, driven as its link drives them: Outbound with receipts that come, Inbound with a program that
// handles at once. One thread.
#include <memory>

#include "frames.hpp"
#include "operations.hpp"
#include "src/inbound/inbound.hpp"
#include "src/outbound/outbound.hpp"
#include "wire/bytes.hpp"
#include "wire/record.hpp"

namespace bench {

using namespace cast::detail;
namespace wire = cast::wire;

namespace {

constexpr std::size_t kMessages = 1000;  // that one step adds
constexpr std::uint64_t kLane = 7;
constexpr std::int64_t kBetweenUs = 100;  // steps
constexpr std::uint64_t kNoRoom = ~0ull;  // receipts come when the window is full

/// What Link::send (or, for plain texts, send_plain) does, and a broker that receipts half of what is on its way once
/// that is `on_way` batches.
class Sender {
public:
    Sender(std::size_t payload, std::size_t targets, std::uint64_t on_way, bool plain)
        : payload_(payload, 'p'), on_way_(on_way), plain_(plain) {
        for (std::size_t i = 0; i < targets; ++i) targets_.push_back(node_name(i));
        outbound_.online(out_);
    }

    void send() {
        if (plain_ && outbound_.plain().add(wire::Cast::unicast, kSender, targets_[next_], payload_)) {
            if (++next_ == targets_.size()) next_ = 0;
            return;
        }
        OutgoingRecord record;
        record.plain = plain_;
        record.sender = kSender;
        record.target = targets_[next_];
        record.type = "text";
        record.payload = payload_;
        if (++next_ == targets_.size()) next_ = 0;
        if (outbound_.add_more(record)) return;
        const std::size_t size = wire::record_bound(record.type, record.headers, record.payload);
        if (!outbound_.room(record.cast, record.target, size)) receipt(sent_);
        outbound_.add(record, out_);
        collect();
        if (sent_ - outbound_.seen() >= on_way_) receipt(sent_ - on_way_ / 2);
    }
    std::uint64_t receipted() const { return outbound_.seen(); }

private:
    void receipt(std::uint64_t through) {
        outbound_.receipt(through, {}, 0, out_);
        collect();
    }
    void collect() {
        if (out_.frames.empty()) return;
        sent_ = last_number(out_.frames.back());
        out_.frames.clear();
    }

    Outbound outbound_{7};
    ClientOutbox out_;
    std::string payload_;
    std::vector<std::string> targets_;
    std::size_t next_ = 0;
    std::uint64_t on_way_;
    bool plain_;
    std::uint64_t sent_ = 0;
};

Step outbound(std::size_t payload, std::size_t targets, std::uint64_t on_way, int warm_up, bool plain) {
    auto sender = std::make_shared<Sender>(payload, targets, on_way, plain);
    Step step = warmed_up(
        [sender] {
            for (std::size_t i = 0; i < kMessages; ++i) sender->send();
        },
        warm_up);
    require(sender->receipted() > 4, "nothing is receipted");
    return step;
}

/// One node that reads a mailbox of batches that come one after the other.
class Receiver {
public:
    explicit Receiver(std::size_t records) : records_(records), bytes_(std::make_shared<std::string>()) {
        append_batch(*bytes_, wire::Cast::unicast, 7, "bob", records);
        bob_.name = "bob";
        bob_.window = wire::kReaderWindow;
        inbound_.online();
        inbound_.opened(bob_, {{kLane, wire::kDefaultPriority, {}, 0, 0, 0}}, out_);
    }

    void receive() {
        wire::stamp_batch(bytes_->data(), kLane, sequence_, 0);
        sequence_ += records_;
        inbound_.deliver(wire::Slice(bytes_, bytes_->data(), bytes_->size()), now_us_, out_);
        for (Item item; bob_.pop(item); ++handled_) inbound_.finished(item, now_us_, out_);
        now_us_ += kBetweenUs;
        inbound_.tick(now_us_, false, out_);
        acks_ += out_.frames.size();
        out_.frames.clear();
    }
    std::size_t handled() const { return handled_; }
    std::size_t acks() const { return acks_; }

private:
    std::size_t records_;
    std::shared_ptr<std::string> bytes_;
    Inbound inbound_;
    Inbox bob_;
    ClientOutbox out_;
    std::uint64_t sequence_ = 1;
    std::int64_t now_us_ = 0;
    std::size_t handled_ = 0;
    std::size_t acks_ = 0;
};

Step inbound(std::size_t records) {
    auto receiver = std::make_shared<Receiver>(records);
    // Inbound remembers the latest 4,096 batches: only then does it forget one for each that comes.
    Step step = warmed_up([receiver] { receiver->receive(); }, 5000);
    require(receiver->handled() == 5000 && receiver->acks() > 10, "the node does not receive");
    return step;
}

}  // namespace

std::vector<Operation> client_operations() {
    return {{"outbound_plain_16", kMessages, 0.275, 40, [] { return outbound(16, 1, 8, 40, true); }},
            {"outbound_plain_100", kMessages, 1.557, 40, [] { return outbound(100, 1, 8, 20, true); }},
            {"outbound_typed_16", kMessages, 0.275, 40, [] { return outbound(16, 1, 8, 40, false); }},
            {"outbound_typed_100", kMessages, 1.557, 40, [] { return outbound(100, 1, 8, 20, false); }},
            {"outbound_1000_targets", kMessages, 111, 40, [] { return outbound(100, 1000, kNoRoom, 40, true); }},
            {"outbound_lone", kMessages, kMessages, 5, [] { return outbound(100, 1, 1, 2, true); }},
            {"inbound_100", kRecords, 1, 2000, [] { return inbound(kRecords); }},
            {"inbound_lone", 1, 1, 2000, [] { return inbound(1); }}};
}

}  // namespace bench
