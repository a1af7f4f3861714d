// Slice: a view on bytes together with a share in their owner. Copying it copies no bytes.
// The bytes live as long as any slice on them; the owner's release may run on any thread.
#pragma once
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace cast::wire {

class Slice {
public:
    Slice() = default;
    Slice(std::shared_ptr<const void> owner, const char* data, std::size_t size)
        : owner_(std::move(owner)), data_(data), size_(size) {}

    /// A slice on its own copy of `bytes`: one allocation.
    static Slice copy(std::string_view bytes) {
        auto owner = std::make_shared_for_overwrite<char[]>(bytes.size());
        if (!bytes.empty()) std::memcpy(owner.get(), bytes.data(), bytes.size());
        const char* data = owner.get();
        return Slice(std::move(owner), data, bytes.size());
    }
    /// A slice that takes a string over.
    static Slice take(std::string&& bytes) {
        auto owner = std::make_shared<const std::string>(std::move(bytes));
        const char* data = owner->data();
        const std::size_t size = owner->size();
        return Slice(std::move(owner), data, size);
    }

    const char* data() const { return data_; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    std::string_view view() const { return {data_, size_}; }
    /// A part of it that shares the owner. `at + size` must lie within.
    Slice part(std::size_t at, std::size_t size) const { return Slice(owner_, data_ + at, size); }
    const std::shared_ptr<const void>& owner() const { return owner_; }
    /// The same bytes, whoever owns them.
    bool operator==(const Slice& other) const { return view() == other.view(); }

private:
    std::shared_ptr<const void> owner_;
    const char* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace cast::wire
