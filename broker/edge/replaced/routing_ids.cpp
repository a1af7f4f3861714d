// The one function of libzmq that tells the ROUTER by which id a peer wants to be known. Linked over the archive's own
// by
// -Wl,--wrap (CMakeLists.txt beside this file); runs on libzmq's I/O threads.
//
// A peer that names itself zero byte + the number that the ROUTER is about to give out makes libzmq 4.3.4 abort at the
// next peer that has no name: the ROUTER gives that number without looking. An empty id makes it number every peer, so
// that nobody's choice reaches it. (ZMTP 1 and 2 carry ids another way: the ends refuse them, edge.cpp.)
#include <zmq.h>

namespace {

constexpr unsigned char kRoutingIdFlag = 64;  // libzmq's msg_t::routing_id

}  // namespace

// libzmq's msg_t has the size and place of the public zmq_msg_t.
void set_flags(zmq_msg_t* message, unsigned char flags) asm("_ZN3zmq5msg_t9set_flagsEh");

[[gnu::used]] void peer_routing_id(void* mechanism,
                                   zmq_msg_t* id) asm("__wrap__ZN3zmq11mechanism_t15peer_routing_idEPNS_5msg_tE");

void peer_routing_id(void*, zmq_msg_t* id) {
    zmq_msg_init_size(id, 0);  // nothing is allocated: it cannot fail
    set_flags(id, kRoutingIdFlag);
}

/// ZmqEdge looks whether this file is linked.
extern const bool cast_edge_numbers_peers;  // NOLINT(readability-identifier-naming): a symbol
[[gnu::used]] const bool cast_edge_numbers_peers = true;
