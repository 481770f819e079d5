//! The paths that a client's checks came along, and which of them media takes.
//!
//! A check is authentic whatever source address it claims, so a path is *valid* by it, good for
//! answers and the handshake, and no more. It is *proved* once the client has answered what was sent
//! there. As soon as one path is proved, media takes only such.

use std::time::{Duration, Instant};

use super::Event;
use crate::Path;

/// Most validated paths of one connection. A client with three interfaces, IPv4 and IPv6 and both
/// UDP and TCP has twelve; it checks all and keeps one.
const MAX_PATHS: usize = 16;

/// How long a path stays valid without an authenticated arrival: consent expires after 30 s
/// (RFC 7675 section 5.1).
const PATH_LIFETIME: Duration = Duration::from_secs(30);

/// How long a nomination holds against one of lower priority. A client that nominates aggressively
/// (RFC 5245 section 8.1.1.2) nominates all its paths within milliseconds and means the best; a
/// client that moves to a worse path keeps nominating that one alone.
const NOMINATION_HOLDS: Duration = Duration::from_millis(500);

/// How long the selected path must have been silent before media that arrives on another path
/// moves ours there: longer than reordering between two paths lasts, well below the second in
/// which media must be back.
const SILENCE_BEFORE_MOVE: Duration = Duration::from_millis(200);

/// What is known of one validated path.
#[derive(Clone, Copy, Debug)]
struct ValidPath {
    path: Path,
    rank: Rank,
    last_heard: Instant,
    nominated_at: Option<Instant>,
    /// The client receives what is sent there.
    proved: bool,
}

/// How good a path is: those of a newer ICE session before those of an older one, then by the
/// priority that the client gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Counts ICE restarts.
    pub(super) session: u32,
    /// From the PRIORITY attribute of the client's check.
    pub(super) priority: u32,
}

/// All validated paths of a connection, bounded, and the selected one.
#[derive(Debug, Default)]
pub(super) struct Paths {
    valid: Vec<ValidPath>,
    selected: Option<Path>,
    /// Only a proved path may be selected.
    needs_proof: bool,
}

impl Paths {
    pub(super) fn selected(&self) -> Option<Path> {
        self.selected
    }

    pub(super) fn is_valid(&self, path: Path) -> bool {
        self.valid.iter().any(|valid| valid.path == path)
    }

    /// When something authentic last came along a valid path.
    pub(super) fn last_heard(&self, path: Path) -> Option<Instant> {
        self.find(path).map(|valid| valid.last_heard)
    }

    /// Whether media for the client may take this path.
    pub(super) fn may_carry_media(&self, path: Path) -> bool {
        self.find(path).is_some_and(|valid| valid.proved || !self.needs_proof)
    }

    /// The rank of `path`; for a new one that of the path in use, whose place it may take.
    pub(super) fn rank(&self, path: Path) -> Option<Rank> {
        let known = self.find(path).or_else(|| self.find(self.selected?));
        known.map(|valid| valid.rank)
    }

    /// From now on media takes proved paths alone.
    pub(super) fn require_proof(&mut self) {
        self.needs_proof = true;
        self.selected = self.selected.filter(|path| self.may_carry_media(*path));
    }

    /// The client has answered what was sent along the valid `path`.
    pub(super) fn prove(&mut self, now: Instant, path: Path, events: &mut impl FnMut(Event)) {
        let Some(proved) = self.find_mut(path) else { return };
        proved.proved = true;
        let is_nominated = proved.nominated_at.is_some();
        self.require_proof();
        if self.selected.is_none() {
            self.select(path, events);
        } else if is_nominated {
            self.nominated(now, path, events);
        }
    }

