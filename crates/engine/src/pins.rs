//! Pinned slots: which receive sections of a peer carry which track for as long as that lives, as its latest answer
//! says.

use std::collections::BTreeSet;
use std::time::Instant;

use parlor_rtc::MediaKind;

use crate::assign::Group;
use crate::change::SlotCounts;
use crate::engine::Engine;
use crate::id::TrackId;
use crate::peer::{Peer, PeerKey};
use crate::slot::{Feed, Slot};
use crate::track::{Subscriber, Track, TrackRef};

/// Who decides what a slot carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The server, anew whenever that is better: what the peer sees there is not the same track for long.
    #[default]
    Floats,
    /// Nobody yet: answers have called the section inactive so far.
    Fresh,
    /// Nobody any more: the latest answer calls it inactive again.
    Used,
    /// The latest answer names this track there.
    Pinned(TrackId),
    /// The latest answer names a track there that has ended since.
    Spent,
}

impl Engine {
    /// Puts these tracks of others, and no more, on slots of a peer whose slots are pinned. Those that are on one stay
    /// there; of new ones each gets a slot that the latest answer had left inactive: browsers tell their page of another
    /// track on a section only if it was inactive in between. One that has carried nothing yet comes first: Chromium 156
    /// decodes pictures on a section that had carried others, and shows none of them. What finds no slot is left out.
    pub(crate) fn pin_slots(&mut self, now: Instant, key: PeerKey, pins: &[TrackId]) {
        let Some(peer) = self.peers.get(key).filter(|peer| peer.is_pinned()) else { return };
        let may_be: BTreeSet<TrackId> =
            pins.iter().copied().filter(|pin| self.may_be_pinned(peer, *pin)).collect();
        let mut holds: Vec<Hold> = peer.slots.iter().map(|slot| slot.hold).collect();
        let mut placed = BTreeSet::new();
        let mut free = Vec::new();
        for (index, (hold, slot)) in holds.iter_mut().zip(&peer.slots).enumerate() {
            match *hold {
                Hold::Fresh | Hold::Used if slot.is_open() => free.push(index),
                Hold::Fresh => {}
                Hold::Pinned(track) if slot.is_open() && may_be.contains(&track) => {
                    placed.insert(track);
                }
                _ => *hold = Hold::Used,
            }
        }
        free.sort_by_key(|index| holds.get(*index) == Some(&Hold::Used));
        // In the order of the request: what is named first gets the first slot.
        for pin in pins.iter().filter(|pin| may_be.contains(*pin)) {
            let kind = self.kind_of(*pin);
            let fits = |index: &usize| peer.slots.get(*index).map(|slot| slot.kind) == kind;
            let Some(at) = free.iter().position(fits).filter(|_| placed.insert(*pin)) else {
                continue;
            };
            if let Some(hold) = holds.get_mut(free.remove(at)) {
                *hold = Hold::Pinned(*pin);
            }
        }
        self.set_holds(now, key, &holds);
    }

    fn set_holds(&mut self, now: Instant, key: PeerKey, holds: &[Hold]) {
        for (slot, hold) in holds.iter().enumerate() {
            let Some(peer) = self.peers.get_mut(key) else { return };
            let Some(held) = peer.slots.get_mut(slot) else { continue };
            if std::mem::replace(&mut held.hold, *hold) != *hold {
                self.feed_slot(now, Subscriber { peer: key, slot }, Feed::Empty);
            }
        }
    }

    /// The track that a slot was pinned to has ended. The client takes it for that one's until its next offer.
    pub(crate) fn spend_slot(&mut self, Subscriber { peer, slot }: Subscriber) {
        let slot = self.peers.get_mut(peer).and_then(|peer| peer.slots.get_mut(slot));
        if let Some(slot) = slot.filter(|slot| matches!(slot.hold, Hold::Pinned(_))) {
            slot.hold = Hold::Spent;
        }
    }

    /// Whether it is a track of somebody else in the same room.
    fn may_be_pinned(&self, peer: &Peer, id: TrackId) -> bool {
        let track = self.track_keys.get(&id).and_then(|key| self.tracks.get(*key));
        track.is_some_and(|track| track.room == peer.room && track.publisher != peer.id)
    }

    fn kind_of(&self, id: TrackId) -> Option<MediaKind> {
        let track = self.track_keys.get(&id).and_then(|key| self.tracks.get(*key));
        track.map(|track| track.source.kind())
    }

    /// Decides anew whether what is on a peer's pinned slots flows, and does so. What none of `live` is waits there.
    pub(crate) fn feed_pinned(&mut self, now: Instant, key: PeerKey, live: &BTreeSet<TrackId>) {
        let Some(peer) = self.peers.get(key) else { return };
        let feeds: Vec<Feed> =
            peer.slots.iter().map(|slot| self.pinned_feed(peer, slot, live)).collect();
        for (slot, feed) in feeds.into_iter().enumerate() {
            self.feed_slot(now, Subscriber { peer: key, slot }, feed);
        }
    }

    fn pinned_feed(&self, peer: &Peer, slot: &Slot, live: &BTreeSet<TrackId>) -> Feed {
        let Hold::Pinned(id) = slot.hold else { return Feed::Empty };
        let Some(&key) = self.track_keys.get(&id) else { return Feed::Empty };
        let track = TrackRef { id, key };
        match live.contains(&id) && slot.is_open() && peer.may_be_fed(slot.kind) {
            true => Feed::Flowing(track),
            false => Feed::Paused(track),
        }
    }
}

impl Peer {
    /// Its slots as they are: nobody who pins is asked for more, since it knows what it wants.
    pub(crate) fn open_slots(&self) -> SlotCounts {
        let count = |kind| {
            let open = self.slots.iter().filter(|slot| slot.is_open() && slot.kind == kind).count();
            u16::try_from(open).unwrap_or(u16::MAX)
        };
        SlotCounts { audio: count(MediaKind::Audio), video: count(MediaKind::Video) }
    }
}

/// The stream that a pinned track is announced in: one peer's microphone and camera share one, because browsers
/// synchronise only inside a stream, and so do its screen and that one's sound.
pub(crate) fn stream_of(track: &Track) -> String {
    match Group::of(track.publisher, track.source, track.id) {
        Group::Person(peer) => format!("{peer}"),
        Group::Screen(peer) => format!("{peer}-screen"),
        Group::Single(track) => format!("{track}"),
    }
}
