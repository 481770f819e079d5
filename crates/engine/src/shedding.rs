//! What is left out of what viewers see when the thread that runs the engine has too much to do: pictures in the order of
//! their worth, a part of each sort at a time. Sound is never left out here.

use std::time::{Duration, Instant};

use parlor_rtc::MediaKind;

use crate::allocate::{Area, Class, Demand, Given, Reason};
use crate::choose::Flowing;
use crate::engine::Engine;
use crate::id::TrackId;
use crate::lately::Lately;
use crate::measure::Quality;
use crate::peer::PeerKey;
use crate::slot::{Feed, Slot};
use crate::timer::{PeerTimer, Timer};
use crate::track::Track;

/// Each stage is reached in so many steps, each of which is for another part of those whom it is for: an eighth of the
/// pictures of a sort is hardly missed, and may be enough.
const SHARES: u8 = 8;

/// Deciding anew what everybody gets costs time too, of which there is none: it is spread over so long.
const SPREAD: Duration = Duration::from_millis(100);

/// In so many parts.
const PARTS: u32 = 16;

/// Sorts of pictures, by what happens to people who lose them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// Cameras of those who are silent and whom the viewer has not pinned.
    Silent,
    /// Cameras of those who speak or are pinned.
    Heeded,
    /// Shared screens.
    Screen,
}

/// How much of a picture may be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Limit {
    /// All that the path carries.
    #[default]
    None,
    /// Its smallest size.
    Smallest,
    /// Nothing.
    Nothing,
}

/// What is limited first, and what last.
const STAGES: [(Sort, Limit); 6] = [
    (Sort::Silent, Limit::Smallest),
    (Sort::Silent, Limit::Nothing),
    (Sort::Heeded, Limit::Smallest),
    (Sort::Screen, Limit::Smallest),
    (Sort::Heeded, Limit::Nothing),
    (Sort::Screen, Limit::Nothing),
];

/// How much is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shedding(u8);

impl Shedding {
    /// So many steps leave no picture.
    pub const MOST: u8 = STAGES.len() as u8 * SHARES;

    /// So many steps, from none to [`Shedding::MOST`]. Each leaves an eighth more of one sort of pictures smaller, or out: first
    /// cameras of the silent, which become small and then rest, then those of who speaks or is pinned, and shared screens.
    pub fn of_steps(steps: u8) -> Shedding {
        Shedding(steps.min(Shedding::MOST))
    }

    /// How many they are.
    pub fn steps(self) -> u8 {
        self.0
    }

    /// How much of a track may be sent to the viewer at this place.
    pub(crate) fn limit(self, class: Class, viewer: u32, track: TrackId) -> Limit {
        if self.0 == 0 {
            return Limit::None;
        }
        let sort = match class {
            Class::Rest => Sort::Silent,
            Class::Speaker | Class::Pinned { .. } => Sort::Heeded,
            Class::Screen => Sort::Screen,
        };
        // Of each viewer another part of the tracks, and of each track another part of the viewers.
        let share = (u64::from(viewer).wrapping_add(spread(track)) % u64::from(SHARES)) as u8;
        let reached = |(stage, _): &(u8, &(Sort, Limit))| self.0 > stage * SHARES + share;
        let stages = (0..).zip(&STAGES).filter(reached);
        let limits = stages.filter(|(_, (of, _))| *of == sort).map(|(_, (_, limit))| *limit);
        limits.max().unwrap_or_default()
    }
}

/// A number that differs between tracks whatever the distance of their ids is: people have several, one after the other
/// (Knuth, The Art of Computer Programming, section 6.4: multiplicative hashing).
fn spread(track: TrackId) -> u64 {
    track.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61
}

impl Limit {
    /// How large a picture is worth sending that is shown as large as that.
    pub(crate) fn of_area(self, shown: Area) -> Area {
        if self == Limit::Smallest { Area::LEAST } else { shown }
    }
}

impl Engine {
    /// Leaves out so much of what viewers see, from now on, until it is told otherwise. What publishers are asked to send
    /// follows from it.
    pub fn set_shedding(&mut self, now: Instant, shedding: Shedding) {
        if std::mem::replace(&mut self.shedding, shedding) == shedding {
            return;
        }
        let flows =
            |slot: &Slot| slot.kind == MediaKind::Video && matches!(slot.feed(), Feed::Flowing(_));
        for key in self.peer_keys.values() {
            if self.peers.get(*key).is_some_and(|peer| peer.slots.iter().any(flows)) {
                let wait = SPREAD / PARTS * (key.index % PARTS);
                let timer = Timer::Peer(key.index, PeerTimer::Layer);
                self.timers.set_no_later_than(timer, now + wait);
            }
        }
    }

    /// How much is left out now.
    pub fn shedding(&self) -> Shedding {
        self.shedding
    }

