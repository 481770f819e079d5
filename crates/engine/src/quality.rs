//! What each peer is told of what it gets: of every picture how much and why, and how good its path is.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;

use crate::allocate::{Given, Reason};
use crate::change::{Change, Network, PeerQuality, Picture, TrackQuality};
use crate::engine::Engine;
use crate::measure::{Quality, Rung};
use crate::peer::{Peer, PeerKey};
use crate::slot::{Feed, Slot};
use crate::track::Track;

/// A peer is told no more often: estimates move with every feedback.
const TOLD_EVERY: Duration = Duration::from_millis(500);

/// An estimate that has not changed by more than this part, as a divisor, is not told anew.
const ESTIMATE_STEP: u64 = 8;

/// So many pictures a second more or less are not told anew.
const FRAMES_STEP: u16 = 3;

/// A network that is found worse for so long is called so: one late feedback is no news.
const WORSE_AFTER: Duration = Duration::from_secs(2);

/// The same for one that is found better.
const BETTER_AFTER: Duration = Duration::from_secs(5);

/// Shares of packets lost from which on pictures, and then words, suffer although they are sent again.
const FAIR_LOSS: f64 = 0.03;
const POOR_LOSS: f64 = 0.10;

/// Round trips from which on people notice the delay, and then talk over each other (ITU-T G.114 doubled).
const FAIR_ROUND_TRIP: Duration = Duration::from_millis(300);
const POOR_ROUND_TRIP: Duration = Duration::from_millis(800);

/// A path that carries this part of what would be shown, in percent, shows it well.
const GOOD_SHARE_PERCENT: u64 = 80;

/// What a peer was last told, and the word for its network that may come next.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) quality: PeerQuality,
    next: Option<(Network, Instant)>,
    /// Something of it has not been told yet.
    has_news: bool,
    told_at: Option<Instant>,
}

impl Engine {
    /// Notes what has changed of what a peer gets.
    pub(crate) fn review_quality(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let found = network(peer);
        let estimate_bps = (found != Network::Unknown).then(|| peer.link.congestion.target().bps());
        let Peer { told, slots, undecodable, .. } = peer;
        let mut has_changed = told.follow_network(now, found);
        has_changed |= told.follow_estimate(estimate_bps);
        let videos = slots.iter().filter(|slot| slot.kind == MediaKind::Video);
        let carried = videos.filter_map(|slot| quality_of(slot, self.tracks.get(slot.track()?)?));
        let carried = carried.filter(|quality| !undecodable.contains(&quality.track));
        let unsupported = undecodable
            .iter()
            .map(|&track| TrackQuality { track, given: Err(Reason::CodecNotSupported) });
        has_changed |= told.follow_tracks(carried.chain(unsupported));
        if told.is_due(now, has_changed) {
            self.dirty.mark_quality(key);
        }
    }

    pub(crate) fn quality_change(&self, key: PeerKey) -> Option<Change> {
        let peer = self.peers.get(key)?;
        Some(Change::Quality { peer: peer.id, quality: peer.told.quality.clone() })
    }
}

impl Told {
    /// Whether there may be something to tell later, though nothing else happens.
    pub(crate) fn is_changing(&self) -> bool {
        self.next.is_some() || self.has_news
    }

    /// Whether the peer is to be told now: of what has just changed, or of what had to wait.
    fn is_due(&mut self, now: Instant, has_changed: bool) -> bool {
        self.has_news |= has_changed;
        let may_tell = self.told_at.is_none_or(|at| now >= at + TOLD_EVERY);
        let is_due = self.has_news && may_tell;
        if is_due {
            (self.has_news, self.told_at) = (false, Some(now));
        }
        is_due
    }

    /// Each of these returns whether there is something to tell.
    fn follow_network(&mut self, now: Instant, found: Network) -> bool {
        let told = self.quality.network;
        if found == told {
            self.next = None;
            return false;
        }
        let since = match self.next {
            Some((next, since)) if next == found => since,
            _ => now,
        };
        self.next = Some((found, since));
        let wait = match found < told {
            _ if told == Network::Unknown => Duration::ZERO,
            true => WORSE_AFTER,
            false => BETTER_AFTER,
        };
        let is_true = now >= since + wait;
        if is_true {
            self.quality.network = found;
            self.next = None;
        }
        is_true
    }