    /// An authenticated check arrived on `path`.
    pub(super) fn checked(
        &mut self,
        now: Instant,
        path: Path,
        rank: Rank,
        events: &mut impl FnMut(Event),
    ) {
        if let Some(valid) = self.find_mut(path) {
            valid.last_heard = now;
            valid.rank = rank;
        }
        self.expire(now, events);
        if !self.is_valid(path) {
            self.make_room(events);
            let (nominated_at, proved) = (None, false);
            self.valid.push(ValidPath { path, rank, last_heard: now, nominated_at, proved });
            events(Event::PathValidated(path));
        }
        // Any path will do until the client nominates one (RFC 8445 section 12.1): with Chromium that
        // is 40 ms after the first check, on loopback.
        if self.selected.is_none() && self.may_carry_media(path) {
            self.select(path, events);
        }
    }

    /// An authenticated check on the valid `path` nominated it.
    pub(super) fn nominated(&mut self, now: Instant, path: Path, events: &mut impl FnMut(Event)) {
        let Some(nominated) = self.find_mut(path) else { return };
        nominated.nominated_at = Some(now);
        let rank = nominated.rank;
        if !self.may_carry_media(path) {
            return;
        }
        let replaces = match self.selected.and_then(|selected| self.find(selected)) {
            None => true,
            Some(selected) => {
                let held = selected.nominated_at.is_some_and(|at| now < at + NOMINATION_HOLDS);
                rank >= selected.rank || !held
            }
        };
        if replaces {
            self.select(path, events);
        }
    }

    /// Authenticated media arrived on the valid `path`.
    pub(super) fn heard(&mut self, now: Instant, path: Path, events: &mut impl FnMut(Event)) {
        let Some(heard) = self.find_mut(path) else { return };
        heard.last_heard = now;
        if self.selected == Some(path) || !self.may_carry_media(path) {
            return;
        }
        let selected = self.selected.and_then(|selected| self.find(selected));
        if selected.is_none_or(|selected| now >= selected.last_heard + SILENCE_BEFORE_MOVE) {
            self.select(path, events);
        }
    }

    /// `path` is no more. What media took it takes the one that the client was heard on last, if it may.
    pub(super) fn lose(&mut self, path: Path, events: &mut impl FnMut(Event)) {
        let Some(lost) = self.valid.iter().position(|valid| valid.path == path) else { return };
        self.valid.swap_remove(lost);
        events(Event::PathDropped(path));
        if self.selected.take_if(|selected| *selected == path).is_some() {
            let usable = self.valid.iter().filter(|valid| self.may_carry_media(valid.path));
            if let Some(next) = usable.max_by_key(|valid| valid.last_heard).map(|valid| valid.path)
            {
                self.select(next, events);
            }
        }
    }

    fn select(&mut self, path: Path, events: &mut impl FnMut(Event)) {
        if self.selected.replace(path) != Some(path) {
            events(Event::PathSelected(path));
        }
    }

    /// Forgets paths whose consent has expired, the selected one too: the client is at another.
    fn expire(&mut self, now: Instant, events: &mut impl FnMut(Event)) {
        let selected = &mut self.selected;
        self.valid.retain(|valid| {
            let keep = now < valid.last_heard + PATH_LIFETIME;
            if !keep {
                selected.take_if(|path| *path == valid.path);
                events(Event::PathDropped(valid.path));
            }
            keep
        });
    }

    /// Drops the path that was silent for longest when there is no room for one more.
    fn make_room(&mut self, events: &mut impl FnMut(Event)) {
        if self.valid.len() < MAX_PATHS {
            return;
        }
        let stalest = (self.valid.iter().enumerate())
            .filter(|(_, valid)| self.selected != Some(valid.path))
            .min_by_key(|(_, valid)| valid.last_heard)
            .map(|(index, _)| index);
        if let Some(index) = stalest {
            events(Event::PathDropped(self.valid.swap_remove(index).path));
        }
    }

    fn find(&self, path: Path) -> Option<&ValidPath> {
        self.valid.iter().find(|valid| valid.path == path)
    }

    fn find_mut(&mut self, path: Path) -> Option<&mut ValidPath> {
        self.valid.iter_mut().find(|valid| valid.path == path)
    }
}
