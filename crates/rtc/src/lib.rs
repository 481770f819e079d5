//! WebRTC's server side as values: STUN and ICE-lite, DTLS, SRTP, RTP, RTCP, SDP, congestion control.
//!
//! Nothing here opens a socket, starts a thread or reads a clock: time, datagrams and
//! randomness come in as arguments, datagrams and events go out as return values.

mod bytes;
pub mod congestion;
pub mod connection;
pub mod demux;
pub mod dtls;
pub mod framing;
#[doc(hidden)]
pub mod fuzzing;
pub mod ice;
pub mod id;
pub mod path;
pub mod payload;
pub mod receive;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod srtp;
pub mod stun;
pub mod turn;

pub use connection::Connection;
pub use id::{MediaKind, Mid, Rid};
pub use path::{DatagramSink, Path};
