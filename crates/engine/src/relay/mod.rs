//! A room that several engines share: what is published at one is relayed to the others, one copy for each.
//!
//! Every connection lives in one engine. A room that is too much for one thread has people in several: the engine
//! that had it first is its *home*, the others are its *annexes*. Each tells the others what its own people publish,
//! and has the same of theirs as tracks whose [`Upstream`] is another engine, a *neighbour*. For whoever receives
//! them they are tracks like any other: they have rings, are measured, judged for who speaks, and sent again.
//!
//! Two things travel, both as values. [`Notice`]s go either way and say how things stand: what is published and what
//! somebody has a use for. They are level-triggered: the latest state of whatever has changed, so however slowly they
//! are read they take no more room than the tracks themselves. [`Relayed`] packets go down; they are read from the
//! publisher's ring as a subscriber would, so that nothing is lost while a neighbour is behind by less than that holds.

mod export;
mod import;
mod notice;
mod outbox;

use std::time::Instant;

use crate::engine::Engine;
use crate::id::{Neighbour, RoomId, TrackId};
use crate::ring::Facts;
use crate::room::Room;
use crate::track::{TrackKey, Upstream};

pub use notice::Notice;

pub(crate) use export::Exports;
pub(crate) use import::{Guest, Import};
pub(crate) use outbox::Relay;

use notice::Content;
use outbox::Due;

/// One packet of a track on its way from its publisher's engine to another.
#[derive(Clone, Copy, Debug)]
pub struct Relayed<'a> {
    /// What it is of.
    pub track: TrackId,
    /// Which of its encodings, counted from 0.
    pub layer: u8,
    /// What was learnt when it was parsed.
    pub facts: &'a Facts,
    /// The RTP payload, without padding.
    pub payload: &'a [u8],
    /// The dependency descriptor of its header, empty if there was none.
    pub descriptor: &'a [u8],
}

/// What a track has to do with other engines.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    /// Of one that is published here: who else has it.
    pub(super) exports: Exports,
    /// Of one that is published elsewhere: what of it is asked for here, and its clocks.
    pub(super) import: Import,
}

impl Engine {
    /// Makes an annex of a room that lives in `others`, its home among them. Who joins it here sees and hears those
    /// who are there, and the other way round. A room that is there already stays as it is.
    pub fn add_annex(&mut self, room: RoomId, others: &[Neighbour]) {
        if self.room_keys.contains_key(&room) {
            return;
        }
        self.make_room(Room { shared_with: others.to_vec(), ..Room::new(room, false) });
        for other in others {
            self.relay.outbox(*other).share(room);
        }
    }

    /// The next thing that `to` is to be told; `None` when it knows all. What is taken has to be handed to its
    /// [`handle_notice`](Engine::handle_notice), in this order.
    pub fn poll_notice(&mut self, now: Instant, to: Neighbour) -> Option<Notice> {
        while let Some(due) = self.relay.pop(to) {
            let content = match due {
                Due::Share(room) => Some(Content::Shares(room)),
                Due::Track(track) => Some(self.news_of(track)),
                Due::Asks(track) => self.asks_of(track),
                Due::KeyFrame(layer) => Some(Content::KeyFrame(layer)),
                Due::Clock(layer) => self.clock_of(now, layer),
                Due::Overflow(track) => Some(Content::Overflow(track)),
            };
            if let Some(content) = content {
                return Some(Notice(content));
            }
        }
        None
    }

    /// Takes in what another engine tells this one.
    pub fn handle_notice(&mut self, now: Instant, from: Neighbour, notice: Notice) {
        match notice.0 {
            Content::Shares(room) => self.share(room, from),
            Content::News(news) => self.take_news(now, from, *news),
            Content::Gone(track) => self.take_end(now, from, track),
            Content::Clock(clock) => self.take_clock(now, from, *clock),
            Content::Asks(track, asks) => self.take_asks(now, from, track, *asks),
            Content::KeyFrame(layer) => self.take_key_frame_wish(now, from, layer),
            Content::Overflow(track) => self.take_overflow(now, from, track),
        }
    }

    /// Whether the publisher of a track has its connection here.
    pub(crate) fn is_published_here(&self, key: TrackKey) -> bool {
        let track = self.tracks.get(key);
        track.is_some_and(|track| matches!(track.upstream, Upstream::Published(_)))
    }
}
