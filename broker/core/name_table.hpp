// NameTable: the nodes, or the groups, that there are: found by their names, and in the order of these. Owns them. What
// it needs of each lies in the thing itself (Named): there may be very many, and each byte counts. Broker's thread.
#pragma once
#include <boost/intrusive/set.hpp>
#include <boost/intrusive/unordered_set.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace broker {

namespace intrusive = boost::intrusive;

using InOrder = intrusive::set_base_hook<intrusive::link_mode<intrusive::normal_link>, intrusive::optimize_size<true>>;
using InBucket = intrusive::unordered_set_base_hook<intrusive::link_mode<intrusive::normal_link>>;

/// What a table finds by its name.
struct Named : InOrder, InBucket {
    Named() = default;
    Named(const Named&) = delete;  // its place is where it is
    Named& operator=(const Named&) = delete;

    std::string name;  ///< stays as it is while a table has it
};

template <class T>
class NameTable {
    struct NameOf {
        using type = std::string_view;
        type operator()(const T& one) const { return one.name; }
    };
    struct Hash {
        std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
    };
    using Key = intrusive::key_of_value<NameOf>;
    using Buckets =
        intrusive::unordered_set<T, intrusive::base_hook<InBucket>, Key, intrusive::hash<Hash>,
                                 intrusive::equal<std::equal_to<std::string_view>>, intrusive::power_2_buckets<true>>;
    using Bucket = typename Buckets::bucket_type;

public:
    using Order =
        intrusive::set<T, intrusive::base_hook<InOrder>, Key, intrusive::compare<std::less<std::string_view>>>;

    NameTable() = default;
    NameTable(const NameTable&) = delete;
    NameTable& operator=(const NameTable&) = delete;
    ~NameTable() {
        order_.clear();
        found_.clear_and_dispose(std::default_delete<T>());
    }

    /// Null: there is none.
    T* find(std::string_view name) {
        const auto at = found_.find(name);
        return at == found_.end() ? nullptr : &*at;
    }
    /// There must be none of that name. Unless listed it is not in by_name().
    T& add(std::unique_ptr<T> one, bool listed) {
        if (found_.size() >= room_) grow();
        T& added = *one.release();
        found_.insert(added);
        if (listed) order_.insert(added);
        return added;
    }
    std::unique_ptr<T> take(T& one, bool listed) {
        if (listed) order_.erase(order_.iterator_to(one));
        found_.erase(found_.iterator_to(one));
        return std::unique_ptr<T>(&one);
    }

    std::size_t size() const { return found_.size(); }
    /// So many are found without larger buckets: to fill those from many takes a turn tens of milliseconds.
    std::size_t room() const { return room_; }
    const Order& by_name() const { return order_; }  ///< those that are listed
    template <class Visit>
    void for_each(Visit&& visit) {
        for (T& one : found_) visit(one);
    }

private:
    static constexpr std::size_t kFew = 16, kSome = 1u << 14, kMany = 1u << 17;

    /// Beyond some there is room at once for the default of max-nodes.
    void grow() {
        const std::size_t room = room_ == kSome ? kMany : 2 * room_;
        auto buckets = std::make_unique<Bucket[]>(room);
        found_.rehash(typename Buckets::bucket_traits(buckets.get(), room));
        buckets_ = std::move(buckets);
        room_ = room;
    }

    std::size_t room_ = kFew;
    std::unique_ptr<Bucket[]> buckets_ = std::make_unique<Bucket[]>(kFew);
    Buckets found_{typename Buckets::bucket_traits(buckets_.get(), kFew)};
    Order order_;
};

}  // namespace broker
