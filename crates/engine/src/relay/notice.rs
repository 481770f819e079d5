//! What engines that share rooms tell each other.

use std::time::{Duration, Instant};

use parlor_rtc::Rid;
use parlor_rtc::rtp::NtpTime;
use parlor_rtc::sdp::Codec;

use crate::allocate::{Asked, Demand};
use crate::id::{LayerId, PeerId, RoomId, Source, TrackId};
use crate::lip_sync::MediaClock;

/// How something stands, told by one engine to another.
#[derive(Clone, Debug)]
pub struct Notice(pub(super) Content);

#[derive(Clone, Debug)]
pub(super) enum Content {
    /// The sender has people of this room, too.
    Shares(RoomId),
    /// What there is to know of a track that is published at the sender.
    News(Box<News>),
    /// That is no more.
    Gone(TrackId),
    /// The media clock of one of its layers.
    Clock(Box<Clock>),
    /// What the sender's people have a use for of a track that is published at the receiver.
    Asks(TrackId, Box<Asks>),
    /// They need a key frame.
    KeyFrame(LayerId),
    /// The path of the publisher of a track overflows: what is larger than its smallest layer ends soon.
    Overflow(TrackId),
}

/// A track, whole.
#[derive(Clone, Debug)]
pub(super) struct News {
    pub(super) room: RoomId,
    pub(super) track: TrackId,
    pub(super) publisher: PeerId,
    pub(super) source: Source,
    pub(super) on: bool,
    /// The rid of each layer, `None` without simulcast.
    pub(super) layers: Vec<Option<Rid>>,
    /// The publisher's payload types.
    pub(super) codecs: Vec<(u8, Codec)>,
    /// What it carries now, if that is known.
    pub(super) codec: Option<Codec>,
    /// What its publisher is asked to send.
    pub(super) asked: Asked,
}

/// What a layer's media clock shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) layer: LayerId,
    /// By its publisher's wall clock.
    pub(super) media: MediaClock,
    pub(super) publishers: WallClock,
}

/// A publisher's wall clock, tied to the one that all engines of a process share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    pub(super) at: Instant,
    pub(super) shows: NtpTime,
}

impl WallClock {
    /// What it shows at `now`.
    pub(crate) fn at(&self, now: Instant) -> NtpTime {
        match now.checked_duration_since(self.at) {
            Some(later) => self.shows.after(later),
            None => {
                self.shows.before(self.at.checked_duration_since(now).unwrap_or(Duration::ZERO))
            }
        }
    }
}

/// What the people of one engine have a use for of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asks {
    /// Its packets.
    pub(super) packets: bool,
    /// Which encodings.
    pub(super) demand: Demand,
    /// Those that somebody receives, or waits for: one bit each.
    pub(super) reads: u32,
    /// The publisher's payload types that somebody who shows the track cannot decode: one bit each.
    pub(super) lacking: u128,
    /// How many cannot decode what it carries now.
    pub(super) excluded: u32,
}
