//! What a client without transport-wide feedback makes of its arrivals, and tells by REMB: an estimate of what its
//! path carries, as browsers made it before (draft-ietf-rmcat-gcc-02 with the estimator at the receiver).
//!
//! It knows nothing that a browser would not: when packets arrived, how long they are, and when each says that it left.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parlor_rtc::rtp::{AbsSendTime, ExtensionKind, ExtensionMap, RtpView};

use crate::link::LinkConfig;

/// Where the time of leaving is in str0m's offers.
const ABS_SEND_TIME_ID: u8 = 2;
/// Times of leaving have 18 bits for a second, and wrap at 24.
const TICKS_PER_SECOND: i64 = 1 << 18;
const UNUSED_BITS: u32 = 32 - 24;

/// How often it thinks, and what it looks back on: for the rate, for the luckiest packet now and ever.
const INTERVAL: Duration = Duration::from_millis(100);
const RATE_WINDOW: Duration = Duration::from_millis(500);
const RECENT: Duration = Duration::from_millis(200);
const REMEMBERED: Duration = Duration::from_secs(10);

/// libwebrtc knows nothing for so long; then it believes what arrives.
const FIRST_AFTER: Duration = Duration::from_secs(5);
/// Even the luckiest packet waits so long: the path is full. So short: it is not.
const FULL_US: i64 = 25_000;
const EMPTY_US: i64 = 10_000;
/// What is left of what arrives when the path is full, and how soon that is said again.
const BACK_OFF: f64 = 0.85;
const BACK_OFF_INTERVAL: Duration = Duration::from_millis(400);
/// Growth in a second, up to so many times what arrives, and a little more.
const GROWTH: f64 = 1.08;
const AHEAD: f64 = 1.5;
const AHEAD_BPS: f64 = 10_000.0;
/// How often it is told; what is less by this part is told at once.
const TOLD_EVERY: Duration = Duration::from_secs(1);
const LESS: f64 = 0.97;

/// What a client tells of the packets that it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feedback {
    /// When each arrived.
    TransportWide,
    /// Its own estimate, by REMB, and receiver reports.
    Remb,
    /// Receiver reports and nothing else.
    Reports,
}

impl Feedback {
    /// The offer of a client that gives this feedback, made of one that gives all.
    pub(crate) fn offered(self, offer: &str) -> String {
        let missing: &[&str] = match self {
            Feedback::TransportWide => &[],
            Feedback::Remb => &["transport-wide-cc", "transport-cc"],
            Feedback::Reports => &["transport-wide-cc", "transport-cc", "goog-remb"],
        };
        let is_left = |line: &&str| !missing.iter().any(|name| line.contains(name));
        offer.split_inclusive('\n').filter(is_left).collect()
    }
}

/// One packet that arrived.
#[derive(Debug)]
struct Arrival {
    at: Instant,
    bytes: usize,
    /// How long it took, on a scale of its own.
    delay_us: i64,
}

/// A receiver's estimate of its path.
#[derive(Debug)]
pub(crate) struct ReceiverEstimate {
    extensions: ExtensionMap,
    begun: Option<Instant>,
    last_sent: Option<u32>,
    sent_ticks: i64,
    arrivals: VecDeque<Arrival>,
    estimate_bps: Option<f64>,
    fallen: Option<Instant>,
    told: Option<(Instant, f64)>,
    next_at: Instant,
}

impl ReceiverEstimate {
    pub(crate) fn new(now: Instant) -> ReceiverEstimate {
        let mut extensions = ExtensionMap::new();
        extensions
            .insert(ABS_SEND_TIME_ID, ExtensionKind::AbsSendTime)
            .expect("it is no reserved id");
        ReceiverEstimate {
            extensions,
            begun: None,
            last_sent: None,
            sent_ticks: 0,
            arrivals: VecDeque::new(),
            estimate_bps: None,
            fallen: None,
            told: None,
            next_at: now,
        }
    }

