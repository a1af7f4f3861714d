/* rand() that always says the same, preloaded into a broker: so a test knows the number that libzmq's ROUTER gives its
 * first peer. Glibc's own begins with this one where nobody seeds it. */
int rand(void);

int rand(void) { return 0x6b8b4567; }
