// All operations in one list. One thread.
#include "operations.hpp"

#include <iterator>
#include <thread>

namespace bench {

std::vector<Operation> operations() {
    std::vector<Operation> all;
    for (auto* list : {wire_operations, client_operations, broker_operations}) {
        std::vector<Operation> some = list();
        all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
    }
    return all;
}

void be_threaded() {
    std::thread([] {}).join();
}

}  // namespace bench
