//! What a person receives: that it is whole, in order and of whom it should be, and what the server is told of it.

use std::time::{Duration, Instant};

use parlor_rtc::receive::{
    Arrival, MAX_REQUESTS, StreamReceiver, TransportArrivals, Verdict, unwrap_retransmission,
};
use parlor_rtc::rtcp::{CompoundWriter, NoRoom, ReportBlock, SenderInfo};
use parlor_rtc::rtp::{ExtensionMap, RtpView, SequenceExtender, Ssrc};

use crate::codec::{Codec, OPUS};
use crate::pictures::tail_len;
use crate::stamp::Stamp;
use crate::tally::Tally;

/// How long what was carried before may still come, and what is carried next may come before the word of it.
const CHANGE: Duration = Duration::from_secs(1);
/// The highest number of a section that is one: more than anybody offers.
const MAX_SLOT: u32 = 1023;
/// How soon the server may be expected to answer a request for what is missing.
const REPLY_TIME: Duration = Duration::from_millis(20);
/// Bytes of a NACK of so much at most as one asks for, no two numbers near each other (RFC 4585 section 6.2.1), and of a PLI.
const LONGEST_REQUEST: usize = 12 + 4 * MAX_REQUESTS + 12;
/// Our own stream in feedback: receivers have none, and any will do (RFC 4585 section 6.1).
pub const SENDER: Ssrc = Ssrc(1);

/// Whom a slot carries.
#[derive(Clone, Copy, Debug, Default)]
struct Carried {
    seat: Option<u32>,
    before: Option<u32>,
    since: Option<Instant>,
}

/// Packets of somebody of whom we have not heard that a slot carries them.
#[derive(Clone, Copy, Debug)]
struct Unannounced {
    slot: u32,
    seat: u32,
    packets: u64,
    since: Instant,
}

struct Stream {
    ssrc: Ssrc,
    slot: u32,
    clock_rate: u32,
    receiver: StreamReceiver,
    sequences: SequenceExtender,
    first: u64,
    /// Packets that came, each once.
    arrived: u64,
    /// How many had not come at the last look.
    missed: u64,
    last: Option<(u64, Stamp)>,
}

/// A packet of media, as it was first sent.
struct Media<'a> {
    ssrc: Ssrc,
    sequence: u16,
    arrival: Arrival,
    payload: &'a [u8],
    codec: Option<Codec>,
}

/// What one person receives.
pub struct Receiver {
    start: Instant,
    extensions: ExtensionMap,
    streams: Vec<Stream>,
    /// Theirs, in the same order: what is looked through for each packet.
    ssrcs: Vec<Ssrc>,
    /// Packets of some stream may be missing.
    misses: bool,
    /// By slot.
    carried: Vec<Carried>,
    unannounced: Vec<Unannounced>,
    last_media: Option<Instant>,
    arrivals: TransportArrivals,
    is_first: bool,
}

impl Receiver {
    /// Nothing yet, in a load that began at `start`.
    pub fn new(start: Instant, extensions: ExtensionMap) -> Receiver {
        Receiver {
            start,
            extensions,
            streams: Vec::new(),
            ssrcs: Vec::new(),
            misses: false,
            carried: Vec::new(),
            unannounced: Vec::new(),
            last_media: None,
            arrivals: TransportArrivals::default(),
            is_first: true,
        }
    }

    /// Takes the word of the server on whom a slot carries.
    pub fn carry(&mut self, now: Instant, slot: u32, seat: Option<u32>) {
        self.unannounced.retain(|it| it.slot != slot || Some(it.seat) != seat);
        let at = slot.min(MAX_SLOT) as usize;
        if self.carried.len() <= at {
            self.carried.resize(at + 1, Carried::default());
        }
        let Some(carried) = self.carried.get_mut(at) else { return };
        if carried.seat != seat {
            carried.before = carried.seat;
            carried.seat = seat;
            carried.since = Some(now);
        }
    }

    /// Takes an RTP packet that came at `now`, opened; returns whether it is the first one with media.
    #[inline]
    pub fn handle_rtp(&mut self, now: Instant, packet: &[u8], tally: &mut Tally) -> bool {
        let Ok(view) = RtpView::parse(packet, &self.extensions) else {
            tally.forged += 1;
            return false;
        };
        if let Some(number) = view.extensions.transport_sequence {
            self.arrivals.handle_packet(now, number);
        }
        match self.media_of(packet, &view) {
            Some(media) => self.take(now, &view, media, tally),
            None => tally.padding += 1,
        }
        let is_media = is_media(view.payload_type) && !view.payload.is_empty();
        is_media && std::mem::take(&mut self.is_first)
    }

