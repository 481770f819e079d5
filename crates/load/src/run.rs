//! A load from its beginning to its report.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::crowd::Crowd;
use crate::options::Options;
use crate::process::{Host, Usage};
use crate::report::{Findings, Report};
use crate::tally::Tally;
use crate::worker::{Order, Told};

/// Progress is told so often.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// Joins that have not ended so long after the last one began never will.
const JOIN_PATIENCE: Duration = Duration::from_secs(20);
/// How late a join may begin at most: it is time that is waited for, and how joins end is looked at meanwhile.
const JOIN_GRAIN: Duration = Duration::from_millis(10);
/// A worker that does not answer for this long has stopped.
const WORKER_PATIENCE: Duration = Duration::from_secs(10);

/// What all workers have told.
#[derive(Default)]
struct Sum {
    tally: Tally,
    connected: usize,
    starved: usize,
    busy: f64,
    cipher: Option<String>,
}

impl Sum {
    /// Asks all workers what they have counted since the last time, and adds it.
    fn ask(&mut self, crowd: &Crowd) -> Result<Tally, String> {
        let mut news = Tally::default();
        (self.connected, self.starved) = (0, 0);
        for worker in crowd.workers() {
            let (answer, told) = channel();
            worker.order(Order::Tell(answer));
            let Told { tally, connected, starved, busy, elapsed, cipher } = told
                .recv_timeout(WORKER_PATIENCE)
                .map_err(|_| "a thread of this program has stopped")?;
            news.add(&tally);
            self.connected += connected;
            self.starved += starved;
            self.busy = self.busy.max(busy.as_secs_f64() / elapsed.as_secs_f64().max(1e-6));
            self.cipher = self.cipher.take().or(cipher);
        }
        for time in crowd.outcomes.take_times() {
            news.reply_time.note(time);
        }
        news.failures.extend(crowd.outcomes.take_reasons());
        self.tally.add(&news);
        Ok(news)
    }
}

/// Runs a load; `progress` is told a line about once a second.
///
/// # Errors
/// When it could not be run: no such server, no such process, nobody could join.
pub fn run(options: &Options, progress: &mut dyn FnMut(String)) -> Result<Report, String> {
    let usage = || options.pid.map(Usage::of).transpose();
    let empty = usage()?;
    let crowd = Crowd::new(options)?;
    let mut joins = Sum::default();
    join_all(&crowd, options, &mut joins, progress)?;
    if let Some(speakers) = options.speakers {
        crowd.workers().iter().for_each(|worker| worker.order(Order::Speak(speakers)));
    }
    wait(Options::seconds(options.warm_up), PROGRESS_INTERVAL, |_| {
        joins.ask(&crowd).map(|news| progress(line("warming up", &news, joins.connected)))
    })?;
    joins.ask(&crowd)?;
    let own = || Usage::of(std::process::id());
    let (before, host, own_before) = (usage()?, Host::now(), own()?);
    let begun = Instant::now();
    let mut measured = Sum::default();
    measure(&crowd, options, &mut measured, progress)?;
    measured.ask(&crowd)?;
    let seconds = begun.elapsed().as_secs_f64();
    let used = usage()?.zip(before).map(|(after, before)| after.since(&before));
    // Who joined meanwhile belongs to what joining was like.
    joins.tally.reply_time.add(&measured.tally.reply_time);
    joins.tally.connect_time.add(&measured.tally.connect_time);
    joins.tally.media_time.add(&measured.tally.media_time);
    let stolen = Host::now().zip(host).map_or(0.0, |(after, before)| after.stolen_since(&before));
    let findings = Findings {
        connected: measured.connected,
        starved: measured.starved,
        seconds,
        busy: measured.busy,
        waited: own()?.since(&own_before).waited.as_secs_f64() / seconds,
        cipher: measured.cipher.or(joins.cipher),
        stolen,
        server: empty.zip(used),
        tally: measured.tally,
        joins: joins.tally,
    };
    crowd.end();
    Ok(Report::new(options, findings))
}

fn join_all(
    crowd: &Crowd,
    options: &Options,
    joins: &mut Sum,
    progress: &mut dyn FnMut(String),
) -> Result<(), String> {
    let gap = Options::seconds(1.0 / options.joins_per_second.max(0.01));
    let begun = Instant::now();
    let (mut asked, mut told) = (0, begun);
    let mut last = begun;
    while crowd.outcomes.count() < crowd.size() as usize {
        while asked < crowd.size() && Instant::now() >= begun + gap * asked {
            crowd.enter(asked);
            asked += 1;
            last = Instant::now();
        }
        if asked == crowd.size() && last.elapsed() > JOIN_PATIENCE {
            break;
        }
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            let news = joins.ask(crowd)?;
            let what = format!("joining {} of {}", crowd.outcomes.count(), crowd.size());
            progress(line(&what, &news, joins.connected));
        }
        thread::sleep(gap.min(JOIN_GRAIN));
    }
    if crowd.outcomes.failed() >= crowd.size() as usize {
        let reasons = crowd.outcomes.take_reasons();
        let failures = joins.tally.failures.iter().chain(&reasons);
        let reason = failures.last().map_or("nobody says why", String::as_str);
        return Err(format!("nobody could join: {reason}"));
    }
    Ok(())
}

fn measure(
    crowd: &Crowd,
    options: &Options,
    measured: &mut Sum,
    progress: &mut dyn FnMut(String),
) -> Result<(), String> {
    let subscribers: Vec<u32> =
        (0..crowd.size()).filter(|seat| crowd.is_subscriber(*seat)).collect();
    let interval = match options.churn > 0.0 && !subscribers.is_empty() {
        true => Options::seconds(1.0 / options.churn).min(PROGRESS_INTERVAL),
        false => PROGRESS_INTERVAL,
    };
    let (mut changed, mut told) = (0_usize, Duration::ZERO);
    wait(Options::seconds(options.duration), interval, |passed| {
        let due = (passed.as_secs_f64() * options.churn) as usize;
        while changed < due && !subscribers.is_empty() {
            let seat = subscribers[changed % subscribers.len()];
            crowd.leave(seat);
            crowd.enter(seat);
            changed += 1;
        }
        if passed < told + PROGRESS_INTERVAL {
            return Ok(());
        }
        told = passed;
        let news = measured.ask(crowd)?;
        let what = format!("measuring {:.0} of {:.0} s", passed.as_secs_f64(), options.duration);
        progress(line(&what, &news, measured.connected));
        Ok(())
    })
}

/// Lets time pass, which is all that a load waits for, and does something every `interval`.
fn wait(
    whole: Duration,
    interval: Duration,
    mut act: impl FnMut(Duration) -> Result<(), String>,
) -> Result<(), String> {
    let begun = Instant::now();
    while begun.elapsed() < whole {
        let left = whole.saturating_sub(begun.elapsed());
        thread::sleep(interval.min(left));
        act(begun.elapsed())?;
    }
    Ok(())
}

/// What happened in the last second.
fn line(what: &str, news: &Tally, people: usize) -> String {
    let Tally { packets_in, lost, repaired, picture_delay, sound_delay, .. } = news;
    let delay = if picture_delay.count() > 0 { picture_delay } else { sound_delay };
    format!(
        "{what}: {people} people, {packets_in} packets in, {lost} lost, {repaired} repaired, delay p50 {:.2} p99 {:.2} ms",
        delay.percentile_ms(50.0),
        delay.percentile_ms(99.0)
    )
}