    /// Takes note of a datagram, if it is media that says when it left. Headers are not encrypted.
    pub(crate) fn note(&mut self, now: Instant, datagram: &[u8]) {
        let is_media = matches!(datagram, [0x80..=0xbf, kind, ..] if !(192..=223).contains(kind));
        let Some(view) = RtpView::parse(datagram, &self.extensions).ok().filter(|_| is_media)
        else {
            return;
        };
        let Some(AbsSendTime(sent)) = view.extensions.abs_send_time else { return };
        let begun = *self.begun.get_or_insert(now);
        let passed = sent.wrapping_sub(self.last_sent.replace(sent).unwrap_or(sent));
        self.sent_ticks += i64::from((passed << UNUSED_BITS) as i32 >> UNUSED_BITS);
        let sent_us = self.sent_ticks * 1_000_000 / TICKS_PER_SECOND;
        let delay_us = (now - begun).as_micros() as i64 - sent_us;
        let bytes = datagram.len() + LinkConfig::HEADER_LEN;
        self.arrivals.push_back(Arrival { at: now, bytes, delay_us });
    }

    /// When [`ReceiverEstimate::poll`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.begun.map(|_| self.next_at)
    }

    /// Lets time pass: bits per second that are to be told now.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<f64> {
        let begun = self.begun.filter(|_| now >= self.next_at)?;
        self.next_at = now + INTERVAL;
        let oldest = now.checked_sub(REMEMBERED).unwrap_or(begun);
        while self.arrivals.front().is_some_and(|arrival| arrival.at < oldest) {
            self.arrivals.pop_front();
        }
        self.think(now, begun);
        let estimate_bps = self.estimate_bps?;
        let is_due = self
            .told
            .is_none_or(|(at, told_bps)| now >= at + TOLD_EVERY || estimate_bps < told_bps * LESS);
        is_due.then(|| self.told = Some((now, estimate_bps)));
        is_due.then_some(estimate_bps)
    }

    /// What was told last.
    pub(crate) fn told_bps(&self) -> Option<u64> {
        self.told.map(|(_, bps)| bps as u64)
    }

    fn think(&mut self, now: Instant, begun: Instant) {
        let shortest_us = (self.shortest_us(now, RECENT), self.shortest_us(now, REMEMBERED));
        let (Some(recent_us), Some(ever_us)) = shortest_us else { return };
        if now < begun + RATE_WINDOW {
            return;
        }
        let (rate_bps, queue_us) = (self.rate_bps(now), recent_us - ever_us);
        if queue_us >= FULL_US {
            let may_fall = self.fallen.is_none_or(|at| now >= at + BACK_OFF_INTERVAL);
            if may_fall {
                let left_bps = rate_bps * BACK_OFF;
                self.estimate_bps = Some(self.estimate_bps.map_or(left_bps, |it| it.min(left_bps)));
                self.fallen = Some(now);
            }
        } else if let Some(estimate_bps) = self.estimate_bps.filter(|_| queue_us <= EMPTY_US) {
            let limit_bps = rate_bps * AHEAD + AHEAD_BPS;
            if estimate_bps < limit_bps {
                let grown_bps = estimate_bps * GROWTH.powf(INTERVAL.as_secs_f64());
                self.estimate_bps = Some(grown_bps.min(limit_bps));
            }
        } else if self.estimate_bps.is_none() && now >= begun + FIRST_AFTER {
            self.estimate_bps = Some(rate_bps);
        }
    }

    fn rate_bps(&self, now: Instant) -> f64 {
        let recent = self.arrivals.iter().rev().take_while(|it| it.at + RATE_WINDOW > now);
        recent.map(|it| it.bytes).sum::<usize>() as f64 * 8.0 / RATE_WINDOW.as_secs_f64()
    }

    /// What the luckiest packet of a time took.
    fn shortest_us(&self, now: Instant, window: Duration) -> Option<i64> {
        let recent = self.arrivals.iter().rev().take_while(|it| it.at + window > now);
        recent.map(|it| it.delay_us).min()
    }
}
