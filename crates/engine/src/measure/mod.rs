//! What a video track's layers cost and show, measured from what arrives of them.
//!
//! The publisher may pause: a shared screen that stands still sends nothing for minutes. Such time does not
//! pass here. A layer has stopped when *others of its track* go on without it, and what a layer costs is
//! what it cost when something last moved.

mod layer;
mod past;

use std::time::{Duration, Instant};

use parlor_rtc::payload::{Layer, Resolution, Resolutions};

use crate::allocate::{Area, Demand};

use layer::{LayerMeter, PART};
use past::Beside;

/// A layer of which nothing comes while others of its track go on for so long has stopped: no browser
/// leaves a picture out of one encoding for longer.
const STOPPED_AFTER: Duration = Duration::from_secs(1);

/// So has one that is missing from so many pictures in a row, and for [`MISSED_FOR`]. What is late or comes in
/// heaps is so in all layers, and misses none.
const MISSED_PICTURES: u32 = 6;

/// Encoders that are short of bits or time leave out pictures of their largest layer, but not for so long.
const MISSED_FOR: Duration = Duration::from_millis(350);

/// A pause counts for so long at most. Cameras send ten pictures a second and more; two a second are still
/// measured as they are. It has to be well below [`STOPPED_AFTER`], or the first encoding of a picture that
/// moves again would outlive all the others.
const LONGEST_GAP: Duration = Duration::from_millis(500);

/// One video track.
#[derive(Debug)]
pub struct TrackMeter {
    layers: Vec<LayerMeter>,
    /// How long something has been arriving, without pauses.
    active: Duration,
    last_arrival: Option<Instant>,
    pictures: Pictures,
    /// Up to when what was dear has faded.
    faded_until: Option<Instant>,
    rungs: Vec<Rung>,
    known: Vec<Rung>,
}

/// The pictures of a track, counted whatever layers each is in.
#[derive(Clone, Copy, Debug, Default)]
struct Pictures {
    count: u32,
    /// The encodings that the latest is in, so far: one bit each.
    layers: u32,
}

/// A moment in the life of a track.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// How long something has been arriving.
    active: Duration,
    /// How many pictures have begun.
    pictures: u32,
}

/// What counts of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Bytes that it costs to send it on.
    pub len: usize,
    /// It is the first of its frame.
    pub starts_frame: bool,
    /// It is the first of a key frame.
    pub starts_key_frame: bool,
    /// The spatial and the temporal layer inside its stream.
    pub layer: Layer,
}

/// What of a track is sent to somebody: one stream of it, and how much of that stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quality {
    /// The simulcast encoding, by its number in the track; 0 without simulcast.
    pub layer: u8,
    /// The highest spatial layer of it that is sent.
    pub spatial: u8,
    /// The highest temporal layer of it that is sent.
    pub temporal: u8,
}

/// One step between nothing and a track's best picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// What is sent on it.
    pub quality: Quality,
    /// What it costs, over about the last second. Key frames, which come in bursts when people join, are
    /// spread over several.
    pub bitrate_bps: u32,
    /// The most that it has cost lately; never less than `bitrate_bps`.
    pub peak_bps: u32,
    /// The size of the picture, once a key frame has told it.
    pub resolution: Option<Resolution>,
    /// Pictures a second, rounded.
    pub frames_per_second: u16,
}

/// A size, halved so many times.
fn halved(size: Resolution, times: usize) -> Resolution {
    let side = |side: u16| side.checked_shr(times as u32).unwrap_or_default();
    Resolution { width: side(size.width), height: side(size.height) }
}

/// How many a picture of this size has.
fn pixels(size: Resolution) -> u32 {
    u32::from(size.width) * u32::from(size.height)
}

impl Quality {
    /// What of it is seen in a single picture: the encoding and the spatial layer.
    pub(crate) fn picture(self) -> (u8, u8) {
        (self.layer, self.spatial)
    }
}

impl Rung {
    /// Whether it differs in frames a second at most.
    pub(crate) fn is_same_picture_as(&self, other: &Rung) -> bool {
        self.quality.picture() == other.quality.picture()
    }

    pub(crate) fn pixels(&self) -> Option<u32> {
        self.resolution.map(pixels)
    }
}

/// What a picture costs at least, by what a smaller one of the same track does: three quarters of as much a pixel.
fn expected_bps(smaller: &Rung, larger: &Rung) -> Option<u64> {
    let (below, pixels) = (u64::from(smaller.pixels()?), u64::from(larger.pixels()?));
    let proportional = u64::from(smaller.bitrate_bps) * pixels / below.max(1);
    (pixels > below).then_some(proportional * 3 / 4)
}

