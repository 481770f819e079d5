//! A server whose work takes time: what arrives waits for its next turn, and what it sends leaves at the end of one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parlor_engine::{Forwarded, SendArena};
use parlor_rtc::Path;

use super::World;

/// Datagrams that wait in the kernel at most; more are lost.
const BUFFER: usize = 2000;

/// What the server's work costs, in time of its one processor.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// Each datagram that arrives.
    pub datagram_in: Duration,
    /// Each datagram that leaves.
    pub datagram_out: Duration,
    /// Each turn, whatever it does.
    pub turn: Duration,
    /// Each timer that is due.
    pub timer: Duration,
}

/// One turn of the server's loop.
#[derive(Clone, Copy, Debug)]
pub struct ServerTurn {
    /// When it began.
    pub began: Instant,
    /// When it ended.
    pub ended: Instant,
    /// Nothing was left undone.
    pub is_done: bool,
}

/// A server that works.
pub(crate) struct Labour {
    pub(crate) costs: Costs,
    waiting: VecDeque<(Path, Vec<u8>)>,
    /// Pictures or timers were left in the last turn.
    is_behind: bool,
    has_pictures_left: bool,
    busy_until: Instant,
    turns: Vec<ServerTurn>,
    /// Datagrams that found no room.
    lost: u64,
}

impl World {
    /// From now on the server's work takes time. Its arena holds so many full datagrams.
    pub fn set_costs(&mut self, costs: Costs, arena: usize) {
        self.arena = SendArena::new(arena * parlor_engine::arena::SLOT_LEN, arena);
        match &mut self.labour {
            Some(labour) => labour.costs = costs,
            None => {
                self.labour = Some(Labour {
                    costs,
                    waiting: VecDeque::new(),
                    is_behind: false,
                    has_pictures_left: false,
                    busy_until: self.now,
                    turns: Vec::new(),
                    lost: 0,
                });
            }
        }
    }

    /// The turns since this was last asked.
    pub fn take_turns(&mut self) -> Vec<ServerTurn> {
        self.labour.as_mut().map(|labour| std::mem::take(&mut labour.turns)).unwrap_or_default()
    }

    /// Datagrams that were lost as the server did not take them in.
    pub fn lost_unread(&self) -> u64 {
        self.labour.as_ref().map_or(0, |labour| labour.lost)
    }

    /// A datagram comes to the server: it is taken in at once, or waits.
    pub(super) fn arrive(&mut self, path: Path, mut bytes: Vec<u8>) {
        match &mut self.labour {
            Some(labour) if labour.waiting.len() >= BUFFER => labour.lost += 1,
            Some(labour) => labour.waiting.push_back((path, bytes)),
            None => {
                self.engine.handle_datagram(self.now, path, &mut bytes, &mut self.arena);
            }
        }
    }

    /// When the server has something to do next.
    pub(super) fn server_deadline(&self) -> Option<Instant> {
        let due = self.engine.deadline();
        match &self.labour {
            Some(labour) if labour.is_behind || !labour.waiting.is_empty() => {
                Some(labour.busy_until)
            }
            Some(labour) => due.map(|at| at.max(labour.busy_until)),
            None => due,
        }
    }

    /// Does what a media thread does in one turn, which takes as long as it costs.
    pub(super) fn work(&mut self) {
        let is_due = self.server_deadline().is_some_and(|at| at <= self.now);
        let Some(mut labour) = self.labour.take() else { return };
        if is_due && labour.busy_until <= self.now {
            let began = self.now;
            let Costs { datagram_in, datagram_out, turn, timer } = labour.costs;
            let clock = &mut labour.busy_until;
            *clock = began + turn;
            for (path, mut bytes) in labour.waiting.drain(..) {
                self.engine.handle_datagram(began, path, &mut bytes, &mut self.arena);
                *clock += datagram_in;
                // A media thread has room for a whole batch's answers.
                self.send_later(clock, datagram_out);
            }
            *clock += timer * self.engine.handle_timeout(began, &mut self.arena) as u32;
            let has_timers_left = self.engine.is_due(began);
            while labour.has_pictures_left
                && self.engine.forward_sound(began, &mut self.arena) == Forwarded::ArenaFull
            {
                self.send_later(clock, datagram_out);
            }
            let forwarded = self.engine.forward(began, &mut self.arena);
            self.send_later(clock, datagram_out);
            labour.has_pictures_left = forwarded != Forwarded::Done;
            labour.is_behind = labour.has_pictures_left || has_timers_left;
            let ended = labour.busy_until;
            labour.turns.push(ServerTurn { began, ended, is_done: !labour.is_behind });
        }
        self.labour = Some(labour);
    }

    /// Sends what the arena holds, each datagram of which costs so much, at the end of that work.
    fn send_later(&mut self, clock: &mut Instant, datagram_out: Duration) {
        let count: usize = self.arena.messages().map(|message| message.segment_count()).sum();
        *clock += datagram_out * count as u32;
        self.send_at(*clock);
    }
}
