//! One connection's congestion control: what goes in and what comes out.

use std::time::{Duration, Instant};

use super::estimate::FeedbackEstimate;
use super::moment::Moment;
use super::pacer::Pacer;
use super::probe::{Cluster, ClusterId, ProbeCounts};
use super::reports::{ReportEstimate, Reported};
use super::{Bitrate, Limits, MIN, START, Stats};
use crate::rtcp::TransportFeedback;

/// A queue that even the luckiest packet waits in for so long is about to be full: routers keep 50 to 200 ms, and
/// what is lost then is sound too.
const CLOGGED: Duration = Duration::from_millis(50);

/// What the receiver tells about packets, as negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedbackKind {
    /// When each packet arrived.
    TransportWide,
    /// How much was lost of each stream, and REMB if it likes.
    Reports,
}

/// A packet that has just been sent.
#[derive(Clone, Copy, Debug)]
pub struct SentPacket {
    /// Its transport-wide sequence number: one more than that of the packet before it.
    pub sequence: u16,
    /// Its size with everything around it that the path has to carry, IP and UDP headers included.
    pub bytes: usize,
    /// The probe that it was sent for, if any.
    pub cluster: Option<ClusterId>,
}

/// How the target is found.
#[derive(Clone, Debug)]
enum Method {
    Feedback(Box<FeedbackEstimate>),
    Reports(Box<ReportEstimate>),
}

/// How much may be sent to one receiver, and when.
///
/// Feed it what is sent and what comes back; ask for the target, and before each packet of video ask
/// [`CongestionControl::wait`]. Send what [`CongestionControl::poll_probe`] asks for, and call
/// [`CongestionControl::handle_timeout`] when the deadline has come.
#[derive(Clone, Debug)]
pub struct CongestionControl {
    /// From here on its moments count.
    begun: Instant,
    method: Method,
    pacer: Pacer,
    /// A ceiling that the receiver asked for although it gives transport-wide feedback.
    asked: Option<Bitrate>,
    max: Bitrate,
}

impl CongestionControl {
    /// Of a connection that nothing is known of yet; `max` is what it is allowed at most.
    pub fn new(now: Instant, kind: FeedbackKind, max: Bitrate) -> CongestionControl {
        let limits = Limits { min: MIN, max };
        let method = match kind {
            FeedbackKind::TransportWide => {
                Method::Feedback(Box::new(FeedbackEstimate::new(limits, START)))
            }
            FeedbackKind::Reports => Method::Reports(Box::new(ReportEstimate::new(limits, START))),
        };
        let pacer = Pacer::new(Moment::default(), limits.clamp(START));
        CongestionControl { begun: now, method, pacer, asked: None, max }
    }

    /// Reads what [`CongestionControl::wait`] and [`CongestionControl::handle_sent`] will, so that it is in the
    /// processor's cache by then. The value means nothing.
    #[inline]
    pub fn touch(&self) -> u64 {
        match &self.method {
            Method::Feedback(estimate) => estimate.touch(),
            Method::Reports(estimate) => estimate.target().bps(),
        }
    }

    /// What may be sent, all in all.
    pub fn target(&self) -> Bitrate {
        match &self.method {
            Method::Feedback(estimate) => estimate.target(),
            Method::Reports(estimate) => estimate.target(),
        }
    }

    /// When the next packet of video may leave; `None` when it may at `now`. While a probe is sent,
    /// video leaves as part of it: what passed it by would spoil its rate. Audio never has to ask.
    #[inline]
    pub fn wait(&self, now: Instant) -> Option<Instant> {
        let now = self.moment(now);
        let probing = match &self.method {
            Method::Feedback(estimate) => estimate.undisturbed_until(now),
            Method::Reports(_) => None,
        };
        let until = probing.filter(|until| *until > now).or_else(|| self.pacer.wait(now));
        until.map(|until| self.instant(until))
    }

