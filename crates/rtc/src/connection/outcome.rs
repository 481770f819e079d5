//! What becomes of a connection and of what comes along it.

use std::time::Duration;

use crate::srtp::OpenError;
use crate::{Path, dtls, ice};

/// How long a client may take from the answer to its offer until DTLS is done. Browsers give up on
/// ICE after 15 to 30 s.
pub(super) const SETUP_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take to answer what the server has offered: so long does a counter-offer of
/// draft-ietf-wish-whep-03 hold that says nothing else.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It was STUN or DTLS and is done with.
    Handled,
    /// It was SRTP; the RTP packet is the first `len` bytes.
    Rtp {
        /// Bytes of the RTP packet.
        len: usize,
    },
    /// It was SRTCP; the RTCP packet is the first `len` bytes.
    Rtcp {
        /// Bytes of the RTCP packet.
        len: usize,
    },
    /// It changed nothing.
    Dropped(DropReason),
}

/// Why a datagram changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DropReason {
    /// Of no protocol that a connection speaks.
    #[error("neither STUN nor DTLS nor SRTP")]
    Unrecognized,
    /// A STUN message that is malformed, refused or unasked for.
    #[error(transparent)]
    Stun(#[from] ice::CheckError),
    /// DTLS from a path that no authenticated check has come from.
    #[error("DTLS from a path that ICE has not validated")]
    PathNotValidated,
    /// SRTP before there are keys.
    #[error("SRTP before the handshake is done")]
    NotConnected,
    /// SRTP that is malformed, repeated, or not authentic.
    #[error(transparent)]
    Srtp(#[from] OpenError),
    /// It came before the client's session description, so nobody can tell whether it is the client's.
    #[error("the client has not answered the server's offer yet")]
    Unanswered,
    /// The connection is over.
    #[error("the connection is closed")]
    Closed,
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The client's certificate is not the one of its session description.
    #[error("the client's certificate does not have the signalled fingerprint")]
    FingerprintMismatch,
    /// DTLS failed for another reason, or the client ended it.
    #[error(transparent)]
    Dtls(dtls::Failure),
    /// The client did not get as far as a finished handshake.
    #[error("the client did not connect within {} s", SETUP_TIMEOUT.as_secs())]
    SetupTimeout,
    /// The client did not answer what it was offered.
    #[error("the client did not answer the offer within {} s", ANSWER_TIMEOUT.as_secs())]
    AnswerTimeout,
    /// [`Connection::close`] was called.
    #[error("closed by the server")]
    ClosedByServer,
}

impl From<dtls::Failure> for CloseReason {
    fn from(failure: dtls::Failure) -> Self {
        match failure {
            dtls::Failure::FingerprintMismatch => CloseReason::FingerprintMismatch,
            other => CloseReason::Dtls(other),
        }
    }
}

/// What a connection has to tell, in the order it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A check of the client came along this path: datagrams that come along it are its own.
    PathValidated(Path),
    /// Media for the client takes this path from now on.
    PathSelected(Path),
    /// The path is no longer the client's: it was silent for too long, or one path too many.
    PathDropped(Path),
    /// DTLS is done: packets can be sealed and opened.
    Connected,
    /// It is over and will do nothing more.
    Closed(CloseReason),
}
