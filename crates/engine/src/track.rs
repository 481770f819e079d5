//! One audio or video stream that a peer publishes: its layers, and who receives it.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;
use parlor_rtc::rtp::AudioLevel;
use parlor_rtc::sdp::Codec;

use crate::id::{LayerId, PeerId, Source, TrackId};
use crate::layer::{Arrivals, Choice};
use crate::peer::PeerKey;
use crate::ring::{Facts, NotStored, RingLimits, TrackRing};
use crate::room::RoomKey;
use crate::slab::Key;
use crate::speaking::VoiceActivity;
use crate::upstream::KEY_FRAME_INTERVAL;

/// Shortest time between two changes of a track's codec. A browser changes it when somebody joins or
/// leaves who cannot decode the better one, seconds apart.
const CODEC_HOLDS: Duration = Duration::from_secs(1);

/// Names a track in the engine's table.
pub(crate) type TrackKey = Key<Track>;

/// A track by both its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrackRef {
    pub(crate) key: TrackKey,
    pub(crate) id: TrackId,
}

/// Where a track's media comes from, and so where requests about it go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    /// The connection of a peer of this engine.
    Published(PeerKey),
}

/// One track.
pub(crate) struct Track {
    pub(crate) id: TrackId,
    pub(crate) room: RoomKey,
    pub(crate) publisher: PeerId,
    pub(crate) source: Source,
    pub(crate) upstream: Upstream,
    /// There is something to hear or see now.
    pub(crate) on: bool,
    /// What its packets carry; `None` before the first.
    pub(crate) codec: Option<Codec>,
    /// When that last became another codec.
    codec_changed_at: Option<Instant>,
    /// One for each simulcast encoding; one without simulcast.
    layers: Vec<TrackRing>,
    arrivals: Vec<Arrivals>,
    choice: Choice,
    /// By layer, when a key frame was last asked for.
    key_frame_asked: Vec<Option<Instant>>,
    /// The publisher's payload types.
    pub(crate) codecs: Vec<(u8, Codec)>,
    voice: VoiceActivity,
    /// The slots that it flows to; those that it is paused on are not here.
    pub(crate) subscribers: Vec<Subscriber>,
    /// Something has arrived since it was last forwarded.
    pub(crate) is_fresh: bool,
}

/// One slot that a track flows to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub(crate) peer: PeerKey,
    /// Its index among the peer's slots.
    pub(crate) slot: usize,
}

/// What a new track is made from.
pub(crate) struct NewTrack {
    pub(crate) id: TrackId,
    pub(crate) room: RoomKey,
    pub(crate) publisher: PeerId,
    pub(crate) source: Source,
    pub(crate) upstream: Upstream,
    pub(crate) on: bool,
    /// At least 1.
    pub(crate) layers: usize,
    pub(crate) codecs: Vec<(u8, Codec)>,
}

impl Track {
    pub(crate) fn new(new: NewTrack) -> Track {
        let NewTrack { id, room, publisher, source, upstream, on, layers, codecs } = new;
        let limits = match source.kind() {
            MediaKind::Audio => RingLimits::AUDIO,
            MediaKind::Video => RingLimits::VIDEO,
        };
        Track {
            id,
            room,
            publisher,
            source,
            upstream,
            on,
            codec: None,
            codec_changed_at: None,
            layers: (0..layers).map(|_| TrackRing::new(limits)).collect(),
            arrivals: vec![Arrivals::default(); layers],
            choice: Choice::default(),
            key_frame_asked: vec![None; layers],
            codecs,
            voice: VoiceActivity::new(),
            subscribers: Vec::new(),
            is_fresh: false,
        }
    }

    /// Takes note of what a packet carries; true when from now on the track counts as carrying that.
    ///
    /// A sender may name another codec in every packet. A change concerns the whole room, so soon after
    /// one the next has to wait, until a packet that comes later still is of another codec.
    #[inline]
    pub(crate) fn note_codec(&mut self, now: Instant, codec: Codec) -> bool {
        match self.codec {
            Some(before) if before == codec => return false,
            Some(_) if self.codec_changed_at.is_some_and(|at| now < at + CODEC_HOLDS) => {
                return false;
            }
            Some(_) => self.codec_changed_at = Some(now),
            None => {}
        }
        self.codec = Some(codec);
        true
    }

    /// The ring of a layer.
    #[inline]
    pub(crate) fn ring(&self, layer: u8) -> Option<&TrackRing> {
        self.layers.get(usize::from(layer))
    }

    /// The layer that is forwarded; the first before any has arrived.
    #[inline]
    pub(crate) fn chosen_layer(&self) -> u8 {
        self.choice.chosen().unwrap_or_default() as u8
    }

    pub(crate) fn has_layers(&self) -> bool {
        self.layers.len() > 1
    }

    pub(crate) fn layer_id(&self, index: u8) -> LayerId {
        LayerId { track: self.id, index }
    }

    /// Takes note that something of a layer has come. True when that makes it the forwarded one.
    #[inline]
    pub(crate) fn note_layer(&mut self, layer: u8, now: Instant, bytes: usize) -> bool {
        let index = usize::from(layer);
        // A later offer may name more encodings than the track was made with; they are not forwarded.
        let Some(arrivals) = self.arrivals.get_mut(index) else { return false };
        arrivals.note(now, bytes);
        self.choice.note_arrival(index)
    }

