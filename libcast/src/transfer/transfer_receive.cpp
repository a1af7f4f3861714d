// cast::FileReceiver: received chunks become files in a folder. On the thread that calls it.
#include <cast/transfer.hpp>

#include <deque>
#include <map>

#include "src/node/message_access.hpp"
#include "src/node/node_state.hpp"
#include "src/session/session_time.hpp"
#include "src/transfer/transfer_assembly.hpp"
#include "src/transfer/transfer_folder.hpp"
#include "src/transfer/transfer_words.hpp"

namespace cast {

using detail::FileAssembly;
using detail::FileHead;
using detail::FileWord;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kOpenParts = 64;     // descriptors; who exceeds it has others closed, and hashed again later
constexpr std::size_t kRemembered = 1024;  // tries that are over
constexpr milliseconds kReportTime{2000};  // for room in our own window
constexpr std::int64_t kAtOnce = 1;        // a deadline that has passed: a target that is full refuses for good

struct Incoming {
    detail::Descriptor part;
    FileAssembly books;
    base::Sha256 hash;
    std::uint64_t used = 0;
};

}  // namespace

struct FileReceiver::State {
    State(Node& n, detail::FileFolder f) : node(detail::NodeAccess::state(n)), self(n.name()), folder(std::move(f)) {}
    ~State();
    State(const State&) = delete;

    FileEvent take(const Message& message, const FileHead& head);
    FileEvent whole(const Message& message);
    FileEvent last(const Message& message, const FileHead& head, const std::string& part, FileEvent event);
    FileEvent chunk(const Message& message, const FileHead& head, const std::string& part, FileEvent event);
    FileEvent verify(const FileHead& head, std::uint64_t end, const std::string& part, FileEvent event);
    FileEvent saved(const FileHead& head, const std::string& part, FileEvent event);
    FileEvent failed(const FileHead& head, const std::string& part, FileEvent event, Error error);
    Result<Incoming*> incoming(const std::string& part);
    std::string part_name(const Message& message, const FileHead& head) const;
    void report(const FileHead& head, FileWord word);
    void tell(const FileHead& head, FileWord::State state, std::uint64_t offset);
    void remember(const FileHead& head, const std::string& part, FileWord word);

    std::weak_ptr<Node::State> node;
    std::string self;
    detail::FileFolder folder;
    std::map<std::string, Incoming> open;  // by the part's name
    std::map<std::string, FileWord> over;  // by the part's name and the correlation: what became of it
    std::deque<std::string> over_order;
    std::deque<std::uint64_t> reports;  // watches of those under way: their refusals are not the program's affair
    std::uint64_t uses = 0;
};

FileReceiver::State::~State() {
    const auto state = node.lock();
    if (state == nullptr) return;
    detail::Lock lock = state->link->lock();
    for (const std::uint64_t token : reports) state->link->session(lock).outbound().forget(token);
}

// A node and a sender of its own make its own part: nobody can write into another's.
std::string FileReceiver::State::part_name(const Message& message, const FileHead& head) const {
    std::string key(self);
    key.append(1, '\0').append(message.sender()).append(1, '\0').append(head.transfer);
    return ".cast-" + base::sha256_hex(key).substr(0, 32) + ".part";
}

void FileReceiver::State::report(const FileHead& head, FileWord word) {
    if (head.report_to.empty()) return;
    word.transfer = head.transfer;
    word.correlation = head.correlation;
    const auto state = node.lock();
    if (state == nullptr) return;
    const Message message = word_message(word, head.report_to);
    const MessageAccess::Draft& draft = *MessageAccess::draft(message);
    const std::string headers = wire::encode_headers(draft.headers);
    detail::OutgoingRecord p;
    p.sender = self;
    p.from = state->attachment.get();
    p.target = head.report_to;
    p.payload = draft.payload;
    p.type = draft.type;
    p.headers = headers;
    p.token = detail::next_token();
    p.deadline_us = kAtOnce;
    detail::Link& link = *state->link;
    {
        detail::Lock lock = link.lock();
        detail::Outbound& outbound = link.session(lock).outbound();
        ErrorCode code = ErrorCode::ok;
        std::erase_if(reports, [&](const std::uint64_t token) { return outbound.outcome(token, code); });
        const std::size_t size = wire::record_bound(p.type, p.headers, p.payload);
        auto room = [&] { return outbound.room(p.cast, p.target, size); };
        if (!link.wait(lock, detail::deadline_us(kReportTime), room)) return;
    }
    // Whether it is heard is the sender's affair: it asks again. Whoever names a target decides nothing about us: we do
    // not wait until it has room, nor until the broker has answered.
    if (link.send(p)) reports.push_back(p.token);
}

