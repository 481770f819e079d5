//! The rewriter: what a slot sends looks like one unbroken stream, whatever it is made from.
//!
//! The rules, of which [`Rewriter::decide`] is the keeper:
//! - A packet that is dropped by choice leaves no gap in the outgoing sequence numbers.
//! - A packet that was lost on its way to us leaves exactly one gap, which it fills when it comes late or
//!   is recovered. A missing packet of which nothing is known counts as wanted, until a neighbour
//!   proves that it belongs to a frame that was dropped by choice. If it comes and proves that itself, its number
//!   is given out already: it stays for the caller to fill ([`Original::is_wanted`]).
//! - Timestamps go on with real time over pauses and switches: by at least one frame, never backwards.
//! - Picture ids, TL0PICIDX and frame numbers go on where they were. What is dropped by choice leaves no
//!   gap in them either, but where frames refer to others by the distance of their numbers.
//! - Video begins, and changes to another layer or codec, only where a receiver can decode; audio at once.
//! - Inside one encoding, what goes out is up to the caller's [`Highest`] layers: less from the next
//!   picture on, more from where it decodes. The marker is on what ends the largest picture that goes out.

mod descriptor;
mod head;
mod highest;
mod history;
mod numbers;
mod sent;
mod templates;
mod timeline;

use std::cmp::Ordering;

use parlor_rtc::MediaKind;

use crate::id::LayerId;
use crate::ring::{Facts, FrameNumbers};
use head::Head;
use history::{History, Run};
use numbers::Numbers;
use sent::{Seen, SentWindow};
use templates::Templates;
use timeline::Timeline;

pub use descriptor::MAX_DESCRIPTOR_LEN;
pub use highest::Highest;
pub use history::MAX_RUNS;
pub use sent::WINDOW;

/// A source whose sequence numbers jump by more than this has begun anew (RFC 3550 appendix A.1,
/// `MAX_DROPOUT`). The receiver is shown a loss of one packet instead: no ring could fill more,
/// and a jump of 2^15 would break the receiver's SRTP rollover count.
pub const MAX_GAP: u64 = 3000;

/// One outgoing packet's numbers, as the receiver is to see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Extended sequence number. Its low 48 bits are the SRTP packet index, its low 16 bits travel.
    pub sequence: u64,
    /// Extended timestamp, in ticks of the codec's clock. Its low 32 bits travel.
    pub timestamp: u64,
    /// The frame's numbers: those that the source's packet has.
    pub numbers: FrameNumbers,
    /// The marker bit: the last packet of the picture, as much of it as goes out.
    pub marker: bool,
    /// What is added, wrapping behind 63, to the ids of dependency templates.
    pub template_shift: u8,
    /// The highest layers that go out with it, which its dependency descriptor has to tell.
    pub highest: Highest,
}

/// What is to be done with a packet of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes out like this.
    Forward(Outgoing),
    /// It does not go out.
    Drop(DropReason),
}

/// Why a packet of the source does not go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// The caller does not want it: a layer above those that are sent.
    NotWanted,
    /// Nothing can be decoded before the next key frame of its layer.
    AwaitingKeyFrame,
    /// It is older than what was sent first, or its place was given up, or is forgotten.
    TooLate,
    /// It has been sent already.
    Duplicate,
}

/// An outgoing sequence number traced back to its source, for retransmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original {
    /// The layer that the packet came from.
    pub layer: LayerId,
    /// Its extended sequence number there, to be looked up in that layer's ring.
    pub sequence: u64,
    outgoing: u64,
    run: Run,
}

impl Original {
    /// Whether the packet with these facts is one that goes out: of one that was missing nobody knew. If not, an empty
    /// packet has to take its number, for which some receivers wait.
    pub fn is_wanted(&self, facts: &Facts) -> bool {
        self.run.highest.holds(facts)
    }

