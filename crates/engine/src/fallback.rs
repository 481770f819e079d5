//! Codecs that all can decode: what a publisher is asked to send as when somebody who shows a track has no
//! decoder for what it carries.

use std::time::Instant;

use parlor_rtc::MediaKind;
use parlor_rtc::sdp::Codec;

use crate::engine::Engine;
use crate::peer::PeerKey;
use crate::track::{Track, Upstream};

impl Engine {
    /// The payload type that a track is to be sent as, so that all who show it can decode it; `None` when
    /// they can now, or no codec that its publisher has agreed on would help.
    pub(crate) fn fallback(&self, track: &Track) -> Option<u8> {
        if !track.on || track.source.kind() != MediaKind::Video {
            return None;
        }
        if track.codec.is_none_or(|codec| self.all_decode(track, codec)) {
            return None;
        }
        // In the order of our own preference, as they were negotiated.
        let all = track.codecs.iter().find(|(_, codec)| self.all_decode(track, *codec));
        all.map(|(payload_type, _)| *payload_type)
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

    fn all_decode(&self, track: &Track, codec: Codec) -> bool {
        let Upstream::Published(publisher) = track.upstream;
        let members = self.rooms.get(track.room).map(|room| room.peers.as_slice());
        let others = members.unwrap_or_default().iter().filter(|member| **member != publisher);
        let mut viewers = others
            .filter_map(|member| self.peers.get(*member))
            .filter(|peer| peer.shown.priority(track).is_some());
        viewers.all(|peer| peer.decodes(track.source.kind(), codec))
    }
}

impl Track {
    /// Asks for the track as this payload type from now on, if there is one to ask for: what was asked for once
    /// stays, since a sender has nothing to gain from going back. True when that is news.
    pub(crate) fn fall_back_to(&mut self, payload_type: Option<u8>) -> bool {
        let asked = payload_type.or(self.fallback);
        std::mem::replace(&mut self.fallback, asked) != asked
    }

    /// The publisher's payload types are these from now on.
    pub(crate) fn follow_codecs(&mut self, codecs: Vec<(u8, Codec)>) {
        self.codecs = codecs;
        self.fallback = self.fallback.filter(|asked| self.codec_of(*asked).is_some());
    }
}