void FileReceiver::State::tell(const FileHead& head, FileWord::State state, std::uint64_t offset) {
    FileWord word;
    word.state = state;
    word.offset = offset;
    report(head, std::move(word));
}

void FileReceiver::State::remember(const FileHead& head, const std::string& part, FileWord word) {
    open.erase(part);
    const std::string key = part + head.correlation;
    if (over.emplace(key, word).second) over_order.push_back(key);
    if (over_order.size() > kRemembered) {
        over.erase(over_order.front());
        over_order.pop_front();
    }
    report(head, std::move(word));
}

FileEvent FileReceiver::State::failed(const FileHead& head, const std::string& part, FileEvent event, Error error) {
    folder.remove_part(part);
    event.kind = FileEvent::Kind::failed;
    event.error = error;
    FileWord word;
    word.state = FileWord::State::failed;
    word.error = std::move(error);
    remember(head, part, std::move(word));
    return event;
}

FileEvent FileReceiver::State::saved(const FileHead& head, const std::string& part, FileEvent event) {
    event.kind = FileEvent::Kind::saved;
    event.sha256 = head.sha256;
    FileWord word;
    word.state = FileWord::State::saved;
    word.name = event.name;
    remember(head, part, std::move(word));
    return event;
}

// The part's books, with what an earlier try has left of it.
Result<Incoming*> FileReceiver::State::incoming(const std::string& part) {
    auto at = open.find(part);
    if (at == open.end()) {
        if (open.size() >= kOpenParts) {
            auto oldest = open.begin();
            for (auto i = open.begin(); i != open.end(); ++i)
                if (i->second.used < oldest->second.used) oldest = i;
            open.erase(oldest);
        }
        Incoming made;
        std::uint64_t length = 0;
        if (auto found = folder.find_part(part, length)) {
            if (!detail::hash_front(found->get(), length, made.hash)) return detail::save_error("read", part);
            made.part = std::move(*found);
            made.books = FileAssembly(length);
        }
        at = open.emplace(part, std::move(made)).first;
    }
    at->second.used = ++uses;
    return &at->second;
}

FileEvent FileReceiver::State::verify(const FileHead& head, std::uint64_t end, const std::string& part,
                                      FileEvent event) {
    Incoming& file = open.find(part)->second;
    if (file.books.held() != end || file.hash.hex() != head.sha256) {
        const bool resumed = file.books.resumed();
        if (!resumed) {
            Error other{ErrorCode::malformed, "'" + event.name + "' arrived with another SHA-256 than its sender told"};
            return failed(head, part, std::move(event), std::move(other));
        }
        folder.remove_part(part);  // of an earlier try with other content
        open.erase(part);
        event.held = 0;
        tell(head, FileWord::State::back, 0);
        return event;
    }
    if (!file.part) {  // an empty file
        auto made = folder.make_part(part);
        if (!made) return failed(head, part, std::move(event), made.error());
        file.part = std::move(*made);
    }
    auto name = folder.finish(file.part, part, event.name);
    if (!name) return failed(head, part, std::move(event), name.error());
    event.name = std::move(*name);
    return saved(head, part, std::move(event));
}