    /// When padding is due to find out what the path takes, or whether it takes anything; `None` when
    /// none is wanted. It is for when nothing waits to be sent.
    pub fn padding_due(&self) -> Option<Instant> {
        let ask_at = match &self.method {
            Method::Feedback(estimate) => estimate.ask_at(),
            Method::Reports(_) => None,
        };
        let due = self.pacer.padding_due().into_iter().chain(ask_at).min();
        due.map(|due| self.instant(due))
    }

    /// Says how much waits to be sent, which makes it leave faster when it is much.
    pub fn set_queued(&mut self, bytes: u64) {
        self.pacer.set_queued(bytes);
    }

    /// The rate at which video leaves.
    pub fn pacing(&self, now: Instant) -> Bitrate {
        let now = self.moment(now);
        self.pacer.rate(now)
    }

    /// The time to the receiver and back.
    pub fn round_trip(&self) -> Option<Duration> {
        match &self.method {
            Method::Feedback(estimate) => estimate.round_trip(),
            Method::Reports(estimate) => estimate.round_trip,
        }
    }

    /// Whether what is sent comes through: no queue stands on the path, and loss does not limit it.
    pub fn carries_all(&self) -> bool {
        match &self.method {
            Method::Feedback(estimate) => estimate.carries_all(),
            Method::Reports(_) => false,
        }
    }

    /// What has been shown to come through at most: the target, or what a probe met as all that the path takes, of which
    /// the target leaves a twentieth so as not to fill its queue. For who keeps a reserve anyway.
    pub fn shown(&self, now: Instant) -> Bitrate {
        let now = self.moment(now);
        match &self.method {
            Method::Feedback(estimate) => estimate.shown(now),
            Method::Reports(estimate) => estimate.target(),
        }
    }

    /// What the target comes down to when the path is found full again. Known for a minute after it was, unless
    /// more has come through since.
    pub fn assured(&self, now: Instant) -> Option<Bitrate> {
        let now = self.moment(now);
        match &self.method {
            Method::Feedback(estimate) => estimate.assured(now),
            Method::Reports(_) => None,
        }
    }

    /// Whether a probe is under way, or being followed by a faster one as long as each pays: what may be sent
    /// is about to be known better.
    pub fn is_probing(&self) -> bool {
        match &self.method {
            Method::Feedback(estimate) => estimate.is_probing(),
            Method::Reports(_) => false,
        }
    }

    /// What is known of the path.
    pub fn stats(&self) -> Stats {
        match &self.method {
            Method::Feedback(estimate) => estimate.stats(),
            Method::Reports(estimate) => Stats {
                target: estimate.target(),
                loss: f64::from(estimate.fraction_lost) / 256.0,
                round_trip: estimate.round_trip,
                ..Stats::default()
            },
        }
    }

    /// What has become of probes since this was last called.
    pub fn take_probe_counts(&mut self, now: Instant) -> ProbeCounts {
        let now = self.moment(now);
        match &mut self.method {
            Method::Feedback(estimate) => estimate.take_probe_counts(now),
            Method::Reports(_) => ProbeCounts::default(),
        }
    }

    /// Says how much could be used if the path took it: all that the receiver wants to see, at its
    /// best. Nothing is looked for beyond one and a half of that.
    pub fn set_wanted(&mut self, now: Instant, wanted: Bitrate) {
        let now = self.moment(now);
        match &mut self.method {
            Method::Feedback(estimate) => estimate.set_wanted(now, wanted),
            Method::Reports(estimate) => {
                estimate.set_wanted(now, wanted);
                self.update_pacer(now);
            }
        }
    }

    /// Changes what the connection is allowed at most.
    pub fn set_max(&mut self, now: Instant, max: Bitrate) {
        let now = self.moment(now);
        self.max = max;
        self.limit(now);
    }

