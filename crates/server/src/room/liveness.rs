//! How long a silent member is waited for: the table of docs/protocol.md section 6, as a function, and its verdicts
//! carried out.

use std::time::{Duration, Instant};

use parlor_wire::{Ended, LeaveReason, PeerId, PeerState, Reason};

use parlor_rtc::connection::ANSWER_TIMEOUT;

use super::command::SessionId;
use super::member::Member;
use super::presence::CROWD_INTERVAL;
use super::state::RoomState;

/// Socket open, media silent for this long: the membership ends.
pub const MEDIA_PATIENCE: Duration = Duration::from_secs(30);
/// Socket closed, media arriving: the client has this long to open another socket.
pub const SOCKET_PATIENCE: Duration = Duration::from_secs(30);
/// Socket closed or quiet, and media silent: the others are told within this time that the member is gone.
pub const GONE_WITHIN: Duration = Duration::from_secs(8);
/// So the membership ends after this long: presence, which tells them, may have to wait for its turn.
pub const BOTH_PATIENCE: Duration = GONE_WITHIN.saturating_sub(CROWD_INTERVAL);
/// How long who was offered something may take to answer.
pub const ANSWER_PATIENCE: Duration = ANSWER_TIMEOUT;
/// How long the token of one who was lost gives back the same id.
pub const TOKEN_LIFE: Duration = Duration::from_secs(60);

/// A member's signalling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// A socket is open.
    Open(SessionId),
    /// It is open, but the client has stopped beating: its network may be gone.
    Quiet {
        /// The session of the socket.
        session: SessionId,
        /// When something last came.
        since: Instant,
    },
    /// There is no socket, and none will come: who came by WHIP or WHEP lives by its media alone.
    ByMedia(SessionId),
    /// It closed, and no other has come.
    Closed {
        /// When.
        since: Instant,
    },
}

/// A member's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// There is none yet: the member has not offered, which its dialect leaves to it.
    Absent,
    /// The server has offered it, and the client has not answered.
    Invited {
        /// Since when.
        since: Instant,
    },
    /// It has not come up yet.
    Connecting {
        /// Since when.
        since: Instant,
    },
    /// It arrives.
    Connected,
    /// It was up, and nothing arrives.
    Silent {
        /// The last arrival.
        since: Instant,
    },
    /// The connection was closed; only a fresh one helps.
    Over {
        /// When.
        since: Instant,
    },
}

/// What the table says of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What others see until then.
    pub shown: PeerState,
    /// When and how it ends, if nothing changes.
    pub end: Option<(Instant, End)>,
}

/// How a membership ends by silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The socket is open and is told; the token lives on.
    MediaSilent,
    /// It did not answer what it was offered.
    NotAnswered,
    /// It has no socket, and has closed its media: it has left.
    HungUp,
    /// Nobody came back to the socket; the token is void.
    NotResumed,
    /// Nothing was heard at all, be the socket closed or quiet; the token lives on.
    BothSilent,
}

/// Reads the table.
pub fn judge(link: Link, media: Media) -> Verdict {
    let (shown, silent_since) = match media {
        Media::Invited { since } | Media::Connecting { since } => {
            (PeerState::Connecting, Some(since))
        }
        Media::Absent | Media::Connected => (PeerState::Connected, None),
        Media::Silent { since } | Media::Over { since } => (PeerState::Reconnecting, Some(since)),
    };
    let is_over = matches!(media, Media::Over { .. });
    let end = match (link, silent_since) {
        // Of who has no media nothing is heard at all.
        (Link::Quiet { since, .. }, None) if media == Media::Absent => {
            Some((since + SOCKET_PATIENCE, End::BothSilent))
        }
        (Link::Open(_) | Link::Quiet { .. } | Link::ByMedia(_), None) => None,
        (Link::ByMedia(_), Some(silent)) if is_over => Some((silent, End::HungUp)),
        (Link::ByMedia(_), Some(since)) if matches!(media, Media::Invited { .. }) => {
            Some((since + ANSWER_PATIENCE, End::NotAnswered))
        }
        // Of who has no socket that is the time after which consent has expired (RFC 7675 section 5.1).
        (Link::Open(_) | Link::ByMedia(_), Some(silent)) => {
            Some((silent + MEDIA_PATIENCE, End::MediaSilent))
        }
        (Link::Closed { since }, None) => Some((since + SOCKET_PATIENCE, End::NotResumed)),
        (Link::Closed { since } | Link::Quiet { since, .. }, Some(silent)) => {
            Some((since.max(silent) + BOTH_PATIENCE, End::BothSilent))
        }
    };
    Verdict { shown, end }
}

impl RoomState {
    /// Ends what has been waited for long enough.
    pub(super) fn expire(&mut self, now: Instant) {
        self.lost.retain(|_, lost| lost.until > now);
        let overdue = |(&peer, member): (&PeerId, &Member)| {
            let (at, end) = judge(member.link, member.media).end?;
            (at <= now).then_some((peer, end))
        };
        let overdue: Vec<(PeerId, End)> = self.members.iter().filter_map(overdue).collect();
        for (peer, end) in overdue {
            match end {
                End::MediaSilent => {
                    let why = "No media has arrived from you for 30 seconds.".to_owned();
                    self.end_one(peer, Reason::ConnectionFailed, why, now);
                }
                End::NotAnswered => {
                    let why = format!(
                        "The server's offer was not answered within {} seconds.",
                        ANSWER_PATIENCE.as_secs()
                    );
                    self.end_one(peer, Reason::ConnectionFailed, why, now);
                }
                End::HungUp => {
                    let why = "You have closed your media connection.".to_owned();
                    self.tell_end(peer, Reason::ConnectionFailed, why);
                    self.remove(peer, LeaveReason::Left, None);
                }
                End::NotResumed => self.remove(peer, LeaveReason::Lost, None),
                End::BothSilent => {
                    let why = "Nothing was heard from you, nor media.".to_owned();
                    self.end_one(peer, Reason::ConnectionFailed, why, now);
                }
            }
        }
    }

    /// Ends one membership by the server's decision; its token lives on.
    pub(super) fn end_one(&mut self, peer: PeerId, reason: Reason, message: String, now: Instant) {
        self.tell_end(peer, reason, message);
        // Who has no socket has never been told its token.
        let comes_back = self.members.get(&peer).is_some_and(|member| member.manner.has_socket());
        self.remove(peer, LeaveReason::Lost, comes_back.then_some(now));
    }

    fn tell_end(&mut self, peer: PeerId, reason: Reason, message: String) {
        let session = self.members.get(&peer).and_then(Member::session);
        if let Some(session) = session {
            self.hang_up(session, Ended { reason, message });
        }
    }
}
