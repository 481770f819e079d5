//! Media threads: sockets, batching, mailboxes and the placement of rooms.
