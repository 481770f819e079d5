//! Which track each of a peer's slots carries: a pure decision, made anew whenever something it
//! depends on has changed.
//!
//! Slots are *sticky*: a track stays where it is as long as it exists and nobody more important
//! needs the place. One peer's microphone and camera go to one audio/video pair when there is one,
//! because browsers synchronise only inside a stream, and a pair is a stream.

use std::collections::{BTreeMap, BTreeSet};

use parlor_rtc::MediaKind;

use crate::change::SlotCounts;
use crate::id::{PeerId, Source, TrackId};

/// Slots are asked for in steps of this many, so that not every join means another offer.
const SLOT_STEP: u16 = 4;

/// Tracks of one peer that belong on one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// Microphone and camera.
    Person(PeerId),
    /// A screen and its sound.
    Screen(PeerId),
    /// A track that goes with no other.
    Single(TrackId),
}

impl Group {
    pub(crate) const fn of(peer: PeerId, source: Source, track: TrackId) -> Group {
        match source {
            Source::Microphone | Source::Camera => Group::Person(peer),
            Source::Screen | Source::ScreenAudio => Group::Screen(peer),
            Source::Custom(_) => Group::Single(track),
        }
    }
}

/// One track that a peer could receive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) track: TrackId,
    pub(crate) kind: MediaKind,
    pub(crate) group: Group,
    /// It is on, and the peer shows it. Otherwise it may keep a slot that nobody needs.
    pub(crate) active: bool,
    /// Higher ones take the slots of lower ones when there are too few.
    pub(crate) priority: u8,
}

/// One slot as it is now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) kind: MediaKind,
    /// The nth audio slot and the nth video slot are a pair.
    pub(crate) pair: usize,
    /// The client receives on it now; nothing is put into a closed one.
    pub(crate) open: bool,
    pub(crate) track: Option<TrackId>,
}

/// The decision.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// For each slot, in order, the track it is to carry.
    pub(crate) tracks: Vec<Option<TrackId>>,
    /// How many slots of each kind the peer should have; never fewer than it has.
    pub(crate) wanted: SlotCounts,
}

/// Decides which of `candidates` each of `slots` carries. At most `max_slots` of a kind are ever
/// asked for.
pub(crate) fn assign(slots: &[Place], candidates: &[Candidate], max_slots: u16) -> Assignment {
    let mut table = Table::keep(slots, candidates);
    let mut waiting = table.unplaced(candidates);
    // Most important first; among equals the oldest. Worked from the end.
    waiting.sort_by_key(|c| (c.priority, std::cmp::Reverse(c.track)));
    // No slot of these is left for anybody who comes now, since whoever comes is no more important.
    let mut taken: Vec<MediaKind> = Vec::new();
    while let Some(candidate) = waiting.pop() {
        if taken.contains(&candidate.kind) {
            continue;
        }
        let Some(slot) = table.best_slot(candidate) else {
            taken.push(candidate.kind);
            continue;
        };
        if let Some(evicted) = table.put(slot, candidate)
            && evicted.active
        {
            // It was less important than `candidate`, so this ends.
            let at = waiting.partition_point(|c| c.priority <= evicted.priority);
            waiting.insert(at, evicted);
        }
    }
    let tracks = table.carried.iter().map(|c| c.map(|c| c.track)).collect();
    Assignment { tracks, wanted: wanted(slots, candidates, max_slots) }
}

/// Slots, and the candidates they carry.
struct Table<'a> {
    slots: &'a [Place],
    /// By slot, the other half of its pair.
    partners: Vec<Option<usize>>,
    carried: Vec<Option<&'a Candidate>>,
}

impl<'a> Table<'a> {
    /// Everything stays where it is, as far as it still exists.
    fn keep(slots: &'a [Place], candidates: &'a [Candidate]) -> Self {
        let mut by_track: BTreeMap<_, _> =
            candidates.iter().map(|candidate| (candidate.track, candidate)).collect();
        // Taken out of the map: a track stays in one slot at most.
        let mut stays = |slot: &Place| {
            let candidate =
                by_track.get(&slot.track?).filter(|c| c.kind == slot.kind && slot.open)?;
            by_track.remove(&candidate.track)
        };
        let carried = slots.iter().map(&mut stays).collect();
        Table { slots, partners: partners(slots), carried }
    }

