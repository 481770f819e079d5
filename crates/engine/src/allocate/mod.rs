//! What each subscriber is sent of each video track: a decision made from the subscriber's budget, from what
//! it shows, and from what the tracks' layers cost.
//!
//! Sound comes first: the caller takes what audio costs off the estimate of the link, and what is left is the
//! budget here. It is never exceeded, even if nothing is seen then: a queue that builds up would take the
//! sound with it. The estimate recovers by probing up to [`Allocation::wanted_bps`].
//!
//! What publishers are asked for, so that they encode nothing that nobody shows, is [`Wanted`].
//!
//! The rules, with their reasons, are in `docs/layers.md`.

mod budget;
mod fill;
mod ladder;
mod memory;
mod possible;
mod shown;
mod wanted;

use std::time::Instant;

use crate::id::TrackId;
use crate::measure::{Quality, Rung};

use budget::Budgets;
use fill::{Candidate, Rank, Step};
use ladder::Purpose;
use memory::{Circumstances, Climb, Memory, Pictures, Place, Sent};

pub use budget::Budget;
pub(crate) use fill::with_headroom;
pub(crate) use ladder::useful;
pub use shown::{Area, Class};
pub use wanted::{Asked, Wanted};

/// One video track that a subscriber could be sent.
#[derive(Clone, Copy, Debug)]
pub struct Subscription<'a> {
    /// Which; each at most once in a decision.
    pub track: TrackId,
    /// How important it is.
    pub class: Class,
    /// Where it is shown; `None` when it is not.
    pub shown: Option<Area>,
    /// Its publisher has it on.
    pub on: bool,
    /// The subscriber has a decoder for what it carries.
    pub receivable: bool,
    /// What could be sent, as measured: [`crate::measure::TrackMeter::rungs`].
    pub rungs: &'a [Rung],
    /// The same, with what rests: [`crate::measure::TrackMeter::known`].
    pub known: &'a [Rung],
    /// What would fill its place, also of what does not arrive: [`crate::measure::TrackMeter::presumed`].
    pub presumed: u32,
    /// What its publisher is asked for: what is not returns when somebody has a use for it.
    pub asked: Asked,
    /// Which encodings it was asked for so lately that they may yet come, a bit for each: [`Wanted::begun`].
    pub begun: u32,
}

/// What a subscriber gets of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// This much of it. Of a track from which nothing has arrived yet, it is the beginning of its first
    /// encoding, so that the first picture need not wait for the next decision.
    Send(Quality),
    /// Nothing.
    Paused(Reason),
}

/// Why a subscriber gets nothing of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The subscriber has no decoder for it.
    CodecNotSupported,
    /// The publisher has it off.
    PublisherOff,
    /// It is not shown.
    NotShown,
    /// The budget does not carry its lowest rung.
    Bandwidth,
    /// The server has too much to do. Not decided here: what is left out for that is no subscription.
    ServerBusy,
}

/// Which encodings of a track a subscriber would use one day. Those of all subscribers together are what the
/// publisher is to encode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// One bit for each simulcast encoding that is known: bit 0 for encoding 0.
    pub layers: u32,
    /// None that arrives is as large as the place on the screen: if the publisher has a larger one switched
    /// off, it is missed.
    pub larger: bool,
    /// Then those up to the one that is presumably large enough, a bit for each: browsers that are short of what they
    /// believe their path to carry look for more only when they may send much more at once.
    pub presumed: u32,
    /// How many spatial layers of them, from the lowest; [`Demand::ALL_SPATIAL`] if none that arrives is large enough.
    pub spatial: u8,
}

/// The decision for one subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The track.
    pub track: TrackId,
    /// What is sent of it.
    pub given: Given,
    /// What would be, now or with more bandwidth.
    pub demand: Demand,
    /// What would be now, if what rests arrived and nobody had to be patient.
    pub possible: Option<Quality>,
    /// What would be if something arrived that is asked for and has stopped by itself.
    pub awaited: Option<Quality>,
}

/// The decision for a subscriber.
#[derive(Clone, Copy, Debug)]
pub struct Allocation<'a> {
    /// One for each subscription, in their order.
    pub decisions: &'a [Decision],
    /// What all that is sent costs; at most the budget.
    pub sent_bps: u64,
    /// The budget with which everything would be sent as large as it is shown, headroom included. To probe
    /// for more is of no use.
    pub wanted_bps: u64,
}