impl Pictures {
    /// A frame of encoding `layer` begins. True when it is the first of the next picture.
    #[inline]
    fn begin(&mut self, layer: u8) -> bool {
        let bit = 1_u32.checked_shl(layer.into()).unwrap_or_default();
        let is_next = self.layers & bit != 0 || self.layers == 0;
        if is_next {
            *self = Pictures { count: self.count.wrapping_add(1), layers: 0 };
        }
        self.layers |= bit;
        is_next
    }
}

impl TrackMeter {
    /// A track of so many simulcast encodings, of which nothing has arrived.
    pub fn new(layers: usize) -> TrackMeter {
        TrackMeter {
            layers: vec![LayerMeter::default(); layers],
            active: Duration::ZERO,
            last_arrival: None,
            pictures: Pictures::default(),
            faded_until: None,
            rungs: Vec::new(),
            known: Vec::new(),
        }
    }

    /// Takes note of one packet of encoding `layer`, in order of arrival. True when another one is found to have
    /// stopped.
    #[inline]
    pub fn note(&mut self, now: Instant, layer: u8, packet: &Packet) -> bool {
        if usize::from(layer) >= self.layers.len() {
            return false;
        }
        if let Some(last) = self.last_arrival {
            self.active += now.saturating_duration_since(last).min(LONGEST_GAP);
        }
        self.last_arrival = Some(now);
        let is_next = packet.starts_frame && self.pictures.begin(layer);
        let moment = self.moment();
        if let Some(meter) = self.layers.get_mut(usize::from(layer)) {
            meter.note(moment, packet);
        }
        is_next
            && self.layers.iter_mut().fold(false, |any, meter| meter.has_just_stopped(moment) | any)
    }

    fn moment(&self) -> Moment {
        Moment { active: self.active, pictures: self.pictures.count }
    }

    /// Takes note of what a key frame of encoding `layer` says of sizes.
    pub fn note_resolutions(&mut self, layer: u8, resolutions: Resolutions) {
        if let Some(meter) = self.layers.get_mut(usize::from(layer)) {
            meter.note_resolutions(resolutions);
        }
    }

    /// Lets everything begin anew but what is known of sizes and costs: the track is off, or its publisher has been told
    /// to send nothing. What comes next need not be what came last.
    pub fn stop(&mut self) {
        self.layers.iter_mut().for_each(LayerMeter::stop);
        self.rungs.clear();
    }

    /// The same, but that nothing stays known of costs: what comes next is another encoder's.
    pub fn forget(&mut self) {
        self.layers.iter_mut().for_each(LayerMeter::forget);
        self.rungs.clear();
        self.known.clear();
    }

    /// Lets encoding `layer` begin anew like that: what still comes of it is the rest of what was sent.
    pub fn stop_layer(&mut self, layer: u8) {
        if let Some(meter) = self.layers.get_mut(usize::from(layer)) {
            meter.stop();
        }
    }

    /// Whether encoding `layer` has arrived and has not stopped.
    pub fn is_live(&self, layer: u8) -> bool {
        self.layers.get(usize::from(layer)).is_some_and(|meter| meter.is_live(self.moment()))
    }

    /// The encodings for which something holds, a bit for each.
    fn layers_that(&self, hold: impl Fn(&LayerMeter) -> bool) -> u32 {
        let layers = (0..=u8::MAX).zip(&self.layers).filter(|(_, meter)| hold(meter));
        layers.fold(0, |all, (layer, _)| all | Demand::bit(layer))
    }

    /// The encodings that do not arrive, a bit for each.
    pub fn resting(&self) -> u32 {
        let moment = self.moment();
        self.layers_that(|meter| !meter.is_live(moment))
    }

    /// The encodings that do not arrive and are smaller than one of `layers`, a bit for each, as far as sizes are known.
    pub fn stopped_below(&self, layers: u32) -> u32 {
        let of_demanded = (0..=u8::MAX).zip(&self.layers);
        let of_demanded = of_demanded.filter(|(layer, _)| layers & Demand::bit(*layer) != 0);
        let largest =
            of_demanded.filter_map(|(_, meter)| meter.size().map(pixels)).max().unwrap_or_default();
        let smaller = self.layers_that(|meter| meter.size().is_some_and(|it| pixels(it) < largest));
        smaller & self.resting()
    }

    /// The encodings up to the smallest that fills a place, a bit for each. Of those of which nothing has arrived yet it is
    /// presumed that the last is as large as `largest`, and each before it half as large as the next.
    pub fn presumed(&self, area: Area, largest: Resolution) -> u32 {
        let sizes = || {
            let halvings = (0..self.layers.len()).rev();
            let layers = (0..=u8::MAX).zip(halvings).zip(&self.layers);
            layers.map(|((layer, n), meter)| (layer, meter.size().unwrap_or(halved(largest, n))))
        };
        let filling = sizes().filter(|(_, size)| area.is_filled_by(*size));
        let enough = filling.map(|(_, size)| pixels(size)).min().unwrap_or(u32::MAX);
        let up_to_it = sizes().filter(|(_, size)| pixels(*size) <= enough);
        up_to_it.fold(0, |all, (layer, _)| all | Demand::bit(layer))
    }

