//! What another process has used, and what this machine had to give, as Linux tells it.

use std::fs;
use std::time::Duration;

use serde::Serialize;

/// What a tick of [`Usage`] is: USER_HZ is a hundred on every machine that Linux runs on today.
const TICK: Duration = Duration::from_millis(10);
/// By so much a process's own count may be above that of its threads, by rounding alone: a tick of each kind.
const ROUNDING: Duration = Duration::from_millis(20);

/// What a process has used since it began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Time on a processor of the threads that there are, to the nanosecond.
    by_threads: Duration,
    /// Time in which they could have run and had no processor, or one that was still waking up.
    pub waited: Duration,
    /// Time in which the processors that it may run on were busy, for whomever, in ticks of 10 ms.
    processors_busy: Duration,
    /// Ticks of the whole process, those of threads that have ended among them, in its own code and in the kernel.
    user_ticks: u64,
    /// See `user_ticks`.
    kernel_ticks: u64,
    /// What it occupies now.
    pub memory: Memory,
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// All that it occupies (RSS): pages of its file among them, which others share.
    pub resident: u64,
    /// What it has asked for and touched (RssAnon): what people cost.
    pub anonymous: u64,
}

/// Whose count of the time on a processor is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The sum of its threads' (`/proc/PID/task/*/schedstat`), which is exact.
    Threads,
    /// The process's own (`/proc/PID/stat`), in ticks of 10 ms: some of its threads have ended, and their time with them.
    Process,
}

impl Usage {
    /// Reads it.
    ///
    /// # Errors
    /// When there is no such process, or it is not told.
    pub fn of(pid: u32) -> Result<Usage, String> {
        let unknown = |what: &str| format!("process {pid}: {what} is not told");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| {
            format!("there is no process {pid}, or it is not to be seen: {error}")
        })?;
        let memory = Memory::read(&status).ok_or_else(|| unknown("memory"))?;
        let mut usage = Usage { memory, ..Usage::default() };
        let may_run_on = processors_of(&status).ok_or_else(|| unknown("its processors"))?;
        let all = fs::read_to_string("/proc/stat").map_err(|error| error.to_string())?;
        usage.processors_busy = busy(&all, &may_run_on);
        let tasks = fs::read_dir(format!("/proc/{pid}/task"))
            .map_err(|error| format!("process {pid}: {error}"))?;
        for task in tasks.flatten() {
            // A thread may have ended meanwhile.
            let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
            let mut numbers = text.split_ascii_whitespace().map(str::parse::<u64>);
            let mut next = || numbers.next().and_then(Result::ok).ok_or_else(|| unknown("time"));
            usage.by_threads += Duration::from_nanos(next()?);
            usage.waited += Duration::from_nanos(next()?);
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|e| e.to_string())?;
        // The name, in parentheses, may hold spaces (proc_pid_stat(5)).
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let field = |at: usize| {
            let value = fields.split_ascii_whitespace().nth(at).and_then(|text| text.parse().ok());
            value.ok_or_else(|| unknown("time"))
        };
        (usage.user_ticks, usage.kernel_ticks) = (field(11)?, field(12)?);
        Ok(usage)
    }

    /// What was used since `before`; memory is what it is now.
    pub fn since(&self, before: &Usage) -> Usage {
        Usage {
            by_threads: self.by_threads.saturating_sub(before.by_threads),
            waited: self.waited.saturating_sub(before.waited),
            processors_busy: self.processors_busy.saturating_sub(before.processors_busy),
            user_ticks: self.user_ticks.saturating_sub(before.user_ticks),
            kernel_ticks: self.kernel_ticks.saturating_sub(before.kernel_ticks),
            memory: self.memory,
        }
    }

    /// Time on a processor, and by whose count: the exact one, unless threads have ended since.
    pub fn cpu(&self) -> (Duration, Clock) {
        let by_process = TICK.saturating_mul((self.user_ticks + self.kernel_ticks) as u32);
        match by_process > self.by_threads + ROUNDING {
            true => (by_process, Clock::Process),
            false => (self.by_threads, Clock::Threads),
        }
    }

    /// Time in which it waited for a processor that another process had. A thread that waits for another of its own, or for a
    /// processor to wake up, was kept waiting by nobody else.
    pub fn starved(&self) -> Duration {
        self.waited.min(self.processors_busy.saturating_sub(self.cpu().0))
    }

    /// The share of the time that was spent in the kernel, 0 to 1: of ticks, at each of which the kernel looks where the process is.
    pub fn kernel_share(&self) -> f64 {
        let all = self.user_ticks + self.kernel_ticks;
        if all == 0 { 0.0 } else { self.kernel_ticks as f64 / all as f64 }
    }
}

impl Memory {
    /// Reads it.
    ///
    /// # Errors
    /// When there is no such process, or it is not told.
    pub fn of(pid: u32) -> Result<Memory, String> {
        let status = status_of(pid)?;
        Memory::read(&status).ok_or_else(|| format!("process {pid}: memory is not told"))
    }

    fn read(status: &str) -> Option<Memory> {
        let bytes = |name: &str| {
            let kb = field(status, name)?.split_ascii_whitespace().next()?.parse::<u64>().ok()?;
            Some(kb * 1024)
        };
        Some(Memory { resident: bytes("VmRSS:")?, anonymous: bytes("RssAnon:")? })
    }
}

fn status_of(pid: u32) -> Result<String, String> {
    let hidden = |error| format!("there is no process {pid}, or it is not to be seen: {error}");
    fs::read_to_string(format!("/proc/{pid}/status")).map_err(hidden)
}

