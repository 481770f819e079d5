//! A load from its beginning to its report.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::crowd::Crowd;
use crate::options::Options;
use crate::process::{Host, Memory, Usage, slope};
use crate::report::{Findings, Report, ServerUse};
use crate::tally::{Tally, Times};
use crate::worker::{Order, Told};

/// Progress is told so often.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// Joins that have not ended so long after the last one began never will.
const JOIN_PATIENCE: Duration = Duration::from_secs(20);
/// How joins end is looked at so often meanwhile.
const JOIN_GRAIN: Duration = Duration::from_millis(10);
/// The server's memory is looked at so often while people join.
const GROWTH_INTERVAL: Duration = Duration::from_millis(50);
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
            news.joined += 1;
        }
        news.failures.extend(crowd.outcomes.take_reasons());
        self.tally.add(&news);
        Ok(news)
    }
}

/// How the server's memory grows while people join.
#[derive(Default)]
struct Growth {
    /// How many had joined, and bytes.
    points: Vec<(f64, f64)>,
    looked: Option<Instant>,
}

impl Growth {
    /// Looks, if it is time to. What publishers take is another matter, and they come first.
    fn look(&mut self, crowd: &Crowd, pid: u32) {
        let is_early = self.looked.is_some_and(|at| at.elapsed() < GROWTH_INTERVAL);
        let joined = crowd.outcomes.joined();
        if is_early || joined < crowd.publishers() as usize {
            return;
        }
        self.looked = Some(Instant::now());
        // A server that is gone is told of by everything else.
        if let Ok(memory) = Memory::of(pid) {
            self.points.push((joined as f64, memory.anonymous as f64));
        }
    }

    fn per_person(&self) -> Option<f64> {
        slope(&self.points)
    }
}

/// Runs a load; `progress` is told a line about once a second.
///
/// # Errors
/// When it could not be run: no such server, no such process, nobody could join.
pub fn run(options: &Options, progress: &mut dyn FnMut(String)) -> Result<Report, String> {
    if options.speakers.is_some() && options.audio_kbps == 0 {
        return Err("--speakers needs microphones: --audio-kbps 40, for example".into());
    }
    let usage = || options.pid.map(Usage::of).transpose();
    let empty = usage()?;
    let crowd = Crowd::new(options)?;
    let mut joins = Sum::default();
    let film = |films| crowd.workers().iter().for_each(|worker| worker.order(Order::Film(films)));
    if options.cameras_last {
        film(false);
    }
    let growth = join_all(&crowd, options, &mut joins, progress)?;
    if options.cameras_last {
        film(true);
    }
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
    let after = usage()?;
    // Who joined meanwhile belongs to what joining was like.
    joins.tally.reply_time.add(&measured.tally.reply_time);
    joins.tally.connect_time.add(&measured.tally.connect_time);
    joins.tally.media_time.add(&measured.tally.media_time);
    joins.tally.joined += measured.tally.joined;
    let stolen = Host::now().zip(host).map_or(0.0, |(after, before)| after.stolen_since(&before));
    let findings = Findings {
        connected: measured.connected,
        starved: measured.starved,
        seconds,
        busy: measured.busy,
        own: own()?.since(&own_before),
        cipher: measured.cipher.or(joins.cipher),
        stolen,
        server: ServerUse::of(empty, before, after, growth.per_person()),
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
) -> Result<Growth, String> {
    let mut growth = Growth::default();
    let gap = Options::seconds(1.0 / options.joins_per_second.max(0.01));
    let begun = Instant::now();
    let (mut asked, mut told) = (0, begun);
    let mut last = begun;
    while crowd.outcomes.count() < crowd.size() as usize {
        while asked < crowd.size() && Instant::now() >= begun + gap * asked {
            crowd.enter(asked, begun + gap * asked);
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
        if let Some(pid) = options.pid {
            growth.look(crowd, pid);
        }
        let next = (begun + gap * asked).saturating_duration_since(Instant::now());
        thread::sleep(if asked < crowd.size() { next.min(JOIN_GRAIN) } else { JOIN_GRAIN });
    }
    if crowd.outcomes.failed() >= crowd.size() as usize {
        let reasons = crowd.outcomes.take_reasons();
        let failures = joins.tally.failures.iter().chain(&reasons);
        let reason = failures.last().map_or("nobody says why", String::as_str);
        return Err(format!("nobody could join: {reason}"));
    }
    Ok(growth)
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
    let (mut changed, mut told, begun) = (0_usize, Duration::ZERO, Instant::now());
    wait(Options::seconds(options.duration), interval, |passed| {
        let due = (passed.as_secs_f64() * options.churn) as usize;
        while changed < due && !subscribers.is_empty() {
            let seat = subscribers[changed % subscribers.len()];
            changed += 1;
            crowd.leave(seat);
            crowd.enter(seat, begun + Options::seconds(changed as f64 / options.churn));
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
    let Tally { packets_in, lost, recovered, picture_delay, sound_delay, .. } = news;
    let delay = |what: &str, times: &Times| match times.count() {
        0 => String::new(),
        _ => format!(
            ", {what} p50 {:.2} p99 {:.2} ms late",
            times.percentile_ms(50.0),
            times.percentile_ms(99.0)
        ),
    };
    format!(
        "{what}: {people} people, {packets_in} packets in, {lost} lost, {recovered} recovered{}{}",
        delay("pictures", picture_delay),
        delay("sound", sound_delay)
    )
}
