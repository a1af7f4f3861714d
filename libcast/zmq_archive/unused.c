/* Stand-ins for what libzmq's static archive refers to and cast never uses: Kerberos (ZMQ_GSSAPI) and the multicast
 * transport norm://. No option of ours turns them on and no address of ours names them, so nothing here is ever
 * called; who gets here all the same has found a fault. They spare the programs the loading of eight libraries at each
 * start. Linked only into programs that carry libzmq in themselves (CMakeLists.txt beside this file). */
#include <stdlib.h>

#define UNUSED_FUNCTION(name)                  \
    __attribute__((noreturn)) void name(void); \
    void name(void) { abort(); }
#define UNUSED_VALUE(name)         \
    extern const void* const name; \
    const void* const name = 0;

UNUSED_FUNCTION(NormCreateInstance)
UNUSED_FUNCTION(NormCreateSession)
UNUSED_FUNCTION(NormDestroyInstance)
UNUSED_FUNCTION(NormDestroySession)
UNUSED_FUNCTION(NormGetDescriptor)
UNUSED_FUNCTION(NormGetNextEvent)
UNUSED_FUNCTION(NormGetRandomSessionId)
UNUSED_FUNCTION(NormIsUnicastAddress)
UNUSED_FUNCTION(NormNodeDelete)
UNUSED_FUNCTION(NormObjectGetType)
UNUSED_FUNCTION(NormObjectGetUserData)
UNUSED_FUNCTION(NormObjectSetUserData)
UNUSED_FUNCTION(NormSetCongestionControl)
UNUSED_FUNCTION(NormSetDefaultSyncPolicy)
UNUSED_FUNCTION(NormSetDefaultUnicastNack)
UNUSED_FUNCTION(NormSetLoopback)
UNUSED_FUNCTION(NormSetMulticastInterface)
UNUSED_FUNCTION(NormSetRxPortReuse)
UNUSED_FUNCTION(NormSetTTL)
UNUSED_FUNCTION(NormStartReceiver)
UNUSED_FUNCTION(NormStartSender)
UNUSED_FUNCTION(NormStopInstance)
UNUSED_FUNCTION(NormStopReceiver)
UNUSED_FUNCTION(NormStopSender)
UNUSED_FUNCTION(NormStreamFlush)
UNUSED_FUNCTION(NormStreamOpen)
UNUSED_FUNCTION(NormStreamRead)
UNUSED_FUNCTION(NormStreamSeekMsgStart)
UNUSED_FUNCTION(NormStreamWrite)
UNUSED_FUNCTION(gss_accept_sec_context)
UNUSED_FUNCTION(gss_acquire_cred)
UNUSED_FUNCTION(gss_delete_sec_context)
UNUSED_FUNCTION(gss_display_name)
UNUSED_FUNCTION(gss_import_name)
UNUSED_FUNCTION(gss_init_sec_context)
UNUSED_FUNCTION(gss_release_buffer)
UNUSED_FUNCTION(gss_release_cred)
UNUSED_FUNCTION(gss_release_name)
UNUSED_FUNCTION(gss_unwrap)
UNUSED_FUNCTION(gss_wrap)

UNUSED_VALUE(GSS_C_NT_HOSTBASED_SERVICE)
UNUSED_VALUE(GSS_C_NT_USER_NAME)
UNUSED_VALUE(NORM_INSTANCE_INVALID)
UNUSED_VALUE(NORM_NODE_ANY)
UNUSED_VALUE(NORM_OBJECT_INVALID)
UNUSED_VALUE(NORM_SESSION_INVALID)
