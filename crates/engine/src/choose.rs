//! How much of each video track flows to each peer: decided a few times a second by what its path carries and
//! what it shows, and at once when something begins or its page changes.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use parlor_rtc::MediaKind;
use parlor_rtc::congestion::Bitrate;

use crate::allocate::{Area, Budget, Class, Decision, Demand, Given, Subscription, with_headroom};
use crate::cap::{capped_area, layers_up_to, up_to};
use crate::engine::Engine;
use crate::id::TrackId;
use crate::lately::Had;
use crate::peer::{Peer, PeerKey};
use crate::shedding::Limit;
use crate::slot::{Feed, Slot};
use crate::slot_set::MAX_SLOTS;
use crate::timer::{PeerTimer, Timer};
use crate::track::{Track, TrackKey, Upstream};

/// How often that is decided while nothing else happens.
const REVIEW_INTERVAL: Duration = Duration::from_millis(500);

/// What one voice takes of a path, in bits per second: Opus at 32 kbit/s in packets of 20 ms, with 68 bytes of
/// headers each.
const VOICE_BPS: u64 = 60_000;

/// A voice that was heard so recently is kept room for.
const SOUNDED_LATELY: Duration = Duration::from_secs(5);

/// How large a track is shown by a client that does not say: as large as a page.
const WHOLE_PAGE: Area = Area { width: 1280, height: 720 };

/// What a picture of a whole page may cost, in bits per second, as long as nothing is measured: the path is looked
/// at for so much at once. It is the most that browsers built on libwebrtc send of 720p.
const WHOLE_PAGE_BPS: u64 = 2_500_000;

/// What any picture costs at least.
const SMALL_PICTURE_BPS: u64 = 150_000;

/// How far the estimate of a path is stretched for one smallest picture, in percent of it: as far as estimates
/// keep below what a path takes, and half as much again.
const STRETCHED_PERCENT: u64 = 133;

/// What a picture needs to begin, in percent of what it costs, with room for rounding.
const NEEDED_TO_BEGIN_PERCENT: u64 = 116;

/// A video track that flows to a peer.
#[derive(Clone, Copy)]
pub(crate) struct Flowing {
    pub(crate) slot: usize,
    pub(crate) track: TrackKey,
    id: TrackId,
    class: Class,
    area: Area,
    /// The best encoding that it may be sent.
    cap: Option<u8>,
    /// How much of it the thread has time for.
    pub(crate) limit: Limit,
}

