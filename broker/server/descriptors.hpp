// Descriptors: how many files and connections the process may have open, and how they are divided. Each connection is
// one; a client has two, one at the ROUTER and one at the PUB. The broker's own (the store, sockets, threads, a reload)
// come first: a reserve that no connection gets. The division is main's, at the start; accepting is libzmq's threads'.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "config/options.hpp"

namespace broker {

struct DescriptorPlan {
    std::size_t limit = 0;    ///< of the process (ulimit -n)
    std::size_t reserve = 0;  ///< of these for the broker itself
    std::size_t page = 0;     ///< connections to the page, the API and the ports of nodes
    std::size_t clients = 0;  ///< clients at a time
    int client_limit = 0;     ///< a client's connection with this number or a higher one is refused
    int page_limit = 0;       ///< the same of the page's, for which numbers are left that no client gets
};

/// Divides `limit` descriptors, of which `open` were open when the program began. Throws std::runtime_error with a
/// sentence for the operator when they are too few to serve anybody. Pure.
DescriptorPlan plan_descriptors(std::size_t limit, std::size_t open, const Options& options);

/// Raises the process's limit as far as the system allows, divides it, and holds libzmq's connections below it from now
/// on. Before the first socket and the store: libzmq aborts when it finds no descriptor for itself. Throws the same.
DescriptorPlan take_descriptors(const Options& options);

/// Lowers max-connections to what take_descriptors found room for. What to say of it, or an empty text.
std::string fit_connections(Options& options);

struct DescriptorCounts {
    DescriptorPlan plan;
    std::uint64_t refused = 0;  ///< connections of clients that were closed at once, because there was no room
};
DescriptorCounts descriptor_counts();

}  // namespace broker
