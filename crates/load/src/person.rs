//! One person in a call: what they send, what they receive, and what keeps both alive.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use parlor_rtc::rtcp::{self, CompoundWriter, Rtcp};
use parlor_rtc::rtp::{NtpClock, NtpTime, Ssrc};
use parlor_rtc::srtp::{Profile, SRTCP_OVERHEAD};

use crate::channel::{Channel, News};
use crate::connection::{Connection, Heard};
use crate::offer;
use crate::outbox::{MAX_DATAGRAM_LEN, Outbox};
use crate::receiver::{Receiver, SENDER};
use crate::source::{Departure, Form, Source};
use crate::tally::Tally;

/// As often as our SDK.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(2500);
/// Reports are a second apart, as browsers' are.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Who is to be sent something and gets nothing for so long is starved: longer than a change of pictures takes.
const STARVED_AFTER: Duration = Duration::from_secs(2);
/// Reports in one datagram: of as many it is half as long as a packet may be.
const REPORTS_AT_ONCE: usize = 24;
/// Packets sent again at one time at most: what one NACK asks for.
const MAX_AGAIN: usize = 64;

/// Bytes of RTCP in one datagram, before it is sealed.
const MAX_RTCP_LEN: usize = MAX_DATAGRAM_LEN - SRTCP_OVERHEAD;

/// A datagram that has come.
pub struct Incoming<'a> {
    /// Who sent it.
    pub from: SocketAddr,
    /// When the kernel had it, if it tells.
    pub at: Option<Instant>,
    /// What it holds.
    pub datagram: &'a mut [u8],
}

/// One person who has joined.
pub struct Person {
    /// Their number in the load.
    pub seat: u32,
    channel: Channel,
    connection: Connection,
    sources: Vec<Source>,
    receiver: Receiver,
    /// Tracks and who publishes them.
    owners: HashMap<String, u32>,
    slots: HashMap<u32, String>,
    own_video: Option<String>,
    start: Instant,
    due: Instant,
    transport_sequence: u16,
    clock: NtpClock,
    next_beat: Instant,
    next_report: Instant,
}

/// What a person begins with.
pub struct Newcomer {
    /// Their number in the load.
    pub seat: u32,
    /// Their membership.
    pub channel: Channel,
    /// Their connection, which has not begun.
    pub connection: Connection,
    /// What they send.
    pub forms: Vec<Form>,
    /// What the server said until now.
    pub news: Vec<News>,
    /// The track of their camera.
    pub own_video: Option<String>,
    /// When they were to join.
    pub due: Instant,
    /// When the load began.
    pub start: Instant,
}

impl Person {
    /// Somebody whose join was answered.
    pub fn new(now: Instant, newcomer: Newcomer, tally: &mut Tally) -> Person {
        let Newcomer { seat, channel, connection, forms, news, own_video, due, start } = newcomer;
        let spread = Duration::from_millis(u64::from(seat.wrapping_mul(7919) % 1000));
        let mut person = Person {
            seat,
            channel,
            connection,
            sources: forms.into_iter().map(|form| Source::new(now, seat, form)).collect(),
            receiver: Receiver::new(start, offer::extension_map()),
            owners: HashMap::new(),
            slots: HashMap::new(),
            own_video,
            start,
            due,
            transport_sequence: 0,
            clock: NtpClock::new(start, NtpTime(1 << 40)),
            next_beat: now + HEARTBEAT_INTERVAL.mul_f64(spread.as_secs_f64()),
            next_report: now + spread,
        };
        // Until the server says what is wanted, the smallest is sent.
        for source in person.sources.iter_mut().filter(|source| source.form().stream > 1) {
            source.switch(false);
        }
        let told = person.take(now, news);
        if let Err(ended) = told {
            tally.failures.push(ended);
        }
        person
    }

    /// The membership, to be polled.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The cipher of its media.
    pub fn profile(&self) -> Option<Profile> {
        self.connection.profile()
    }

    /// Whether its camera makes pictures.
    pub fn film(&mut self, films: bool) {
        self.sources.iter_mut().for_each(|source| source.film(films));
    }

    /// Whether its sound is that of somebody who speaks.
    pub fn speak(&mut self, is_loud: bool) {
        self.sources.iter_mut().for_each(|source| source.speak(is_loud));
    }

