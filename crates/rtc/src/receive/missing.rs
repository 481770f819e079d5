//! Packets that should have come, and when to ask for them again (RFC 4585 section 6.2.1).

use std::time::{Duration, Instant};

use super::{Arrival, Reply};

/// Most packets that are waited for: more are missing only when the link is down, and then a key
/// frame is the way back.
const MAX_MISSING: usize = 256;

/// A jump of so many packets is a pause of the sender or a link that was down, not a loss to repair.
const MAX_GAP: u64 = 128;

/// Most packets that one NACK asks for, so that it fits a small RTCP packet.
pub const MAX_REQUESTS: usize = 64;

/// How long a packet may be late before it is asked for: what networks reorder comes within this.
const REORDER_TOLERANCE: Duration = Duration::from_millis(5);

/// A request is repeated after the time in which an answer is to be expected and this, which covers
/// the sender's own delay and small changes of the path's.
const REPLY_MARGIN: Duration = Duration::from_millis(10);

/// Requests are not repeated faster than this on the shortest link.
const MIN_RETRY: Duration = Duration::from_millis(20);

/// Nor slower than this, whatever a wrong estimate of the sender says: there would be no second try.
const MAX_RETRY: Duration = Duration::from_millis(400);

/// Requests for one packet before it is given up.
const MAX_TRIES: u8 = 10;

/// Older packets are given up: no sender keeps them, and no viewer waits for them.
const MAX_AGE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
struct Packet {
    sequence: u64,
    since: Instant,
    ask_at: Instant,
    /// None before the first request.
    asked: Option<Asked>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    first_at: Instant,
    times: u8,
}

/// The packets that are missing of one stream, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Missing {
    packets: Vec<Packet>,
    given_up: bool,
    reply: Option<Reply>,
}

/// The sequence numbers to put into one NACK.
#[derive(Clone, Copy, Debug)]
pub struct Requests {
    sequences: [u16; MAX_REQUESTS],
    len: usize,
}

impl Requests {
    /// Nothing to ask for.
    pub(super) const NONE: Requests = Requests { sequences: [0; MAX_REQUESTS], len: 0 };

    /// The numbers as on the wire, in order.
    pub fn as_slice(&self) -> &[u16] {
        self.sequences.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, sequence: u64) {
        if let Some(place) = self.sequences.get_mut(self.len) {
            *place = sequence as u16;
            self.len += 1;
        }
    }
}

impl Missing {
    /// The numbers from `first` up to and without `end` have not come.
    #[inline]
    pub(super) fn skip(&mut self, now: Instant, first: u64, end: u64) {
        if first == end {
            return;
        }
        if end - first > MAX_GAP || self.packets.len() + (end - first) as usize > MAX_MISSING {
            self.packets.clear();
            self.given_up = true;
            return;
        }
        let ask_at = now + REORDER_TOLERANCE;
        self.packets.extend((first..end).map(|sequence| Packet {
            sequence,
            since: now,
            ask_at,
            asked: None,
        }));
    }

    /// A number that may have been missing has come. By itself it is only late and answers nothing.
    pub(super) fn found(&mut self, now: Instant, sequence: u64, arrival: Arrival) {
        if let Ok(index) = self.packets.binary_search_by_key(&sequence, |packet| packet.sequence) {
            let packet = self.packets.remove(index);
            self.reply = match (arrival, packet.asked) {
                (Arrival::Repair, Some(asked)) => Some(asked.answered(now)),
                _ => None,
            };
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.packets.iter().map(|packet| packet.ask_at).min()
    }

    pub(super) fn requests(&mut self, now: Instant, reply_time: Duration) -> Requests {
        self.give_up(now);
        let retry = reply_time.saturating_add(REPLY_MARGIN).clamp(MIN_RETRY, MAX_RETRY);
        let mut requests = Requests::NONE;
        let due = self.packets.iter_mut().filter(|packet| packet.ask_at <= now);
        for packet in due.take(MAX_REQUESTS) {
            packet.asked.get_or_insert(Asked { first_at: now, times: 0 }).times += 1;
            packet.ask_at = now + retry;
            requests.push(packet.sequence);
        }
        requests
    }

    /// Forgets what is asked for no more. That nothing has come may mean that answers take longer.
    fn give_up(&mut self, now: Instant) {
        let before = self.packets.len();
        let mut longest = None;
        self.packets.retain(|packet| {
            let asked_enough = packet.asked.is_some_and(|asked| asked.times >= MAX_TRIES);
            let unanswered = asked_enough && packet.ask_at <= now;
            let stays = !unanswered && now < packet.since + MAX_AGE;
            if !stays {
                longest = longest
                    .max(packet.asked.map(|asked| now.saturating_duration_since(asked.first_at)));
            }
            stays
        });
        self.given_up |= self.packets.len() < before;
        self.reply = longest.map(Reply::Unclear);
    }

    pub(super) fn give_up_all(&mut self) {
        self.given_up |= !self.packets.is_empty();
        self.packets.clear();
    }

    pub(super) fn take_given_up(&mut self) -> bool {
        std::mem::take(&mut self.given_up)
    }

    pub(super) fn take_reply(&mut self) -> Option<Reply> {
        self.reply.take()
    }
}

impl Asked {
    /// What it tells that the packet has come at `now`.
    fn answered(&self, now: Instant) -> Reply {
        let elapsed = now.saturating_duration_since(self.first_at);
        match self.times {
            1 => Reply::After(elapsed),
            _ => Reply::Unclear(elapsed),
        }
    }
}
