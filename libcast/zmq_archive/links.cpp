// Asked by CMake whether libzmq's static archive links on this system. Not part of the program.
extern "C" void* zmq_ctx_new(void);
extern "C" void* zmq_socket(void*, int);
extern "C" int zmq_socket_monitor(void*, const char*, int);

int main() { return zmq_socket_monitor(zmq_socket(zmq_ctx_new(), 5), "inproc://a", 1); }
