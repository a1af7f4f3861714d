// Bounds-checked little-endian reading and writing of flat bytes. Pure; any thread.
// A Reader that runs over its end turns bad and gives zeros from then on: check ok() once, at the end.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace cast::wire {

static_assert(std::endian::native == std::endian::little, "the wire is little-endian, and so must be the machine");

template <class T>
T load(const char* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}
template <class T>
void store(char* at, T value) {
    std::memcpy(at, &value, sizeof value);
}

/// memcpy, but for few bytes (a name, a short payload) without a call.
inline void copy_bytes(char* to, const char* from, std::size_t size) {
    struct Sixteen {
        char bytes[16];
    };
    if (size > 32) {
        std::memcpy(to, from, size);
    } else if (size >= 16) {
        const auto head = load<Sixteen>(from), tail = load<Sixteen>(from + size - 16);
        store(to, head);
        store(to + size - 16, tail);
    } else if (size >= 8) {
        const auto head = load<std::uint64_t>(from), tail = load<std::uint64_t>(from + size - 8);
        store(to, head);
        store(to + size - 8, tail);
    } else {
        for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
    }
}

/// Equality of names without a call: they are short.
[[gnu::always_inline]] inline bool same_bytes(std::string_view a, std::string_view b) {
    const std::size_t n = a.size();
    if (n != b.size()) return false;
    if (n > 16) return a == b;
    if (n >= 8)
        return load<std::uint64_t>(a.data()) == load<std::uint64_t>(b.data()) &&
               load<std::uint64_t>(a.data() + n - 8) == load<std::uint64_t>(b.data() + n - 8);
    if (n >= 4)
        return load<std::uint32_t>(a.data()) == load<std::uint32_t>(b.data()) &&
               load<std::uint32_t>(a.data() + n - 4) == load<std::uint32_t>(b.data() + n - 4);
    for (std::size_t i = 0; i < n; ++i)
        if (a[i] != b[i]) return false;
    return true;
}

class Reader {
public:
    explicit Reader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    template <class T>
    T fixed() {
        if (left() < sizeof(T)) return fail<T>();
        T value = load<T>(at_);
        at_ += sizeof(T);
        return value;
    }
    std::uint8_t u8() { return fixed<std::uint8_t>(); }
    std::uint16_t u16() { return fixed<std::uint16_t>(); }
    std::uint32_t u32() { return fixed<std::uint32_t>(); }
    std::uint64_t u64() { return fixed<std::uint64_t>(); }
    std::string_view bytes(std::size_t size) {
        if (left() < size) return fail<std::string_view>();
        std::string_view part(at_, size);
        at_ += size;
        return part;
    }
    std::string_view str8() { return bytes(u8()); }
    std::string_view str16() { return bytes(u16()); }
    /// LEB128, at most five bytes (32 bits).
    std::uint32_t varint() {
        std::uint32_t value = 0;
        for (int shift = 0; shift < 35; shift += 7) {
            const std::uint8_t byte = u8();
            if (!ok_) return 0;
            if (shift == 28 && byte > 0x0F) return fail<std::uint32_t>();
            value |= std::uint32_t(byte & 0x7F) << shift;
            if ((byte & 0x80) == 0) return value;
        }
        return fail<std::uint32_t>();
    }
    /// A count of things that take at least `least` bytes each: bad when they cannot all be there.
    std::uint32_t count(std::size_t least) {
        const std::uint32_t n = u32();
        if (n > left() / least) return fail<std::uint32_t>();
        return n;
    }

    std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
    std::string_view rest() { return bytes(left()); }
    const char* at() const { return at_; }
    bool ok() const { return ok_; }
    /// Everything read, and nothing left over.
    bool done() const { return ok_ && at_ == end_; }

private:
    template <class T>
    T fail() {
        ok_ = false;
        at_ = end_;
        return T{};
    }
    const char* at_;
    const char* end_;
    bool ok_ = true;
};

class Writer {
public:
    explicit Writer(std::string& out) : out_(out) {}

    template <class T>
    Writer& fixed(T value) {
        char raw[sizeof value];
        store(raw, value);
        out_.append(raw, sizeof raw);
        return *this;
    }
    Writer& u8(std::uint8_t v) { return fixed(v); }
    Writer& u16(std::uint16_t v) { return fixed(v); }
    Writer& u32(std::uint32_t v) { return fixed(v); }
    Writer& u64(std::uint64_t v) { return fixed(v); }
    Writer& bytes(std::string_view v) {
        out_.append(v);
        return *this;
    }
    /// Truncated to 255 (str8) or 65535 (str16) bytes.
    Writer& str8(std::string_view v) {
        v = v.substr(0, 0xFF);
        return u8(static_cast<std::uint8_t>(v.size())).bytes(v);
    }
    Writer& str16(std::string_view v) {
        v = v.substr(0, 0xFFFF);
        return u16(static_cast<std::uint16_t>(v.size())).bytes(v);
    }
    Writer& varint(std::uint32_t v) {
        for (; v >= 0x80; v >>= 7) out_.push_back(static_cast<char>(v | 0x80));
        out_.push_back(static_cast<char>(v));
        return *this;
    }

private:
    std::string& out_;
};

}  // namespace cast::wire