    /// The numbers under which the packet with these facts went out, or would have if it had not been lost.
    pub fn outgoing(&self, facts: &Facts) -> Outgoing {
        self.run.rewrite(self.outgoing, facts)
    }
}

/// Maps packets of a slot's successive sources to the slot's one outgoing stream.
///
/// Takes about 0.5 KiB, and at most [`MAX_RUNS`] x 64 bytes more while it drops frames by choice.
#[derive(Debug)]
pub struct Rewriter {
    history: History,
    /// `None` until the first key frame, and while paused.
    playing: Option<Head>,
    beginnings: u32,
    next_sequence: u64,
    sent: SentWindow,
    timeline: Timeline,
    numbers: Numbers,
    templates: Templates,
    wanted: Highest,
    is_video: bool,
}

impl Rewriter {
    /// A rewriter whose first numbers are drawn from `seed`, as RFC 3550 section 5.1 wants them to be
    /// unpredictable. `clock_rate` is in ticks per second.
    pub fn new(kind: MediaKind, clock_rate: u32, seed: u64) -> Rewriter {
        Rewriter {
            history: History::default(),
            playing: None,
            beginnings: 0,
            // Below 2^15, so that a receiver that misses the first packets cannot miscount rollovers
            // (RFC 3711 section 3.3.1).
            next_sequence: seed & 0x7FFF,
            sent: SentWindow::default(),
            timeline: Timeline::new(kind, clock_rate, (seed >> 16) as u32),
            numbers: Numbers::new((seed >> 48) as u16),
            templates: Templates::default(),
            wanted: Highest::ALL,
            is_video: kind == MediaKind::Video,
        }
    }