    fn follow_estimate(&mut self, estimate_bps: Option<u64>) -> bool {
        let is_same = match (self.quality.estimate_bps, estimate_bps) {
            (Some(told), Some(now)) => told.abs_diff(now) <= told / ESTIMATE_STEP,
            (told, now) => told == now,
        };
        if !is_same {
            self.quality.estimate_bps = estimate_bps;
        }
        !is_same
    }

    /// Compares in place, so that nothing is allocated while nothing changes.
    fn follow_tracks(&mut self, tracks: impl Iterator<Item = TrackQuality>) -> bool {
        let told = &mut self.quality.tracks;
        let (mut count, mut has_changed) = (0, false);
        for track in tracks {
            match told.get_mut(count) {
                Some(before) if before.is_about(&track) => {}
                Some(before) => (*before, has_changed) = (track, true),
                None => {
                    told.push(track);
                    has_changed = true;
                }
            }
            count += 1;
        }
        has_changed |= count < told.len();
        told.truncate(count);
        has_changed
    }
}

impl TrackQuality {
    /// Whether it differs by a few frames a second at most.
    fn is_about(&self, other: &TrackQuality) -> bool {
        let (Ok(mine), Ok(others)) = (self.given, other.given) else { return self == other };
        let frames = |picture: Picture| picture.frames_per_second.unwrap_or_default();
        let is_near = frames(mine).abs_diff(frames(others)) <= FRAMES_STEP;
        let same = Picture { frames_per_second: others.frames_per_second, ..mine };
        self.track == other.track && is_near && same == others
    }
}

/// What a slot gives its receiver; `None` before that is decided.
fn quality_of(slot: &Slot, track: &Track) -> Option<TrackQuality> {
    let given = match (slot.feed(), slot.given) {
        _ if !track.on => Err(Reason::PublisherOff),
        (Feed::Flowing(_), Given::Send(_)) => Ok(picture_of(slot, track)?),
        (Feed::Flowing(_), Given::Paused(reason)) => Err(reason),
        (Feed::Paused(_) | Feed::Empty, _) => Err(Reason::NotShown),
    };
    Some(TrackQuality { track: track.id, given })
}

fn picture_of(slot: &Slot, track: &Track) -> Option<Picture> {
    let sent = slot.outgoing.reading().quality()?;
    let is_sent = |rung: &&Rung| {
        let Quality { layer, spatial, temporal } = rung.quality;
        layer == sent.layer && spatial <= sent.spatial && temporal <= sent.temporal
    };
    let sent_rungs = track.rungs().iter().filter(is_sent);
    let rung = sent_rungs.max_by_key(|rung| (rung.quality.spatial, rung.quality.temporal));
    Some(Picture {
        layer: track.name_of(sent.layer),
        spatial: rung.map_or(0, |rung| rung.quality.spatial),
        temporal: rung.map_or(0, |rung| rung.quality.temporal),
        resolution: rung.and_then(|rung| rung.resolution),
        frames_per_second: rung.map(|rung| rung.frames_per_second),
    })
}

/// What the path to a peer is like now.
fn network(peer: &Peer) -> Network {
    let stats = peer.link.congestion.stats();
    let Some(round_trip) = stats.round_trip.or(peer.round_trip) else { return Network::Unknown };
    let lacks_bandwidth = |slot: &Slot| {
        matches!(slot.feed(), Feed::Flowing(_)) && slot.given == Given::Paused(Reason::Bandwidth)
    };
    let carries_all = stats.target.bps() * 100 >= peer.link.wanted().bps() * GOOD_SHARE_PERCENT;
    if stats.silent
        || stats.loss >= POOR_LOSS
        || round_trip >= POOR_ROUND_TRIP
        || peer.slots.iter().any(lacks_bandwidth)
    {
        Network::Poor
    } else if stats.loss >= FAIR_LOSS || round_trip >= FAIR_ROUND_TRIP || !carries_all {
        Network::Fair
    } else {
        Network::Good
    }
}
