// One description of each row serves both directions (`fields`). It takes the row apart, so that a member which is
// added to a row and not here does not compile.
#include "store/codec.hpp"

#include <array>
#include <concepts>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "wire/bytes.hpp"
#include "wire/frame.hpp"

namespace broker {
namespace {

using cast::wire::GapReason;
using cast::wire::Slice;

template <class Io, class Row>
requires std::same_as<std::remove_const_t<Row>, cast::wire::Outcome>
void fields(Io& io, Row& row) {
    auto& [number, code] = row;
    io(number, code);
}
template <class Io, class Row>
requires std::same_as<std::remove_const_t<Row>, GoneRange>
void fields(Io& io, Row& row) {
    auto& [from, to, reason] = row;
    io(from, to, reason);
}
template <class Io, class Row>
requires std::same_as<std::remove_const_t<Row>, NodeRow>
void fields(Io& io, Row& row) {
    auto& [name, created, port, holder] = row;
    io(name, created, port, holder);
}
template <class Io, class Row>
requires std::same_as<std::remove_const_t<Row>, StreamRow>
void fields(Io& io, Row& row) {
    auto& [id, kind, created, owner, last, floor, high, passed, messages, bytes, chunk_first, chunk_bytes, gone,
           delivery_attempts, began] = row;
    io(id, kind, created, owner, last, floor, high, passed, messages, bytes, chunk_first, chunk_bytes, gone,
       delivery_attempts, began);
}
template <class Io, class Row>
requires std::same_as<std::remove_const_t<Row>, MemberRow>
void fields(Io& io, Row& row) {
    auto& [node, stream, cursor, high] = row;
    io(node, stream, cursor, high);
}
template <class Io, class Row>
requires std::same_as<std::remove_const_t<Row>, SessionRow>
void fields(Io& io, Row& row) {
    auto& [id, through, refused, delivered, blocked, secret] = row;
    io(id, through, refused, delivered, blocked, secret);
}
template <class Io, class Row>
requires std::same_as<std::remove_const_t<Row>, ChunkRow>
void fields(Io& io, Row& row) {
    auto& [stream, first, last, extends, messages, bytes, arrival_us, expires_us, frames] = row;
    io(stream, first, last, extends, messages, bytes, arrival_us, expires_us, frames);
}
template <class Io, class Row>
requires std::same_as<std::remove_const_t<Row>, DeadLetterRow>
void fields(Io& io, Row& row) {
    auto& [stream, number, dead_at_us, frame] = row;
    io(stream, number, dead_at_us, frame);
}
template <class Io, class Row>
requires std::same_as<std::remove_const_t<Row>, Erasure>
void fields(Io& io, Row& row) {
    auto& [stream, through, from] = row;
    io(stream, through, from);
}
template <class Io, class First, class Second>
void fields(Io& io, std::pair<First, Second>& pair) {
    io(pair.first, pair.second);
}
template <class Io, class First, class Second>
void fields(Io& io, const std::pair<First, Second>& pair) {
    io(pair.first, pair.second);
}

/// The order in the bytes. The names are what a decoding that fails says.
template <class Io, class Whole>
void transaction_fields(Io& io, Whole& t) {
    auto& [turn, next_stream, forgetful_epoch, session_us, nodes_gone, streams_gone, dead_letters_gone, members_gone,
           sessions_gone, nodes, streams, letters, members, sessions, erasures, chunks] = t;
    io.part("the head", turn, next_stream, forgetful_epoch, session_us);
    io.part("nodes_gone", nodes_gone);
    io.part("streams_gone", streams_gone);
    io.part("dead_letters_gone", dead_letters_gone);
    io.part("members_gone", members_gone);
    io.part("sessions_gone", sessions_gone);
    io.part("nodes", nodes);
    io.part("streams", streams);
    io.part("letters", letters);
    io.part("members", members);
    io.part("sessions", sessions);
    io.part("erasures", erasures);
    io.part("chunks", chunks);
}

class Encoder {
public:
    explicit Encoder(std::string& out) : out_(out) {}