    /// Pauses what is not to be sent to a viewer, and lets what may be sent again begin.
    pub(crate) fn follow_shedding(&mut self, now: Instant, key: PeerKey, flowing: &[Flowing]) {
        const SHED: Given = Given::Paused(Reason::ServerBusy);
        for flowing in flowing {
            let given = self.peers.get(key).and_then(|it| Some(it.slots.get(flowing.slot)?.given));
            match (flowing.limit, given) {
                (Limit::Nothing, Some(given)) if given != SHED => {
                    self.give(now, key, flowing, SHED);
                    self.counters.pictures_shed += 1;
                    self.note_demand(now, key, flowing, Demand::default());
                }
                (Limit::None | Limit::Smallest, Some(SHED)) => {
                    self.give(now, key, flowing, Given::Send(Quality::default()));
                    // As for somebody who has just begun to watch: what was not had lately says nothing.
                    let first = self.tracks.get(flowing.track).map(Track::first_layer);
                    let layers = first.map_or(0, Demand::bit);
                    self.note_demand(now, key, flowing, Demand { layers, ..Demand::default() });
                }
                _ => {}
            }
        }
    }

    /// Pauses a picture, or lets it begin with whatever comes first of it.
    fn give(&mut self, now: Instant, key: PeerKey, flowing: &Flowing, given: Given) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let takes = peer.link.congestion.target();
        let Some(slot) = peer.slots.get_mut(flowing.slot) else { return };
        let Some(track) = self.tracks.get(flowing.track) else { return };
        slot.given = given;
        slot.lately = Lately::default();
        let needs_key_frame = match given {
            Given::Send(_) => slot.outgoing.start(now, track),
            Given::Paused(_) => slot.outgoing.choose(now, track, given, takes),
        };
        if needs_key_frame {
            self.requests.push(flowing.track, slot.outgoing.reading().layer().unwrap_or_default());
        }
        self.follow_readers(flowing.track);
        self.note_arrival(flowing.track);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: [Class; 4] =
        [Class::Screen, Class::Pinned { priority: 1 }, Class::Speaker, Class::Rest];

    /// How many of a hundred viewers of a hundred tracks of a class have at most so much.
    fn limited(steps: u8, class: Class, to: Limit) -> usize {
        let all = (0..96).flat_map(|viewer| (0..96).map(move |track| (viewer, TrackId(track))));
        let limit = |(viewer, track)| Shedding::of_steps(steps).limit(class, viewer, track);
        all.filter(|it| limit(*it) >= to).count() * 100 / (96 * 96)
    }

    #[test]
    fn who_is_silent_becomes_small_and_rests_before_anything_happens_to_others() {
        assert_eq!(limited(0, Class::Rest, Limit::Smallest), 0);
        assert_eq!(limited(1, Class::Rest, Limit::Smallest), 12);
        assert_eq!(limited(8, Class::Rest, Limit::Smallest), 100);
        assert_eq!(limited(8, Class::Rest, Limit::Nothing), 0);
        assert_eq!(limited(12, Class::Rest, Limit::Nothing), 50);
        for steps in 0..=16 {
            assert_eq!(limited(steps, Class::Speaker, Limit::Smallest), 0);
        }
        assert_eq!(limited(16, Class::Rest, Limit::Nothing), 100);
    }

    #[test]
    fn a_shared_screen_is_the_last_to_go() {
        let rests = |steps, class| limited(steps, class, Limit::Nothing) == 100;
        let first = |class| (0..=Shedding::MOST).find(|steps| rests(*steps, class));
        assert_eq!(CLASSES.map(first), [Some(48), Some(40), Some(40), Some(16)]);
    }

    #[test]
    fn every_step_takes_something_and_gives_nothing_back() {
        for steps in 0..Shedding::MOST {
            let sum = |steps| -> usize {
                let parts = CLASSES.into_iter().flat_map(|class| {
                    [Limit::Smallest, Limit::Nothing].map(|to| limited(steps, class, to))
                });
                parts.sum()
            };
            assert!(sum(steps + 1) > sum(steps), "step {steps}");
        }
        assert_eq!(Shedding::of_steps(200).steps(), Shedding::MOST);
    }

    #[test]
    fn nobody_loses_all_of_a_sort_at_once_and_no_track_all_its_viewers() {
        let half = Shedding::of_steps(12);
        let rests = |viewer, track| half.limit(Class::Rest, viewer, TrackId(track));
        for same in 0..32 {
            let count =
                |limits: &[Limit]| limits.iter().filter(|limit| **limit == Limit::Nothing).count();
            let viewers = [0, 1, 2, 3, 4, 5, 6, 7].map(|viewer| rests(viewer, u64::from(same)));
            assert_eq!(count(&viewers), 4);
            // Browsers publish up to four tracks, so the cameras of a room are some ids apart.
            for apart in [1, 4, 8, 12] {
                let tracks: Vec<_> = (0..64).map(|n| rests(same, 2 + apart * n)).collect();
                let resting = count(&tracks);
                assert!((26..=38).contains(&resting), "{resting} of 64 that are {apart} apart");
            }
        }
    }
}
