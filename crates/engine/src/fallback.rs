//! Codecs that all can decode: what a publisher is asked to send as when somebody who shows a track has no
//! decoder for what it carries.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;
use parlor_rtc::sdp::Codec;

use crate::engine::Engine;
use crate::peer::{Peer, PeerKey};
use crate::track::{Track, Upstream};

/// A sender that nobody else watches is kept awake for so long, so that it can change its codec: browsers that do so
/// do it within a second, and one that had lost its socket has noticed and is back by then. Who has not changed will
/// not, and encodes and sends for nobody.
const CHANGES_WITHIN: Duration = Duration::from_secs(10);

/// What codec the publisher of a track is asked for, and for whose sake.
#[derive(Debug, Default)]
pub(crate) struct Fallback {
    /// The payload type that it was last asked to send the track as; `None` leaves that to the publisher.
    pub(crate) payload_type: Option<u8>,
    /// Those who show the track and cannot decode it, as of the last review, and how many on other threads.
    excluded: Vec<PeerKey>,
    elsewhere: u32,
    /// When it was last asked.
    asked_at: Option<Instant>,
}

/// A codec that somebody needs.
pub(crate) struct Needed {
    /// That all who show the track can decode.
    payload_type: u8,
    /// Those who cannot decode what it carries now, and how many on other threads.
    excluded: Vec<PeerKey>,
    elsewhere: u32,
}

impl Fallback {
    /// Asks for what is needed now, if anything is: what was asked for once stays, since a sender has nothing to gain
    /// from going back. It is asked anew when somebody more needs it. True when the publisher is to be told.
    pub(crate) fn review(&mut self, now: Instant, needed: Option<Needed>) -> bool {
        let Some(Needed { payload_type, excluded, elsewhere }) = needed else {
            self.ask_anew();
            return false;
        };
        let is_known =
            excluded.iter().all(|peer| self.excluded.contains(peer)) && elsewhere <= self.elsewhere;
        let is_asked = is_known && self.payload_type == Some(payload_type);
        (self.excluded, self.elsewhere) = (excluded, elsewhere);
        if !is_asked {
            (self.payload_type, self.asked_at) = (Some(payload_type), Some(now));
        }
        !is_asked
    }

    /// Whether its publisher may be about to change its codec, which a sender that rests does not.
    pub(crate) fn is_awaited(&self, now: Instant) -> bool {
        let is_new = self.asked_at.is_some_and(|at| now < at + CHANGES_WITHIN);
        is_new && (!self.excluded.is_empty() || self.elsewhere > 0)
    }

    /// Whoever needs it from now on counts as somebody more.
    fn ask_anew(&mut self) {
        self.excluded.clear();
        self.elsewhere = 0;
    }
}

impl Engine {
    /// What a track is to be sent as, so that all who show it can decode it; `None` when they can now, or no codec
    /// that its publisher has agreed on would help.
    pub(crate) fn fallback_needed(&self, track: &Track) -> Option<Needed> {
        if !track.on || track.source.kind() != MediaKind::Video {
            return None;
        }
        let current = track.codecs.current()?;
        let (excluded, elsewhere) =
            (self.excluded(track, current), track.excluded_elsewhere(current));
        if excluded.is_empty() && elsewhere == 0 {
            return None;
        }
        let suits_all = |codec: Codec| {
            track.excluded_elsewhere(codec) == 0 && self.excluded(track, codec).is_empty()
        };
        let (payload_type, _) = track.codecs.known().find(|(_, codec)| suits_all(*codec))?;
        Some(Needed { payload_type, excluded, elsewhere })
    }

    /// Has it decided whether the publishers of what a peer cannot decode are to fall back for it.
    pub(crate) fn review_fallbacks_soon(&mut self, now: Instant, key: PeerKey) {
        let mut next = 0;
        while let Some(track) = self.peers.get(key).and_then(|peer| peer.undecodable.get(next)) {
            if let Some(&track) = self.track_keys.get(track) {
                self.review_wanted_soon(now, track);
            }
            next += 1;
        }
    }

    /// Those who show a track and could not decode it in a codec.
    pub(crate) fn excluded(&self, track: &Track, codec: Codec) -> Vec<PeerKey> {
        let members = self.rooms.get(track.room).map(|room| room.peers.as_slice());
        let others = members
            .unwrap_or_default()
            .iter()
            .filter(|member| track.upstream != Upstream::Published(**member));
        let shows = |peer: &Peer| peer.shown.priority(track).is_some();
        let decodes = |peer: &Peer| peer.decodes(track.source.kind(), codec);
        let excluded = others
            .filter(|key| self.peers.get(**key).is_some_and(|peer| shows(peer) && !decodes(peer)));
        excluded.copied().collect()
    }
}

impl Track {
    /// The publisher's payload types are these from now on: what it could not send before, it may now.
    pub(crate) fn follow_codecs(&mut self, codecs: Vec<(u8, Codec)>) {
        self.codecs.follow(codecs);
        self.fallback.ask_anew();
        let asked = self.fallback.payload_type;
        self.fallback.payload_type = asked.filter(|asked| self.codecs.of(*asked).is_some());
    }
}
