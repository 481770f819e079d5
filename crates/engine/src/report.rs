//! Reports: what we send, on our clock, and how what peers send arrives.

use std::time::{Duration, Instant};

use parlor_rtc::rtcp::{MAX_COUNT, ReportBlock};
use parlor_rtc::rtp::Ssrc;

use crate::arena::SendArena;
use crate::compound::Compound;
use crate::engine::Engine;
use crate::peer::{Peer, PeerKey};
use crate::slot::{Feed, Slot};
use crate::timer::{PeerTimer, Timer};
use crate::track::{TrackKey, Upstream};

/// How often reports are sent. Browsers wait for sender reports of both to put sound and pictures
/// together, so more often than the five seconds that RFC 3550 section 6.2 begins with; RFC 4585
/// section 3.4 allows it.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// How soon the second report follows the first one of something that has begun: browsers put sound and
/// pictures together once they have two of both, which then are a sixth of a second and not a whole one away. Closer together
/// the line that they draw through both would be off: senders' own reports are exact to 1 ms or 2.
const SECOND_REPORT: Duration = Duration::from_millis(167);

impl Engine {
    /// Begins to report to a peer, which from now on sends or receives something, unless that is
    /// under way. The first report comes at a random moment of the interval, so that those who joined
    /// together are not served together for ever.
    pub(crate) fn begin_reports(&mut self, now: Instant, key: PeerKey) {
        let report = Timer::Peer(key.index, PeerTimer::Report);
        if self.timers.at(report).is_none() {
            let part = f64::from(self.random.next_u32()) / f64::from(u32::MAX);
            self.timers.set(report, Some(now + REPORT_INTERVAL.mul_f64(part)));
        }
    }

    /// Lets everyone who receives a track hear of its clock, which was unknown before.
    pub(crate) fn report_to_subscribers(&mut self, now: Instant, key: TrackKey) {
        let Some(track) = self.tracks.get(key) else { return };
        for subscriber in &track.subscribers {
            if let Some(peer) = self.peers.get_mut(subscriber.peer) {
                peer.reports_twice = true;
                let report = Timer::Peer(subscriber.peer.index, PeerTimer::Report);
                self.timers.set_no_later_than(report, now);
            }
        }
    }

    /// Writes sender reports of every slot that flows, and what the peer's own streams look like here.
    pub(crate) fn send_reports(&mut self, now: Instant, key: PeerKey, out: &mut SendArena) {
        let ntp = self.clock.ntp(now);
        let slots = self.peers.get(key).map_or(0, |peer| peer.slots.len());
        let mut compound = Compound::new();
        for index in 0..slots {
            let Some(timestamp) = self.publishers_timestamp(now, key, index) else { continue };
            let Some(peer) = self.peers.get_mut(key) else { return };
            let Some(slot) = peer.slots.get(index) else { continue };
            let ssrc = slot.outgoing.headers.ssrc;
            if let Some(info) = slot.outgoing.sender_info(ntp, timestamp) {
                let Peer { speaker, link, .. } = peer;
                compound.add(speaker, link, out, |writer| {
                    writer.sender_report(ssrc, info, &[])?;
                    writer.canonical_name(ssrc, &speaker.cname)
                });
            }
        }
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.add_receiver_reports(now, &mut compound, out);
        compound.flush(&mut peer.link, out);
        for published in &peer.published {
            if let Some(track) = self.tracks.get_mut(published.track) {
                track.trim(now);
            }
        }
        let has_more = peer.has_something_to_report();
        let interval = match std::mem::take(&mut peer.reports_twice) {
            true => SECOND_REPORT,
            false => REPORT_INTERVAL,
        };
        let report = Timer::Peer(key.index, PeerTimer::Report);
        self.timers.set(report, has_more.then_some(now + interval));
    }

    /// The timestamp that the publisher of what a slot carries would give to media captured at `now`.
    fn publishers_timestamp(&mut self, now: Instant, key: PeerKey, slot: usize) -> Option<u32> {
        let slot = self.peers.get(key)?.slots.get(slot)?;
        let Feed::Flowing(track) = slot.feed() else { return None };
        // Another layer may be read by now, of which nothing has gone out.
        let layer = slot.outgoing.layer_sent()?.index;
        let source = track.key;
        let track = self.tracks.get(source)?;
        match track.upstream {
            Upstream::Published(publisher) => {
                let ntp = self.clock.ntp(now);
                let publisher = self.peers.get_mut(publisher)?;
                let index = publisher.published.iter().position(|p| p.track == source)?;
                let (_, media) = publisher.incoming.media(index, layer)?;
                media.clock?.timestamp_at(ntp, &publisher.clock_difference)
            }
            Upstream::Relayed(_) => {
                let guest = self.rooms.get(track.room)?.guests.get(&track.publisher)?;
                Some(track.relayed_clock(layer)?.timestamp_when(guest.clock()?.at(now)))
            }
        }
    }
}

impl Peer {
    /// Whether it sends something, or something flows to it.
    fn has_something_to_report(&self) -> bool {
        let flows = |slot: &Slot| matches!(slot.feed(), Feed::Flowing(_));
        self.incoming.ssrcs().next().is_some() || self.slots.iter().any(flows)
    }

    /// Reports on every stream that the peer sends, as many as fit one report at a time.
    fn add_receiver_reports(&mut self, now: Instant, compound: &mut Compound, out: &mut SendArena) {
        let Peer { incoming, speaker, link, .. } = self;
        let mut blocks = [NO_REPORT; MAX_COUNT];
        let mut count = 0;
        let mut reports = incoming
            .all_media()
            .filter_map(|(media, name)| media.receiver.report(now, name.ssrc))
            .peekable();
        while let Some(block) = reports.next() {
            blocks[count] = block;
            count += 1;
            if count == MAX_COUNT || reports.peek().is_none() {
                let full = &blocks[..std::mem::take(&mut count)];
                compound.add(speaker, link, out, |writer| {
                    writer.receiver_report(speaker.ssrc, full)?;
                    writer.canonical_name(speaker.ssrc, &speaker.cname)
                });
            }
        }
    }
}

/// A place for a report that is not there yet.
const NO_REPORT: ReportBlock = ReportBlock {
    ssrc: Ssrc(0),
    fraction_lost: 0,
    cumulative_lost: 0,
    highest_sequence: 0,
    jitter: 0,
    last_sr: 0,
    delay_since_last_sr: 0,
};
