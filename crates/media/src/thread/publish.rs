//! What a media thread tells at the end of a turn: rooms of changes, metrics of what was done, and all whether it keeps up.

use std::time::{Duration, Instant};

use parlor_engine::Shedding;

use super::{Desk, MediaThread};
use crate::strain::{Level, Turn};

/// How often facts are copied out for metrics.
const FACTS_INTERVAL: Duration = Duration::from_secs(1);

impl MediaThread {
    /// Tells rooms what has changed, and metrics, now and then, what was done.
    pub(super) fn publish(&mut self, began: Instant) {
        while let Some(change) = self.engine.poll_change() {
            self.desk.rooms.note(change);
        }
        self.desk.rooms.publish();
        let ended = Instant::now();
        let ticks = &mut self.desk.facts.ticks;
        ticks.ticks += 1;
        ticks.busy += ended.saturating_duration_since(began);
        self.judge(began, ended);
        match self.desk.facts_due {
            Some(due) if due <= ended => self.publish_facts(ended),
            Some(_) => {}
            None => self.desk.facts_due = Some(ended + FACTS_INTERVAL),
        }
    }

    /// Finds out whether the thread keeps up, and has so much left out that it does.
    fn judge(&mut self, began: Instant, ended: Instant) {
        let Desk { work, strain, is_behind, .. } = &mut self.desk;
        let is_done = !std::mem::take(is_behind);
        let worked = work.note(began, ended, !is_done);
        let before = strain.level();
        if let Some(level) = strain.note(Turn { began, ended, worked, is_done }) {
            self.engine.set_shedding(ended, Shedding::of_steps(level.steps()));
            self.shared.publish_level(level);
            if (before.steps() > 0) != (level.steps() > 0) {
                self.announce(level);
            }
        }
    }

    fn announce(&self, level: Level) {
        let (thread, peers) = (self.index, self.desk.rooms.peer_count());
        match level {
            Level::Over(_) => {
                tracing::warn!(thread, peers, "a media thread is late; pictures are left out");
            }
            _ => tracing::info!(thread, peers, "a media thread keeps up again"),
        }
    }

    pub(super) fn publish_facts(&mut self, now: Instant) {
        let facts = &mut self.desk.facts;
        facts.received = self.sockets.iter().map(|socket| *socket.received()).sum();
        facts.sent = self.sockets.iter().map(|socket| *socket.sent()).sum();
        facts.turn = self.turn.statistics();
        facts.streams = self.streams.facts();
        facts.handover = *self.handover.facts();
        facts.unsent = self.desk.departures.unsent() + self.turn.unsent();
        facts.rooms = self.desk.rooms.room_count();
        facts.peers = self.desk.rooms.peer_count();
        facts.level = self.desk.strain.level().to_number();
        facts.ticks.lag = self.desk.strain.take_worst();
        facts.engine.clone_from(self.engine.counters());
        facts.survey.clone_from(self.engine.survey(now));
        self.shared.publish(facts);
        let busy = facts.ticks.busy;
        let (since, busy_then) = self.desk.facts_published.unwrap_or((now, busy));
        self.shared.publish_busy(permille(busy.saturating_sub(busy_then), now - since));
        self.desk.facts_published = Some((now, busy));
        self.desk.facts_due = None;
    }
}

fn permille(part: Duration, whole: Duration) -> u32 {
    let (part, whole) = (part.as_micros(), whole.as_micros().max(1));
    u32::try_from(part * 1000 / whole).unwrap_or(1000).min(1000)
}
