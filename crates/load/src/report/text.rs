//! A report as people read it.

use std::fmt::{self, Display, Formatter};

use super::{Packets, People, Percentiles, Report};

/// Failures that are named; the others are counted.
const NAMED_FAILURES: usize = 10;

impl Display for Percentiles {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Percentiles { p50, p90, p99, max } = self;
        write!(f, "p50 {p50:.2}   p90 {p90:.2}   p99 {p99:.2}   max {max:.2} ms")
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let People { rooms, publishers, subscribers, joined, left, connected, starved } =
            self.people;
        let changes = match left {
            0 => String::new(),
            _ => format!("; {joined} joined in all and {left} left meanwhile"),
        };
        let starving = match starved {
            0 => String::new(),
            _ => format!(", {starved} of them starved"),
        };
        writeln!(
            f,
            "rooms            {rooms}, each of {publishers} publishers and {subscribers} subscribers; {connected} people connected{starving}{changes}"
        )?;
        let Packets { sent, received, lost, recovered, late, padding, .. } = self.packets;
        writeln!(
            f,
            "packets          {sent} sent, {received} received in {:.1} s: {:.0} a second, {:.1} Mbit/s",
            self.seconds,
            received as f64 / self.seconds,
            self.received_bps / 1e6
        )?;
        writeln!(
            f,
            "                 {lost} lost, {recovered} recovered, {late} late by themselves, {padding} of padding beside them"
        )?;
        let Packets { forged, disordered, of_others, duplicates, .. } = self.packets;
        writeln!(
            f,
            "                 {forged} not authentic, {disordered} out of order, {of_others} of the wrong person, {duplicates} twice"
        )?;
        let times = [
            ("delay, pictures", &self.picture_delay_ms),
            ("delay, sound", &self.sound_delay_ms),
            ("join: reply", &self.reply_ms),
            ("join: connected", &self.connected_ms),
            ("join: media", &self.first_media_ms),
        ];
        for (name, times) in times {
            if let Some(times) = times {
                writeln!(f, "{name:<16} {times}")?;
            }
        }
        if let Some(server) = &self.server {
            write!(f, "{server}")?;
        }
        writeln!(
            f,
            "this program     busy for {:.0} % of its busiest second, {:.0} ns for each packet received{}",
            self.load_busy * 100.0,
            self.load_cpu_ns_per_packet,
            self.cipher.as_ref().map(|cipher| format!(", {cipher}")).unwrap_or_default()
        )?;
        for failure in self.failures.iter().take(NAMED_FAILURES) {
            writeln!(f, "FAILED           {failure}")?;
        }
        if self.failures.len() > NAMED_FAILURES {
            writeln!(f, "FAILED           {} more", self.failures.len() - NAMED_FAILURES)?;
        }
        for doubt in &self.invalid {
            writeln!(f, "INVALID          {doubt}")?;
        }
        Ok(())
    }
}
