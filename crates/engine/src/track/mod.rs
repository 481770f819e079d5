//! One audio or video stream that a peer publishes: its layers, and who receives it.

mod codecs;
mod elsewhere;

use std::time::{Duration, Instant};

use parlor_rtc::payload::{Resolution, Resolutions};
use parlor_rtc::sdp::Codec;
use parlor_rtc::{MediaKind, Rid};

use crate::allocate::{Area, Asked, Demand, Wanted, useful};
use crate::fallback::Fallback;
use crate::id::{LayerId, Neighbour, PeerId, Source, TrackId};
use crate::lately::Lately;
use crate::loudest::Hearing;
use crate::measure::{Packet, Rung, TrackMeter};
use crate::peer::PeerKey;
use crate::relay::Elsewhere;
use crate::ring::{Facts, NotStored, RingLimits, TrackRing};
use crate::room::RoomKey;
use crate::slab::Key;
use crate::sound::{Heard, Sound};
use crate::upstream::KeyFrameTimes;

pub(crate) use codecs::{Codecs, Noted};

/// What a path carries with every packet beside its payload, in bytes: RTP header and extensions, SRTP tag, UDP
/// and IPv4.
const PACKET_OVERHEAD: usize = 12 + 12 + 16 + 8 + 20;

/// How often the layers of a track are measured at most.
const MEASURE_INTERVAL: Duration = Duration::from_millis(200);

/// Browsers make a key frame of all that they send when they are asked for one of a layer: so soon after one was
/// told to send less it does, and the key frame is as small as its layer.
const LARGER_END_WITHIN: Duration = Duration::from_millis(70);

/// A camera that somebody watches and that sends nothing for so long may have stopped what was asked for, and not the
/// rest. Browsers send five pictures a second and more.
const SILENT_AFTER: Duration = Duration::from_secs(1);

/// What cameras are asked for in most rooms, until one has shown how large it is.
const CAMERA: Resolution = Resolution { width: 1280, height: 720 };

/// The same of screens.
const SCREEN: Resolution = Resolution { width: 1920, height: 1080 };

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
    /// Another engine of this process, which has its publisher.
    Relayed(Neighbour),
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
    /// What its packets carry, and may.
    pub(crate) codecs: Codecs,
    /// One for each simulcast encoding; one without simulcast.
    layers: Vec<TrackRing>,
    /// What they cost and show.
    meter: TrackMeter,
    measured_at: Option<Instant>,
    /// The rid of each; `None` without simulcast.
    names: Vec<Option<Rid>>,
    /// What its publisher is to send, and how that is decided.
    wanted: Wanted,
    asked: Asked,
    /// What of that its publisher was last told: the encodings, and the most spatial layers.
    told: (u32, Option<u8>),
    /// When there last were any after there had been none.
    wanted_since: Option<Instant>,
    pub(crate) fallback: Fallback,
    /// Those of a picture that somebody receives, or waits for: one bit each.
    pub(crate) read_layers: u32,
    pub(crate) key_frame_times: KeyFrameTimes,
    pub(crate) sound: Sound,
    /// The slots that it flows to; those that it is paused on are not here.
    pub(crate) subscribers: Vec<Subscriber>,
    /// Something has arrived since it was last forwarded.
    pub(crate) is_fresh: bool,
    /// What it has to do with other threads.
    pub(crate) elsewhere: Elsewhere,
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
    /// The rid of each layer, `None` without simulcast; at least one.
    pub(crate) layers: Vec<Option<Rid>>,
    /// The publisher's payload types.
    pub(crate) codecs: Vec<(u8, Codec)>,
}