    /// Takes note of a packet that was sent, whatever it was: audio, video, retransmission, padding.
    #[inline]
    pub fn handle_sent(&mut self, now: Instant, packet: SentPacket) {
        let now = self.moment(now);
        let SentPacket { sequence, bytes, cluster } = packet;
        match &mut self.method {
            Method::Feedback(estimate) => estimate.note_sent(now, sequence, bytes, cluster),
            Method::Reports(estimate) => estimate.note_sent(now, bytes),
        }
        // A probe has a rate of its own: what waits is not held up for it.
        if cluster.is_none() {
            self.pacer.note_sent(now, bytes);
        }
    }

    /// Transport-wide feedback has come.
    pub fn handle_feedback(&mut self, now: Instant, feedback: &TransportFeedback<'_>) {
        let now = self.moment(now);
        if let Method::Feedback(estimate) = &mut self.method {
            estimate.handle_feedback(now, feedback);
        }
        self.update_pacer(now);
    }

    /// The receiver says by REMB what it can take.
    pub fn handle_remb(&mut self, now: Instant, bitrate: Bitrate) {
        let now = self.moment(now);
        match &mut self.method {
            Method::Feedback(_) => {
                self.asked = Some(bitrate);
                self.limit(now);
            }
            Method::Reports(estimate) => estimate.handle_estimate(now, bitrate),
        }
        self.update_pacer(now);
    }

    /// Receiver reports have come: over all streams that they tell of, what was lost, and the time to the receiver and
    /// back, where that is known.
    pub fn handle_report(
        &mut self,
        now: Instant,
        reported: Reported,
        round_trip: Option<Duration>,
    ) {
        let now = self.moment(now);
        if let Method::Reports(estimate) = &mut self.method {
            estimate.handle_report(now, reported, round_trip);
        }
        self.update_pacer(now);
    }

    /// The deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.moment(now);
        match &mut self.method {
            Method::Feedback(estimate) => estimate.handle_timeout(now),
            Method::Reports(estimate) => estimate.handle_timeout(now),
        }
        self.update_pacer(now);
    }

    /// When to call [`CongestionControl::handle_timeout`] and [`CongestionControl::poll_probe`].
    pub fn deadline(&self) -> Option<Instant> {
        let deadline = match &self.method {
            Method::Feedback(estimate) => estimate.deadline(),
            Method::Reports(estimate) => estimate.deadline(),
        };
        deadline.map(|deadline| self.instant(deadline))
    }

    /// The probe for which a packet is to be sent now, whatever the pacer says: video that waits, else
    /// padding of [`Cluster::padding_bytes`]. Ask again after each packet.
    pub fn poll_probe(&mut self, now: Instant) -> Option<Cluster> {
        let now = self.moment(now);
        match &mut self.method {
            Method::Feedback(estimate) => estimate.poll_probe(now),
            Method::Reports(_) => None,
        }
    }

    #[inline]
    fn moment(&self, time: Instant) -> Moment {
        Moment::after(time.saturating_duration_since(self.begun))
    }

    #[inline]
    fn instant(&self, moment: Moment) -> Instant {
        self.begun + moment.saturating_duration_since(Moment::default())
    }

    fn limit(&mut self, now: Moment) {
        let max = self.asked.map_or(self.max, |asked| asked.min(self.max));
        let limits = Limits { min: MIN, max: max.max(MIN) };
        match &mut self.method {
            Method::Feedback(estimate) => estimate.set_limits(now, limits),
            Method::Reports(estimate) => estimate.set_limits(limits),
        }
        self.update_pacer(now);
    }

    /// Whether the path holds so much back that the sound suffers.
    fn is_clogged(&self) -> bool {
        match &self.method {
            Method::Feedback(estimate) => estimate.queue() >= CLOGGED,
            Method::Reports(_) => false,
        }
    }

    fn update_pacer(&mut self, now: Moment) {
        let (capacity, padding) = match &self.method {
            Method::Feedback(estimate) => (estimate.capacity(now), estimate.padding()),
            Method::Reports(estimate) => (None, estimate.padding()),
        };
        self.pacer.set_target(now, self.target(), capacity);
        if self.is_clogged() {
            self.pacer.note_clogged(now);
        }
        self.pacer.set_padding(now, padding);
    }
}
