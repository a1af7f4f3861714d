// Asked by CMake whether what stands beside this file replaces libzmq's functions here: exits 0 if a peer that named
// itself is known to the ROUTER by a number all the same. Not part of the program.
#include <zmq.h>

#include <cstring>

int main() {
    void* context = zmq_ctx_new();
    void* router = zmq_socket(context, ZMQ_ROUTER);
    void* dealer = zmq_socket(context, ZMQ_DEALER);
    const int patience_ms = 5000, linger = 0;
    char end[128];
    std::size_t size = sizeof end;
    zmq_setsockopt(router, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
    zmq_setsockopt(dealer, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(dealer, ZMQ_ROUTING_ID, "chosen", 6);
    if (zmq_bind(router, "tcp://127.0.0.1:*") != 0 || zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, end, &size) != 0)
        return 2;
    if (zmq_connect(dealer, end) != 0 || zmq_send(dealer, "x", 1, 0) != 1) return 3;
    char id[64];
    const int got = zmq_recv(router, id, sizeof id, 0);
    zmq_close(dealer);
    zmq_close(router);
    zmq_ctx_term(context);
    return got == 5 && id[0] == 0 ? 0 : 1;
}
