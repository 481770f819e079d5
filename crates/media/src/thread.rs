//! A media thread: one engine, its sockets, and the loop that runs them.

mod publish;
mod receive;

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_engine::{Engine, Forwarded, Neighbour, Shedding};
use parlor_rtc::Path;
use parlor_rtc::path::StreamId;

use crate::board::GoneReason;
use crate::carry_out::{Tables, carry_out};
use crate::departures::{Departures, Ways};
use crate::directory::Directory;
use crate::facts::{Shared, ThreadFacts};
use crate::handover::{Handover, Notices};
use crate::mailbox::Inbox;
use crate::poll::Poller;
use crate::rooms::Rooms;
use crate::seed::EngineMaker;
use crate::strain::{Level, Strain};
use crate::streams::Streams;
use crate::turn::Turn;
use crate::udp::{Patience, ReceiveBatch, Socket};
use crate::work_clock::WorkClock;

/// Commands carried out in one tick. A join costs up to a millisecond (a full offer is 400 KB of
/// text), and packets should not wait for more than a few of them.
const COMMANDS_PER_TICK: usize = 4;
/// When a board that its room had in its hands is tried again.
const BOARD_RETRY: Duration = Duration::from_millis(1);
/// When what another thread had no room for is tried again.
const RELAY_RETRY: Duration = Duration::from_millis(1);
/// Deaths after which a thread stays dead: something is broken that a new engine does not mend,
/// and a machine that does nothing but report panics serves nobody.
const MAX_DEATHS: u64 = 100;

/// Everything that one media thread owns.
pub(crate) struct MediaThread {
    pub(crate) index: usize,
    pub(crate) engine: Engine,
    pub(crate) maker: EngineMaker,
    pub(crate) sockets: Vec<Socket>,
    pub(crate) bound: Vec<SocketAddr>,
    pub(crate) streams: Streams,
    pub(crate) turn: Turn,
    pub(crate) poller: Poller,
    pub(crate) inbox: Inbox,
    pub(crate) handover: Handover,
    pub(crate) notices: Notices,
    pub(crate) directory: Arc<Directory>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) desk: Desk,
}

/// What the loop works with and on; nothing of it has to outlive a tick but the rooms.
pub(crate) struct Desk {
    rooms: Rooms,
    departures: Departures,
    batch: ReceiveBatch,
    /// Those of which something may be read; empty between turns.
    ready_streams: Vec<StreamId>,
    facts: ThreadFacts,
    /// Relayed paths that are no more, of which another thread is yet to be told.
    lost: Vec<Path>,
    /// Something was left undone that needs no waiting for.
    more: bool,
    /// Another thread has not been given or told all that it is to have.
    owes: bool,
    /// Packets or timers were left.
    is_behind: bool,
    /// And pictures in the last tick.
    has_pictures_left: bool,
    work: WorkClock,
    strain: Strain,
    /// When facts are to be copied out next, if something has happened since the last time.
    facts_due: Option<Instant>,
    facts_published: Option<(Instant, Duration)>,
}

impl Default for Desk {
    fn default() -> Desk {
        Desk {
            rooms: Rooms::default(),
            departures: Departures::default(),
            batch: ReceiveBatch::default(),
            ready_streams: Vec::new(),
            facts: ThreadFacts::default(),
            lost: Vec::new(),
            more: false,
            owes: false,
            is_behind: false,
            has_pictures_left: false,
            work: WorkClock::default(),
            strain: Strain::new(Shedding::MOST),
            facts_due: None,
            facts_published: None,
        }
    }
}

/// Runs `thread` until it is asked to stop. A panic ends its rooms, and it begins anew without
/// any; the sockets and the mailbox live on.
pub(crate) fn run(mut thread: MediaThread) {
    loop {
        let reason = match catch_unwind(AssertUnwindSafe(|| thread.run())) {
            Ok(Ok(())) => GoneReason::Stopped,
            Ok(Err(error)) => {
                tracing::error!(thread = thread.index, %error, "a media thread cannot wait");
                GoneReason::ThreadDied
            }
            Err(panic) if thread.revive(&*panic) => continue,
            Err(_) => GoneReason::ThreadDied,
        };
        thread.finish(reason);
        return;
    }
}

impl MediaThread {
    fn run(&mut self) -> io::Result<()> {
        while !self.shared.is_stopping() {
            self.wait()?;
            let began = Instant::now();
            self.commands(began);
            let now = self.receive(began);
            self.relay();
            self.timers(now);
            self.forward(now);
            self.look_after_streams(now);
            self.tell(now);
            self.publish(began);
        }
        self.say_goodbye(Instant::now());
        Ok(())
    }

    /// Waits for datagrams, commands, parcels or the next deadline.
    fn wait(&mut self) -> io::Result<()> {
        let timeout = if self.desk.more || self.streams.has_unread() {
            Some(Duration::ZERO)
        } else {
            self.until_deadline()
        };
        self.desk.more = false;
        let streams = (!self.streams.is_empty()).then(|| self.streams.as_raw_fd());
        self.poller.wait_for(&self.sockets, streams, timeout)
    }

