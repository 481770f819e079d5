//! The estimate from transport-wide feedback: what delay, loss, probes and silence say together.

mod outlook;

use std::time::Duration;

use super::acknowledged::AcknowledgedRate;
use super::alr::ApplicationLimit;
use super::delay::{DelayEstimate, Found};
use super::feedback::{Batch, FeedbackReader, Outcome};
use super::history::History;
use super::loss::{LossEstimate, LossState};
use super::moment::Moment;
use super::probe::controller::{Plan, ProbeController};
use super::probe::prober::Prober;
use super::probe::results::{Measured, ProbeResults};
use super::probe::{Cluster, ClusterId, ProbeCounts};
use super::saturation::Saturation;
use super::silence::{REDUCTION, Silence};
use super::{Bitrate, Limits, Stats};
use crate::rtcp::TransportFeedback;

/// The longest that browsers let pass between two feedbacks.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(250);

/// How much each feedback counts for the round trip.
const ROUND_TRIP_WEIGHT: f64 = 0.125;

/// A probe lasts so many times as long as an average packet is late: on a path that shakes, the first and the last
/// packet of a shorter one say little of its rate.
const OUTLASTED_SHAKES: u32 = 3;

/// The estimate of one path.
#[derive(Clone, Debug)]
pub(super) struct FeedbackEstimate {
    limits: Limits,
    target: Bitrate,
    history: History,
    reader: FeedbackReader,
    acknowledged: AcknowledgedRate,
    alr: ApplicationLimit,
    alr_ended: Option<Moment>,
    was_limited: bool,
    delay: DelayEstimate,
    loss: LossEstimate,
    controller: ProbeController,
    prober: Prober,
    results: ProbeResults,
    saturation: Saturation,
    silence: Silence,
    /// The target before the silence that is not broken.
    before_silence: Option<Bitrate>,
    round_trip: Option<Duration>,
    probes_started: u32,
    probes_succeeded: u32,
    probe_counts: ProbeCounts,
}

/// What the packets of one feedback say.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    round_trip: Option<Duration>,
    probed: Option<Measured>,
    any: bool,
}

impl FeedbackEstimate {
    pub(super) fn new(limits: Limits, start: Bitrate) -> FeedbackEstimate {
        let start = limits.clamp(start);
        FeedbackEstimate {
            limits,
            target: start,
            history: History::new(),
            reader: FeedbackReader::default(),
            acknowledged: AcknowledgedRate::new(),
            alr: ApplicationLimit::new(start),
            alr_ended: None,
            was_limited: false,
            delay: DelayEstimate::new(limits, start),
            loss: LossEstimate::new(limits, start),
            controller: ProbeController::new(limits.max, start),
            prober: Prober::new(),
            results: ProbeResults::default(),
            saturation: Saturation::default(),
            silence: Silence::new(FEEDBACK_INTERVAL),
            before_silence: None,
            round_trip: None,
            probes_started: 0,
            probes_succeeded: 0,
            probe_counts: ProbeCounts::default(),
        }
    }