    /// Reads what deciding about the next packet will read or write.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        let head = u64::from(self.playing.is_some()) ^ u64::from(self.beginnings);
        let run = self.history.touch();
        head ^ run ^ self.sent.touch() ^ self.timeline.touch() ^ self.numbers.touch()
    }

    /// Up to which layers inside an encoding packets are to go out: all, until this is called. Less goes
    /// out from the next picture on, more from where a receiver can decode it.
    pub fn want(&mut self, highest: Highest) {
        self.wanted = highest;
    }

    /// Whether larger pictures are wanted, and come, that cannot go out before a key frame, as far as is
    /// known.
    pub fn awaits_larger(&self) -> bool {
        let (Some(head), Some(run)) = (self.playing, self.history.newest()) else { return false };
        head.highest_spatial.min(self.wanted.spatial) > run.highest.spatial
    }

    /// Decides about one packet of `layer`, in the order in which packets arrived. `wanted` is the
    /// caller's choice, made per frame: false for one that is not to be sent whatever its layers are.
    ///
    /// A packet of another layer than the last is a switch, and happens at once if the packet is one
    /// that a receiver can begin with. Until then the caller may go on with the old layer.
    pub fn decide(&mut self, layer: LayerId, facts: &Facts, wanted: bool) -> Decision {
        let decision = match self.playing {
            Some(head) if head.layer == layer && !self.changes_codec(&head, facts) => {
                match facts.sequence.cmp(&head.sequence) {
                    Ordering::Greater => self.continue_with(head, facts, wanted),
                    Ordering::Equal => Err(DropReason::Duplicate),
                    Ordering::Less => self.fill_in(layer, facts, wanted),
                }
            }
            _ if !wanted => Err(DropReason::NotWanted),
            _ if !facts.starts_key_frame => Err(DropReason::AwaitingKeyFrame),
            Some(head) if head.layer == layer => {
                self.pause();
                self.begin(layer, facts)
            }
            _ => self.begin(layer, facts),
        };
        decision.map_or_else(Decision::Drop, Decision::Forward)
    }

    /// Stops: what comes next is a new beginning, also if it is the same layer. For a slot that shows
    /// nothing for a while, or whose reader was overtaken by the ring.
    pub fn pause(&mut self) {
        if let Some(head) = self.playing.take() {
            self.history.close(head.sequence + 1);
        }
    }

    /// The layer that is being sent; `None` before the first key frame and while paused.
    pub fn layer(&self) -> Option<LayerId> {
        self.playing.map(|head| head.layer)
    }

    /// How often something has begun, modulo 2^32: a layer, one in another codec, or what was paused. Each may be by
    /// another clock than what went out before ([`Rewriter::outgoing_timestamp`]).
    pub fn beginnings(&self) -> u32 {
        self.beginnings
    }

    /// Whether part of a picture has gone out, and more of it is to come.
    pub fn is_within_picture(&self) -> bool {
        self.playing.is_some_and(Head::awaits_rest)
    }

    /// Where the outgoing packet whose 16-bit number is `sequence` came from; `None` if it was not sent
    /// or is too long ago.
    pub fn original(&self, sequence: u16) -> Option<Original> {
        let newest = self.next_sequence.checked_sub(1)?;
        let behind = (newest as u16).wrapping_sub(sequence);
        if behind > u16::MAX / 2 {
            return None;
        }
        let outgoing = newest.checked_sub(u64::from(behind))?;
        let run = self.history.of_outgoing(outgoing)?;
        let sequence = run.source_of(outgoing)?;
        Some(Original { layer: run.layer, sequence, outgoing, run })
    }

    /// The outgoing timestamp that stands for `timestamp` of the layer that is being sent, for sender
    /// reports; both as they travel.
    pub fn outgoing_timestamp(&self, timestamp: u32) -> Option<u32> {
        self.playing?;
        let run = self.history.newest()?;
        Some(timestamp.wrapping_add(run.translation.timestamp as u32))
    }

    /// Whether the layer that is being sent goes on as pictures of another codec from this packet on. Packets
    /// from before the change may still fill their gaps.
    fn changes_codec(&self, head: &Head, facts: &Facts) -> bool {
        self.is_video && facts.sequence > head.sequence && facts.payload_type != head.payload_type
    }

    /// The next packet of the layer that is being sent, or one after some that are missing.
    fn continue_with(
        &mut self,
        head: Head,
        facts: &Facts,
        wanted: bool,
    ) -> Result<Outgoing, DropReason> {
        let mut missing = facts.sequence - head.sequence - 1;
        if missing > MAX_GAP {
            self.leave_one_gap(head, facts);
            missing = 0;
        }
        let before = self.history.newest().map_or(self.wanted, |run| run.highest);
        let highest = before.follow(self.wanted, facts, !head.is_of_picture(facts));
        let wanted = wanted && highest.holds(facts);
        self.playing = Some(head.followed_by(facts, highest, wanted));
        let missing_after_head = head.unwanted_behind(facts, wanted, missing);
        if missing_after_head > 0 {
            let from = head.sequence + 1;
            self.history.skip(from..from + missing_after_head);
            missing -= missing_after_head;
        }
        let unwanted_before = if facts.starts_frame { 0 } else { missing.min(1) };
        match wanted {
            true => {
                self.change_highest(before, highest, facts.sequence);
                self.follow_clock(facts);
            }
            false => {
                self.history.skip(facts.sequence - unwanted_before..facts.sequence + 1);
                self.change_highest(before, highest, facts.sequence);
                self.follow_clock(facts);
                self.note_dropped(facts);
                return Err(DropReason::NotWanted);
            }
        }
        self.send_newest(facts)
    }

    /// From source packet `from` on other layers go out than before.
    fn change_highest(&mut self, before: Highest, highest: Highest, from: u64) {
        if highest != before {
            self.history.split(from);
            self.history.adjust(|run| run.highest = highest);
        }
    }

    /// If the source's clock has leapt, its timestamps are translated differently from here on.
    fn follow_clock(&mut self, facts: &Facts) {
        if self.timeline.has_jumped(facts) {
            let offset = self.timeline.begin(facts);
            self.history.split(facts.sequence);
            self.history.adjust(|run| run.translation.timestamp = offset);
        }
    }

    /// The newest packet, which has been left out of the history, is not sent. What is sent next comes
    /// behind it in time: packets from before it may still fill their gaps.
    fn note_dropped(&mut self, facts: &Facts) {
        self.next_sequence = self.history.outgoing_of_next(facts.sequence + 1);
        self.history.adjust(|run| {
            let by_picture_id = facts.dependencies.by_picture_id;
            self.numbers.skip(&facts.numbers, by_picture_id, &mut run.translation);
            let timestamp = facts.timestamp.wrapping_add(run.translation.timestamp);
            self.timeline.note(facts, timestamp);
        });
    }

    /// A packet behind the newest one: it fills its gap, if it has one.
    fn fill_in(
        &mut self,
        layer: LayerId,
        facts: &Facts,
        wanted: bool,
    ) -> Result<Outgoing, DropReason> {
        let run = self.history.of_source(layer, facts.sequence).ok_or(DropReason::TooLate)?;
        if !wanted || !run.highest.holds(facts) {
            return Err(DropReason::NotWanted);
        }
        let outgoing = run.outgoing_of(facts.sequence);
        self.note_sent(outgoing)?;
        self.note_templates(facts, &run);
        Ok(run.rewrite(outgoing, facts))
    }

    /// The first packet of a layer, or of the same one after a pause.
    fn begin(&mut self, layer: LayerId, facts: &Facts) -> Result<Outgoing, DropReason> {
        if self.history.newest_end(layer).is_some_and(|end| facts.sequence < end) {
            return Err(DropReason::TooLate);
        }
        let resumed =
            self.playing.is_none() && self.history.newest().is_some_and(|r| r.layer == layer);
        self.pause();
        let mut translation = self.numbers.begin(&facts.numbers);
        translation.timestamp = match resumed {
            true => self.timeline.resume(facts),
            false => self.timeline.begin(facts),
        };
        translation.template = self.templates.begin(facts.dependencies.template_ids);
        let outgoing = self.next_sequence;
        self.history.open(Run::new(layer, facts.sequence, outgoing, translation, self.wanted));
        self.playing = Some(Head::new(layer, facts, self.wanted, true));
        self.beginnings = self.beginnings.wrapping_add(1);
        self.send_newest(facts)
    }

    fn send_newest(&mut self, facts: &Facts) -> Result<Outgoing, DropReason> {
        let run = self.history.newest().ok_or(DropReason::TooLate)?;
        let sequence = run.outgoing_of(facts.sequence);
        let outgoing = run.rewrite(sequence, facts);
        self.next_sequence = sequence + 1;
        self.timeline.note(facts, outgoing.timestamp);
        self.numbers.note(&facts.numbers, &outgoing.numbers);
        self.note_templates(facts, &run);
        self.note_sent(sequence)?;
        Ok(outgoing)
    }

    /// A structure from before the last switch that comes late is not the newest.
    fn note_templates(&mut self, facts: &Facts, run: &Run) {
        let shift = self.history.newest().map(|newest| newest.translation.template);
        if let Some(ids) = facts.dependencies.template_ids
            && shift == Some(run.translation.template)
        {
            self.templates.note(ids, run.translation.template);
        }
    }

    fn note_sent(&mut self, sequence: u64) -> Result<(), DropReason> {
        self.sent.note(sequence).map_err(|seen| match seen {
            Seen::Already => DropReason::Duplicate,
            Seen::OutOfWindow => DropReason::TooLate,
        })
    }

    fn leave_one_gap(&mut self, head: Head, facts: &Facts) {
        let Some(before) = self.history.newest() else { return };
        self.history.close(head.sequence + 1);
        let outgoing = self.next_sequence + 1;
        let Run { translation, highest, .. } = before;
        self.history.open(Run::new(head.layer, facts.sequence, outgoing, translation, highest));
    }
}