    fn until_deadline(&self) -> Option<Duration> {
        let now = Instant::now();
        let board = self.desk.rooms.is_unpublished().then(|| now + BOARD_RETRY);
        let owed = self.desk.owes.then(|| now + RELAY_RETRY);
        let strain = self.desk.strain.deadline();
        let (streams, turn) = (self.streams.deadline(), self.turn.deadline());
        let engine = self.engine.deadline();
        let deadlines = [engine, self.desk.facts_due, board, owed, strain, streams, turn];
        let first = deadlines.into_iter().flatten().min()?;
        Some(first.saturating_duration_since(now))
    }

    /// Carries out a few commands of the server.
    fn commands(&mut self, now: Instant) {
        for _ in 0..COMMANDS_PER_TICK {
            let Some(command) = self.inbox.next() else { break };
            let Desk { rooms, departures, facts, .. } = &mut self.desk;
            let tables = Tables { engine: &mut self.engine, rooms, streams: &mut self.streams };
            carry_out(now, command, tables, &mut departures.arena);
            facts.ticks.commands += 1;
            self.shared.publish_peers(rooms.peer_count());
        }
        self.desk.more |= !self.inbox.is_empty();
    }

    /// Gives other threads what has arrived for the people of shared rooms, and sends off what is theirs.
    fn relay(&mut self) {
        let MediaThread { engine, handover, desk, .. } = self;
        let all = engine.relay(|to, packet| handover.relay(usize::from(to.0), &packet));
        desk.owes = !handover.dispatch() || !all;
    }

    /// Tells other threads what they do not know yet of the rooms that they share with this one.
    fn tell(&mut self, now: Instant) {
        let MediaThread { engine, notices, desk, .. } = self;
        let all = notices.tell(|to| engine.poll_notice(now, Neighbour(to as u8)));
        desk.owes |= !all;
    }

    /// Runs the engine's timers that are due, of many those that have been for the longest.
    fn timers(&mut self, now: Instant) {
        let Some(deadline) = self.engine.deadline() else { return };
        let Some(late) = now.checked_duration_since(deadline) else { return };
        let ticks = &mut self.desk.facts.ticks;
        ticks.timer_ticks += 1;
        ticks.late_total += late;
        ticks.late_max = ticks.late_max.max(late);
        self.engine.handle_timeout(now, &mut self.desk.departures.arena);
        self.desk.is_behind |= self.engine.is_due(now);
    }

    /// Writes out what subscribers are to get and sends it, with all else that the tick produced: as many pictures as fit
    /// at once. Others wait for the next tick, and what has come by then is looked at first; of that, sound goes before them.
    fn forward(&mut self, now: Instant) {
        let mut patience = Patience::default();
        while self.desk.has_pictures_left
            && self.engine.forward_sound(now, &mut self.desk.departures.arena)
                == Forwarded::ArenaFull
        {
            self.send(now, &mut patience);
        }
        let forwarded = self.engine.forward(now, &mut self.desk.departures.arena);
        self.send(now, &mut patience);
        let is_full = forwarded == Forwarded::ArenaFull;
        self.desk.facts.ticks.arena_full += u64::from(is_full);
        self.desk.has_pictures_left = is_full;
        self.desk.is_behind |= is_full;
        self.desk.more |= is_full;
    }

    fn send(&mut self, now: Instant, patience: &mut Patience) {
        let MediaThread { index, sockets, bound, streams, turn, handover, desk, .. } = self;
        let ways = Ways { thread: *index, sockets, bound, streams, turn, handover };
        desk.departures.send(now, ways, patience);
    }

    /// Takes leave of everyone who is still here.
    fn say_goodbye(&mut self, now: Instant) {
        let mut patience = Patience::default();
        for room in self.desk.rooms.names() {
            self.engine.remove_room(now, room, &mut self.desk.departures.arena);
            self.send(now, &mut patience);
        }
    }

    /// Reports a panic, ends the rooms that it took with it, and begins anew. False when it has
    /// happened too often.
    fn revive(&mut self, panic: &(dyn Any + Send)) -> bool {
        self.desk.facts.deaths += 1;
        let deaths = self.desk.facts.deaths;
        let rooms = self.desk.rooms.room_count();
        let message = panic_message(panic);
        tracing::error!(
            thread = self.index,
            rooms,
            deaths,
            message,
            "a media thread panicked; its rooms end and it begins anew"
        );
        self.end_rooms(GoneReason::ThreadDied);
        self.desk.departures.arena.clear();
        self.engine = self.maker.make(Instant::now());
        (self.desk.strain, self.desk.work) = (Strain::new(Shedding::MOST), WorkClock::default());
        self.shared.publish_level(Level::Easy);
        (self.desk.is_behind, self.desk.has_pictures_left) = (false, false);
        self.notices.forget();
        self.streams.begin_anew();
        self.desk.more = true;
        deaths < MAX_DEATHS
    }

    fn end_rooms(&mut self, reason: GoneReason) {
        // First, so that who hears of their end finds them gone.
        self.directory.fail(self.index, &self.desk.rooms.names());
        self.desk.rooms.end_all(reason);
        self.shared.publish_peers(0);
    }

    /// The last act: nobody is left waiting.
    fn finish(&mut self, reason: GoneReason) {
        self.shared.retire();
        self.inbox.close();
        self.end_rooms(reason);
        self.publish_facts(Instant::now());
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
