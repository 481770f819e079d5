//! What one simulcast encoding costs, by the spatial and temporal layers inside it.

use std::time::Duration;

use parlor_rtc::payload::{Layer, Resolution, Resolutions};

use super::past::{Beside, Past};

use super::{MISSED_FOR, MISSED_PICTURES, Moment, Packet, Quality, Rung, STOPPED_AFTER, pixels};

/// Spatial layers told apart: AV1 has no more, browsers send three. Higher ones count as the highest.
pub(super) const SPATIAL: usize = 4;

/// Temporal layers told apart: VP8 has no more, browsers send three. Higher ones count as the highest.
const TEMPORAL: usize = 4;

const CELLS: usize = SPATIAL * TEMPORAL;

/// Those of a spatial layer.
pub(super) fn cells(spatial: usize) -> std::ops::Range<usize> {
    spatial * TEMPORAL..(spatial + 1) * TEMPORAL
}

/// Parts of the window that slides. Bytes are counted by part, so the window jumps by one.
const PARTS: usize = 8;

/// So long is one part: eight are a second.
pub(super) const PART: Duration = Duration::from_millis(125);

/// Least time that what has arrived is divided by: the first packets of a stream come at once.
const LEAST_TIME: Duration = Duration::from_millis(250);

/// A stream is measured well enough after so long, beside others that are.
const SETTLED_AFTER: Duration = Duration::from_millis(500);

/// Encoders grow into a size for so long.
const GROWS_FOR: Duration = Duration::from_secs(8);

/// Of the bytes of key frames, and of what lies between the highest cost and the present one, this part is
/// forgotten with each part of the window: two thirds in eight seconds.
const FORGOTTEN: u32 = 64;

/// One simulcast encoding. All times are its track's active time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LayerMeter {
    seen: Option<Seen>,
    parts: [Part; PARTS],
    /// Which part is being filled, and when that ends.
    part: usize,
    part_end: Duration,
    in_key_picture: bool,
    last_spatial: usize,
    /// Bytes of key frames, fading: since they fade in eight seconds, also the bits of them in one.
    key_bytes: [u32; SPATIAL],
    measured: Measured,
    /// The sizes of its spatial layers, as far as key frames have told.
    sizes: [Option<Resolution>; SPATIAL],
    past: Past,
}

/// What it costs up to each spatial and temporal layer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measured {
    pub(super) costs: [u32; CELLS],
    pub(super) peaks: [u32; CELLS],
    /// Frames a second of each spatial layer up to each temporal one.
    pub(super) rates: [u16; CELLS],
}

/// When it arrived.
#[derive(Clone, Copy, Debug)]
struct Seen {
    first: Duration,
    last: Moment,
    /// It has been said that it has stopped.
    has_stopped: bool,
}

impl Seen {
    fn is_live(self, now: Moment) -> bool {
        let passed = now.active.saturating_sub(self.last.active);
        let missed = now.pictures.wrapping_sub(self.last.pictures);
        passed < STOPPED_AFTER && (missed <= MISSED_PICTURES || passed < MISSED_FOR)
    }
}

/// What has arrived in one part of the window, by cell.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    bytes: [u32; CELLS],
    frames: [u16; CELLS],
}

impl LayerMeter {
    #[inline]
    pub(super) fn note(&mut self, moment: Moment, packet: &Packet) {
        match &mut self.seen {
            Some(seen) if seen.is_live(moment) => seen.last = moment,
            _ => self.begin(moment),
        }
        let now = moment.active;
        if now >= self.part_end {
            self.advance(now);
        }
        let Layer { spatial, temporal, .. } = packet.layer;
        let spatial = usize::from(spatial).min(SPATIAL - 1);
        let cell = spatial * TEMPORAL + usize::from(temporal).min(TEMPORAL - 1);
        let part = &mut self.parts[self.part % PARTS];
        if packet.starts_frame {
            // The upper spatial layers of a key picture are as large, and do not say that they are of one.
            let goes_on = self.in_key_picture && spatial > self.last_spatial;
            self.in_key_picture = packet.starts_key_frame || goes_on;
            self.last_spatial = spatial;
            part.frames[cell] = part.frames[cell].saturating_add(1);
        }
        let bytes = match self.in_key_picture {
            true => &mut self.key_bytes[spatial],
            false => &mut part.bytes[cell],
        };
        *bytes = bytes.saturating_add(packet.len as u32);
    }