    /// When something last arrived.
    pub fn last_arrival(&self) -> Option<Instant> {
        self.last_arrival
    }

    /// Measures anew. To be done a few times a second, before the rungs are read.
    pub fn review(&mut self, now: Instant) {
        let parts_passed = self.parts_passed(now);
        let moment = self.moment();
        let active = self.active;
        let live = |meter: &LayerMeter| meter.is_live(moment);
        let one_is_settled =
            self.layers.iter().any(|meter| live(meter) && meter.is_settled(active));
        self.rungs.clear();
        let layers = (0..=u8::MAX).zip(&mut self.layers);
        for (layer, meter) in layers.filter(|(_, meter)| live(meter)) {
            meter.review(active, parts_passed);
            if !one_is_settled || meter.is_settled(active) {
                meter.list(layer, &mut self.rungs);
            }
        }
        let TrackMeter { layers, rungs, .. } = self;
        let cost_of = |(layer, spatial)| {
            layers.get(usize::from(layer)).map_or(0, |meter: &LayerMeter| meter.cost_of(spatial))
        };
        if sort(rungs, cost_of) {
            self.expect_growth();
        }
        self.review_known();
    }

    /// Adds to what arrives what has arrived and does not now.
    fn review_known(&mut self) {
        let TrackMeter { layers, rungs, known, active, .. } = self;
        let smallest = rungs.chunk_by(Rung::is_same_picture_as).next().and_then(|it| it.last());
        let beside =
            smallest.map(|rung| Beside { picture: rung.quality.picture(), bps: rung.peak_bps });
        let arrives = |picture| rungs.iter().any(|rung| rung.quality.picture() == picture);
        known.clone_from(rungs);
        for (layer, meter) in (0..=u8::MAX).zip(layers.iter_mut()) {
            if arrives((layer, 0)) {
                meter.remember(*active, beside);
            }
            meter.list_past(layer, |spatial| arrives((layer, spatial)), beside, known);
        }
        let cost_of = |(layer, spatial)| {
            layers
                .get(usize::from(layer))
                .map_or(0, |meter: &LayerMeter| meter.past_cost_of(spatial))
        };
        sort(known, cost_of);
    }

    /// Expects encodings that have just begun to cost what their size will: on what they cost at first, viewers
    /// would go up only to have to come down again.
    fn expect_growth(&mut self) {
        let mut smaller: Option<Rung> = None;
        for picture in self.rungs.chunk_by_mut(|a, b| a.is_same_picture_as(b)) {
            let Some(full) = picture.last().copied() else { continue };
            let meter = self.layers.get(usize::from(full.quality.layer));
            let is_growing = meter.is_some_and(|meter| meter.is_growing(self.active));
            if let Some(expected_bps) = smaller.and_then(|below| expected_bps(&below, &full))
                && is_growing
            {
                for rung in picture {
                    let share = expected_bps * u64::from(rung.bitrate_bps)
                        / u64::from(full.bitrate_bps.max(1));
                    rung.peak_bps = rung.peak_bps.max(u32::try_from(share).unwrap_or(u32::MAX));
                }
            }
            smaller = Some(full);
        }
    }

    /// How many parts of a window have ended since this was asked last, whether anything moved or not.
    fn parts_passed(&mut self, now: Instant) -> u32 {
        let until = self.faded_until.get_or_insert(now);
        let passed = now.saturating_duration_since(*until).as_millis() / PART.as_millis();
        let parts = u32::try_from(passed).unwrap_or(u32::MAX);
        *until += PART * parts;
        parts
    }

    /// What could be sent of the track as of the last review, from small to large pictures and, for each
    /// picture, from few to many frames a second. Empty as long as nothing has arrived.
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// The same, with what has arrived and does not now: it is taken to cost what it did then, or less if the smallest picture
    /// does.
    pub fn known(&self) -> &[Rung] {
        &self.known
    }
}

/// By size; by what all frames of a picture cost where one is not known. Returns whether all are.
fn sort(rungs: &mut [Rung], cost_of: impl Fn((u8, u8)) -> u32) -> bool {
    let sizes_known = rungs.iter().all(|rung| rung.resolution.is_some());
    // Inside a picture they are in order already, and stay so.
    rungs.sort_unstable_by_key(|rung| {
        let pixels = rung.pixels().filter(|_| sizes_known);
        (pixels.unwrap_or_default(), cost_of(rung.quality.picture()), rung.quality)
    });
    sizes_known
}
