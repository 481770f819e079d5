//! Whether a media thread keeps up: judged by how long work waits in it, never by how busy it is.
//!
//! After each turn of its loop a thread says whether anything is left undone. Since nothing was, whatever waits has waited
//! at most so long: that is the thread's *lag*. It is measured in the thread's own work (processor time), so that a
//! machine that gives the processor to others for a moment is not taken for too many people here, and by the clock, which
//! is what people notice. A burst makes a lag that is over with it; one whose mean stays high is overload.

use std::time::{Duration, Instant};

/// Lags are judged by their mean over so long: a few pictures, so that one burst is no news.
const WINDOW: Duration = Duration::from_millis(100);

/// With a mean lag of so much work, a thread takes nobody new. A room of a thousand viewers that is half of what a
/// thread can do has it: its pictures leave in bursts of 16 ms.
const NEAR: Duration = Duration::from_millis(5);

/// With so much, what it has is too much. The same room has it at six sevenths of what a thread can do.
const OVER: Duration = Duration::from_millis(12);

/// For so many windows one after the other, before the first picture is left out: a key frame for a thousand people is a
/// lag of 60 ms that is over by itself, and fills one window, never two.
const OVER_WINDOWS: u8 = 2;

/// With less, something of what was left out may come back: two thirds of what is too much.
const EASES: Duration = Duration::from_millis(8);

/// With a mean lag of so much by the clock, whatever the reason, a thread takes nobody new: sound comes late.
const LATE: Duration = Duration::from_millis(30);

/// For so many windows one after the other: builds and browsers on the same machine make it late for a moment.
const LATE_WINDOWS: u8 = 10;

/// What was shed shows within this time: pictures stop at once, smaller ones begin with a key frame.
const SETTLES: Duration = Duration::from_millis(200);

/// A thread that keeps up again takes somebody new after so long.
const NEAR_HOLDS: Duration = Duration::from_secs(2);

/// For each step that is given back, a thread has to keep up for so long.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was too much soon after it was given back is waited for twice as long the next time, up to this.
const MOST_PATIENCE: Duration = Duration::from_secs(16);

/// A step that was given back so long ago was no mistake.
const LASTS_AFTER: Duration = Duration::from_secs(10);

/// Most steps taken at once. They double while they are not enough: twice what a thread can do has to be shed in a second.
const MOST_AT_ONCE: u8 = 8;

/// Who is refused may try again after so long, at these levels: those who were let in last show by then what they cost.
const RETRY_NEAR: Duration = Duration::from_secs(5);
/// See [`RETRY_NEAR`]; pictures come back to those who are in first.
const RETRY_OVER: Duration = Duration::from_secs(15);

/// What a thread can take on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Whatever comes.
    #[default]
    Easy,
    /// What it has and nobody new.
    Near,
    /// Less than it has: so many steps are to be shed, from 1.
    Over(u8),
}

impl Level {
    /// As a number, for other threads and for metrics: 0, 1, or one more than the steps.
    pub fn to_number(self) -> u8 {
        match self {
            Level::Easy => 0,
            Level::Near => 1,
            Level::Over(steps) => steps.saturating_add(1),
        }
    }

    /// The level that [`Level::to_number`] has made a number of.
    pub fn from_number(number: u8) -> Level {
        match number {
            0 => Level::Easy,
            1 => Level::Near,
            steps => Level::Over(steps - 1),
        }
    }

    /// How many steps are to be shed.
    pub fn steps(self) -> u8 {
        if let Level::Over(steps) = self { steps } else { 0 }
    }

    /// When somebody who is not let in should try again; `None` when people are.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Level::Easy => None,
            Level::Near => Some(RETRY_NEAR),
            Level::Over(_) => Some(RETRY_OVER),
        }
    }
}

/// One turn of a thread's loop.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// When the waiting before it was over.
    pub began: Instant,
    /// When it ended.
    pub ended: Instant,
    /// What the thread has worked since it was started, at the end of the turn.
    pub worked: Duration,
    /// Everything that had arrived is on its way.
    pub is_done: bool,
}

/// A thread's judgement of itself.
#[derive(Clone, Debug)]
pub struct Strain {
    level: Level,
    most_steps: u8,
    /// Since when something has been left undone: by the clock, and what had been worked by then.
    behind: Option<(Instant, Duration)>,
    worked: Duration,
    window: Window,
    late_windows: u8,
    over_windows: u8,
    /// When it was last too much, and when a step was last taken or given back.
    strained_at: Option<Instant>,
    stepped_at: Option<Instant>,
    eased_at: Option<Instant>,
    at_once: u8,
    patience: Duration,
    worst: Duration,
}

/// What a window has measured so far: areas under lags, in seconds times seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began: Option<Instant>,
    work: f64,
    clock: f64,
}