/// Makes the decisions for one subscriber, and remembers them.
#[derive(Clone, Debug, Default)]
pub struct Allocator {
    budgets: Budgets,
    decided_at: Option<Instant>,
    /// By ascending track.
    memories: Vec<Memory>,
    scratch: Scratch,
    decisions: Vec<Decision>,
}

/// What one decision is worked out in, kept for its memory.
#[derive(Clone, Debug, Default)]
struct Scratch {
    ladder: Vec<Rung>,
    available: Vec<Rung>,
    candidates: Vec<Candidate>,
    steps: Vec<Step>,
}

/// What has changed since the last decision, but for bandwidth and costs.
#[derive(Clone, Copy, Debug)]
struct News {
    /// If not, the same is decided again, but for what else is new.
    time_has_passed: bool,
    /// The viewer has pinned, resized or hidden something.
    view_has_changed: bool,
    /// Nor is anything here for the first time, or has stopped.
    is_none: bool,
    /// The viewer sees nothing of anybody.
    nothing_is_sent: bool,
}

impl Demand {
    /// Encodings beyond these are nobody's.
    const MAX_LAYERS: usize = u32::BITS as usize;

    /// However many spatial layers there are.
    pub const ALL_SPATIAL: u8 = u8::MAX;

    /// The bit of one encoding.
    pub fn bit(layer: u8) -> u32 {
        1_u32.checked_shl(layer.into()).unwrap_or_default()
    }

    /// Takes another subscriber's demand in.
    pub fn merge(&mut self, other: Demand) {
        self.layers |= other.layers;
        self.larger |= other.larger;
        self.presumed |= other.presumed;
        self.spatial = self.spatial.max(other.spatial);
    }
}

impl Subscription<'_> {
    /// Whether something that is known arrives.
    fn arrives(&self, known: &Rung) -> bool {
        self.rungs.iter().any(|rung| rung.is_same_picture_as(known))
    }

    /// Whether it does not, but would if it was asked for, or has just been: what was and does not come has stopped.
    fn rests(&self, known: &Rung) -> bool {
        let is_begun = self.begun & Demand::bit(known.quality.layer) != 0;
        !self.arrives(known) && (is_begun || !self.asked.includes(known.quality))
    }

    /// Which encodings would be used one day.
    pub fn demand(&self) -> Demand {
        let demand = |area| ladder::demand(self.rungs, self.known, area, self.presumed);
        self.place().map(demand).unwrap_or_default()
    }

    /// What its ladder is made for, while this is sent.
    fn purpose(&self, area: Area, sent: Option<Sent>) -> Purpose {
        let held = sent.map(|sent| sent.quality);
        Purpose { area, is_screen: self.class == Class::Screen, held }
    }

    fn rank(&self, area: Area, may_change: bool) -> Rank {
        let pixels_shown = u32::from(area.width) * u32::from(area.height);
        Rank { class: self.class.rank(), may_change, pixels_shown, track: self.track }
    }

    /// Where it is seen, if something of it may be sent.
    fn place(&self) -> Result<Area, Reason> {
        match self.shown {
            _ if !self.receivable => Err(Reason::CodecNotSupported),
            _ if !self.on => Err(Reason::PublisherOff),
            None => Err(Reason::NotShown),
            Some(area) => Ok(area),
        }
    }
}

impl Allocator {
    /// One that has not decided anything.
    pub fn new() -> Allocator {
        Allocator::default()
    }

    /// Decides what is sent of each track, given a budget for all of them.
    ///
    /// To be called a few times a second, and at once when somebody joins, leaves, pins or shows something.
    pub fn allocate(
        &mut self,
        now: Instant,
        budget: impl Into<Budget>,
        subscriptions: &[Subscription<'_>],
    ) -> Allocation<'_> {
        let mut budget = budget.into();
        let news = self.news(now, subscriptions);
        // Who sees nothing has nothing to lose.
        budget.assured_bps = budget.assured_bps.filter(|_| !news.nothing_is_sent);
        self.budgets.note(now, budget);
        self.decided_at = Some(now);
        self.decisions.clear();
        self.scratch.candidates.clear();
        self.scratch.steps.clear();
        let mut wanted_bps = 0;
        for subscription in subscriptions {
            let given = match subscription.place() {
                Err(reason) => Given::Paused(reason),
                Ok(_) if subscription.rungs.is_empty() => Given::Send(Quality::default()),
                Ok(area) => {
                    wanted_bps += self.enter(now, subscription, area, news);
                    Given::Paused(Reason::Bandwidth)
                }
            };
            let demand = subscription.demand();
            let track = subscription.track;
            self.decisions.push(Decision { track, given, demand, possible: None, awaited: None });
        }
        let Scratch { steps, candidates, .. } = &mut self.scratch;
        let sent_bps = fill::share_out(steps, candidates, budget.now_bps);
        self.conclude(now, subscriptions, news);
        self.look_ahead(subscriptions, budget.now_bps);
        let wanted_bps = fill::with_headroom(wanted_bps);
        Allocation { decisions: &self.decisions, sent_bps, wanted_bps }
    }