    fn unplaced(&self, candidates: &'a [Candidate]) -> Vec<&'a Candidate> {
        let carried: BTreeSet<_> = self.carried.iter().flatten().map(|c| c.track).collect();
        candidates.iter().filter(|c| c.active && !carried.contains(&c.track)).collect()
    }

    fn put(&mut self, slot: usize, candidate: &'a Candidate) -> Option<&'a Candidate> {
        self.carried[slot].replace(candidate)
    }

    /// The slot where `candidate` disturbs least and is best synchronised.
    fn best_slot(&self, candidate: &Candidate) -> Option<usize> {
        (0..self.slots.len())
            .filter(|&slot| self.slots[slot].open && self.slots[slot].kind == candidate.kind)
            .filter_map(|slot| Some((self.cost(slot, candidate)?, slot)))
            .min()
            .map(|(_, slot)| slot)
    }

    /// What it costs to put `candidate` into `slot`; `None` when it may not go there.
    fn cost(&self, slot: usize, candidate: &Candidate) -> Option<Cost> {
        let partner = self.partner(slot);
        let joins_its_group = partner.map(|p| p.group == candidate.group);
        match self.carried[slot] {
            Some(other) if other.active => (other.priority < candidate.priority)
                .then_some(Cost::TakesActive { priority: other.priority }),
            other => Some(Cost::of_idle(other.is_some(), joins_its_group)),
        }
    }

    /// What the other half of `slot`'s pair carries.
    fn partner(&self, slot: usize) -> Option<&'a Candidate> {
        self.carried[self.partners[slot]?]
    }
}

/// By slot, the other half of its pair.
fn partners(slots: &[Place]) -> Vec<Option<usize>> {
    let mut halves = BTreeMap::new();
    for (index, slot) in slots.iter().enumerate() {
        halves.entry((slot.pair, slot.kind == MediaKind::Audio)).or_insert(index);
    }
    let other = |slot: &Place| halves.get(&(slot.pair, slot.kind != MediaKind::Audio)).copied();
    slots.iter().map(other).collect()
}

/// From cheap to dear.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cost {
    JoinsItsGroup,
    EmptyPair,
    EmptySlot,
    TakesIdlePair,
    TakesIdle,
    TakesActive { priority: u8 },
}

impl Cost {
    /// Of a slot that carries nothing, or something that is not sent. `joins_its_group` is whether what the other
    /// half of its pair carries belongs to the newcomer; `None` when that carries nothing.
    pub(crate) fn of_idle(carries: bool, joins_its_group: Option<bool>) -> Cost {
        match (carries, joins_its_group) {
            (_, Some(true)) => Cost::JoinsItsGroup,
            (false, None) => Cost::EmptyPair,
            (false, Some(false)) => Cost::EmptySlot,
            (true, None) => Cost::TakesIdlePair,
            (true, Some(false)) => Cost::TakesIdle,
        }
    }
}

fn wanted(slots: &[Place], candidates: &[Candidate], max_slots: u16) -> SlotCounts {
    let count = |kind| {
        let have = slots.iter().filter(|s| s.open && s.kind == kind).count();
        let need = candidates.iter().filter(|c| c.active && c.kind == kind).count();
        let have = u16::try_from(have).unwrap_or(u16::MAX);
        let need = u16::try_from(need).unwrap_or(u16::MAX);
        slots_to_have(have, need, max_slots)
    };
    SlotCounts { audio: count(MediaKind::Audio), video: count(MediaKind::Video) }
}

