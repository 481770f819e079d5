//! What a load has counted.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest time that is told apart, in microseconds: a minute.
const LONGEST_US: u64 = 60_000_000;

/// Times, with three digits.
#[derive(Clone, Debug)]
pub struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Times {
        // The bounds are constants that the library takes.
        #[allow(clippy::unwrap_used)]
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, 3).unwrap();
        Times(histogram)
    }
}

impl Times {
    /// Counts one.
    #[inline]
    pub fn note(&mut self, time: Duration) {
        self.0.saturating_record((time.as_micros() as u64).clamp(1, LONGEST_US));
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Times) {
        // Both have the same bounds, so every value fits.
        let _always_fits = self.0.add(&other.0);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// What so many percent are at or below, in milliseconds.
    pub fn percentile_ms(&self, percent: f64) -> f64 {
        self.0.value_at_percentile(percent) as f64 / 1000.0
    }

    /// The longest, in milliseconds.
    pub fn max_ms(&self) -> f64 {
        self.0.max() as f64 / 1000.0
    }
}

/// What all people of one worker, or of all, have counted since it was last cleared.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Media packets sent, without what was sent again.
    pub packets_out: u64,
    /// Packets sent again.
    pub again_out: u64,
    /// Media packets received, each once: what the server forwarded.
    pub packets_in: u64,
    /// Bytes of them, as they came.
    pub bytes_in: u64,
    /// Those among them that came only when asked for again.
    pub recovered: u64,
    /// Those among them that came by themselves, but behind later ones.
    pub late: u64,
    /// Those among them of which the kernel did not tell when it had them.
    pub untimed: u64,
    /// Packets of the server's that hold nothing, with which it probes paths.
    pub padding: u64,
    /// Packets that never came; fewer than none when some came after they had been counted.
    pub lost: i64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets that did not open: changed, or of nobody that we know.
    pub forged: u64,
    /// Packets whose numbers and contents are not in the same order.
    pub disordered: u64,
    /// Packets of somebody whom the slot does not carry.
    pub of_others: u64,
    /// From a publisher's send until the subscriber's kernel had it, of sound and of pictures.
    pub sound_delay: Times,
    /// See `sound_delay`.
    pub picture_delay: Times,
    /// From when a join was due to the reply.
    pub reply_time: Times,
    /// To the end of the DTLS handshake.
    pub connect_time: Times,
    /// To the first packet of media.
    pub media_time: Times,
    /// Joins that were refused or failed, and memberships that ended by themselves.
    pub failures: Vec<String>,
    /// Frames that were not made, since this program was late by more than one.
    pub skipped: u64,
    /// Requests for key frames that publishers heard.
    pub key_frames_wanted: u64,
    /// Joins that were answered.
    pub joined: u64,
    /// Those who were told to leave before the end, and did.
    pub left: u64,
}

impl Tally {
    /// Adds what another one has counted.
    pub fn add(&mut self, other: &Tally) {
        self.packets_out += other.packets_out;
        self.again_out += other.again_out;
        self.packets_in += other.packets_in;
        self.bytes_in += other.bytes_in;
        self.recovered += other.recovered;
        self.late += other.late;
        self.untimed += other.untimed;
        self.padding += other.padding;
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.forged += other.forged;
        self.disordered += other.disordered;
        self.of_others += other.of_others;
        self.sound_delay.add(&other.sound_delay);
        self.picture_delay.add(&other.picture_delay);
        self.reply_time.add(&other.reply_time);
        self.connect_time.add(&other.connect_time);
        self.media_time.add(&other.media_time);
        self.failures.extend_from_slice(&other.failures);
        self.skipped += other.skipped;
        self.key_frames_wanted += other.key_frames_wanted;
        self.joined += other.joined;
        self.left += other.left;
    }
}