type AllFlowing = ArrayVec<Flowing, MAX_SLOTS>;
type Decisions = ArrayVec<Decision, MAX_SLOTS>;

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
        // Filled in place: these lists are as long as there may be slots, and moving one copies all of it.
        let mut flowing = AllFlowing::new();
        if !self.find_flowing(now, key, &mut flowing) {
            return;
        }
        let flows = !flowing.is_empty();
        self.follow_shedding(now, key, &flowing);
        flowing.retain(|flowing| flowing.limit != Limit::Nothing);
        for Flowing { track, .. } in &flowing {
            if let Some(track) = self.tracks.get_mut(*track) {
                track.measure(now);
            }
        }
        match self.peers.get(key).is_some_and(|peer| peer.link.is_measured(now)) {
            true => self.choose(now, key, &flowing),
            false => self.look_for(now, key, &flowing),
        }
        self.set_congestion_timer(key);
        self.review_quality(now, key);
        let goes_on = self.peers.get(key).is_some_and(|peer| peer.told.is_changing());
        if goes_on || flows {
            let timer = Timer::Peer(key.index, PeerTimer::Layer);
            self.timers.set_no_later_than(timer, now + REVIEW_INTERVAL);
        }
    }

    /// Finds out what flows to a peer; false when nothing can be sent to it.
    fn find_flowing(&self, now: Instant, key: PeerKey, flowing: &mut AllFlowing) -> bool {
        let peer = self.peers.get(key).filter(|peer| peer.may_receive());
        let Some(peer) = peer else { return false };
        let found = peer.slots.iter().enumerate().filter_map(|(slot, at)| {
            let Feed::Flowing(track) = at.feed() else { return None };
            let source = self.tracks.get(track.key)?;
            let (priority, area) = match peer.shown.view(source) {
                Some(view) => (view.priority, Area { width: view.width, height: view.height }),
                None => (0, WHOLE_PAGE),
            };
            let class = Class::of(source.source, priority, self.has_spoken_lately(now, source));
            let limit = self.shedding.limit(class, key.index, source.id);
            let cap = peer.caps.of(source);
            let area = limit.of_area(capped_area(area, source.known(), cap));
            (at.kind == MediaKind::Video).then_some(Flowing {
                slot,
                track: track.key,
                id: track.id,
                class,
                area,
                cap,
                limit,
            })
        });
        flowing.extend(found.take(MAX_SLOTS));
        true
    }

    /// Has the path looked at for what flows. As long as nothing is known of it, everything begins with its
    /// smallest picture; should that be too much, it waits here and not on the way, and behind the first picture
    /// of what matters most.
    fn look_for(&mut self, now: Instant, key: PeerKey, flowing: &AllFlowing) {
        let voices_bps = VOICE_BPS * self.voices(now, key);
        for flowing in flowing {
            let track = self.tracks.get(flowing.track);
            let demand = track.map(|track| subscription(now, flowing, track).demand());
            self.note_demand(now, key, flowing, demand.unwrap_or_default());
        }
        let Some(peer) = self.peers.get_mut(key) else { return };
        let guesses_bps: u64 = flowing.iter().map(|flowing| guess_bps(flowing.area)).sum();
        let wanted = Bitrate::from_bps(guesses_bps + voices_bps);
        peer.link.set_wanted(now, wanted);
        let slots = &peer.slots;
        let has_begun = |slot: &usize| slots.get(*slot).is_some_and(Slot::has_begun);
        peer.leader = leader(flowing).filter(|slot| !has_begun(slot));
        peer.turn = peer.leader.unwrap_or(peer.turn);
    }

    fn choose(&mut self, now: Instant, key: PeerKey, flowing: &AllFlowing) {
        let mut decisions = Decisions::new();
        self.decide(now, key, flowing, &mut decisions);
        for &decision in &decisions {
            let decided = flowing.iter().find(|flowing| flowing.id == decision.track);
            if let Some(flowing) = decided {
                self.carry_out(now, key, flowing, decision);
                let demand = self.narrowed(now, key, flowing, decision);
                self.note_demand(now, key, flowing, demand);
            }
        }
    }

    fn decide(
        &mut self,
        now: Instant,
        key: PeerKey,
        flowing: &AllFlowing,
        decisions: &mut Decisions,
    ) {
        let voices_bps = VOICE_BPS * self.voices(now, key);
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.leader = None;
        let Peer { allocator, link, .. } = peer;
        let tracks = &self.tracks;
        let sources: ArrayVec<(&Flowing, &Track), MAX_SLOTS> = flowing
            .iter()
            .filter_map(|flowing| Some((flowing, tracks.get(flowing.track)?)))
            .collect();
        let subscriptions: ArrayVec<Subscription<'_>, MAX_SLOTS> =
            sources.iter().map(|(flowing, track)| subscription(now, flowing, track)).collect();
        let target_bps = link.take_target(now).bps().saturating_sub(voices_bps);
        let (needed_bps, least_bps) = least_bps(target_bps, &subscriptions).unwrap_or_default();
        let is_short = link.is_short_for_long(now, target_bps.max(least_bps) < needed_bps);
        let budget_bps = match is_short {
            true => target_bps,
            false => target_bps.max(least_bps).max(needed_bps),
        };
        let assured = link.congestion.assured(now);
        let assured_bps = assured.map(|rate| rate.bps().saturating_sub(voices_bps));
        let shown_bps = link.congestion.shown(now).bps().saturating_sub(voices_bps);
        let budget = Budget { now_bps: budget_bps, shown_bps, assured_bps };
        let allocation = allocator.allocate(now, budget, &subscriptions);
        decisions.extend(allocation.decisions.iter().copied().take(MAX_SLOTS));
        let unmeasured = sources.iter().filter(|(_, track)| track.rungs().is_empty());
        let unmeasured_bps: u64 = unmeasured.map(|(flowing, _)| guess_bps(flowing.area)).sum();
        let resting_bps: u64 =
            sources.iter().map(|(flowing, track)| track.resting_bps(flowing.area)).sum();
        let wanted_bps =
            allocation.wanted_bps + with_headroom(resting_bps) + unmeasured_bps + voices_bps;
        link.set_wanted(now, Bitrate::from_bps(wanted_bps));
    }

    /// Sends as much of a track as was decided.
    fn carry_out(&mut self, now: Instant, key: PeerKey, flowing: &Flowing, decision: Decision) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let takes = peer.link.congestion.target();
        let Some(slot) = peer.slots.get_mut(flowing.slot) else { return };
        let Some(track) = self.tracks.get(flowing.track) else { return };
        let given = decision.given;
        let read = slot.outgoing.reading().layers();
        match given {
            // Of what is not measured yet, all comes that comes.
            Given::Send(_) if track.rungs().is_empty() => {}
            Given::Send(quality) => {
                if slot.outgoing.choose(now, track, given, takes) {
                    self.requests.push(flowing.track, quality.layer);
                }
            }
            Given::Paused(_) => {
                self.counters.pauses += u64::from(read != 0);
                slot.outgoing.choose(now, track, given, takes);
            }
        }
        slot.given = given;
        let reads_others = slot.outgoing.reading().layers() != read;
        if reads_others {
            self.follow_readers(flowing.track);
        }
    }

    /// What of the demand for a track is to be encoded, after what was decided of it: not what this viewer has not had
    /// lately and could not have.
    fn narrowed(
        &mut self,
        now: Instant,
        key: PeerKey,
        flowing: &Flowing,
        Decision { given, demand, possible, awaited, .. }: Decision,
    ) -> Demand {
        let Some(peer) = self.peers.get_mut(key) else { return demand };
        let shows_its_room = peer.link.shows_its_room();
        let Some(slot) = peer.slots.get_mut(flowing.slot) else { return demand };
        let Some(track) = self.tracks.get(flowing.track) else { return demand };
        let given = match given {
            Given::Send(quality) => Some(quality),
            Given::Paused(_) => None,
        };
        let read = Had { layers: slot.outgoing.reading().layers(), ..Had::default() };
        slot.lately.note(now, read.with(given).with(possible).with(awaited));
        if shows_its_room { track.narrowed(demand, &slot.lately) } else { demand }
    }

    /// Notes what a publisher is to send for somebody who shows a track of it.
    pub(crate) fn note_demand(
        &mut self,
        now: Instant,
        key: PeerKey,
        flowing: &Flowing,
        demand: Demand,
    ) {
        let peer = self.peers.get_mut(key);
        let Some(slot) = peer.and_then(|peer| peer.slots.get_mut(flowing.slot)) else { return };
        if std::mem::replace(&mut slot.demand, demand) != demand {
            self.review_wanted_soon(now, flowing.track);
        }
    }

    /// Notes which layers of a picture somebody reads; of sound there is one.
    pub(crate) fn follow_readers(&mut self, key: TrackKey) {
        let video = |track: &&Track| track.source.kind() == MediaKind::Video;
        let Some(track) = self.tracks.get(key).filter(video) else { return };
        let layers = track.subscribers.iter().filter_map(|subscriber| {
            let slot = self.peers.get(subscriber.peer)?.slots.get(subscriber.slot)?;
            Some(slot.outgoing.reading().layers())
        });
        let layers = layers.fold(track.read_elsewhere(), |all, layers| all | layers);
        if let Some(track) = self.tracks.get_mut(key) {
            track.read_layers = layers;
        }
    }

    /// How many voices a peer is to be able to hear: those that have sounded lately, and one that begins. Who is
    /// silent sends next to nothing (DTX).
    fn voices(&self, now: Instant, key: PeerKey) -> u64 {
        let Some(peer) = self.peers.get(key) else { return 0 };
        let sounds = |slot: &&Slot| {
            let track = match slot.feed() {
                Feed::Flowing(track) if slot.kind == MediaKind::Audio => self.tracks.get(track.key),
                _ => None,
            };
            track.is_some_and(|track| track.sound.has_sounded_within(now, SOUNDED_LATELY))
        };
        let flowing =
            |slot: &&Slot| slot.kind == MediaKind::Audio && matches!(slot.feed(), Feed::Flowing(_));
        let sounding = peer.slots.iter().filter(sounds).count();
        (sounding + 1).min(peer.slots.iter().filter(flowing).count()) as u64
    }

    /// Whether the publisher of a track is or was speaking.
    fn has_spoken_lately(&self, now: Instant, track: &Track) -> bool {
        let spoke = |key: &TrackKey| {
            self.tracks.get(*key).is_some_and(|track| track.sound.has_spoken_lately(now))
        };
        match track.upstream {
            Upstream::Published(publisher) => self
                .peers
                .get(publisher)
                .is_some_and(|publisher| publisher.published.iter().any(|p| spoke(&p.track))),
            Upstream::Relayed(_) => {
                let room = self.rooms.get(track.room);
                let guest = room.and_then(|room| room.guests.get(&track.publisher));
                guest.is_some_and(|guest| guest.tracks().iter().any(spoke))
            }
        }
    }
}

