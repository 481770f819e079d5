//! The rate for clients without transport-wide feedback: what their receiver reports say of loss
//! (draft-ietf-rmcat-gcc-02 section 6), and at most what they ask for by REMB.

mod search;

use std::time::Duration;

use super::moment::Moment;
use super::silence::{REDUCTION, Silence};
use super::{Bitrate, Limits};
use search::{Outlook, Search};

/// Up to this much loss, in parts of 256 as reports have it, the rate grows: 2 %.
const LITTLE_LOST: u8 = 5;

/// Beyond this much it falls: 10 %.
const MUCH_LOST: u8 = 26;

/// A part of fewer packets says little.
const FEW_PACKETS: u32 = 20;

/// How much it grows, at most once in this time.
const GROWTH: f64 = 1.08;
const GROWTH_INTERVAL: Duration = Duration::from_secs(1);

/// And a little more, so that the lowest rates grow too.
const LEAST_GROWTH: Bitrate = Bitrate::from_kbps(1);

/// How far it gets ahead of what is sent: no further than the room that is kept when pictures are chosen.
const AHEAD: f64 = 1.1;

/// How soon after it fell it may fall again, beside a round trip.
const FALL_INTERVAL: Duration = Duration::from_millis(300);

/// An estimate that is less than this part of the one before means that the client has seen a queue.
const LESS: f64 = 0.97;

/// A step on the way to more where the client sees a queue as it fills; and where it says nothing of queues: then one of
/// 100 ms takes 2.5 s to overflow, and reports tell of it sooner.
const STEP: f64 = 1.15;
const BLIND_STEP: f64 = 1.04;

/// A round trip that has grown by so much while more was looked for has a queue in it.
const QUEUE: Duration = Duration::from_millis(30);

/// So many times nobody says how long the way there and back takes: what asks for that may have been lost.
const UNANSWERED: u32 = 2;

/// What is left of what was carried when the path is found full.
const BACK_OFF: f64 = 0.85;

/// How far apart reports are at most (RFC 3550 section 6.2, with its 5 s minimum).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// What receiver reports say of all streams together, since those before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// Packets that were to arrive.
    pub expected: u32,
    /// Packets of these that did not.
    pub lost: u32,
}

impl Reported {
    /// The same of a stream of which so many packets were sent again since its last report: there are clients that do
    /// not report as lost what was repaired.
    pub fn with_repaired(self, packets: u32) -> Reported {
        Reported { lost: self.lost.max(packets), ..self }
    }

    /// What is said of two streams, or by two reports, together.
    pub fn plus(self, other: Reported) -> Reported {
        Reported {
            expected: self.expected.saturating_add(other.expected),
            lost: self.lost.saturating_add(other.lost),
        }
    }

    /// In parts of 256.
    fn fraction_lost(self) -> u8 {
        let parts = u64::from(self.lost) * 256 / u64::from(self.expected.max(1));
        parts.min(255) as u8
    }
}

/// The estimate of a client that only reports.
#[derive(Clone, Debug)]
pub(super) struct ReportEstimate {
    limits: Limits,
    rate: Bitrate,
    /// What was sent lately, and came through.
    carried: Bitrate,
    asked: Option<Bitrate>,
    wanted: Bitrate,
    /// When it last grew, or sending began.
    grown: Option<Moment>,
    fallen: Option<Moment>,
    /// What was reported and is too little yet to say anything.
    reported: Reported,
    pub(super) fraction_lost: u8,
    pub(super) round_trip: Option<Duration>,
    /// The round trip while nothing was looked for.
    calm_round_trip: Option<Duration>,
    /// How often there was nothing new of the round trip when the rate might have grown.
    unanswered: u32,
    silence: Silence,
    search: Search,
    /// Sent since the last growth.
    sent_bytes: u64,
}

impl ReportEstimate {
    pub(super) fn new(limits: Limits, start: Bitrate) -> ReportEstimate {
        ReportEstimate {
            limits,
            rate: limits.clamp(start),
            carried: Bitrate::ZERO,
            asked: None,
            wanted: Bitrate::ZERO,
            grown: None,
            fallen: None,
            reported: Reported::default(),
            fraction_lost: 0,
            round_trip: None,
            calm_round_trip: None,
            unanswered: 0,
            silence: Silence::new(REPORT_INTERVAL),
            search: Search::new(),
            sent_bytes: 0,
        }
    }

    pub(super) fn target(&self) -> Bitrate {
        self.limits.clamp(self.asked.map_or(self.rate, |asked| self.rate.min(asked)))
    }

    /// The rate to fill up to with padding, so that the client can see what the path takes: a step more than was carried.
    pub(super) fn padding(&self) -> Bitrate {
        let step = if self.is_blind() { BLIND_STEP } else { STEP };
        match self.search.looks() {
            true => self.target().min(self.carried.scaled(step)),
            false => Bitrate::ZERO,
        }
    }