    /// It arrives for the first time, or again after it had stopped: what it cost then may be another
    /// encoder's.
    #[cold]
    fn begin(&mut self, moment: Moment) {
        let now = moment.active;
        *self = LayerMeter {
            seen: Some(Seen { first: now, last: moment, has_stopped: false }),
            part_end: now + PART,
            ..self.anew()
        };
    }

    /// One that begins anew, with what stays known.
    fn anew(&self) -> LayerMeter {
        let &LayerMeter { sizes, past, .. } = self;
        LayerMeter { sizes, past, ..LayerMeter::default() }
    }

    /// Takes note of what a key frame says of sizes. One that has fewer layers of the same picture says nothing of those
    /// above.
    pub(super) fn note_resolutions(&mut self, resolutions: Resolutions) {
        let told: [_; SPATIAL] = std::array::from_fn(|spatial| resolutions.of(spatial as u8));
        let is_same_picture = told[0] == self.sizes[0];
        for (size, told) in self.sizes.iter_mut().zip(told) {
            *size = told.or(size.filter(|_| is_same_picture));
        }
    }

    /// Lets the window slide to `now`. It is a few parts behind at most: what stood still for longer has
    /// stopped, and begins anew.
    #[cold]
    fn advance(&mut self, now: Duration) {
        while now >= self.part_end {
            self.part = (self.part + 1) % PARTS;
            self.parts[self.part] = Part::default();
            self.part_end += PART;
            self.key_bytes = self.key_bytes.map(|bytes| faded(bytes, 1));
        }
    }

    pub(super) fn stop(&mut self) {
        *self = self.anew();
    }

    pub(super) fn forget(&mut self) {
        *self = LayerMeter { past: Past::default(), ..self.anew() };
    }

    pub(super) fn is_live(&self, now: Moment) -> bool {
        self.seen.is_some_and(|seen| seen.is_live(now))
    }

    /// How large its largest picture was when that was last told.
    pub(super) fn size(&self) -> Option<Resolution> {
        self.sizes.iter().flatten().copied().max_by_key(|size| pixels(*size))
    }

    /// Whether it has stopped since this was last asked.
    pub(super) fn has_just_stopped(&mut self, now: Moment) -> bool {
        let Some(seen) = self.seen.as_mut().filter(|seen| !seen.is_live(now)) else { return false };
        !std::mem::replace(&mut seen.has_stopped, true)
    }

    /// Whether enough has arrived of it to say what it costs.
    pub(super) fn is_settled(&self, now: Duration) -> bool {
        self.seen.is_some_and(|seen| now >= seen.first + SETTLED_AFTER)
    }

    /// Whether it may come to cost much more than it does.
    pub(super) fn is_growing(&self, now: Duration) -> bool {
        self.seen.is_some_and(|seen| now < seen.first + GROWS_FOR)
    }

    /// Measures anew, while it is live. So many times [`PART`] have passed for everyone since the last time.
    pub(super) fn review(&mut self, now: Duration, parts_passed: u32) {
        let Some(seen) = self.seen else { return };
        if now >= self.part_end {
            self.advance(now);
        }
        let window = PART * PARTS as u32 - self.part_end.saturating_sub(now);
        let time = window.min(now.saturating_sub(seen.first)).max(LEAST_TIME);
        let per_second = |count: u64| count * 1000 / time.as_millis() as u64;
        // A key picture belongs to the lowest temporal layer, and so to all.
        let mut below = [0; TEMPORAL];
        for spatial in 0..SPATIAL {
            let key_bps = u64::from(self.key_bytes[spatial]);
            let (mut bytes, mut frames) = (0, 0);
            for (temporal, below) in below.iter_mut().enumerate() {
                let cell = spatial * TEMPORAL + temporal;
                bytes += self.parts.iter().map(|part| u64::from(part.bytes[cell])).sum::<u64>();
                frames += self.parts.iter().map(|part| u64::from(part.frames[cell])).sum::<u64>();
                *below += per_second(bytes * 8) + key_bps;
                self.measured.costs[cell] = u32::try_from(*below).unwrap_or(u32::MAX);
                // To the nearest.
                let rate = per_second(2 * frames).div_ceil(2);
                self.measured.rates[cell] = u16::try_from(rate).unwrap_or(u16::MAX);
            }
        }
        let Measured { costs, peaks, .. } = &mut self.measured;
        for (peak, cost) in peaks.iter_mut().zip(costs) {
            *peak = *cost + faded(peak.saturating_sub(*cost), parts_passed);
        }
    }

