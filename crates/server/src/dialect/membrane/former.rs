//! Which memberships pages of this dialect have had, so that one that comes back over another socket can be told to
//! begin anew.
//!
//! Nothing in a join says that its page was here before: Phoenix opens another socket by itself, and the page says
//! `connect` again with the same words. Its `WebRTCEndpoint` still has the connection of the former membership, which no
//! offer can put into use again, and would have sections of it that nobody here knows. But it drops all that when it hears
//! that its own former id was removed, and to every other page that means nothing. So whoever says `connect` is told so
//! of the ids of all that said the same words in this room before.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use parlor_wire::{PeerId, RoomName};

use crate::room::about::Metadata;

/// Memberships that are remembered of all rooms; the oldest give way. Each takes some 200 bytes, and at most 4 KiB by
/// whom it met.
const MAX_REMEMBERED: usize = 4096;

/// The same of one room, so that a busy one does not make all others forgotten.
const MAX_OF_ROOM: usize = 256;

/// A membership is remembered for so long after its end: nobody is to learn for ever whom somebody met by saying the same
/// words. Phoenix tries every 5 s to come back, and a page that was away for longer still, as one on a computer that
/// slept, is known by its offer as after a fall of the server.
const REMEMBERED_FOR: Duration = Duration::from_secs(15 * 60);

/// Former ids that one page is told of, the newest: of those who say the same words, as guests without a name do, each
/// is told of all.
const MAX_TOLD: usize = 64;

/// Others that are remembered of each membership, the newest: those who are still there are known anyway.
const MAX_MET: usize = 256;

/// The memberships that there were. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Formers(Arc<Mutex<VecDeque<Arc<Former>>>>);

/// One membership, there still or over.
#[derive(Debug)]
struct Former {
    room: RoomName,
    /// Of what it said of itself in `connect`. Two that have the same by chance are told a little too much.
    words: u64,
    peer: PeerId,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    met: BTreeSet<PeerId>,
    /// Since when it is over.
    over: Option<Instant>,
    /// The page has dropped its connection by itself.
    has_said_goodbye: bool,
}

/// What a page that says `connect` may have of memberships before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The ids that it may take for its own.
    pub own: Vec<PeerId>,
    /// The ids that it had, and gave up itself.
    pub given_up: Vec<PeerId>,
    /// Who it may think is there.
    pub met: BTreeSet<PeerId>,
    /// It was connected before, as far as that can be told.
    pub is_back: bool,
}

/// The place of a membership in this memory, for as long as it is there. Dropping it is its end.
#[derive(Debug)]
pub struct Place(Arc<Former>);

/// Somebody who wants into a room with these words.
#[derive(Clone, Debug)]
pub struct Visitor {
    formers: Formers,
    room: RoomName,
    words: u64,
    is_back: bool,
}

impl Formers {
    /// Somebody who wants in, and says this of itself in `connect`. `is_back`: its page was connected before, by
    /// whatever server this was then.
    pub fn visitor(&self, room: RoomName, metadata: Option<&Metadata>, is_back: bool) -> Visitor {
        let mut hasher = DefaultHasher::new();
        metadata.hash(&mut hasher);
        Visitor { formers: self.clone(), room, words: hasher.finish(), is_back }
    }
}

impl Visitor {
    /// Where it wants to be.
    pub fn room(&self) -> &RoomName {
        &self.room
    }

    /// What there was of pages that said the same words in this room, and not too long ago.
    pub fn past(&self, now: Instant) -> Past {
        let is_same = |it: &&Arc<Former>| it.words == self.words && it.room == self.room;
        // All rooms wait for this lock, so that what takes longer comes after it.
        let same: Vec<Arc<Former>> =
            lock(&self.formers.0).iter().rev().filter(is_same).take(MAX_TOLD).cloned().collect();
        let mut past = Past { is_back: self.is_back, ..Past::default() };
        for former in same {
            let state = lock(&former.state);
            if state.is_forgotten(now) {
                continue;
            }
            if state.has_said_goodbye {
                past.given_up.push(former.peer);
            } else {
                past.own.push(former.peer);
                past.met.extend(&state.met);
            }
        }
        past
    }

    /// It has entered, and is remembered.
    pub fn enters(&self, now: Instant, peer: PeerId) -> Place {
        let (room, words, state) = (self.room.clone(), self.words, Mutex::default());
        let former = Arc::new(Former { room, words, peer, state });
        let mut all = lock(&self.formers.0);
        while all.front().is_some_and(|oldest| lock(&oldest.state).is_forgotten(now)) {
            all.pop_front();
        }
        let is_here = |it: &Arc<Former>| it.room == self.room;
        let oldest_here = all.iter().position(is_here);
        match oldest_here.filter(|_| all.iter().filter(|it| is_here(it)).count() >= MAX_OF_ROOM) {
            Some(oldest) => drop(all.remove(oldest)),
            None if all.len() >= MAX_REMEMBERED => drop(all.pop_front()),
            None => {}
        }
        all.push_back(Arc::clone(&former));
        Place(former)
    }
}