    pub(super) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.rate = limits.clamp(self.rate);
    }

    /// Says how much could be used.
    pub(super) fn set_wanted(&mut self, now: Moment, wanted: Bitrate) {
        self.wanted = wanted;
        self.look_for_more(now);
    }

    #[inline]
    pub(super) fn note_sent(&mut self, now: Moment, bytes: usize) {
        self.silence.note_sent(now);
        self.grown.get_or_insert(now);
        self.sent_bytes = self.sent_bytes.saturating_add(bytes as u64);
    }

    /// The client's own estimate. Where it grows, so may the rate: the client has seen no overuse.
    pub(super) fn handle_estimate(&mut self, now: Moment, estimate: Bitrate) {
        if self.asked.is_none_or(|asked| estimate > asked) && self.fraction_lost <= LITTLE_LOST {
            self.rate = self.limits.clamp(self.rate.max(estimate));
        }
        if self.asked.is_some_and(|asked| estimate < asked.scaled(LESS)) {
            self.search.give_up(now, self.is_blind());
        }
        self.asked = Some(estimate);
        self.look_for_more(now);
    }

    pub(super) fn handle_report(
        &mut self,
        now: Moment,
        reported: Reported,
        round_trip: Option<Duration>,
    ) {
        self.silence.note_answer(round_trip);
        if round_trip.is_some() {
            (self.round_trip, self.unanswered) = (round_trip, 0);
        }
        if !self.search.looks() || self.calm_round_trip.is_none() {
            self.calm_round_trip = self.round_trip;
        }
        self.reported = self.reported.plus(reported);
        if self.reported.expected >= FEW_PACKETS {
            self.fraction_lost = std::mem::take(&mut self.reported).fraction_lost();
            if self.search.looks() && self.fraction_lost > LITTLE_LOST {
                self.turn_back(now);
            }
            self.follow_loss(now);
        }
        if self.search.looks() && self.has_queue() {
            self.turn_back(now);
        }
        self.look_for_more(now);
    }

    fn follow_loss(&mut self, now: Moment) {
        let since = |at: Option<Moment>| at.map(|at| now.saturating_duration_since(at));
        let pause = FALL_INTERVAL + self.round_trip.unwrap_or_default();
        match self.fraction_lost {
            ..=LITTLE_LOST if since(self.grown).is_none_or(|passed| passed >= GROWTH_INTERVAL) => {
                let passed = since(self.grown).unwrap_or(GROWTH_INTERVAL);
                let sent = Bitrate::of(std::mem::take(&mut self.sent_bytes), passed);
                self.follow_sent(now, sent.unwrap_or_default());
                self.grown = Some(now);
            }
            lost @ MUCH_LOST.. if since(self.fallen).is_none_or(|passed| passed >= pause) => {
                let kept = 1.0 - 0.5 * f64::from(lost) / 256.0;
                self.rate = self.limits.clamp(self.target().scaled(kept));
                self.fallen = Some(now);
                self.search.give_up(now, self.is_blind());
            }
            _ => {}
        }
    }

    /// So much was sent lately, and hardly anything of it lost. A rate that nobody has tried says nothing.
    fn follow_sent(&mut self, now: Moment, sent: Bitrate) {
        let looks = self.search.looks();
        if looks && self.is_blind() && self.unanswered > 0 {
            self.unanswered += 1;
            if self.unanswered > UNANSWERED {
                self.turn_back(now);
            }
            return;
        }
        self.unanswered = 1;
        self.carried = if looks { self.carried.max(sent) } else { sent };
        if self.rate < sent.scaled(AHEAD) {
            self.rate = self.limits.clamp(self.rate.scaled(GROWTH).plus(LEAST_GROWTH));
        }
    }

    /// What was looked for is not there: the last step was too much.
    fn turn_back(&mut self, now: Moment) {
        let before = self.search.began_at().unwrap_or_default();
        let left = self.carried.scaled(BACK_OFF).max(before);
        self.rate = self.limits.clamp(self.rate.min(left));
        self.search.give_up(now, self.is_blind());
    }

    /// Whether the client says nothing of queues before they overflow.
    fn is_blind(&self) -> bool {
        self.asked.is_none()
    }

    /// Whether the way there and back takes clearly longer than it did while nothing was looked for.
    fn has_queue(&self) -> bool {
        let both = self.round_trip.zip(self.calm_round_trip);
        both.is_some_and(|(now, calm)| now >= calm + QUEUE)
    }

    fn look_for_more(&mut self, now: Moment) {
        let outlook = Outlook {
            rate: self.target(),
            tried: self.carried,
            wanted: self.wanted.min(self.limits.max),
            is_blind: self.is_blind(),
        };
        self.search.review(now, outlook);
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        let lacks = self.target() < self.wanted.min(self.limits.max);
        self.silence.deadline().into_iter().chain(self.search.deadline(lacks)).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Moment) {
        if self.silence.handle_timeout(now) {
            self.rate = self.limits.clamp(self.target().scaled(REDUCTION));
            self.search.give_up(now, self.is_blind());
        }
        self.look_for_more(now);
    }
}

#[cfg(test)]
mod tests;
