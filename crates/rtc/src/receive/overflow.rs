//! A path from a sender that overflows: it is sent several times what it carries, and nobody's estimate of it
//! has noticed yet.
//!
//! A sender learns of it by transport-wide feedback, but its estimate needs half a second to believe it, and
//! then comes down step by step. Whoever receives knows at once what the path carries: that is what arrives.

use std::time::{Duration, Instant};

/// Arrivals are counted by parts of a window of so long. Two have a whole picture in them at 15 a second.
const PART: Duration = Duration::from_millis(35);

/// Parts of the window: 140 ms.
const PARTS: usize = 4;

/// After such a pause the window begins anew: what a path lost that was away for a moment does not say that it
/// is sent too much. A shorter one is not more than half of the window.
const LONGEST_PAUSE: Duration = Duration::from_millis(70);

/// Fewer packets than this in a window say nothing: 85 a second.
const LEAST_PACKETS: u64 = 12;

/// What an overflowing path loses of all that is sent, in percent: it is sent more than twice of what it carries.
/// With less, the sender's own estimate does well.
const LOST_PERCENT: u64 = 60;

/// So much of that is lost in either half of the window, in percent.
const LOST_IN_HALF_PERCENT: u64 = 25;

/// With so much lost of what came last it may overflow, in percent. Networks without wires seldom lose as much.
const SUSPECT_PERCENT: u64 = 40;

/// That lasts for so long at most: by then it is clear, and who loses as much at random is to be repaired.
const LONGEST_DOUBT: Duration = Duration::from_millis(250);

/// Doubt that was unfounded does not begin again before so much time has passed without such losses. A path that
/// overflows did not lose much before; one that does, comes and goes about what is suspicious, and would hardly ever
/// be repaired. Ten of its windows without them are no chance.
const CALMS_DOWN_IN: Duration = Duration::from_secs(2);

/// A sender is told so much of what arrives, in percent: with the rest, the queue that stands drains.
const SHARE_PERCENT: u64 = 80;

/// A sender is never told less, in bits per second: sound and the smallest picture are no use in less.
const LEAST_BPS: u64 = 100_000;

/// What overflows so soon after a limit was told was under way then.
const SETTLES_IN: Duration = Duration::from_millis(400);

/// How often a limit grows by half. Soon the sender's own estimate is the smaller one.
const GROWS_EVERY: Duration = Duration::from_secs(2);

/// A limit beyond this ceases to be one, in bits per second: no browser sends more by itself.
const CEASES_BPS: u64 = 20_000_000;

/// Watches for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overflow {
    window: Option<Window>,
    doubt: Option<Doubt>,
    limit: Option<Limit>,
}

/// What has come lately.
#[derive(Clone, Copy, Debug)]
struct Window {
    last: Instant,
    /// The transport-wide number that is expected next.
    next: u64,
    /// The part that is being filled.
    part: Part,
    part_since: Instant,
    /// Those before it, the latest last.
    parts: [Option<Part>; PARTS],
}

/// What has come in one part of the window.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    time: Duration,
    expected: u64,
    arrived: u64,
    bytes: u64,
}

/// It may overflow, as far as the latest parts tell, or might have lately.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    since: Instant,
    /// When that looked so last.
    renewed_at: Instant,
}

/// What the sender may send.
#[derive(Clone, Copy, Debug)]
struct Limit {
    bitrate_bps: u64,
    /// When it was found, and when it grew last.
    since: Instant,
    grown_at: Instant,
}

impl Overflow {
    /// Takes note of a packet with this transport-wide number, made whole, and of this length. True when the path
    /// turns out to overflow.
    #[inline]
    pub fn handle_packet(&mut self, now: Instant, sequence: u64, len: usize) -> bool {
        let window = match &mut self.window {
            Some(window) if now < window.last + LONGEST_PAUSE => window,
            window => window.insert(Window::new(now, sequence)),
        };
        window.last = now;
        let grows = self.limit.is_some_and(|limit| now >= limit.grown_at + GROWS_EVERY);
        let ends = now >= window.part_since + PART;
        if ends {
            window.end_part(now);
        }
        let newly_expected = (sequence + 1).saturating_sub(window.next);
        window.part.expected += newly_expected;
        window.part.arrived += 1;
        window.part.bytes += len as u64;
        window.next = window.next.max(sequence + 1);
        // With anything else, more of what is looked at has come than before.
        if (ends || newly_expected > 1) && window.may_overflow() {
            self.doubt(now);
        }
        if grows {
            self.grow(now);
        }
        ends && self.review(now)
    }

    /// What the sender is to be told that it may send, in bits per second; `None` when it knows best.
    pub fn limit_bps(&self) -> Option<u64> {
        self.limit.map(|limit| limit.bitrate_bps)
    }