impl Strain {
    /// Of a thread that has done nothing yet, and can shed so many steps.
    pub fn new(most_steps: u8) -> Strain {
        Strain {
            level: Level::Easy,
            most_steps,
            behind: None,
            worked: Duration::ZERO,
            window: Window::default(),
            late_windows: 0,
            over_windows: 0,
            strained_at: None,
            stepped_at: None,
            eased_at: None,
            at_once: 1,
            patience: PATIENCE,
            worst: Duration::ZERO,
        }
    }

    /// What the thread can take on.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The highest mean lag by the clock of any window since this was last asked.
    pub fn take_worst(&mut self) -> Duration {
        std::mem::take(&mut self.worst)
    }

    /// When a turn is to be noted although nothing happens: a level comes down with time.
    pub fn deadline(&self) -> Option<Instant> {
        (self.level > Level::Easy).then_some(self.window.began? + WINDOW)
    }

    /// Takes note of a turn; returns the level if it is another one.
    pub fn note(&mut self, turn: Turn) -> Option<Level> {
        let Turn { began, ended, worked, is_done } = turn;
        let (since, worked_then) = self.behind.unwrap_or((began, self.worked));
        let length = ended.saturating_duration_since(began).as_secs_f64();
        let area = |before: Duration, after: Duration| {
            (before.as_secs_f64() + after.as_secs_f64()) / 2.0 * length
        };
        self.window.clock +=
            area(began.saturating_duration_since(since), ended.saturating_duration_since(since));
        self.window.work +=
            area(self.worked.saturating_sub(worked_then), worked.saturating_sub(worked_then));
        self.behind = (!is_done).then_some((since, worked_then));
        self.worked = worked;
        let window_began = *self.window.began.get_or_insert(began);
        if ended < window_began + WINDOW {
            return None;
        }
        let length = ended.saturating_duration_since(window_began).as_secs_f64();
        let mean = |area: f64| Duration::try_from_secs_f64(area / length).unwrap_or_default();
        let (work, clock) = (mean(self.window.work), mean(self.window.clock));
        self.window = Window { began: Some(ended), ..Window::default() };
        self.worst = self.worst.max(clock);
        let before = self.level;
        self.judge(ended, work, clock);
        (self.level != before).then_some(self.level)
    }

    fn judge(&mut self, now: Instant, work: Duration, clock: Duration) {
        self.late_windows = match clock >= LATE {
            true => self.late_windows.saturating_add(1),
            false => 0,
        };
        self.over_windows = match work >= OVER {
            true => self.over_windows.saturating_add(1),
            false => 0,
        };
        let sheds = self.level.steps() > 0;
        if sheds && work < EASES {
            // What others do with the processor does not keep pictures away.
            return self.ease(now);
        }
        let is_near = work >= NEAR || self.late_windows >= LATE_WINDOWS;
        if !sheds && !is_near {
            return self.ease(now);
        }
        self.strained_at = Some(now);
        self.level = self.level.max(Level::Near);
        if work >= OVER && (sheds || self.over_windows >= OVER_WINDOWS) {
            self.shed(now);
        }
    }

    /// It is too much: some steps more, unless the last ones have not shown yet.
    fn shed(&mut self, now: Instant) {
        if self.stepped_at.is_some_and(|at| now < at + SETTLES) {
            return;
        }
        if self.eased_at.take().is_some_and(|at| now < at + LASTS_AFTER) {
            self.patience = (self.patience * 2).min(MOST_PATIENCE);
        }
        let steps = self.level.steps().saturating_add(self.at_once).min(self.most_steps);
        self.at_once = (self.at_once * 2).min(MOST_AT_ONCE);
        self.level = Level::Over(steps);
        self.stepped_at = Some(now);
    }

    /// It keeps up: a step less, or none and then somebody new, after a while of that.
    fn ease(&mut self, now: Instant) {
        self.at_once = 1;
        let rested = |at: Option<Instant>, length| at.is_none_or(|at| now >= at + length);
        match self.level {
            Level::Easy => {}
            Level::Near => {
                if rested(self.strained_at, NEAR_HOLDS) {
                    self.level = Level::Easy;
                    (self.eased_at, self.patience) = (None, PATIENCE);
                }
            }
            Level::Over(steps) => {
                if rested(self.strained_at, self.patience) && rested(self.stepped_at, self.patience)
                {
                    if self.eased_at.is_some() {
                        // The step before was no mistake.
                        self.patience = (self.patience / 2).max(PATIENCE);
                    }
                    self.level = if steps > 1 { Level::Over(steps - 1) } else { Level::Near };
                    (self.stepped_at, self.eased_at) = (Some(now), Some(now));
                    if self.level == Level::Near {
                        self.strained_at = Some(now);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
