// SQLite writes its log in two calls a page. This VFS joins them: what is written to a log one after the other goes to
// the disk in one call, before it is synced or read. For databases with synchronous = FULL only: there SQLite syncs the
// log before anybody may see a commit, so nothing that counts is ever in a buffer of ours alone.
#pragma once

namespace broker {

/// The VFS's name for sqlite3_open_v2; registers it at the first call. Any thread. Null when SQLite has no VFS at all.
/// A write that fails is told by the call that caused it to leave the buffer: the next write, read or sync of the log.
const char* joining_vfs();

}  // namespace broker