    /// Reads one word of each part that sending a packet reads or writes.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        self.history.touch()
            ^ self.alr.touch()
            ^ u64::from(self.silence.is_unbroken())
            ^ self.prober.touch()
            ^ u64::from(self.controller.is_waiting())
            ^ self.target.bps()
    }

    pub(super) fn target(&self) -> Bitrate {
        self.target
    }

    /// Whether no queue stands on the path, and loss does not limit it.
    pub(super) fn carries_all(&self) -> bool {
        !self.delay.has_queue() && self.loss.state() == LossState::Unlimited
    }

    /// The target, or what a probe has met as all that the path takes: the target keeps below that, so as not to fill
    /// its queue.
    pub(super) fn shown(&self, now: Moment) -> Bitrate {
        let is_lossy = self.loss.state() != LossState::Unlimited;
        let saturated_at = self.saturation.rate(now).filter(|_| !is_lossy);
        self.limits.clamp(saturated_at.unwrap_or_default()).max(self.target)
    }

    /// What came through when the path was full, by its flow or by a probe, if that was lately.
    pub(super) fn capacity(&self, now: Moment) -> Option<Bitrate> {
        let both = [self.delay.capacity(now), self.saturation.rate(now)];
        both.into_iter().flatten().min()
    }

    /// What is left of the rate when the path is found full again.
    pub(super) fn assured(&self, now: Moment) -> Option<Bitrate> {
        self.delay.assured(now)
    }

    /// How long even the luckiest packet of late waited in a queue on the path.
    pub(super) fn queue(&self) -> Duration {
        self.delay.queue()
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// The rate to fill up to with padding: where loss brought the rate down and an application
    /// sends too little to show that the path has recovered.
    pub(super) fn padding(&self) -> Bitrate {
        match self.loss.state() {
            LossState::Recovering => self.target.min(self.controller.wanted()),
            LossState::Unlimited | LossState::Limited => Bitrate::ZERO,
        }
    }

    /// When to send something that is answered, whatever else there is to send.
    pub(super) fn ask_at(&self) -> Option<Moment> {
        self.silence.ask_at()
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            target: self.target,
            acknowledged: self.acknowledged.rate(),
            delay_rate: self.delay.rate(),
            usage: self.delay.usage(),
            loss_state: self.loss.state(),
            loss: self.loss.average_loss(),
            round_trip: self.round_trip,
            application_limited: self.alr.since().is_some(),
            silent: self.silence.is_unbroken(),
            probes_started: self.probes_started,
            probes_succeeded: self.probes_succeeded,
        }
    }

    /// What has become of probes since this was last called.
    pub(super) fn take_probe_counts(&mut self, now: Moment) -> ProbeCounts {
        self.probe_counts.unanswered += self.results.take_unanswered(now);
        std::mem::take(&mut self.probe_counts)
    }

    pub(super) fn is_probing(&self) -> bool {
        self.prober.deadline().is_some() || self.controller.is_waiting()
    }

    pub(super) fn set_limits(&mut self, now: Moment, limits: Limits) {
        self.limits = limits;
        self.delay.set_limits(limits);
        self.loss.set_limits(limits);
        self.controller.set_max(limits.max);
        self.update_target(now);
    }

    pub(super) fn set_wanted(&mut self, now: Moment, wanted: Bitrate) {
        let plan = self.controller.set_wanted(self.outlook(now), wanted);
        self.carry_out(now, plan);
    }

    #[inline]
    pub(super) fn note_sent(
        &mut self,
        now: Moment,
        sequence: u16,
        bytes: usize,
        cluster: Option<ClusterId>,
    ) {
        self.history.note_sent(now, sequence, bytes, cluster);
        self.alr.note_sent(now, bytes);
        self.silence.note_sent(now);
        if let Some(id) = cluster {
            self.prober.note_sent(now, id, bytes);
        }
    }

    pub(super) fn handle_feedback(&mut self, now: Moment, feedback: &TransportFeedback<'_>) {
        let is_limited = self.alr.since().is_some();
        if std::mem::replace(&mut self.was_limited, is_limited) && !is_limited {
            self.acknowledged.expect_change(now);
            self.alr_ended = Some(now);
        }
        let heard = self.read(now, feedback);
        if !heard.any {
            return;
        }
        self.silence.note_answer(heard.round_trip);
        if let Some(round_trip) = heard.round_trip {
            self.note_round_trip(round_trip);
        }
        let throughput = self.acknowledged.rate();
        let probed = heard.probed.and_then(|probed| self.believed(now, probed));
        let before = self.delay.rate();
        let sent = self.acknowledged.throughput(self.outlook(now).application_limited);
        if let Some(refused) = heard.probed.filter(|_| probed.is_none()) {
            self.delay.note_refused(now, refused.rate, sent);
        }
        let found = self.delay.update(now, sent, probed);
        if probed.is_some() && self.delay.rate() > before {
            self.acknowledged.expect_change(now);
        }
        if let Some(rate) = probed {
            self.loss.note_probed(rate.min(self.delay.rate()));
        }
        self.loss.set_acknowledged(throughput);
        self.loss.update(self.delay.rate(), is_limited);
        if let Some(believed) = heard.probed.filter(|_| probed.is_some()) {
            // Beside the first pictures, before a flow goes on, the probes of the start come through too slowly.
            let met = believed.saturated_at.filter(|_| throughput.is_some());
            self.saturation.note(now, met, self.delay.shake());
        }
        let met = |probed: Measured| probed.saturated_at.unwrap_or(probed.rate);
        self.saturation.compare(throughput.max(heard.probed.map(met)));
        if found.reduced {
            self.acknowledged.doubt();
            self.saturation.forget();
        }
        if let Some(met) = self.saturation.rate(now) {
            // Beyond that there is nothing but the path's queue.
            self.delay.bound(met);
        }
        self.update_target(now);
        self.look_for_more(now, found);
    }

    pub(super) fn handle_timeout(&mut self, now: Moment) {
        if self.silence.handle_timeout(now) {
            self.before_silence.get_or_insert(self.target);
            let lower = self.target.scaled(REDUCTION);
            self.saturation.forget();
            self.delay.set_rate(now, lower);
            self.loss.set_rate(lower);
            self.prober.clear();
            self.update_target(now);
        }
        let plan = self.controller.handle_timeout(self.outlook(now));
        self.carry_out(now, plan);
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        let all = [self.silence.deadline(), self.controller.deadline(), self.prober.deadline()];
        all.into_iter().flatten().min()
    }

    /// Until when a probe that is being sent is not to be disturbed.
    pub(super) fn undisturbed_until(&self, now: Moment) -> Option<Moment> {
        self.prober.undisturbed_until(now)
    }

    pub(super) fn poll_probe(&mut self, now: Moment) -> Option<Cluster> {
        self.prober.due(now)
    }

    fn read(&mut self, now: Moment, feedback: &TransportFeedback<'_>) -> Heard {
        let mut heard = Heard::default();
        let mut unread = self.reader.read(feedback);
        let mut batch = Batch::default();
        while unread.fill(&mut batch, &mut self.history) {
            heard.any = true;
            let round_trip = batch.round_trip(now);
            heard.round_trip = heard.round_trip.into_iter().chain(round_trip).min();
            heard.probed = self.note(now, &batch).or(heard.probed);
        }
        heard
    }

    /// Takes note of some packets; gives what a probe among them showed.
    fn note(&mut self, now: Moment, batch: &Batch) -> Option<Measured> {
        let mut probed = None;
        for result in batch.results() {
            self.loss.note(result);
            let Outcome::Arrived { at_us } = result.outcome else { continue };
            let packet = &result.packet;
            self.acknowledged.note_arrival(packet.sent, at_us, packet.bytes);
            self.delay.note_arrival(now, packet.sent, at_us);
            if let Some(measured) = self.results.note(result) {
                probed = Some(measured);
                self.probes_succeeded += u32::from(measured.is_first);
                if measured.is_in_time {
                    let believed = self.believed(now, measured);
                    self.probe_counts.note(believed, self.delay.rate());
                }
            }
        }
        probed
    }

    /// What of a probe's result is to be believed.
    fn believed(&self, now: Moment, probed: Measured) -> Option<Bitrate> {
        let rate = self.delay.rate();
        match self.alr.since() {
            Some(_) => Some(probed.alone(rate, self.acknowledged.rate())),
            None => probed.beside_flow(rate, self.outlook(now).is_careful()),
        }
    }

    fn note_round_trip(&mut self, sample: Duration) {
        let smoothed = self.round_trip.map_or(sample, |old| {
            old.mul_f64(1.0 - ROUND_TRIP_WEIGHT) + sample.mul_f64(ROUND_TRIP_WEIGHT)
        });
        self.round_trip = Some(smoothed);
        self.delay.set_round_trip(smoothed);
    }

    fn update_target(&mut self, now: Moment) {
        let delay_rate = self.delay.rate();
        let allowed = self.loss.limit().map_or(delay_rate, |limit| limit.min(delay_rate));
        self.target = self.limits.clamp(allowed);
        self.alr.set_target(self.target);
        let plan = self.controller.note_target(self.outlook(now));
        self.carry_out(now, plan);
    }

    fn look_for_more(&mut self, now: Moment, found: Found) {
        if let Some(before) = self.before_silence.take() {
            let plan = self.controller.note_answered(self.outlook(now), before);
            self.carry_out(now, plan);
        }
        if found.recovered {
            let plan = self.controller.note_recovered(self.outlook(now));
            self.carry_out(now, plan);
        }
        if found.outgrew_capacity {
            let plan = self.controller.note_outgrown(self.outlook(now));
            self.carry_out(now, plan);
        }
    }

    fn carry_out(&mut self, now: Moment, plan: Plan) {
        // A flow that fills a path makes it shake, and its probes are long enough anyway.
        let length = match self.outlook(now).is_careful() {
            true => plan.length,
            false => plan.length.max(self.delay.shake() * OUTLASTED_SHAKES),
        };
        for rate in plan.rates.into_iter().flatten() {
            if let Some(cluster) = self.prober.ask(now, rate, length) {
                self.results.expect(now, cluster);
                self.probes_started = self.probes_started.saturating_add(1);
                self.probe_counts.begun += 1;
            }
        }
    }
}
