//! What sockets may hold of frames, in either direction. Beyond a little of its own each asks the pool that all
//! share (`max_socket_memory`), so that many sockets cannot take what each of them alone may.
//!
//! What a socket has once read into stays its own until it closes, since its buffer does. Buffers grow by
//! doubling: in memory it may be up to twice what is counted.

/// What a socket may read of a frame without asking, in bytes: every request but an offer.
pub(super) const OWN_INCOMING: usize = 16 * 1024;

/// By so much a socket asks for more, in bytes: a browser's offer takes one or two.
pub(super) const STEP: usize = 16 * 1024;

/// What may wait for a socket's reader without asking, in bytes: minutes of ordinary talk.
pub(super) const OWN_OUTGOING: usize = 64 * 1024;