    template <class... Values>
    void operator()(const Values&... values) {
        (put(values), ...);
    }
    template <class... Values>
    void part(const char*, const Values&... values) {
        (put(values), ...);
    }

private:
    void put(bool value) { out_.u8(value ? 1 : 0); }
    template <class Number>
    requires std::is_integral_v<Number> || std::is_enum_v<Number>
    void put(Number value) { out_.fixed(value); }
    void put(const std::string& text) { out_.u32(static_cast<std::uint32_t>(text.size())).bytes(text); }
    void put(const Slice& frame) { out_.u32(static_cast<std::uint32_t>(frame.size())).bytes(frame.view()); }
    void put(const SecretHash& hash) { out_.bytes({reinterpret_cast<const char*>(hash.data()), hash.size()}); }
    template <class Row>
    void put(const std::vector<Row>& rows) {
        out_.u32(static_cast<std::uint32_t>(rows.size()));
        for (const Row& row : rows) put(row);
    }
    template <class Row>
    requires std::is_class_v<Row>
    void put(const Row& row) { fields(*this, row); }
    cast::wire::Writer out_;
};

/// How many bytes the least of these takes: one whose strings and lists are empty.
template <class Row>
std::size_t least_size() {
    static const std::size_t size = [] {
        std::string bytes;
        Encoder encoder(bytes);
        encoder(Row{});
        return bytes.size();
    }();
    return size;
}

/// Once something is wrong it reads zeros, and keeps what was wrong first.
class Decoder {
public:
    explicit Decoder(const Slice& bytes) : whole_(bytes), in_(bytes.view()) {}

    template <class... Values>
    void operator()(Values&... values) {
        (get(values), ...);
    }
    template <class... Values>
    void part(const char* name, Values&... values) {
        (get(values), ...);
        if (!why_.empty() || (in_.ok() && fault_ == nullptr)) return;
        why_ = std::string(name) + ": " + (fault_ != nullptr ? fault_ : "the bytes end within it");
    }
    std::string why() const {
        if (why_.empty() && in_.left() > 0) return std::to_string(in_.left()) + " bytes follow its end";
        return why_;
    }
    std::uint16_t version() { return in_.u16(); }

private:
    void wrong(const char* fault) {
        if (fault_ == nullptr && in_.ok()) fault_ = fault;
    }
    bool good() const { return in_.ok() && fault_ == nullptr; }

    template <class Number>
    requires std::is_integral_v<Number> || std::is_enum_v<Number>
    void get(Number& value) { value = in_.fixed<Number>(); }
    void get(bool& value) {
        const std::uint8_t byte = in_.u8();
        if (byte > 1) wrong("a truth is neither 0 nor 1");
        value = byte == 1;
    }
    void get(GapReason& reason) {
        reason = static_cast<GapReason>(in_.u8());
        if (reason < GapReason::expired || reason > GapReason::redeliveries) wrong("a gap has no reason that is known");
    }
    void get(std::string& text) { text = in_.bytes(in_.u32()); }
    void get(Slice& frame) {
        const std::string_view bytes = in_.bytes(in_.u32());
        if (bytes.size() < cast::wire::kFrameHeader) return wrong("a frame is shorter than its header");
        frame = whole_.part(static_cast<std::size_t>(bytes.data() - whole_.data()), bytes.size());
    }
    void get(SecretHash& hash) {
        const std::string_view bytes = in_.bytes(hash.size());
        if (bytes.size() == hash.size()) std::copy(bytes.begin(), bytes.end(), hash.begin());
    }
    template <class Row>
    void get(std::vector<Row>& rows) {
        const std::uint32_t count = in_.count(least_size<Row>());
        if (!good()) return;
        rows.reserve(count);
        for (std::uint32_t i = 0; i < count && good(); ++i) get(rows.emplace_back());
    }
    template <class Row>
    requires std::is_class_v<Row>
    void get(Row& row) { fields(*this, row); }

    const Slice& whole_;
    cast::wire::Reader in_;
    const char* fault_ = nullptr;  // what the bytes say that no transaction says
    std::string why_;
};

/// About what its encoding takes. What a row says of its bytes may be wrong where it was read from a damaged encoding.
std::size_t size_of(const Transaction& t) {
    std::size_t bytes = 4096;
    for (const ChunkRow& chunk : t.chunks) {
        bytes += 128;
        for (const Slice& frame : chunk.frames) bytes += 4 + frame.size();
    }
    for (const DeadLetterRow& letter : t.letters) bytes += 64 + letter.frame.size();
    return bytes;
}

}  // namespace

std::string encode_transaction(const Transaction& transaction) {
    std::string bytes;
    bytes.reserve(size_of(transaction));
    cast::wire::Writer(bytes).u16(kTransactionVersion);
    Encoder encoder(bytes);
    transaction_fields(encoder, transaction);
    return bytes;
}

std::string decode_transaction(const Slice& bytes, Transaction& transaction) {
    transaction = {};
    Decoder decoder(bytes);
    const std::uint16_t version = decoder.version();
    if (bytes.size() < sizeof version) return "no transaction: it has no version";
    if (version != kTransactionVersion)
        return "a transaction of version " + std::to_string(version) + ", and version " +
               std::to_string(kTransactionVersion) + " alone is known";
    transaction_fields(decoder, transaction);
    std::string why = decoder.why();
    if (why.empty()) return {};
    transaction = {};
    return "a damaged transaction: " + why;
}

}  // namespace broker