    /// When [`Person::act`] has something to do next.
    pub fn deadline(&self) -> Instant {
        let mut deadline = self.connection.deadline().min(self.next_beat);
        if self.connection.remote().is_some() {
            deadline = deadline.min(self.next_report);
            deadline = self.receiver.deadline().map_or(deadline, |at| at.min(deadline));
            deadline = self.sources.iter().map(Source::deadline).fold(deadline, Instant::min);
        }
        deadline
    }

    /// Takes a datagram.
    ///
    /// # Errors
    /// When the connection is over.
    #[inline]
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        incoming: Incoming<'_>,
        out: &mut Outbox,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let Incoming { from, at, datagram } = incoming;
        match self.connection.handle_datagram(now, from, datagram, out)? {
            Heard::Rtp(len) => {
                let packet = datagram.get(..len).unwrap_or_default();
                tally.untimed += u64::from(at.is_none());
                if self.receiver.handle_rtp(at.unwrap_or(now), packet, tally) {
                    tally.media_time.note(now - self.due);
                }
            }
            Heard::Rtcp(len) => {
                self.hear_rtcp(now, datagram.get(..len).unwrap_or_default(), out, tally);
            }
            Heard::Connected => tally.connect_time.note(now - self.due),
            Heard::Repeated => tally.duplicates += 1,
            Heard::Forged => tally.forged += 1,
            Heard::Nothing => {}
        }
        Ok(())
    }

    /// Takes what came over the WebSocket.
    ///
    /// # Errors
    /// When the membership is over.
    pub fn hear_channel(&mut self, now: Instant) -> Result<(), String> {
        let news = self.channel.hear()?;
        self.take(now, news)
    }

    fn take(&mut self, now: Instant, news: Vec<News>) -> Result<(), String> {
        let mut is_changed = false;
        for news in news {
            match news {
                News::Track { track, seat } => {
                    is_changed |= self.owners.insert(track, seat) != Some(seat);
                }
                News::Slot { slot, track } => {
                    is_changed = true;
                    match track {
                        Some(track) => self.slots.insert(slot, track),
                        None => self.slots.remove(&slot),
                    };
                    if !self.slots.contains_key(&slot) {
                        self.receiver.carry(now, slot, None);
                    }
                }
                News::Wanted { track, rids } if Some(&track) == self.own_video.as_ref() => {
                    for source in self.sources.iter_mut().filter(|it| it.form().stream > 0) {
                        let rid = source.form().rid.unwrap_or_default();
                        source.switch(rids.iter().any(|wanted| wanted == rid));
                    }
                }
                News::Wanted { .. } => {}
                News::Left => return Err("the membership was closed".into()),
                News::Ended(words) => return Err(format!("the server ended it: {words}")),
            }
        }
        if is_changed {
            for (&slot, track) in &self.slots {
                if let Some(&seat) = self.owners.get(track) {
                    self.receiver.carry(now, slot, Some(seat));
                }
            }
        }
        Ok(())
    }

    fn hear_rtcp(&mut self, now: Instant, compound: &[u8], out: &mut Outbox, tally: &mut Tally) {
        for packet in rtcp::parse(compound) {
            match packet {
                Rtcp::SenderReport { ssrc, info, .. } => {
                    self.receiver.handle_sender_report(now, ssrc, &info);
                }
                Rtcp::Nack { media, lost } => {
                    for sequence in lost.take(MAX_AGAIN) {
                        self.send_again(now, media, sequence, out, tally);
                    }
                }
                Rtcp::PictureLoss { media } => self.make_key_frame(media, tally),
                Rtcp::FullIntraRequest(requests) => {
                    for (media, _) in requests {
                        self.make_key_frame(media, tally);
                    }
                }
                _ => {}
            }
        }
    }

    fn make_key_frame(&mut self, media: Ssrc, tally: &mut Tally) {
        if let Some(source) = self.sources.iter_mut().find(|source| source.ssrc == media) {
            source.make_key_frame();
            tally.key_frames_wanted += 1;
        }
    }

    fn send_again(
        &mut self,
        now: Instant,
        media: Ssrc,
        sequence: u16,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        let Some(to) = self.connection.remote() else { return };
        let Person { sources, connection, transport_sequence, start, .. } = self;
        let Some(source) = sources.iter_mut().find(|source| source.ssrc == media) else { return };
        let Some(outbound) = connection.outbound() else { return };
        let departure = Departure { now, start: *start, transport_sequence, outbound };
        out.write(to, |room| source.send_again(sequence, departure, room));
        tally.again_out += 1;
    }

    /// Does what is due: checks, frames, feedback, reports, heartbeats.
    ///
    /// # Errors
    /// When the connection or the membership is over.
    pub fn act(&mut self, now: Instant, out: &mut Outbox, tally: &mut Tally) -> Result<(), String> {
        if now >= self.connection.deadline()
            && matches!(self.connection.handle_timeout(now, out)?, Heard::Connected)
        {
            tally.connect_time.note(now - self.due);
        }
        if now >= self.next_beat {
            self.next_beat = now + HEARTBEAT_INTERVAL;
            self.channel.beat()?;
        }
        if self.connection.remote().is_some() {
            self.send_media(now, out, tally);
            if self.receiver.deadline().is_some_and(|at| now >= at) {
                self.send_rtcp(out, |person, writer| {
                    person.receiver.write_feedback(now, writer, MAX_RTCP_LEN)
                });
            }
            if now >= self.next_report {
                self.next_report = now + REPORT_INTERVAL;
                self.send_reports(now, out);
            }
        }
        Ok(())
    }

    fn send_media(&mut self, now: Instant, out: &mut Outbox, tally: &mut Tally) {
        let Some(to) = self.connection.remote() else { return };
        let Person { sources, connection, transport_sequence, start, .. } = self;
        let Some(outbound) = connection.outbound() else { return };
        for source in sources {
            tally.skipped += u64::from(source.make_frame(now));
            let mut has_more = true;
            while has_more {
                has_more = false;
                out.write(to, |room| {
                    let departure = Departure { now, start: *start, transport_sequence, outbound };
                    let written = source.send(departure, room);
                    has_more = written.is_some();
                    written
                });
                tally.packets_out += u64::from(has_more);
            }
        }
    }

    fn send_reports(&mut self, now: Instant, out: &mut Outbox) {
        let clock = self.clock;
        let sent = self
            .sources
            .iter()
            .filter_map(|source| Some((source.ssrc, source.sender_info(now, &clock)?)));
        let sent: Vec<_> = sent.collect();
        if !sent.is_empty() {
            self.send_rtcp(out, |_, writer| {
                sent.iter().try_for_each(|&(ssrc, info)| writer.sender_report(ssrc, info, &[]))
            });
        }
        for reports in self.receiver.reports(now).chunks(REPORTS_AT_ONCE) {
            self.send_rtcp(out, |_, writer| writer.receiver_report(SENDER, reports));
        }
    }

    fn send_rtcp(
        &mut self,
        out: &mut Outbox,
        write: impl FnOnce(&mut Person, &mut CompoundWriter<'_>) -> Result<(), rtcp::NoRoom>,
    ) {
        let Some(to) = self.connection.remote() else { return };
        out.write(to, |room| {
            let mut writer = CompoundWriter::new(room.get_mut(..MAX_RTCP_LEN)?);
            // What fits is sent; the rest stays due.
            let _full = write(self, &mut writer);
            let len = writer.len();
            (len > 0).then_some(())?;
            self.connection.outbound()?.seal_rtcp(room, len)
        });
    }

    /// Whether they send nothing and receive media already: nobody waits for an answer of theirs.
    pub fn only_receives(&self) -> bool {
        self.sources.is_empty() && self.receiver.has_media()
    }

    /// Whether media flows, or could.
    pub fn is_connected(&self) -> bool {
        self.connection.remote().is_some()
    }

    /// Whether others are to be seen or heard, and nothing of them comes.
    pub fn is_starved(&self, now: Instant) -> bool {
        self.is_connected() && self.receiver.is_starved(now, STARVED_AFTER)
    }

    /// Counts what was lost of what it was sent.
    pub fn look(&mut self, now: Instant, tally: &mut Tally) {
        self.receiver.look(now, tally);
    }

    /// Leaves.
    pub fn leave(&mut self, now: Instant, out: &mut Outbox) {
        self.channel.leave();
        self.connection.close(now, out);
    }
}