impl State {
    fn is_forgotten(&self, now: Instant) -> bool {
        self.over.is_some_and(|over| now.saturating_duration_since(over) > REMEMBERED_FOR)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.0.state).over = Some(Instant::now());
    }
}

impl Place {
    /// Its page was told of others.
    pub fn meets(&self, others: impl IntoIterator<Item = PeerId>) {
        let met = &mut lock(&self.0.state).met;
        met.extend(others);
        while met.len() > MAX_MET {
            met.pop_first();
        }
    }

    /// Its page said that it goes, and has no connection any more.
    pub fn said_goodbye(&self) {
        lock(&self.0.state).has_said_goodbye = true;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomName {
        name.parse().unwrap()
    }

    fn ann() -> Option<Metadata> {
        Some(serde_json::json!({ "displayName": "Ann" }).into())
    }

    fn enter(formers: &Formers, name: &str, metadata: Option<&Metadata>, peer: u64) -> Place {
        formers.visitor(room(name), metadata, false).enters(Instant::now(), PeerId(peer))
    }

    fn past(formers: &Formers, metadata: Option<&Metadata>) -> Past {
        formers.visitor(room("tea"), metadata, false).past(Instant::now())
    }

    #[test]
    fn who_has_been_gone_for_long_is_forgotten_and_who_is_there_is_not() {
        let formers = Formers::default();
        let [place, gone] = [1, 2].map(|peer| enter(&formers, "tea", None, peer));
        gone.meets([PeerId(7)]);
        drop(gone);
        let told = |after| {
            let past = formers.visitor(room("tea"), None, false).past(Instant::now() + after);
            (past.own, past.met)
        };
        let met = BTreeSet::from([PeerId(7)]);
        assert_eq!(told(REMEMBERED_FOR / 2), (vec![PeerId(2), PeerId(1)], met));
        let later = REMEMBERED_FOR + Duration::from_secs(60);
        assert_eq!(told(later), (vec![PeerId(1)], BTreeSet::new()));
        drop(place);
        let visitor = formers.visitor(room("tea"), None, false);
        visitor.enters(Instant::now() + later, PeerId(3));
        assert_eq!(lock(&formers.0).len(), 1, "nor is a place kept");
    }

    #[test]
    fn a_busy_room_makes_its_own_people_forgotten_and_nobody_elses() {
        let formers = Formers::default();
        enter(&formers, "tea", None, 1);
        for peer in 0..2 * MAX_REMEMBERED as u64 {
            enter(&formers, "coffee", None, 2 + peer);
        }
        assert_eq!(past(&formers, None).own, [PeerId(1)]);
        assert_eq!(lock(&formers.0).len(), MAX_OF_ROOM + 1);
    }

    #[test]
    fn who_says_the_same_words_in_the_same_room_is_told_of_who_did_before_and_whom_that_met() {
        let formers = Formers::default();
        let (ann, bo) = (ann(), Some(serde_json::json!("Bo").into()));
        let place = enter(&formers, "tea", ann.as_ref(), 1);
        place.meets([PeerId(2), PeerId(3)]);
        enter(&formers, "tea", bo.as_ref(), 2);
        enter(&formers, "coffee", ann.as_ref(), 4);
        let told = past(&formers, ann.as_ref());
        let met = BTreeSet::from([PeerId(2), PeerId(3)]);
        assert_eq!(told, Past { own: vec![PeerId(1)], met, ..Past::default() });
        assert_eq!(past(&formers, None), Past::default());
        place.said_goodbye();
        let told = past(&formers, ann.as_ref());
        assert_eq!((told.own, told.given_up), (Vec::new(), vec![PeerId(1)]));
    }

    #[test]
    fn however_many_come_so_many_are_remembered_and_told() {
        let formers = Formers::default();
        for peer in 0..(MAX_REMEMBERED as u64 + 10) {
            let place = enter(&formers, &format!("tea-{}", peer % 64), None, peer);
            place.meets((0..MAX_MET as u64 + 10).map(PeerId));
            assert_eq!(lock(&place.0.state).met.len(), MAX_MET);
        }
        assert_eq!(lock(&formers.0).len(), MAX_REMEMBERED);
        let last = MAX_REMEMBERED as u64 + 9;
        let visitor = formers.visitor(room(&format!("tea-{}", last % 64)), None, false);
        let told = visitor.past(Instant::now());
        assert_eq!(told.own.len(), MAX_TOLD);
        assert_eq!(told.own[0], PeerId(last), "the newest");
    }
}
