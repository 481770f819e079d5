//! The TURN server.

mod framing;
