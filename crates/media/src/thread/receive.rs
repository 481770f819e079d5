//! What comes to a media thread: over its sockets and streams, and from other threads.

use std::time::Instant;

use parlor_engine::{Engine, Neighbour, Routed, SendArena};
use parlor_rtc::Path;
use parlor_rtc::demux::{Protocol, classify};
use parlor_rtc::path::StreamPath;
use parlor_rtc::turn::{Client, is_turn};

use super::{Desk, MediaThread};
use crate::facts::ThreadFacts;
use crate::handover::{Cause, Handover, MOST_NOTICES};
use crate::streams::{Backlog, Carries};
use crate::turn::Turn;
use crate::udp::{Arrival, Patience};

/// Batches taken from one socket in one tick: what waits in the kernel waits unseen, sound and pictures alike, so it is
/// all taken in before anything is sent. This is more than the kernel's buffers hold of full packets.
const BATCHES_PER_TICK: usize = 32;
/// Parcels from other threads taken in with each batch: as many as one batch of each of a few threads.
const PARCELS_PER_BATCH: usize = 8;

/// What sorts datagrams, and where they go.
struct Sorting<'a> {
    engine: &'a mut Engine,
    handover: &'a mut Handover,
    arena: &'a mut SendArena,
    facts: &'a mut ThreadFacts,
}

impl MediaThread {
    /// Takes in what has come to every socket and stream, and what other threads handed over. Returns the time by then.
    pub(super) fn receive(&mut self, mut now: Instant) -> Instant {
        let mut patience = Patience::default();
        self.read_streams(now);
        for index in 0..self.sockets.len() {
            for batch in 1..=BATCHES_PER_TICK {
                if !self.receive_batch(index, now) {
                    break;
                }
                self.desk.is_behind |= batch == BATCHES_PER_TICK;
                // Answers to this batch leave, and other threads have theirs of it, before the next is taken.
                self.handover.dispatch();
                self.send(now, &mut patience);
                now = Instant::now();
            }
        }
        self.desk.more |= self.desk.is_behind;
        now
    }

    /// Takes in one batch; returns whether there may be more.
    fn receive_batch(&mut self, socket: usize, now: Instant) -> bool {
        let Some(socket) = self.sockets.get_mut(socket) else { return false };
        let is_full = socket.receive(&mut self.desk.batch).unwrap_or_else(|_| {
            self.desk.facts.receive_errors += 1;
            false
        });
        // Between receiving and looking: an answer to a check leaves its thread after the
        // word that its path has a home, so whatever the answer brings finds that word here.
        self.take_over(now);
        let MediaThread { engine, handover, turn, streams, desk, .. } = self;
        let Desk { batch, departures, facts, .. } = desk;
        let mut sorting = Sorting { engine, handover, arena: &mut departures.arena, facts };
        for Arrival { path, datagram, .. } in batch.arrivals() {
            if !is_turn(datagram) {
                sorting.sort(now, Path::Udp(path), datagram);
            } else if let Some((path, inner)) =
                turn.handle(now, Client::Udp(path), datagram, streams)
            {
                let inner = datagram.get_mut(inner).unwrap_or_default();
                sorting.sort(now, Path::Relayed(path), inner);
            }
        }
        is_full
    }

    /// Takes in what has come over streams, as far as that goes in one turn.
    fn read_streams(&mut self, now: Instant) {
        let mut ready = std::mem::take(&mut self.desk.ready_streams);
        self.streams.ready(now, &mut ready);
        for id in ready.drain(..) {
            let Some(mut incoming) = self.streams.read(id) else { continue };
            loop {
                let (path, carries) = (incoming.path(), incoming.carries);
                match incoming.next() {
                    Ok(Some(datagram)) => match carries {
                        Carries::Ice => self.sort(now, Path::Stream(path), datagram),
                        Carries::Turn => self.unwrap(now, path, datagram),
                    },
                    Ok(None) => break,
                    Err(error) => {
                        tracing::debug!(remote = %incoming.remote, %error, "a stream is closed");
                        self.streams.close(id);
                        break;
                    }
                }
            }
            self.streams.put_back(incoming);
        }
        self.desk.ready_streams = ready;
        self.desk.is_behind |= self.streams.has_unread();
    }

    fn sort(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        let MediaThread { engine, handover, desk, .. } = self;
        let Desk { departures, facts, .. } = desk;
        Sorting { engine, handover, arena: &mut departures.arena, facts }.sort(now, path, datagram);
    }

    /// Takes one message of TURN that came over a stream.
    fn unwrap(&mut self, now: Instant, stream: StreamPath, message: &mut [u8]) {
        let client = Client::Stream(stream);
        if let Some((path, inner)) = self.turn.handle(now, client, message, &mut self.streams) {
            let inner = message.get_mut(inner).unwrap_or_default();
            self.sort(now, Path::Relayed(path), inner);
        }
    }