/// A line of `/proc/PID/status`, without its name.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name))
}

/// The numbers of the processors that a process may run on, which its status tells as `0-3,6`.
fn processors_of(status: &str) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    for range in field(status, "Cpus_allowed_list:")?.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        all.extend(first.parse::<u32>().ok()?..=last.parse().ok()?);
    }
    Some(all)
}

/// How long these processors have been busy since the machine began, by `/proc/stat` (proc_stat(5)).
fn busy(stat: &str, processors: &[u32]) -> Duration {
    let mut ticks = 0;
    for line in stat.lines().filter_map(|line| line.strip_prefix("cpu")) {
        let mut words = line.split_ascii_whitespace();
        let number = words.next().and_then(|word| word.parse().ok());
        if number.is_some_and(|number| processors.contains(&number)) {
            let times: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
            // For programs, nice ones, the kernel, and interrupts of two kinds; idle and waiting for disks are left out.
            ticks += [0, 1, 2, 5, 6].iter().filter_map(|&at| times.get(at)).sum::<u64>();
        }
    }
    Duration::from_millis(ticks.saturating_mul(TICK.as_millis() as u64))
}

/// By how much the second of each pair grows with the first: the line that fits best. None of fewer than two different ones.
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let together: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    (spread > 0.0).then(|| together / spread)
}

/// Ticks of a hundredth of a second of all processors since the machine began: all, and those in which another machine on the
/// same host had them. None if it is not told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host {
    all: u64,
    stolen: u64,
}

impl Host {
    /// Reads it (proc_stat(5)).
    pub fn now() -> Option<Host> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let ticks = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> =
            ticks.split_ascii_whitespace().filter_map(|text| text.parse().ok()).collect();
        // The last two are counted among the first two already.
        Some(Host { all: ticks.iter().take(8).sum(), stolen: *ticks.get(7)? })
    }

    /// The share of the time since `before` in which another machine had the processors, 0 to 1.
    pub fn stolen_since(&self, before: &Host) -> f64 {
        let all = self.all.saturating_sub(before.all).max(1);
        self.stolen.saturating_sub(before.stolen) as f64 / all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work() {
        let mut sum = 0_u64;
        (0..20_000_000_u64).for_each(|number| sum = std::hint::black_box(sum ^ number));
    }

    #[test]
    fn what_this_process_uses_is_told_and_grows() {
        let before = Usage::of(std::process::id()).unwrap();
        work();
        let used = Usage::of(std::process::id()).unwrap().since(&before);
        assert!(used.cpu().0 > Duration::ZERO, "{used:?}");
        assert!(used.memory.resident >= used.memory.anonymous, "{used:?}");
        assert!(used.memory.anonymous > 100_000, "{used:?}");
        assert!(Usage::of(u32::MAX).is_err());
    }

    #[test]
    fn what_threads_used_that_have_ended_is_counted_too() {
        let before = Usage::of(std::process::id()).unwrap();
        // As long as it takes for ticks to tell of it.
        let until = std::time::Instant::now() + Duration::from_secs(10);
        loop {
            std::thread::spawn(work).join().unwrap();
            let used = Usage::of(std::process::id()).unwrap().since(&before);
            if used.cpu().1 == Clock::Process {
                assert!(used.cpu().0 > ROUNDING, "{used:?}");
                break;
            }
            assert!(std::time::Instant::now() < until, "{used:?}");
        }
    }

    #[test]
    fn the_exact_count_is_used_where_it_is_whole() {
        let by_threads = Duration::from_micros(4_321_987);
        let used = |ticks| Usage { by_threads, user_ticks: ticks, ..Usage::default() };
        assert_eq!(used(433).cpu(), (by_threads, Clock::Threads));
        assert_eq!(used(435).cpu(), (Duration::from_millis(4350), Clock::Process));
    }

    #[test]
    fn who_waits_for_nobody_elses_work_is_not_starved() {
        let [work, wait] = [100, 30].map(Duration::from_millis);
        let used = |processors_busy| Usage {
            by_threads: work,
            waited: wait,
            processors_busy,
            ..Usage::default()
        };
        assert_eq!(used(work).starved(), Duration::ZERO, "only its own work was done");
        assert_eq!(used(work * 11 / 10).starved(), work / 10);
        assert_eq!(used(work * 3).starved(), wait, "no more than it waited");
    }

    #[test]
    fn only_processors_that_a_process_may_run_on_are_looked_at() {
        let status = "Name:\ta b\nCpus_allowed_list:\t0,2-3\nVmRSS:\t8 kB\n";
        let processors = processors_of(status).unwrap();
        assert_eq!(processors, [0, 2, 3]);
        let stat = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 2 3 900 900 4 5 900 1 2\ncpu1 50 0 0 0 0 0 0 0 0 0\ncpu3 10 0 0 0 0 0 0 0 0 0\nintr 7\n";
        assert_eq!(busy(stat, &processors), Duration::from_millis(250));
        assert_eq!(processors_of("Cpus_allowed_list:\tnone\n"), None);
    }

    #[test]
    fn a_slope_is_that_of_the_line_that_fits_best() {
        assert_eq!(slope(&[(0.0, 5.0), (10.0, 25.0), (20.0, 45.0)]), Some(2.0));
        assert_eq!(slope(&[(3.0, 1.0), (3.0, 2.0)]), None);
        assert_eq!(slope(&[]), None);
    }
}