impl Track {
    pub(crate) fn new(new: NewTrack) -> Track {
        let NewTrack { id, room, publisher, source, upstream, on, layers, codecs } = new;
        let count = layers.len();
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
            codecs: Codecs::new(codecs),
            layers: (0..count).map(|_| TrackRing::new(limits)).collect(),
            meter: TrackMeter::new(count),
            measured_at: None,
            names: layers,
            wanted: Wanted::new(count),
            asked: Asked::default(),
            told: (0, None),
            wanted_since: None,
            fallback: Fallback::default(),
            read_layers: 0,
            key_frame_times: KeyFrameTimes::new(count),
            sound: Sound::new(),
            subscribers: Vec::new(),
            is_fresh: false,
            elsewhere: Elsewhere::default(),
        }
    }

    /// Takes note of what a packet carries.
    #[inline]
    pub(crate) fn note_codec(&mut self, now: Instant, codec: Codec) -> Noted {
        let noted = self.codecs.note(now, codec);
        if noted == Noted::Another {
            // Another encoder: what it costs, and what layers it makes, is yet to be seen.
            self.meter.forget();
        }
        noted
    }

    /// The ring of a layer.
    #[inline]
    pub(crate) fn ring(&self, layer: u8) -> Option<&TrackRing> {
        self.layers.get(usize::from(layer))
    }

    /// The layer to begin with: the smallest that arrives; the first before any has arrived.
    pub(crate) fn first_layer(&self) -> u8 {
        if let Some(rung) = self.meter.rungs().first() {
            return rung.quality.layer;
        }
        let mut layers = 0..u8::try_from(self.layers.len()).unwrap_or(u8::MAX);
        layers.find(|layer| self.meter.is_live(*layer)).unwrap_or_default()
    }

    /// What could be sent of it, as of the last [`Track::measure`].
    pub(crate) fn rungs(&self) -> &[Rung] {
        self.meter.rungs()
    }

    /// What all of a layer costs, as of the last [`Track::measure`], in bits per second.
    pub(crate) fn cost_of(&self, layer: u8) -> u32 {
        let of_layer = self.rungs().iter().filter(|rung| rung.quality.layer == layer);
        of_layer.map(|rung| rung.bitrate_bps).max().unwrap_or_default()
    }

    /// The rid of a layer; `None` without simulcast.
    pub(crate) fn name_of(&self, layer: u8) -> Option<Rid> {
        self.names.get(usize::from(layer)).copied().flatten()
    }

    /// The rid of each layer, the lowest first.
    pub(crate) fn names(&self) -> impl Iterator<Item = Option<Rid>> {
        self.names.iter().copied()
    }

    /// The rids of some layers, the lowest first.
    pub(crate) fn names_of(&self, layers: u32) -> impl Iterator<Item = Option<Rid>> {
        let names = (0..u8::MAX).zip(&self.names);
        names.filter(move |(layer, _)| layers & Demand::bit(*layer) != 0).map(|(_, name)| *name)
    }

    /// The layers up to the one that is presumably large enough for a place, a bit for each.
    pub(crate) fn presumed_layers(&self, area: Area) -> u32 {
        let largest = if self.source == Source::Screen { SCREEN } else { CAMERA };
        self.meter.presumed(area, largest)
    }

    /// What could be sent of it, and what could be if it did not rest.
    pub(crate) fn known(&self) -> &[Rung] {
        self.meter.known()
    }

    /// What of a demand is to be encoded for somebody who had this of it lately.
    pub(crate) fn narrowed(&self, demand: Demand, lately: &Lately) -> Demand {
        lately.narrow(demand, self.layers.len(), self.known())
    }

    /// Whether it is asked for and does not come.
    fn is_awaited(&self, known: &Rung) -> bool {
        let arrives = self.rungs().iter().any(|rung| rung.is_same_picture_as(known));
        self.asked.includes(known.quality) && !arrives
    }

    /// What it would cost more than all that arrives to fill a place with what rests now, in bits per second. What has
    /// stopped by itself does not count.
    pub(crate) fn resting_bps(&self, area: Area) -> u64 {
        let useful = useful(self.known(), area).iter().filter(|rung| !self.is_awaited(rung));
        let arriving = self.rungs().iter().map(|rung| rung.peak_bps).max().unwrap_or_default();
        useful.map(|rung| rung.peak_bps.saturating_sub(arriving)).max().unwrap_or_default().into()
    }

    /// The encodings that it was asked for just now, a bit for each.
    pub(crate) fn begun(&self, now: Instant) -> u32 {
        self.wanted.begun(now)
    }

    /// Takes what all who watch it together have a use for. True when its publisher is to send other layers
    /// than before.
    pub(crate) fn review_wanted(&mut self, now: Instant, mut demand: Demand) -> bool {
        // What has stopped by itself could not return if it was asked for no more.
        demand.layers |= self.meter.stopped_below(demand.layers) & self.asked.layers;
        demand.larger |= demand.layers != 0 && self.is_silent(now);
        if demand.spatial >= self.spatial_layers() {
            demand.spatial = Demand::ALL_SPATIAL;
        }
        let was_asked = self.asked.layers != 0;
        self.asked = if self.on { self.wanted.review(now, demand) } else { Asked::default() };
        let is_asked = self.asked.layers != 0;
        if is_asked && !was_asked {
            self.wanted_since = Some(now);
        }
        if was_asked && !is_asked {
            self.meter.stop();
        }
        let told = (self.asked.layers, self.spatial_limit());
        std::mem::replace(&mut self.told, told) != told
    }

    /// Whether nothing comes of a camera although something was asked for: what was may have stopped. A screen that
    /// stands still sends nothing.
    fn is_silent(&self, now: Instant) -> bool {
        let since = self.meter.last_arrival().max(self.wanted_since);
        let is_long = since.is_some_and(|since| now >= since + SILENT_AFTER);
        self.source == Source::Camera && self.asked.layers != 0 && is_long
    }

    /// Whether somebody reads a layer that has stopped while others go on.
    pub(crate) fn reads_what_has_stopped(&self) -> bool {
        let layers = (0..u8::MAX).zip(&self.layers).map(|(layer, _)| layer);
        let live = layers.filter(|layer| self.meter.is_live(*layer));
        let live = live.fold(0, |live, layer| live | Demand::bit(layer));
        live != 0 && self.read_layers & !live != 0
    }

    /// Counts all layers as stopped but the smallest that arrives, of which no key frame is asked for too soon.
    /// True when there are others.
    #[cold]
    pub(crate) fn stop_larger_layers(&mut self, now: Instant) -> bool {
        let smallest = self.first_layer();
        let larger = (0..u8::MAX).zip(&self.layers).map(|(layer, _)| layer);
        let mut has_stopped = false;
        for layer in larger.filter(|layer| *layer != smallest) {
            has_stopped |= self.meter.is_live(layer);
            self.meter.stop_layer(layer);
        }
        if has_stopped {
            self.key_frame_times.wait_until(now + LARGER_END_WITHIN, smallest);
        }
        self.measured_at = None;
        has_stopped
    }

    /// What its publisher is to send.
    pub(crate) fn asked(&self) -> Asked {
        self.asked
    }

    /// How many spatial layers of them it is to send at most, if it has more.
    pub(crate) fn spatial_limit(&self) -> Option<u8> {
        Some(self.asked.spatial).filter(|limit| (1..self.spatial_layers()).contains(limit))
    }

    /// How many spatial layers it is known to have.
    fn spatial_layers(&self) -> u8 {
        let spatial = self.known().iter().map(|rung| rung.quality.spatial.saturating_add(1));
        spatial.max().unwrap_or_default()
    }

    /// Measures its layers anew, unless that was done just now for another subscriber.
    pub(crate) fn measure(&mut self, now: Instant) {
        if self.measured_at.is_none_or(|at| now >= at + MEASURE_INTERVAL) {
            self.measured_at = Some(now);
            self.meter.review(now);
        }
    }

    pub(crate) fn layer_id(&self, index: u8) -> LayerId {
        LayerId { track: self.id, index }
    }

    /// Takes note of a packet of a layer. True when the layer did not arrive before, or had stopped, or when
    /// another one is found to have stopped.
    #[inline]
    pub(crate) fn note_layer(
        &mut self,
        now: Instant,
        layer: u8,
        codec: Codec,
        facts: &Facts,
        (payload, descriptor): (&[u8], &[u8]),
    ) -> bool {
        // What comes again proves that it was sent, and not that it still is.
        if self.source.kind() == MediaKind::Audio || facts.recovered {
            return false;
        }
        let was_live = self.meter.is_live(layer);
        let &Facts { starts_frame, starts_key_frame, layer: inside, .. } = facts;
        let len = payload.len() + PACKET_OVERHEAD;
        let packet = Packet { len, starts_frame, starts_key_frame, layer: inside };
        let another_stopped = self.meter.note(now, layer, &packet);
        if another_stopped {
            self.measured_at = None;
        }
        if starts_key_frame && let Some(sizes) = Resolutions::read(codec, payload, descriptor) {
            self.meter.note_resolutions(layer, sizes);
        }
        another_stopped || !was_live && self.meter.is_live(layer)
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
        // What is heard from its first word on has to be there before anybody hears it.
        let is_read = !self.subscribers.is_empty() || self.is_wanted_elsewhere();
        if !is_read && self.sound.hearing == Hearing::Open {
            return Ok(());
        }
        let Some(ring) = self.layers.get_mut(usize::from(layer)) else { return Ok(()) };
        ring.push(facts, payload, dependency_descriptor)?;
        Ok(())
    }

    /// Whether nobody receives a layer of its pictures, or waits for it.
    pub(crate) fn is_unread(&self, layer: u8) -> bool {
        self.source.kind() == MediaKind::Video && self.read_layers & Demand::bit(layer) == 0
    }

    /// Whether somebody waits for a key frame of a layer once packets of it are lost for good.
    pub(crate) fn wants_key_frame_of(&self, layer: u8) -> bool {
        self.source.kind() == MediaKind::Video && self.read_layers & Demand::bit(layer) != 0
    }

    /// Takes the loudness of one packet of a person's sound, if it tells it.
    #[inline]
    pub(crate) fn hear(&mut self, now: Instant, facts: &Facts) -> Heard {
        // What a screen sounds like is nobody's speech.
        let is_voice = self.source.kind() == MediaKind::Audio && self.source != Source::ScreenAudio;
        match self.on && is_voice {
            true => self.sound.hear(now, facts),
            false => Heard::default(),
        }
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