    /// Closes streams that serve no purpose, and tells the engine of those that are closed, too slow, or no longer so.
    pub(super) fn look_after_streams(&mut self, now: Instant) {
        let MediaThread { engine, streams, turn, handover, desk, .. } = self;
        turn.handle_timeout(now);
        streams.sweep(now, |path, carries| match carries {
            Carries::Ice => engine.owns(Path::Stream(path)),
            Carries::Turn => turn.serves(now, Client::Stream(path)),
        });
        while let Some(closed) = streams.poll_closed() {
            engine.lose_path(now, Path::Stream(closed));
            turn.drop_client(Client::Stream(closed));
        }
        if lose_relayed_paths(now, engine, turn, handover, &mut desk.lost) {
            desk.owes |= !desk.lost.is_empty() | !handover.dispatch();
        }
        if !streams.has_backlogs() {
            return;
        }
        for backlog in streams.take_backlogs() {
            let Backlog { path, is_slow } = backlog;
            let elsewhere = handover.home(path).filter(|_| !engine.owns(path));
            match elsewhere {
                None => engine.set_slow(path, is_slow),
                Some(thread) if handover.give(thread, path, &[], Cause::Backlog { is_slow }) => {}
                Some(_) => streams.keep_backlog(backlog),
            }
        }
        desk.owes |= streams.has_backlogs() | !handover.dispatch();
    }

    /// Gives the engine what other threads handed over: here or nowhere, so nothing circles.
    fn take_over(&mut self, now: Instant) {
        let MediaThread { engine, handover, notices, turn, streams, desk, .. } = self;
        for _ in 0..MOST_NOTICES {
            let Some((from, notice)) = notices.take() else { break };
            engine.handle_notice(now, Neighbour(from as u8), notice);
        }
        for taken in 1..=PARCELS_PER_BATCH {
            let Some(mut parcel) = handover.take(now) else { break };
            desk.is_behind |= taken == PARCELS_PER_BATCH;
            let from = parcel.from();
            for packet in parcel.relayed() {
                engine.handle_relayed(now, Neighbour(from as u8), packet);
            }
            for handed in parcel.datagrams() {
                let path = handed.path;
                match (handed.cause, path) {
                    (Cause::Outgoing, Path::Relayed(path)) => {
                        turn.send(now, path, handed.datagram, streams);
                        continue;
                    }
                    (Cause::Backlog { is_slow }, path) => {
                        engine.set_slow(path, is_slow);
                        continue;
                    }
                    (Cause::Lost, path) => {
                        engine.lose_path(now, path);
                        continue;
                    }
                    _ => {}
                }
                match engine.handle_datagram(now, path, handed.datagram, &mut desk.departures.arena)
                {
                    Routed::Here if handed.cause != Cause::Home && engine.owns(path) => {
                        handover.confirm(from, path);
                    }
                    Routed::Here => {}
                    // Counted where it arrived: the other threads are shown it too.
                    _ if handed.cause == Cause::Stray => {}
                    Routed::Elsewhere { .. } | Routed::Unknown => desk.facts.strangers += 1,
                }
            }
        }
    }
}

/// Tells whoever has them of paths that are no more, since their allocation has ended. Returns whether other threads have been told
/// of any, or are to be: `untold` are those for which there was no room on the way. As long as there are such, allocations that end
/// wait where they are.
fn lose_relayed_paths(
    now: Instant,
    engine: &mut Engine,
    turn: &mut Turn,
    handover: &mut Handover,
    untold: &mut Vec<Path>,
) -> bool {
    let mut gave = false;
    let mut tell = |path: Path| match handover.home(path).filter(|_| !engine.owns(path)) {
        None => {
            engine.lose_path(now, path);
            true
        }
        Some(thread) => {
            gave = true;
            handover.give(thread, path, &[], Cause::Lost)
        }
    };
    untold.retain(|path| !tell(*path));
    while untold.is_empty()
        && let Some(paths) = turn.poll_ended()
    {
        untold.extend(paths.map(Path::Relayed).filter(|path| !tell(*path)));
    }
    gave
}

impl Sorting<'_> {
    /// Gives a datagram to the engine, or to the thread that it belongs to.
    fn sort(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        let Sorting { engine, handover, arena, facts } = self;
        let is_stun = classify(datagram) == Some(Protocol::Stun);
        // By its ssrc, an engine may take another's media for that of a client of its own whose address has changed.
        if !is_stun
            && let Some(thread) = handover.home(path)
            && !engine.owns(path)
        {
            handover.give(thread, path, datagram, Cause::Home);
            return;
        }
        match engine.handle_datagram(now, path, datagram, arena) {
            // A check of ours from an address where another thread's client is: it is forged, or waits.
            Routed::Here if is_stun && handover.holder(now, path).is_some() => {
                engine.yield_path(path);
            }
            Routed::Here => {}
            // Answers could not come back: the stream is this thread's.
            Routed::Elsewhere { .. } if matches!(path, Path::Stream(_)) => facts.strangers += 1,
            Routed::Elsewhere { thread } => {
                handover.give(usize::from(thread), path, datagram, Cause::Named);
            }
            Routed::Unknown => match handover.home(path) {
                Some(thread) => {
                    handover.give(thread, path, datagram, Cause::Home);
                }
                None if handover.show(now, path, datagram) => {}
                None => facts.strangers += 1,
            },
        }
    }
}