    /// What spatial layer `spatial` costs with all that it builds on, as of the last review.
    pub(super) fn cost_of(&self, spatial: u8) -> u32 {
        let cell = usize::from(spatial) * TEMPORAL + TEMPORAL - 1;
        self.measured.costs.get(cell).copied().unwrap_or_default()
    }

    /// The same, as of when that last arrived.
    pub(super) fn past_cost_of(&self, spatial: u8) -> u32 {
        self.past.cost_of(usize::from(spatial))
    }

    /// Appends what could be sent of it, as of the last review.
    pub(super) fn list(&self, layer: u8, rungs: &mut Vec<Rung>) {
        for spatial in 0..SPATIAL {
            self.measured.list((layer, spatial), self.sizes[spatial], rungs);
        }
    }

    /// Remembers what its spatial layers cost that arrive, beside the smallest picture of all. While the last of one leaves
    /// the window, it seems to cost less and less; and while it grows, it costs less than it will.
    pub(super) fn remember(&mut self, now: Duration, beside: Option<Beside>) {
        let is_growing = self.is_growing(now);
        let latest = [0, 1].map(|back| &self.parts[(self.part + PARTS - back) % PARTS]);
        for spatial in 0..SPATIAL {
            let cells = cells(spatial);
            let is_more = self.cost_of(spatial as u8) >= self.past.cost_of(spatial);
            let has_come =
                latest.iter().any(|part| part.frames[cells.clone()].iter().any(|it| *it != 0));
            if has_come && (is_more || !is_growing) {
                self.past.note(spatial, &self.measured, beside);
            }
        }
    }

    /// Appends what its spatial layers cost when they last arrived, but for `arriving` ones.
    pub(super) fn list_past(
        &self,
        layer: u8,
        arriving: impl Fn(u8) -> bool,
        beside: Option<Beside>,
        rungs: &mut Vec<Rung>,
    ) {
        let rests = |spatial: &usize| !arriving(*spatial as u8) && self.past.cost_of(*spatial) > 0;
        for spatial in (0..SPATIAL).filter(rests) {
            let then = self.past.scaled(spatial, beside);
            then.list((layer, spatial), self.sizes[spatial], rungs);
        }
    }
}

impl Measured {
    /// Appends what could be sent of one spatial layer.
    fn list(
        &self,
        (layer, spatial): (u8, usize),
        resolution: Option<Resolution>,
        rungs: &mut Vec<Rung>,
    ) {
        let mut frames_below = 0;
        for temporal in 0..TEMPORAL {
            let cell = spatial * TEMPORAL + temporal;
            // A layer that is not there adds no frames.
            if self.rates[cell] == frames_below && (spatial, temporal) != (0, 0) {
                continue;
            }
            frames_below = self.rates[cell];
            let (spatial, temporal) = (spatial as u8, temporal as u8);
            rungs.push(Rung {
                quality: Quality { layer, spatial, temporal },
                bitrate_bps: self.costs[cell],
                peak_bps: self.peaks[cell],
                resolution,
                frames_per_second: self.rates[cell],
            });
        }
    }
}

/// What is left of `value` after so many parts.
fn faded(mut value: u32, mut parts: u32) -> u32 {
    while value > 0 && parts > 0 {
        value -= value.div_ceil(FORGOTTEN);
        parts -= 1;
    }
    value
}