/// The slot of a shared screen, or else of what is pinned highest; `None` where all are alike.
fn leader(flowing: &AllFlowing) -> Option<usize> {
    let rank = |flowing: &Flowing| match flowing.class {
        Class::Screen => Some((1, u8::MAX)),
        Class::Pinned { priority } => Some((0, priority)),
        Class::Speaker | Class::Rest => None,
    };
    let leading = flowing.iter().filter_map(|flowing| Some((rank(flowing)?, flowing.slot)));
    leading.max_by_key(|(rank, slot)| (*rank, Reverse(*slot))).map(|(_, slot)| slot)
}

fn subscription<'a>(now: Instant, flowing: &Flowing, track: &'a Track) -> Subscription<'a> {
    Subscription {
        track: track.id,
        class: flowing.class,
        shown: Some(flowing.area),
        on: true,
        receivable: true,
        rungs: up_to(track.rungs(), flowing.cap),
        known: up_to(track.known(), flowing.cap),
        presumed: track.presumed_layers(flowing.area) & layers_up_to(flowing.cap),
        asked: track.asked(),
        begun: track.begun(now),
    }
}

/// What a track may cost of which nothing is measured yet, in bits per second.
fn guess_bps(area: Area) -> u64 {
    let pixels = |area: Area| u64::from(area.width) * u64::from(area.height);
    (WHOLE_PAGE_BPS * pixels(area) / pixels(WHOLE_PAGE)).clamp(SMALL_PICTURE_BPS, WHOLE_PAGE_BPS)
}

/// What the one smallest picture costs, and what it may have of a path that is taken for a little too thin for
/// it. Estimates keep below what a path takes, so that queues drain; and who is sent no picture sends nothing
/// that could prove more.
fn least_bps(target_bps: u64, subscriptions: &[Subscription<'_>]) -> Option<(u64, u64)> {
    let lowest = subscriptions.iter().filter_map(|it| it.rungs.first());
    let cost_bps = lowest.map(|rung| u64::from(rung.peak_bps)).min()?;
    let to_begin_bps = cost_bps.saturating_mul(NEEDED_TO_BEGIN_PERCENT) / 100;
    Some((cost_bps, to_begin_bps.min(target_bps.saturating_mul(STRETCHED_PERCENT) / 100)))
}