    /// What `facts` of a layer's packet become with what its dependency descriptor says.
    #[inline]
    pub(crate) fn understand(&mut self, layer: u8, facts: Facts, descriptor: &[u8]) -> Facts {
        match self.layers.get_mut(usize::from(layer)) {
            Some(ring) => ring.understand(facts, descriptor),
            None => facts,
        }
    }

    /// Takes one packet of a layer, when somebody receives it.
    #[inline]
    pub(crate) fn push(
        &mut self,
        layer: u8,
        facts: Facts,
        payload: &[u8],
        dependency_descriptor: &[u8],
    ) -> Result<(), NotStored> {
        if self.subscribers.is_empty() {
            return Ok(());
        }
        let Some(ring) = self.layers.get_mut(usize::from(layer)) else { return Ok(()) };
        ring.push(facts, payload, dependency_descriptor)?;
        Ok(())
    }

    /// Whether somebody waits for a key frame of a layer once packets of it are lost for good. Who goes
    /// from one layer to another asks for the new one's by itself, until it comes.
    pub(crate) fn wants_key_frame_of(&self, layer: u8) -> bool {
        let is_video = self.source.kind() == MediaKind::Video;
        is_video && !self.subscribers.is_empty() && layer == self.chosen_layer()
    }

    /// Whether a key frame of a layer may be asked for now; if so, it counts as asked for.
    pub(crate) fn may_ask_for_key_frame(&mut self, now: Instant, layer: u8) -> bool {
        let Some(asked) = self.key_frame_asked.get_mut(usize::from(layer)) else { return false };
        let may = asked.is_none_or(|at| now >= at + KEY_FRAME_INTERVAL);
        if may {
            *asked = Some(now);
        }
        may
    }

    /// What packets with this payload type of the publisher's carry.
    #[inline]
    pub(crate) fn codec_of(&self, payload_type: u8) -> Option<Codec> {
        let known = self.codecs.iter().find(|(known, _)| *known == payload_type);
        known.map(|(_, codec)| *codec)
    }

    /// Takes the loudness of one packet of a person's sound. True when that changes who is speaking.
    #[inline]
    pub(crate) fn hear(&mut self, now: Instant, level: AudioLevel) -> bool {
        // What a screen sounds like is nobody's speech.
        self.on && self.source != Source::ScreenAudio && self.voice.hear(now, level)
    }

    /// Lets time pass without sound. True when that changes who is speaking.
    pub(crate) fn review_voice(&mut self, now: Instant) -> bool {
        self.voice.review(now)
    }

    /// When its publisher will have been quiet for long enough to have stopped speaking.
    pub(crate) fn quiet_deadline(&self) -> Option<Instant> {
        self.voice.deadline()
    }

    /// Nothing is heard of it any more. True when that changes who is speaking.
    pub(crate) fn silence(&mut self) -> bool {
        self.voice.silence()
    }

    /// Whether its publisher was speaking when last judged.
    pub(crate) fn is_speaking(&self) -> bool {
        self.voice.is_speaking()
    }

    /// Chooses the layer anew. True when another one is to be forwarded.
    pub(crate) fn review_layers(&mut self, now: Instant) -> bool {
        self.choice.review(now, &mut self.arrivals)
    }

    /// Bytes of memory that its packets are kept in.
    pub(crate) fn memory(&self) -> usize {
        self.layers.iter().map(TrackRing::memory).sum()
    }

    /// Gives back memory that rings no longer need.
    pub(crate) fn trim(&mut self, now: Instant) {
        self.layers.iter_mut().for_each(|ring| ring.trim(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;

    const VP9: Codec = Codec::Vp9 { profile: 0 };

    fn camera() -> Track {
        Track::new(NewTrack {
            id: TrackId(1),
            room: Slab::new().vacant_key().unwrap(),
            publisher: PeerId(1),
            source: Source::Camera,
            upstream: Upstream::Published(Slab::new().vacant_key().unwrap()),
            on: true,
            layers: 1,
            codecs: vec![(96, Codec::Vp8), (98, VP9)],
        })
    }

    #[test]
    fn a_sender_that_alternates_codecs_concerns_the_room_once_a_second() {
        // Nothing depends on which instant this is.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut track = camera();
        assert!(track.note_codec(start, Codec::Vp8));
        let mut changes = 0;
        for n in 1..=2_000 {
            let codec = if n % 2 == 0 { Codec::Vp8 } else { VP9 };
            let now = start + Duration::from_millis(5 * n);
            changes += u32::from(track.note_codec(now, codec));
        }
        assert!((9..=11).contains(&changes), "{changes} in 10 s");
    }

    #[test]
    fn a_codec_that_changes_and_stays_is_followed_at_once_and_again_after_a_second() {
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut track = camera();
        let at = |ms| start + Duration::from_millis(ms);
        assert!(track.note_codec(at(0), Codec::Vp8));
        assert!(track.note_codec(at(10), VP9));
        assert!(!track.note_codec(at(20), Codec::Vp8));
        assert_eq!(track.codec, Some(VP9));
        assert!(track.note_codec(at(1_010), Codec::Vp8));
        assert_eq!(track.codec, Some(Codec::Vp8));
    }
}