    /// Makes a subscription a candidate with its rungs; returns the most that the best of them costs.
    fn enter(
        &mut self,
        now: Instant,
        subscription: &Subscription<'_>,
        area: Area,
        news: News,
    ) -> u64 {
        let memory = self.memory(subscription.track);
        let Scratch { ladder, candidates, steps, .. } = &mut self.scratch;
        let purpose = subscription.purpose(area, memory.and_then(|memory| memory.sent));
        ladder::climb(ladder, subscription.rungs, &purpose);
        let held_level = memory.map_or(0, |memory| memory.level(ladder));
        let climb = match memory {
            Some(memory) if memory.goes_on(subscription, area) => {
                memory.climb(now, &self.budgets, (subscription.rungs, &*ladder), news)
            }
            // It is new, the viewer has just chosen another place for it, or its picture stands still.
            _ => Climb::within(self.budgets.recent()),
        };
        let may_change = !news.is_none || !memory.is_some_and(|memory| memory.is_fresh(now));
        let rank = subscription.rank(area, may_change);
        let wanted_bps = ladder.iter().map(|rung| u64::from(rung.peak_bps)).max();
        if let Some(picture) = climb.up_to {
            let end = ladder.iter().rposition(|rung| rung.quality.picture() == picture);
            ladder.truncate(end.map_or(0, |end| end + 1).max(held_level));
        }
        fill::list(steps, (candidates.len(), held_level), ladder, rank);
        candidates.push(Candidate::new(self.decisions.len(), held_level, climb));
        wanted_bps.unwrap_or_default()
    }

    /// Writes down what has been shared out.
    fn conclude(
        &mut self,
        now: Instant,
        subscriptions: &[Subscription<'_>],
        News { view_has_changed, .. }: News,
    ) {
        self.memories.iter_mut().for_each(|memory| memory.is_current = false);
        let (budget_bps, is_start) = (self.budgets.recent(), self.budgets.are_starting());
        for candidate in &self.scratch.candidates {
            let index = candidate.subscription;
            let (Some(decision), Some(subscription)) =
                (self.decisions.get_mut(index), subscriptions.get(index))
            else {
                continue;
            };
            let Ok(area) = subscription.place() else { continue };
            let outcome = candidate.outcome();
            if let Some(sent) = outcome.sent {
                decision.given = Given::Send(sent.quality);
            }
            let place = Place::of(subscription, area);
            let pictures = Pictures::of(subscription.rungs);
            let circumstances = Circumstances {
                now,
                budget_bps,
                view_has_changed,
                is_start,
                place,
                pictures,
                subscription,
            };
            let track = subscription.track;
            match self.memories.binary_search_by_key(&track, |memory| memory.track) {
                Ok(at) => self.memories[at].note(outcome, &circumstances),
                Err(at) => {
                    let memory = Memory::new(track, outcome.sent, &circumstances);
                    self.memories.insert(at, memory);
                }
            }
        }
        self.memories.retain(|memory| memory.is_current);
    }

    fn memory(&self, track: TrackId) -> Option<Memory> {
        let at = self.memories.binary_search_by_key(&track, |memory| memory.track).ok()?;
        self.memories.get(at).copied()
    }

    /// Compares with what there was at the last decision.
    fn news(&self, now: Instant, subscriptions: &[Subscription<'_>]) -> News {
        let time_has_passed = self.decided_at != Some(now);
        let nothing_is_sent = self.memories.iter().all(|memory| memory.sent.is_none());
        let mut news =
            News { time_has_passed, view_has_changed: false, is_none: true, nothing_is_sent };
        for subscription in subscriptions {
            match (subscription.place(), self.memory(subscription.track)) {
                (Ok(area), Some(memory)) => {
                    news.view_has_changed |= !memory.is_at(Place::of(subscription, area));
                    news.is_none &= memory.goes_on(subscription, area);
                }
                (Ok(_), None) => news.is_none &= subscription.rungs.is_empty(),
                (Err(Reason::NotShown), Some(_)) => news.view_has_changed = true,
                (Err(_), _) => {}
            }
        }
        news.is_none &= !news.view_has_changed;
        news
    }
}
