//! One receive section of a peer's connection, and which track the server sends over it.

use parlor_rtc::rtp::Ssrc;
use parlor_rtc::sdp::{self, Codec, MediaSection, Negotiation};
use parlor_rtc::{MediaKind, Mid};

use crate::allocate::{Demand, Given};
use crate::assign::Place;
use crate::change::SlotState;
use crate::lately::Lately;
use crate::measure::Quality;
use crate::outgoing::Outgoing;
use crate::packet::Headers;
use crate::pins::{Hold, stream_of};
use crate::track::{Track, TrackKey, TrackRef};

/// What a slot carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Feed {
    /// Nothing.
    #[default]
    Empty,
    /// A track of which nothing is sent: it is off, not shown, or the peer is not connected yet.
    Paused(TrackRef),
    /// A track whose packets are sent.
    Flowing(TrackRef),
}

impl Feed {
    pub(crate) fn track(self) -> Option<TrackRef> {
        match self {
            Feed::Empty => None,
            Feed::Paused(track) | Feed::Flowing(track) => Some(track),
        }
    }
}

/// A receive section. It lives as long as that may come back, since its ssrcs do.
pub(crate) struct Slot {
    pub(crate) mid: Mid,
    pub(crate) kind: MediaKind,
    /// The nth audio slot and the nth video slot are a pair, and one msid stream.
    pair: usize,
    /// The latest offer receives on the section.
    open: bool,
    /// Who decides what it carries.
    pub(crate) hold: Hold,
    feed: Feed,
    /// What was last decided of the video track that flows.
    pub(crate) given: Given,
    /// Which of its encodings the receiver has a use for.
    pub(crate) demand: Demand,
    /// What it had of the track lately.
    pub(crate) lately: Lately,
    pub(crate) outgoing: Outgoing,
}

impl Slot {
    pub(crate) fn new(section: &MediaSection, pair: usize, hold: Hold, outgoing: Outgoing) -> Slot {
        Slot {
            mid: section.mid,
            kind: section.kind,
            pair,
            open: true,
            hold,
            feed: Feed::Empty,
            given: Given::Send(Quality::default()),
            demand: Demand::default(),
            lately: Lately::default(),
            outgoing,
        }
    }

    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        u64::from(self.feed == Feed::Empty) ^ self.outgoing.touch()
    }

    /// Follows a later offer; `None` when that does not receive on the section.
    pub(crate) fn update(&mut self, section: Option<&MediaSection>, allow_mixed: bool) {
        self.open = section.is_some();
        if let Some(section) = section {
            self.outgoing.update(section, allow_mixed);
        }
    }

    /// Whether the section is over, not to come back (RFC 9429 section 5.2.2: another one may have taken
    /// its m-line), and everything that flowed over it was led elsewhere.
    pub(crate) fn is_gone_from(&self, negotiation: &Negotiation) -> bool {
        self.feed == Feed::Empty && negotiation.media().all(|section| section.mid != self.mid)
    }

    pub(crate) fn pair(&self) -> usize {
        self.pair
    }

    pub(crate) fn place(&self) -> Place {
        let track = self.feed.track().map(|track| track.id);
        Place { kind: self.kind, pair: self.pair, open: self.open, track }
    }

    pub(crate) fn state(&self) -> SlotState {
        let track = self.feed.track().map(|track| track.id);
        SlotState { mid: self.mid, kind: self.kind, track }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    pub(crate) fn feed(&self) -> Feed {
        self.feed
    }

    /// The track that it carries, whether it flows or not.
    pub(crate) fn track(&self) -> Option<TrackKey> {
        self.feed.track().map(|track| track.key)
    }

    /// Carries something else from now on. What the receiver sees goes on as one stream.
    pub(crate) fn set_feed(&mut self, feed: Feed) {
        self.feed = feed;
        self.given = Given::Send(Quality::default());
        self.demand = Demand::default();
        self.lately = Lately::default();
        self.outgoing.stop();
    }

    /// Whether anything has been sent of the track that it carries.
    pub(crate) fn has_begun(&self) -> bool {
        self.feed.track().is_some_and(|track| self.outgoing.has_begun(track.id))
    }

    /// Whether the receiver has negotiated `codec` here.
    pub(crate) fn takes(&self, codec: Codec) -> bool {
        self.outgoing.receiving(codec).is_some()
    }

    /// What the answer says of the section, on which `track` is now; `None` when nothing will be sent before
    /// another offer.
    pub(crate) fn describe(&self, cname: &str, track: Option<&Track>) -> Option<sdp::Slot> {
        let (stream, track) = match (self.hold, track) {
            (Hold::Floats, _) => {
                (format!("slot-{}", self.pair), format!("slot-{}-{}", self.pair, self.kind))
            }
            (Hold::Pinned(id), Some(track)) => (stream_of(track), id.to_string()),
            (Hold::Pinned(_) | Hold::Fresh | Hold::Used | Hold::Spent, _) => return None,
        };
        let Headers { ssrc: Ssrc(ssrc), rtx_ssrc: Ssrc(rtx_ssrc), .. } = self.outgoing.headers;
        self.open.then(|| sdp::Slot {
            ssrc,
            rtx_ssrc: Some(rtx_ssrc),
            cname: cname.to_owned(),
            stream,
            track,
        })
    }
}