FileEvent FileReceiver::State::last(const Message& message, const FileHead& head, const std::string& part,
                                    FileEvent event) {
    const std::uint64_t end = head.offset + message.payload().size();
    if (head.size && *head.size != end) {
        Error other{ErrorCode::malformed, "'" + event.name + "' ends at another size than its sender told"};
        return failed(head, part, std::move(event), std::move(other));
    }
    if (message.redelivered()) {
        // Perhaps it was saved, and only the acknowledgement was lost.
        if (auto name = folder.find_same(event.name, end, head.sha256)) {
            folder.remove_part(part);
            event.name = std::move(*name);
            event.held = end;
            return saved(head, part, std::move(event));
        }
    }
    const auto before = open.find(part);
    const bool heard_of_us = before != open.end() && before->second.books.known_to(head.correlation);
    event = chunk(message, head, part, std::move(event));
    if (event.kind == FileEvent::Kind::failed || event.held < end) return event;
    if (!heard_of_us) tell(head, FileWord::State::have, end);  // syncing may take long
    return verify(head, end, part, std::move(event));
}

FileEvent FileReceiver::State::chunk(const Message& message, const FileHead& head, const std::string& part,
                                     FileEvent event) {
    auto found = incoming(part);
    if (!found) return failed(head, part, std::move(event), found.error());
    Incoming& file = **found;
    const auto step = file.books.chunk(head.offset, message.payload(), head.last(), message.redelivered());
    if (step.act == FileAssembly::Act::append) {
        if (!file.part) {
            auto made = folder.make_part(part);
            if (!made) return failed(head, part, std::move(event), made.error());
            file.part = std::move(*made);
        }
        if (const auto written = folder.write(file.part, file.books.held(), step.bytes, event.name); !written)
            return failed(head, part, std::move(event), written.error());
        file.hash.add(step.bytes);
        file.books.appended(step.bytes.size());
    }
    event.held = file.books.held();
    if (step.act == FileAssembly::Act::back) {
        file.books.mark_reported(head.correlation);
        tell(head, FileWord::State::back, event.held);
    } else if (file.books.due(head.correlation, detail::kFileReportEach)) {
        tell(head, FileWord::State::have, event.held);
    }
    return event;
}

FileEvent FileReceiver::State::take(const Message& message, const FileHead& head) {
    FileEvent event;
    event.kind = FileEvent::Kind::part;
    event.sender = message.sender();
    event.name = clean_file_name(head.name);
    event.size = head.size;
    const std::string part = part_name(message, head);
    if (const auto before = over.find(part + head.correlation); before != over.end()) {
        if (head.offer || head.last()) report(head, before->second);
        return event;
    }
    if (head.last()) return last(message, head, part, std::move(event));
    if (!head.offer) return chunk(message, head, part, std::move(event));
    auto found = incoming(part);
    if (!found) return failed(head, part, std::move(event), found.error());
    event.held = (*found)->books.held();
    (*found)->books.mark_reported(head.correlation);
    tell(head, FileWord::State::have, event.held);
    return event;
}

// A message of type "file" that says nothing of a transfer: it is the file.
FileEvent FileReceiver::State::whole(const Message& message) {
    FileHead head;
    head.name = std::string(message.header("name").value_or("file"));
    head.sha256 = base::sha256_hex(message.payload());
    head.correlation =
        std::to_string(message.sequence()) + "." + std::to_string(message.arrival().time_since_epoch().count());
    head.transfer = detail::transfer_id(head.name, message.payload().size(), head.correlation);
    return take(message, head);
}

FileReceiver::FileReceiver(std::unique_ptr<State> state) : state_(std::move(state)) {}
FileReceiver::FileReceiver(FileReceiver&&) noexcept = default;
FileReceiver& FileReceiver::operator=(FileReceiver&&) noexcept = default;
FileReceiver::~FileReceiver() = default;

Result<FileReceiver> FileReceiver::open(Node& node, const std::string& path) {
    auto folder = detail::FileFolder::open(path);
    if (!folder) return folder.error();
    folder->remove_old_parts();
    return FileReceiver(std::make_unique<State>(node, std::move(*folder)));
}

FileEvent FileReceiver::take(const Message& message) {
    if (message.type() != detail::kFileType) return {};
    if (const auto head = detail::read_head(message)) return state_->take(message, *head);
    if (message.header("part") || message.header("transfer")) return {};
    return state_->whole(message);
}

}  // namespace cast