/// How many slots of a kind a peer that has `have` and needs `need` should have.
pub(crate) fn slots_to_have(have: u16, need: u16, max_slots: u16) -> u16 {
    if need <= have {
        return have;
    }
    have.max(need.checked_next_multiple_of(SLOT_STEP).unwrap_or(need).min(max_slots))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `n` empty pairs: audio, video, audio, video…
    fn pairs(n: usize) -> Vec<Place> {
        (0..n)
            .flat_map(|pair| {
                [MediaKind::Audio, MediaKind::Video].map(|kind| Place {
                    kind,
                    pair,
                    open: true,
                    track: None,
                })
            })
            .collect()
    }

    fn candidate(track: u64, peer: u64, source: Source) -> Candidate {
        Candidate {
            track: TrackId(track),
            kind: source.kind(),
            group: Group::of(PeerId(peer), source, TrackId(track)),
            active: true,
            priority: 0,
        }
    }

    /// Microphone `10 * peer` and camera `10 * peer + 1`.
    fn person(peer: u64) -> [Candidate; 2] {
        [
            candidate(10 * peer, peer, Source::Microphone),
            candidate(10 * peer + 1, peer, Source::Camera),
        ]
    }

    /// Assigns, and leaves the slots as decided.
    fn settle(slots: &mut [Place], candidates: &[Candidate]) -> Assignment {
        let assignment = assign(slots, candidates, 64);
        for (slot, track) in slots.iter_mut().zip(&assignment.tracks) {
            slot.track = *track;
        }
        assignment
    }

    fn ids(assignment: &Assignment) -> Vec<u64> {
        assignment.tracks.iter().map(|t| t.map_or(0, |t| t.0)).collect()
    }

    #[test]
    fn microphone_and_camera_of_one_peer_share_a_pair() {
        let mut slots = pairs(3);
        let [mic_1, cam_1] = person(1);
        let [mic_2, cam_2] = person(2);
        let assignment = settle(&mut slots, &[cam_2, mic_1, mic_2, cam_1]);
        assert_eq!(ids(&assignment), [10, 11, 20, 21, 0, 0]);
    }

    #[test]
    fn a_camera_that_comes_later_joins_its_microphone() {
        let mut slots = pairs(3);
        let [mic_1, cam_1] = person(1);
        let [mic_2, cam_2] = person(2);
        settle(&mut slots, &[mic_1, mic_2]);
        let assignment = settle(&mut slots, &[mic_1, mic_2, cam_2, cam_1]);
        assert_eq!(ids(&assignment), [10, 11, 20, 21, 0, 0]);
    }

    #[test]
    fn those_who_stay_are_not_moved_when_somebody_leaves() {
        let mut slots = pairs(2);
        let (one, two, three) = (person(1), person(2), person(3));
        settle(&mut slots, &[one, two].concat());
        let assignment = settle(&mut slots, &two);
        assert_eq!(ids(&assignment), [0, 0, 20, 21]);
        let assignment = settle(&mut slots, &[two, three].concat());
        assert_eq!(ids(&assignment), [30, 31, 20, 21]);
    }

    #[test]
    fn a_track_that_is_off_keeps_its_slot_until_somebody_needs_it() {
        let mut slots = pairs(1);
        let [mic, mut cam] = person(1);
        settle(&mut slots, &[mic, cam]);
        cam.active = false;
        assert_eq!(ids(&settle(&mut slots, &[mic, cam])), [10, 11]);
        let other = candidate(21, 2, Source::Camera);
        assert_eq!(ids(&settle(&mut slots, &[mic, cam, other])), [10, 21]);
        assert_eq!(settle(&mut slots, &[mic, cam, other]).wanted.video, 1);
    }

    #[test]
    fn more_slots_are_asked_for_in_steps_and_within_the_limit() {
        let slots = pairs(2);
        let candidates: Vec<_> = (1..=5).flat_map(person).collect();
        let wanted = assign(&slots, &candidates, 64).wanted;
        assert_eq!(wanted, SlotCounts { audio: 8, video: 8 });
        let wanted = assign(&slots, &candidates, 6).wanted;
        assert_eq!(wanted, SlotCounts { audio: 6, video: 6 });
        let wanted = assign(&slots, &candidates[..2], 64).wanted;
        assert_eq!(wanted, SlotCounts { audio: 2, video: 2 });
    }

    #[test]
    fn a_pinned_picture_takes_the_place_of_one_that_is_not() {
        let mut slots = pairs(1);
        let [_, cam_1] = person(1);
        let [_, mut cam_2] = person(2);
        settle(&mut slots, &[cam_1]);
        assert_eq!(ids(&settle(&mut slots, &[cam_1, cam_2])), [0, 11]);
        cam_2.priority = 1;
        assert_eq!(ids(&settle(&mut slots, &[cam_1, cam_2])), [0, 21]);
    }

    #[test]
    fn a_screen_and_its_sound_share_a_pair_apart_from_the_person() {
        let mut slots = pairs(2);
        let [mic, cam] = person(1);
        let screen = candidate(12, 1, Source::Screen);
        let sound = candidate(13, 1, Source::ScreenAudio);
        let assignment = settle(&mut slots, &[mic, cam, screen, sound]);
        assert_eq!(ids(&assignment), [10, 11, 13, 12]);
    }

    fn any_candidates() -> impl Strategy<Value = Vec<Candidate>> {
        let one = (1u64..12, 1u64..5, 0usize..5, any::<bool>(), 0u8..3).prop_map(
            |(track, peer, source, active, priority)| {
                let source = [
                    Source::Microphone,
                    Source::Camera,
                    Source::Screen,
                    Source::ScreenAudio,
                    Source::Custom(MediaKind::Video),
                ][source];
                Candidate { active, priority, ..candidate(track, peer, source) }
            },
        );
        proptest::collection::vec(one, 0..12).prop_map(|mut candidates| {
            candidates.sort_by_key(|c| c.track);
            candidates.dedup_by_key(|c| c.track);
            candidates
        })
    }

    proptest! {
        #[test]
        fn every_assignment_is_sound_and_stable(
            n in 0usize..5,
            rounds in proptest::collection::vec(any_candidates(), 1..5),
        ) {
            let mut slots = pairs(n);
            for candidates in rounds {
                let assignment = settle(&mut slots, &candidates);
                let of = |track| candidates.iter().find(|c| c.track == track);
                let mut seen: Vec<_> = assignment.tracks.iter().flatten().collect();
                for (slot, track) in slots.iter().zip(&assignment.tracks) {
                    let kind = track.and_then(of).map(|c| c.kind);
                    prop_assert!(track.is_none() || kind == Some(slot.kind));
                }
                seen.sort();
                let placed = seen.len();
                seen.dedup();
                prop_assert_eq!(placed, seen.len(), "a track is in one slot at most");
                for kind in [MediaKind::Audio, MediaKind::Video] {
                    let active = candidates.iter().filter(|c| c.active && c.kind == kind).count();
                    let served = seen
                        .iter()
                        .filter_map(|t| of(**t))
                        .filter(|c| c.active && c.kind == kind)
                        .count();
                    prop_assert_eq!(served, active.min(n), "no slot stays unused while one waits");
                }
                let again = settle(&mut slots, &candidates);
                prop_assert_eq!(again, assignment, "deciding again changes nothing");
            }
        }
    }
}
