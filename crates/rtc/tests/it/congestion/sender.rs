//! A simulated sender: pictures and sound at the rate that congestion control allows, paced.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parlor_rtc::congestion::{
    Bitrate, Cluster, ClusterId, CongestionControl, FeedbackKind, SentPacket,
};
use parlor_rtc::rtcp::{self, Rtcp};

use super::random::Random;

const PACKET_BYTES: usize = 1_200;
const PADDING_BYTES: usize = 500;

/// A packet of Opus with its headers, fifty times a second: 48 kbit/s.
const AUDIO_BYTES: usize = 120;
const AUDIO_INTERVAL_US: u64 = 20_000;
const AUDIO_KBPS: u64 = 48;

const PICTURE_INTERVAL_US: u64 = 33_333;

/// What an application has to send.
#[derive(Clone, Debug)]
pub(super) enum Demand {
    /// An encoder that follows the target, up to so many kbit/s from these seconds on.
    Encoder(Vec<(f64, u64)>),
    /// Layers of so many kbit/s: the best that fits the target.
    Layers(Vec<u64>),
    /// Sound alone.
    Audio,
}

impl Demand {
    pub(super) fn up_to(kbps: u64) -> Demand {
        Demand::Encoder(vec![(0.0, kbps)])
    }

    /// What could be used at most, in kbit/s.
    fn wanted_kbps(&self, us: u64) -> u64 {
        match self {
            Demand::Encoder(limits) => {
                let begun = limits.iter().take_while(|(second, _)| second * 1e6 <= us as f64);
                begun.last().map_or(0, |&(_, kbps)| kbps)
            }
            Demand::Layers(layers) => AUDIO_KBPS + layers.iter().max().copied().unwrap_or(0),
            Demand::Audio => AUDIO_KBPS,
        }
    }

    /// What the pictures take now, in kbit/s.
    fn pictures_kbps(&self, us: u64, target_kbps: u64) -> u64 {
        let room = target_kbps.saturating_sub(AUDIO_KBPS);
        match self {
            Demand::Encoder(_) => room.min(self.wanted_kbps(us).saturating_sub(AUDIO_KBPS)),
            Demand::Layers(layers) => {
                layers.iter().filter(|&&kbps| kbps <= room).max().copied().unwrap_or(0)
            }
            Demand::Audio => 0,
        }
    }
}

/// A packet on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    pub(super) sequence: u16,
    pub(super) bytes: usize,
    pub(super) is_audio: bool,
}

pub(super) struct Sender {
    pub(super) control: CongestionControl,
    begin: Instant,
    demand: Demand,
    wanted_kbps: u64,
    random: Random,
    sequence: u16,
    queue: VecDeque<usize>,
    next_audio_us: u64,
    next_picture_us: u64,
}

impl Sender {
    pub(super) fn new(begin: Instant, start_us: u64, demand: Demand, seed: u64) -> Sender {
        let now = begin + Duration::from_micros(start_us);
        let max = Bitrate::from_kbps(20_000);
        Sender {
            control: CongestionControl::new(now, FeedbackKind::TransportWide, max),
            begin,
            demand,
            wanted_kbps: 0,
            random: Random(seed),
            sequence: seed as u16,
            queue: VecDeque::new(),
            next_audio_us: start_us,
            next_picture_us: start_us,
        }
    }

    pub(super) fn target_kbps(&self) -> u64 {
        self.control.target().bps() / 1_000
    }

    pub(super) fn handle_feedback(&mut self, now_us: u64, bytes: &[u8]) {
        let now = self.at(now_us);
        for packet in rtcp::parse(bytes) {
            if let Rtcp::TransportFeedback(feedback) = packet {
                self.control.handle_feedback(now, &feedback);
            }
        }
    }

    /// Everything that leaves at `now_us`.
    pub(super) fn send(&mut self, now_us: u64, out: &mut Vec<Packet>) {
        let now = self.at(now_us);
        if self.control.deadline().is_some_and(|at| at <= now) {
            self.control.handle_timeout(now);
        }
        self.follow_demand(now_us);
        while self.next_audio_us <= now_us {
            self.next_audio_us += AUDIO_INTERVAL_US;
            out.push(self.leave(now, AUDIO_BYTES, None, true));
        }
        while self.next_picture_us <= now_us {
            self.next_picture_us += PICTURE_INTERVAL_US;
            self.draw_picture(now_us);
        }
        while let Some(cluster) = self.control.poll_probe(now) {
            out.push(self.leave_for_probe(now, &cluster));
        }
        while self.control.wait(now).is_none() {
            let Some(bytes) = self.queue.pop_front() else { break };
            out.push(self.leave(now, bytes, None, false));
        }
        while self.queue.is_empty() && self.control.padding_due().is_some_and(|at| at <= now) {
            out.push(self.leave(now, PADDING_BYTES, None, false));
        }
    }

    fn at(&self, us: u64) -> Instant {
        self.begin + Duration::from_micros(us)
    }

    fn follow_demand(&mut self, now_us: u64) {
        let wanted = self.demand.wanted_kbps(now_us);
        if wanted != self.wanted_kbps {
            self.wanted_kbps = wanted;
            self.control.set_wanted(self.at(now_us), Bitrate::from_kbps(wanted));
        }
    }

    /// A picture a fifth larger or smaller than the rate; none while half a second waits.
    fn draw_picture(&mut self, now_us: u64) {
        let kbps = self.demand.pictures_kbps(now_us, self.target_kbps());
        let bytes = kbps as f64 / 8.0 / 30.0 * 1e3 * (0.8 + 0.4 * self.random.part());
        let queued: usize = self.queue.iter().sum();
        if queued as u64 * 8 > self.control.target().bps() / 2 {
            return;
        }
        let packets = (bytes as usize).div_ceil(PACKET_BYTES);
        self.queue.extend((0..packets).map(|_| bytes as usize / packets));
        self.control.set_queued(self.queue.iter().sum::<usize>() as u64);
    }

    fn leave_for_probe(&mut self, now: Instant, cluster: &Cluster) -> Packet {
        let padding = usize::from(cluster.padding_bytes());
        let bytes = self.queue.pop_front().unwrap_or(padding);
        self.leave(now, bytes, Some(cluster.id), false)
    }

    fn leave(
        &mut self,
        now: Instant,
        bytes: usize,
        cluster: Option<ClusterId>,
        is_audio: bool,
    ) -> Packet {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        self.control.handle_sent(now, SentPacket { sequence, bytes, cluster });
        Packet { sequence, bytes, is_audio }
    }
}
