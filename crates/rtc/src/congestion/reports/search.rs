//! When a client that only reports is sent more than it needs, to find out what its path takes.
//!
//! Its own estimate gets no further ahead of what arrives than half as much again, and reports of loss say nothing
//! of a rate that is not sent. So a picture that is three times as large is out of reach for both unless what is
//! missing to the rate is padded for a while.

use std::time::Duration;

use crate::congestion::Bitrate;
use crate::congestion::moment::Moment;

/// Who has just come has pictures first.
const FIRST_AFTER: Duration = Duration::from_secs(5);

/// How long nothing is looked for after a search that found the path full: twice as long after each such one.
const FIRST_REST: Duration = Duration::from_secs(10);

/// The longest rest where the client sees a queue before that overflows, and where it does not: then a search may cost
/// some sound.
const LONGEST_REST: Duration = Duration::from_secs(40);
const LONGEST_REST_IF_BLIND: Duration = Duration::from_secs(160);

/// What does not grow for so long will not: reports are up to five seconds apart (RFC 3550 section 6.2).
const PATIENCE: Duration = Duration::from_secs(12);

/// Growth by so much is some.
const SOME: f64 = 1.05;

/// Looks for more, or rests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    state: State,
    next_rest: Duration,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing is looked for before this time; `None` before anything was wanted.
    Rests { until: Option<Moment> },
    /// The rate was so much when this began, and so much had been tried when that last was some more.
    Looks { began_at: Bitrate, tried: Bitrate, grown: Moment },
}

/// How things are when a search is reviewed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlook {
    pub(super) rate: Bitrate,
    /// What is being tried.
    pub(super) tried: Bitrate,
    pub(super) wanted: Bitrate,
    /// The client tells nothing of queues before they overflow.
    pub(super) is_blind: bool,
}

impl Search {
    pub(super) fn new() -> Search {
        Search { state: State::Rests { until: None }, next_rest: FIRST_REST }
    }

    /// Whether the rate is to be filled up.
    pub(super) fn looks(&self) -> bool {
        self.began_at().is_some()
    }

    /// What the rate was when the search began that is under way.
    pub(super) fn began_at(&self) -> Option<Bitrate> {
        match self.state {
            State::Looks { began_at, .. } => Some(began_at),
            State::Rests { .. } => None,
        }
    }

    /// Time has passed, or what is wanted or may be sent is another.
    pub(super) fn review(&mut self, now: Moment, outlook: Outlook) {
        let Outlook { rate, tried, wanted, is_blind } = outlook;
        let suffices = rate >= wanted;
        match self.state {
            State::Rests { until: None } if !suffices => {
                self.state = State::Rests { until: Some(now + FIRST_AFTER) };
            }
            State::Rests { until: Some(at) } if !suffices && now >= at => {
                self.state = State::Looks { began_at: rate, tried, grown: now };
            }
            State::Rests { .. } => {}
            State::Looks { .. } if suffices => *self = Search::new(),
            State::Looks { began_at, tried: before, .. } if tried >= before.scaled(SOME) => {
                self.state = State::Looks { began_at, tried, grown: now };
            }
            State::Looks { grown, .. } if now >= grown + PATIENCE => self.give_up(now, is_blind),
            State::Looks { .. } => {}
        }
    }

    /// The path was found full, by what was looked for or by what is sent anyway.
    pub(super) fn give_up(&mut self, now: Moment, is_blind: bool) {
        let longest = if is_blind { LONGEST_REST_IF_BLIND } else { LONGEST_REST };
        let rest = self.next_rest.min(longest);
        if self.looks() {
            self.next_rest = rest * 2;
        }
        self.state = State::Rests { until: Some(now + rest) };
    }

    /// When to [review](Search::review) though nothing else happens, given whether the rate lacks something.
    pub(super) fn deadline(&self, lacks: bool) -> Option<Moment> {
        match self.state {
            State::Rests { until } => until.filter(|_| lacks),
            State::Looks { grown, .. } => Some(grown + PATIENCE),
        }
    }
}
