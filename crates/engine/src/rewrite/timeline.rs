//! Outgoing timestamps over pauses and switches.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;

use crate::ring::Facts;

/// When a paused source comes back and its own clock agrees with ours this well, its clock is kept: it is
/// free of the jitter that arrival times have.
const CLOCKS_AGREE: Duration = Duration::from_millis(250);

/// A source whose timestamps leave real time by more than this in one step has another clock now. Less
/// could be a stalled network that delivers late.
const CLOCK_JUMP: Duration = Duration::from_secs(10);

/// The newest outgoing timestamp, and where it came from.
#[derive(Clone, Copy, Debug)]
struct Newest {
    source: u64,
    outgoing: u64,
    arrival: Instant,
}

#[derive(Debug)]
pub(super) struct Timeline {
    clock_rate: u32,
    /// The least step between two frames, in ticks.
    frame: u64,
    start: u64,
    newest: Option<Newest>,
    /// Ticks by which earlier steps of at least one frame have put timestamps ahead of real
    /// time. Later steps take them back, so that many quick switches do not add up.
    ahead: u64,
}

impl Timeline {
    pub(super) fn new(kind: MediaKind, clock_rate: u32, start: u32) -> Timeline {
        let frames_per_second = match kind {
            MediaKind::Audio => 50,
            MediaKind::Video => 30,
        };
        Timeline {
            clock_rate,
            frame: u64::from(clock_rate / frames_per_second).max(1),
            // One period up, so that a packet from before the first does not fall below zero.
            start: (1 << 32) + u64::from(start),
            newest: None,
            ahead: 0,
        }
    }

    #[inline]
    pub(super) fn touch(&self) -> u64 {
        self.ahead ^ u64::from(self.newest.is_some())
    }

    /// What is to be added (wrapping) to the timestamps of a source that begins with this packet.
    pub(super) fn begin(&mut self, facts: &Facts) -> u64 {
        let outgoing = match self.newest {
            None => self.start,
            Some(newest) => {
                let elapsed = self.ticks(facts.arrival.saturating_duration_since(newest.arrival));
                // A source may begin with what was there before the last one ended.
                let early = self.ticks(newest.arrival.saturating_duration_since(facts.arrival));
                let step = elapsed.saturating_sub(self.ahead).max(self.frame);
                self.ahead = (self.ahead + step + early).saturating_sub(elapsed);
                newest.outgoing + step
            }
        };
        self.newest = Some(Newest { source: facts.timestamp, outgoing, arrival: facts.arrival });
        outgoing.wrapping_sub(facts.timestamp)
    }

    /// The same for a source that was the last one too.
    pub(super) fn resume(&mut self, facts: &Facts) -> u64 {
        if let Some(newest) = self.newest
            && let Some(step) = facts.timestamp.checked_sub(newest.source)
            && step >= self.frame
        {
            let elapsed = self.ticks(facts.arrival.saturating_duration_since(newest.arrival));
            if step.abs_diff(elapsed) <= self.ticks(CLOCKS_AGREE) {
                return newest.outgoing.wrapping_sub(newest.source);
            }
        }
        self.begin(facts)
    }

    /// Whether the clock of the source that is being sent has leapt since its newest packet.
    pub(super) fn has_jumped(&self, facts: &Facts) -> bool {
        let Some(newest) = self.newest else { return false };
        let jump = self.ticks(CLOCK_JUMP);
        let elapsed = self.ticks(facts.arrival.saturating_duration_since(newest.arrival));
        facts.timestamp.saturating_add(jump) < newest.source
            || facts.timestamp > newest.source.saturating_add(elapsed.saturating_add(jump))
    }

    /// A packet goes out.
    pub(super) fn note(&mut self, facts: &Facts, outgoing: u64) {
        if self.newest.is_none_or(|newest| outgoing > newest.outgoing) {
            self.newest =
                Some(Newest { source: facts.timestamp, outgoing, arrival: facts.arrival });
        }
    }

    fn ticks(&self, span: Duration) -> u64 {
        let rate = u64::from(self.clock_rate);
        // Seconds and the rest apart: no product leaves 64 bits for any span and rate in reach.
        span.as_secs().saturating_mul(rate) + u64::from(span.subsec_nanos()) * rate / 1_000_000_000
    }
}

#[cfg(test)]
mod tests {
    use parlor_rtc::payload::Layer;

    use super::*;
    use crate::ring::{Dependencies, FrameNumbers};

    fn sound(timestamp: u64, arrival: Instant) -> Facts {
        Facts {
            sequence: 0,
            timestamp,
            arrival,
            marker: false,
            payload_type: 111,
            recovered: false,
            starts_frame: true,
            starts_key_frame: true,
            numbers: FrameNumbers::default(),
            layer: Layer::default(),
            dependencies: Dependencies::default(),
            audio_level: None,
            video_orientation: None,
            color_space: None,
        }
    }

    #[test]
    fn sources_that_begin_with_what_came_before_do_not_run_away_from_real_time() {
        // Nothing depends on which instant this is.
        #[allow(clippy::disallowed_methods)]
        let start = Instant::now();
        let mut timeline = Timeline::new(MediaKind::Audio, 48_000, 0);
        let packet = Duration::from_millis(20);
        let (mut begins, mut first, mut outgoing) = (start, None, 0);
        for turn in 0..100 {
            let offset = timeline.begin(&sound(0, begins));
            for n in 0..50_u32 {
                let facts = sound(u64::from(n) * 960, begins + packet * n);
                let next = facts.timestamp.wrapping_add(offset);
                assert!(next > outgoing, "never backwards");
                outgoing = next;
                first.get_or_insert(next);
                timeline.note(&facts, outgoing);
            }
            // By turns, the next one breaks in with what they said 240 ms ago, or lets half a second pass.
            begins += if turn % 2 == 0 { packet * (50 - 12) } else { packet * (50 + 25) };
        }
        let last = begins - packet * 26;
        let ticks = outgoing - first.unwrap_or_default();
        let ahead = ticks as f64 / 48_000.0 - last.duration_since(start).as_secs_f64();
        assert!(ahead.abs() < 0.3, "{ahead} s ahead of real time");
    }
}