    /// What a packet is of media; none when it only pads, or repeats what was never here.
    #[inline]
    fn media_of<'a>(&self, packet: &'a [u8], view: &RtpView) -> Option<Media<'a>> {
        let RtpView { ssrc, sequence, .. } = *view;
        if let codec @ Some(_) = Codec::repaired_by(view.payload_type) {
            let repaired = unwrap_retransmission(packet, view)?;
            let payload = repaired.payload.of(packet);
            let slot = slot_of(view)?;
            // Of several the one that began last.
            let ssrc = self.streams.iter().rfind(|stream| stream.slot == slot)?.ssrc;
            return Some(Media {
                ssrc,
                sequence: repaired.sequence,
                arrival: Arrival::Repair,
                payload,
                codec,
            });
        }
        let payload = view.payload.of(packet);
        let codec = Codec::of(view.payload_type);
        let media = Media { ssrc, sequence, arrival: Arrival::Original, payload, codec };
        (!payload.is_empty()).then_some(media)
    }

    fn take(&mut self, now: Instant, view: &RtpView, media: Media<'_>, tally: &mut Tally) {
        let Media { ssrc, sequence, arrival, payload, codec } = media;
        let Some(stream) = self.index_of(ssrc, view).and_then(|at| self.streams.get_mut(at)) else {
            return;
        };
        let highest = stream.sequences.highest();
        let sequence = stream.sequences.extend(sequence);
        let is_behind = highest.is_some_and(|highest| sequence < highest);
        if stream.first == 0 {
            stream.first = sequence;
        }
        match stream.receiver.handle_packet(now, sequence, view.timestamp, arrival) {
            Verdict::New => {}
            Verdict::Duplicate => {
                tally.duplicates += 1;
                return;
            }
            // Whoever waited for it has given up: it stays lost, if it was.
            Verdict::TooOld => return,
        }
        self.misses |= stream.receiver.deadline().is_some();
        stream.arrived += 1;
        self.last_media = Some(now);
        tally.packets_in += 1;
        tally.bytes_in += payload.len() as u64 + view.header_len() as u64;
        match arrival {
            Arrival::Repair => tally.recovered += 1,
            Arrival::Original => tally.late += u64::from(is_behind),
        }
        let end = payload.len().saturating_sub(codec.map_or(0, tail_len));
        let Some(stamp) = payload.get(..end).and_then(Stamp::read) else { return };
        let age = stamp.age(self.start, now);
        match stamp.stream {
            0 => tally.sound_delay.note(age),
            _ => tally.picture_delay.note(age),
        }
        if let Some((before, last)) = stream.last
            && (last.seat, last.stream) == (stamp.seat, stamp.stream)
            && (before < sequence) != ((last.number.wrapping_sub(stamp.number) as i32) < 0)
        {
            tally.disordered += 1;
        }
        if stream.last.is_none_or(|(before, _)| before < sequence) {
            stream.last = Some((sequence, stamp));
        }
        let slot = stream.slot;
        self.check_owner(now, slot, stamp.seat);
    }

    /// Where the stream of a packet is, which begins with it if there was none.
    fn index_of(&mut self, ssrc: Ssrc, view: &RtpView) -> Option<usize> {
        if let at @ Some(_) = self.ssrcs.iter().position(|known| *known == ssrc) {
            return at;
        }
        let slot = slot_of(view)?;
        self.streams.push(Stream::new(ssrc, slot, view.payload_type));
        self.ssrcs.push(ssrc);
        Some(self.streams.len() - 1)
    }

    /// Takes a sender report of the server's.
    pub fn handle_sender_report(&mut self, now: Instant, ssrc: Ssrc, info: &SenderInfo) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc) {
            stream.receiver.handle_sender_report(now, info);
        }
    }

    /// When [`Receiver::write_feedback`] has something to say next.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        let deadlines = self.streams.iter().filter_map(|stream| stream.receiver.deadline());
        let missing = self.misses.then(|| deadlines.min()).flatten();
        [self.arrivals.deadline(), missing].into_iter().flatten().min()
    }

    /// Writes what is due: what is missing first, since that cannot wait, then what has arrived.
    ///
    /// # Errors
    /// When there is more than fits into `room` bytes, `out`'s among them: the rest stays due.
    pub fn write_feedback(
        &mut self,
        now: Instant,
        out: &mut CompoundWriter<'_>,
        room: usize,
    ) -> Result<(), NoRoom> {
        for stream in self.streams.iter_mut().filter(|_| self.misses) {
            let ssrc = stream.ssrc;
            if stream.receiver.deadline().is_some_and(|at| now >= at) {
                // What has been asked for is not due again at once, so there must be room before.
                if out.len() + LONGEST_REQUEST > room {
                    return Err(NoRoom);
                }
                let lost = stream.receiver.requests(now, REPLY_TIME);
                out.nack(SENDER, ssrc, lost.as_slice().iter().copied())?;
                if stream.receiver.take_given_up() && stream.clock_rate == 90_000 {
                    out.picture_loss(SENDER, ssrc)?;
                }
            }
        }
        self.misses = self.streams.iter().any(|stream| stream.receiver.deadline().is_some());
        let media = self.ssrcs.first().copied().unwrap_or(SENDER);
        self.arrivals.write(now, SENDER, media, out)
    }

    /// Reports on all streams (RFC 3550 section 6.4.2).
    pub fn reports(&mut self, now: Instant) -> Vec<ReportBlock> {
        let streams = self.streams.iter_mut();
        streams.filter_map(|stream| stream.receiver.report(now, stream.ssrc)).collect()
    }

    /// Whether media has come.
    pub fn has_media(&self) -> bool {
        self.last_media.is_some()
    }

    /// Counts what was lost since the last look, and what came of others than was said within a moment.
    pub fn look(&mut self, now: Instant, tally: &mut Tally) {
        for stream in &mut self.streams {
            let end = stream.sequences.highest().map_or(stream.first, |highest| highest + 1);
            let missed = (end - stream.first).saturating_sub(stream.arrived);
            tally.lost += missed as i64 - stream.missed as i64;
            stream.missed = missed;
        }
        self.unannounced.retain(|it| {
            let waits = now < it.since + CHANGE;
            tally.of_others += if waits { 0 } else { it.packets };
            waits
        });
    }

    /// Whether a slot carries that person, did a moment ago, or is to be said to within a moment.
    fn check_owner(&mut self, now: Instant, slot: u32, seat: u32) {
        let carried = self.carried.get(slot as usize).copied().unwrap_or_default();
        let is_fresh = carried.since.is_some_and(|since| now < since + CHANGE);
        if carried.seat == Some(seat) || (is_fresh && carried.before == Some(seat)) {
            return;
        }
        match self.unannounced.iter_mut().find(|it| (it.slot, it.seat) == (slot, seat)) {
            Some(known) => known.packets += 1,
            None => self.unannounced.push(Unannounced { slot, seat, packets: 1, since: now }),
        }
    }

    /// Whether media is to come, and none has for so long.
    pub fn is_starved(&self, now: Instant, patience: Duration) -> bool {
        let is_due = self.carried.iter().any(|it| {
            it.seat.is_some_and(|_| it.since.is_some_and(|since| now >= since + patience))
        });
        is_due && self.last_media.is_none_or(|last| now >= last + patience)
    }
}

fn is_media(payload_type: u8) -> bool {
    payload_type == OPUS || Codec::of(payload_type).is_some()
}

/// Slots are named by the number of their section.
fn slot_of(view: &RtpView) -> Option<u32> {
    let slot = view.extensions.mid.as_ref()?.as_str().parse().ok()?;
    (slot <= MAX_SLOT).then_some(slot)
}

impl Stream {
    fn new(ssrc: Ssrc, slot: u32, payload_type: u8) -> Stream {
        let (clock_rate, receiver) = match payload_type {
            OPUS => (48_000, StreamReceiver::without_repair(48_000)),
            _ => (90_000, StreamReceiver::new(90_000)),
        };
        Stream {
            ssrc,
            slot,
            clock_rate,
            receiver,
            sequences: SequenceExtender::new(),
            first: 0,
            arrived: 0,
            missed: 0,
            last: None,
        }
    }
}

#[cfg(test)]
mod tests;
