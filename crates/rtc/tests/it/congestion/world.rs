//! Senders over one path to a receiver each, which answers with the feedback that we write.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use parlor_rtc::congestion::Stats;
use parlor_rtc::receive::TransportArrivals;
use parlor_rtc::rtcp::CompoundWriter;
use parlor_rtc::rtp::Ssrc;

use super::path::{Conditions, Passage, Path};
use super::sender::{Demand, Packet, Sender};

/// A server wakes once a millisecond at most.
const STEP_US: u64 = 1_000;

/// What becomes of each packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace {
    pub(super) sent_us: u64,
    pub(super) flow: usize,
    pub(super) bytes: usize,
    pub(super) queued_us: u64,
    pub(super) is_audio: bool,
    /// It was lost in the full queue.
    pub(super) dropped: bool,
    pub(super) arrived: bool,
}

/// A target, once in a tenth of a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct TargetSample {
    pub(super) at_us: u64,
    pub(super) flow: usize,
    pub(super) kbps: u64,
}

/// Something that is on its way, by when it arrives.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Arrival {
    Packet { flow: usize, sequence: u16 },
    Feedback { flow: usize, bytes: Vec<u8> },
}

struct Flow {
    start_us: u64,
    sender: Sender,
    arrivals: TransportArrivals,
}

pub(super) struct World {
    begin: Instant,
    seed: u64,
    path: Path,
    flows: Vec<Flow>,
    on_the_way: BinaryHeap<Reverse<(u64, u64, Arrival)>>,
    number: u64,
    /// Feedback is lost in these seconds.
    pub(super) no_feedback: std::ops::Range<f64>,
    pub(super) traces: Vec<Trace>,
    pub(super) targets: Vec<TargetSample>,
}

impl World {
    pub(super) fn new(begin: Instant, conditions: Conditions, seed: u64) -> World {
        World {
            begin,
            seed,
            path: Path::new(conditions, seed),
            flows: Vec::new(),
            on_the_way: BinaryHeap::new(),
            number: 0,
            no_feedback: 0.0..0.0,
            traces: Vec::new(),
            targets: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, start_us: u64, demand: Demand) {
        let seed = self.seed * 1_000 + self.flows.len() as u64 * 77;
        let sender = Sender::new(self.begin, start_us, demand, seed);
        self.flows.push(Flow { start_us, sender, arrivals: TransportArrivals::default() });
    }

    pub(super) fn conditions(&self) -> &Conditions {
        &self.path.conditions
    }

    pub(super) fn stats(&self, flow: usize) -> Stats {
        self.flows[flow].sender.control.stats()
    }

    pub(super) fn run(&mut self, seconds: u64) {
        for now_us in (0..seconds * 1_000_000).step_by(STEP_US as usize) {
            self.arrive(now_us);
            for flow in 0..self.flows.len() {
                if now_us >= self.flows[flow].start_us {
                    self.answer(flow, now_us);
                    self.send(flow, now_us);
                }
            }
        }
    }

    fn put_on_the_way(&mut self, at_us: u64, arrival: Arrival) {
        self.number += 1;
        self.on_the_way.push(Reverse((at_us, self.number, arrival)));
    }

    fn arrive(&mut self, now_us: u64) {
        while self.on_the_way.peek().is_some_and(|Reverse((at_us, ..))| *at_us <= now_us) {
            let Some(Reverse((at_us, _, arrival))) = self.on_the_way.pop() else { return };
            match arrival {
                Arrival::Packet { flow, sequence } => {
                    let now = self.begin + Duration::from_micros(at_us);
                    self.flows[flow].arrivals.handle_packet(now, sequence);
                }
                Arrival::Feedback { flow, bytes } => {
                    self.flows[flow].sender.handle_feedback(now_us, &bytes);
                }
            }
        }
    }

    fn answer(&mut self, flow: usize, now_us: u64) {
        let now = self.begin + Duration::from_micros(now_us);
        while self.flows[flow].arrivals.deadline().is_some_and(|at| at <= now) {
            let mut bytes = [0; 1_200];
            let mut writer = CompoundWriter::new(&mut bytes);
            self.flows[flow].arrivals.write(now, Ssrc(1), Ssrc(2), &mut writer).unwrap();
            let len = writer.len();
            if !self.no_feedback.contains(&(now_us as f64 / 1e6)) {
                let at_us = now_us + self.path.conditions.delay_ms * 1_000;
                let bytes = bytes[..len].to_vec();
                self.put_on_the_way(at_us, Arrival::Feedback { flow, bytes });
            }
        }
    }

    fn send(&mut self, flow: usize, now_us: u64) {
        let mut packets = Vec::new();
        self.flows[flow].sender.send(now_us, &mut packets);
        for packet in packets {
            self.pass(flow, now_us, packet);
        }
        if now_us.is_multiple_of(100_000) {
            let kbps = self.flows[flow].sender.target_kbps();
            self.targets.push(TargetSample { at_us: now_us, flow, kbps });
        }
    }

    fn pass(&mut self, flow: usize, now_us: u64, packet: Packet) {
        let passage = self.path.pass(now_us, packet.bytes);
        let (queued_us, dropped, arrived) = match passage {
            Passage::Dropped => (0, true, false),
            Passage::Lost { queued_us } => (queued_us, false, false),
            Passage::Arrives { queued_us, at_us } => {
                let arrival = Arrival::Packet { flow, sequence: packet.sequence };
                self.put_on_the_way(at_us, arrival);
                (queued_us, false, true)
            }
        };
        self.traces.push(Trace {
            sent_us: now_us,
            flow,
            bytes: packet.bytes,
            queued_us,
            is_audio: packet.is_audio,
            dropped,
            arrived,
        });
    }
}
