//! How much of each video track flows to each peer: decided a few times a second by what its path carries and
//! what it shows, and at once when something begins or its page changes.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;
use parlor_rtc::congestion::Bitrate;

use crate::allocate::{Area, Class, Given, Subscription};
use crate::engine::Engine;
use crate::measure::Rung;
use crate::peer::{Peer, PeerKey};
use crate::slot::Feed;
use crate::timer::{PeerTimer, Timer};
use crate::track::{Track, TrackKey};

/// How often that is decided while nothing else happens.
const REVIEW_INTERVAL: Duration = Duration::from_millis(500);

/// What one voice takes of a path, in bits per second: Opus at 32 kbit/s in packets of 20 ms, with its headers.
const VOICE_BPS: u64 = 52_000;

/// How large a track is shown by a client that does not say: as large as a page.
const WHOLE_PAGE: Area = Area { width: 1280, height: 720 };

/// What the lowest rungs need at most beyond what they cost now, in percent: nobody is refused a small
/// picture for a measurement that wavers.
const FLOOR_PERCENT: u64 = 130;

/// A video track that flows to a peer.
struct Flowing {
    slot: usize,
    track: TrackKey,
    class: Class,
    area: Area,
}

impl Engine {
    /// Has it decided anew how much flows to a peer.
    pub(crate) fn review_soon(&mut self, now: Instant, key: PeerKey) {
        self.timers.set_no_later_than(Timer::Peer(key.index, PeerTimer::Layer), now);
    }

    /// The layers of a track are not what they were: everyone who receives it has it decided anew.
    #[cold]
    pub(crate) fn review_subscribers(&mut self, now: Instant, key: TrackKey) {
        let Some(track) = self.tracks.get(key) else { return };
        for subscriber in &track.subscribers {
            let timer = Timer::Peer(subscriber.peer.index, PeerTimer::Layer);
            self.timers.set_no_later_than(timer, now);
        }
    }

    /// Decides how much of each video track flows to a peer.
    pub(crate) fn review_choice(&mut self, now: Instant, key: PeerKey) {
        let Some(flowing) = self.flowing(key).filter(|flowing| !flowing.is_empty()) else { return };
        for Flowing { track, .. } in &flowing {
            if let Some(track) = self.tracks.get_mut(*track) {
                track.measure(now);
            }
        }
        self.choose(now, key, &flowing);
        for Flowing { track, .. } in flowing {
            self.follow_readers(track);
        }
        let timer = Timer::Peer(key.index, PeerTimer::Layer);
        self.timers.set_no_later_than(timer, now + REVIEW_INTERVAL);
    }

    /// What flows to a peer; `None` when nothing can be sent to it.
    fn flowing(&self, key: PeerKey) -> Option<Vec<Flowing>> {
        let peer = self.peers.get(key).filter(|peer| peer.may_receive())?;
        let flowing = peer.slots.iter().enumerate().filter_map(|(slot, at)| {
            let Feed::Flowing(track) = at.feed() else { return None };
            let source = self.tracks.get(track.key)?;
            let (priority, area) = match peer.shown.view(source) {
                Some(view) => (view.priority, Area { width: view.width, height: view.height }),
                None => (0, WHOLE_PAGE),
            };
            let class = Class::of(source.source, priority, self.is_speaking(source));
            (at.kind == MediaKind::Video).then_some(Flowing { slot, track: track.key, class, area })
        });
        Some(flowing.collect())
    }

    fn choose(&mut self, now: Instant, key: PeerKey, flowing: &[Flowing]) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let voices_bps = VOICE_BPS * voices(peer);
        let Peer { allocator, slots, link, .. } = peer;
        let sources =
            flowing.iter().filter_map(|flowing| Some((flowing, self.tracks.get(flowing.track)?)));
        let sources: Vec<(&Flowing, &Track)> = sources.collect();
        let subscriptions: Vec<Subscription<'_>> =
            sources.iter().map(|(flowing, track)| subscription(flowing, track)).collect();
        let floor_bps: u64 = subscriptions.iter().filter_map(|it| it.rungs.first()).map(peak).sum();
        let target_bps = link.congestion.target().bps().saturating_sub(voices_bps);
        let budget_bps = target_bps.max(floor_bps * FLOOR_PERCENT / 100);
        let allocation = allocator.allocate(now, budget_bps, &subscriptions);
        for (decision, (flowing, track)) in allocation.decisions.iter().zip(&sources) {
            let quality = match decision.given {
                Given::Send(quality) => Some(quality),
                Given::Paused(_) => track.rungs().first().map(|rung| rung.quality),
            };
            let slot = slots.get_mut(flowing.slot);
            if let Some((quality, slot)) = quality.zip(slot)
                && slot.outgoing.choose(now, track, quality)
            {
                self.requests.push(flowing.track, quality.layer);
            }
        }
        let wanted = Bitrate::from_bps(allocation.wanted_bps + voices_bps);
        link.congestion.set_wanted(now, wanted);
        self.set_congestion_timer(key);
    }

    /// Notes which layers of a track somebody reads.
    pub(crate) fn follow_readers(&mut self, key: TrackKey) {
        let Some(track) = self.tracks.get(key) else { return };
        let layers = track.subscribers.iter().filter_map(|subscriber| {
            let slot = self.peers.get(subscriber.peer)?.slots.get(subscriber.slot)?;
            Some(slot.outgoing.read_layers())
        });
        let layers = layers.fold(0, |all, layers| all | layers);
        if let Some(track) = self.tracks.get_mut(key) {
            track.read_layers = layers;
        }
    }

    /// Whether the publisher of a track is speaking.
    fn is_speaking(&self, track: &Track) -> bool {
        let publisher = self.peer_keys.get(&track.publisher).and_then(|key| self.peers.get(*key));
        publisher.is_some_and(|publisher| {
            let mut tracks = publisher.published.iter().filter_map(|p| self.tracks.get(p.track));
            tracks.any(Track::is_speaking)
        })
    }
}

fn subscription<'a>(flowing: &Flowing, track: &'a Track) -> Subscription<'a> {
    Subscription {
        track: track.id,
        class: flowing.class,
        shown: Some(flowing.area),
        on: true,
        receivable: true,
        rungs: track.rungs(),
    }
}

fn peak(rung: &Rung) -> u64 {
    rung.peak_bps.into()
}

/// How many voices flow to a peer.
fn voices(peer: &Peer) -> u64 {
    let is_voice = |slot: &&crate::slot::Slot| {
        slot.kind == MediaKind::Audio && matches!(slot.feed(), Feed::Flowing(_))
    };
    peer.slots.iter().filter(is_voice).count() as u64
}