    /// Whether a limit was told so recently that what is lost now was sent before it came.
    pub fn settles(&self, now: Instant) -> bool {
        self.limit.is_some_and(|limit| now < limit.since + SETTLES_IN)
    }

    /// Until when nothing is to be asked for again at `now`, since so much is lost that it would only make it worse.
    pub fn holds_requests_until(&self, now: Instant) -> Option<Instant> {
        self.doubts_until(now).or(self.settles(now).then_some(now + PART))
    }

    /// Until when it is not clear whether the path overflows: much is lost, and has not been for long.
    pub fn doubts_until(&self, now: Instant) -> Option<Instant> {
        let is_new = self.doubt.is_some_and(|doubt| now < doubt.since + LONGEST_DOUBT);
        let doubts = is_new && self.window.is_some_and(|window| window.may_overflow());
        (doubts && !self.settles(now)).then_some(now + PART)
    }

    /// Much is lost of what came last: that is new only where it was not so for some time.
    #[cold]
    fn doubt(&mut self, now: Instant) {
        let lately = self.doubt.filter(|doubt| now < doubt.renewed_at + CALMS_DOWN_IN);
        let since = lately.map_or(now, |doubt| doubt.since);
        self.doubt = Some(Doubt { since, renewed_at: now });
    }

    /// True when a limit has been found, the first or a lower one.
    #[cold]
    fn review(&mut self, now: Instant) -> bool {
        let Some(window) = self.window else { return false };
        if window.overflows() {
            let settles = self.settles(now);
            let bitrate_bps = (window.arrived_bps() * SHARE_PERCENT / 100).max(LEAST_BPS);
            if !settles {
                self.limit = Some(Limit { bitrate_bps, since: now, grown_at: now });
                // It was not unfounded.
                self.doubt = None;
            }
            return !settles;
        }
        false
    }

    /// Lets the limit grow with time, also with that in which nothing was sent.
    #[cold]
    fn grow(&mut self, now: Instant) {
        let Some(limit) = &mut self.limit else { return };
        while now >= limit.grown_at + GROWS_EVERY && limit.bitrate_bps <= CEASES_BPS {
            limit.bitrate_bps += limit.bitrate_bps / 2;
            limit.grown_at += GROWS_EVERY;
        }
        self.limit = self.limit.filter(|limit| limit.bitrate_bps <= CEASES_BPS);
    }
}

impl Window {
    fn new(now: Instant, next: u64) -> Window {
        let (part, parts) = (Part::default(), [None; PARTS]);
        Window { last: now, next, part, part_since: now, parts }
    }

    fn end_part(&mut self, now: Instant) {
        let time = now.saturating_duration_since(self.part_since);
        let ended = Part { time, ..std::mem::take(&mut self.part) };
        self.parts.rotate_left(1);
        self.parts[PARTS - 1] = Some(ended);
        self.part_since = now;
    }

    /// Whether most is lost, and some of it in either half of the window: not at once.
    fn overflows(&self) -> bool {
        let [Some(a), Some(b), Some(c), Some(d)] = self.parts else { return false };
        let (early, late) = (a.and(b), c.and(d));
        let all = early.and(late);
        all.expected >= LEAST_PACKETS
            && all.has_lost(LOST_PERCENT)
            && early.has_lost(LOST_IN_HALF_PERCENT)
            && late.has_lost(LOST_IN_HALF_PERCENT)
    }

    /// Whether much is lost of what has come just now.
    fn may_overflow(&self) -> bool {
        let [_, _, before, last] = self.parts.map(Option::unwrap_or_default);
        let latest = before.and(last).and(self.part);
        latest.expected >= LEAST_PACKETS / 2 && latest.has_lost(SUSPECT_PERCENT)
    }

    /// How much comes through, in bits per second: the whole window tells it best, unless it began before.
    fn arrived_bps(&self) -> u64 {
        let [a, b, c, d] = self.parts.map(Option::unwrap_or_default);
        let late = c.and(d);
        late.arrived_bps().min(a.and(b).and(late).arrived_bps())
    }
}

impl Part {
    fn and(self, other: Part) -> Part {
        Part {
            time: self.time + other.time,
            expected: self.expected + other.expected,
            arrived: self.arrived + other.arrived,
            bytes: self.bytes + other.bytes,
        }
    }

    fn arrived_bps(&self) -> u64 {
        self.bytes * 8 * 1000 / (self.time.as_millis() as u64).max(1)
    }

    /// Whether so many percent have not come.
    fn has_lost(&self, percent: u64) -> bool {
        100 * self.expected.saturating_sub(self.arrived) >= percent * self.expected.max(1)
    }
}
