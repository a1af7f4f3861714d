// What a fork() does to links: they stay their parent's. In the child their threads do not exist, and what their
// sockets share with the parent must not be touched: there every call says `closed`, and what is destroyed is let be.
// The child may open connections of its own. Any thread.
#pragma once

namespace cast::detail {

class Link;

/// From now on, until forget_at_fork(), a fork finds this link at rest, and its copy in the child closed.
void remember_at_fork(Link& link);
void forget_at_fork(Link& link);

}  // namespace cast::detail
