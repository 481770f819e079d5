//! What another process has used, and what this machine had to give, as Linux tells it.

use std::fs;
use std::time::Duration;

/// What a process has used since it began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Time on a processor.
    pub cpu: Duration,
    /// Time in which it could have run and had no processor.
    pub waited: Duration,
    /// Ticks of a hundredth of a second in which it was found in its own code, and in the kernel.
    pub user_ticks: u64,
    /// See `user_ticks`.
    pub kernel_ticks: u64,
    /// Bytes of memory that it occupies.
    pub memory: u64,
}

impl Usage {
    /// Reads it.
    ///
    /// # Errors
    /// When there is no such process, or it is not told.
    pub fn of(pid: u32) -> Result<Usage, String> {
        let unknown = |what: &str| format!("process {pid}: {what} is not told");
        let mut usage = Usage::default();
        let tasks = fs::read_dir(format!("/proc/{pid}/task"))
            .map_err(|error| format!("process {pid}: {error}"))?;
        for task in tasks.flatten() {
            // A thread may have ended meanwhile.
            let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
            let mut numbers = text.split_ascii_whitespace().map(str::parse::<u64>);
            let mut next = || numbers.next().and_then(Result::ok).ok_or_else(|| unknown("time"));
            usage.cpu += Duration::from_nanos(next()?);
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
        let status =
            fs::read_to_string(format!("/proc/{pid}/status")).map_err(|e| e.to_string())?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes =
            resident.and_then(|text| text.split_ascii_whitespace().next()?.parse().ok());
        usage.memory = kilobytes.map(|kb: u64| kb * 1024).ok_or_else(|| unknown("memory"))?;
        Ok(usage)
    }

    /// What was used since `before`; memory is what it is now.
    pub fn since(&self, before: &Usage) -> Usage {
        Usage {
            cpu: self.cpu.saturating_sub(before.cpu),
            waited: self.waited.saturating_sub(before.waited),
            user_ticks: self.user_ticks.saturating_sub(before.user_ticks),
            kernel_ticks: self.kernel_ticks.saturating_sub(before.kernel_ticks),
            memory: self.memory,
        }
    }

    /// The share of the time that was spent in the kernel, 0 to 1.
    pub fn kernel_share(&self) -> f64 {
        let all = self.user_ticks + self.kernel_ticks;
        if all == 0 { 0.0 } else { self.kernel_ticks as f64 / all as f64 }
    }
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

    #[test]
    fn what_this_process_uses_is_told_and_grows() {
        let before = Usage::of(std::process::id()).unwrap();
        let mut sum = 0_u64;
        (0..20_000_000_u64).for_each(|number| sum = std::hint::black_box(sum ^ number));
        let used = Usage::of(std::process::id()).unwrap().since(&before);
        assert!(used.cpu > Duration::ZERO && used.memory > 1_000_000, "{used:?}");
        assert!(Usage::of(u32::MAX).is_err());
    }
}
