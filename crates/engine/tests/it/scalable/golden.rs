//! What goes out of each scalability mode while the wishes change, picture by picture, as files under
//! review: `UPDATE_GOLDEN=1` rewrites them.

use std::fmt::Write as _;

use parlor_engine::rewrite::{Decision, Highest, MAX_DESCRIPTOR_LEN, Rewriter};
use parlor_engine::ring::TrackRing;
use parlor_rtc::MediaKind;
use parlor_rtc::fuzzing::scalable::{L1T3, L3T3, L3T3_KEY, Mode};
use parlor_rtc::payload::{DependencyDescriptor, FrameDependencies};

use super::camera::{Camera, Carrier};
use crate::rewrite::layer;

/// From which picture on what is wanted: the highest spatial and temporal layer.
const WISHES: [(usize, u8, u8); 6] =
    [(0, 0, 0), (5, 0, 2), (9, 2, 2), (17, 1, 2), (21, 1, 0), (26, 2, 2)];

/// The key pictures.
const KEY_PICTURES: [usize; 3] = [0, 14, 31];

const PICTURES: usize = 36;

#[test]
fn wishes_are_followed_as_the_golden_files_say() {
    let modes = [("l1t3", L1T3), ("l3t3", L3T3), ("l3t3_key", L3T3_KEY)];
    let carriers = [("vp9", Carrier::Vp9), ("av1", Carrier::Av1)];
    for (mode_name, mode) in modes {
        for (carrier_name, carrier) in carriers {
            let name = format!("{mode_name}_{carrier_name}.txt");
            compare(&name, &timeline(mode, carrier));
        }
    }
}

fn compare(name: &str, timeline: &str) {
    let path = format!("{}/tests/it/scalable/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, timeline).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == timeline, "{name} has changed; UPDATE_GOLDEN=1 accepts it:\n{timeline}");
}

/// A line for each picture: what was sent, and of what went out the layer, picture id or frame number,
/// active decode targets, and a full stop for the marker.
fn timeline(mode: Mode, carrier: Carrier) -> String {
    let mut camera = Camera::new(mode, carrier);
    let mut rewriter = Rewriter::new(MediaKind::Video, 90_000, 0);
    let mut lines = String::new();
    for picture in 0..PICTURES {
        if let Some((_, spatial, temporal)) = WISHES.iter().find(|(from, ..)| *from == picture) {
            rewriter.want(Highest { spatial: *spatial, temporal: *temporal });
            writeln!(lines, "wanted: S{spatial}T{temporal}").unwrap();
        }
        let is_key = KEY_PICTURES.contains(&picture);
        let packets = camera.packets(is_key);
        let kind = if is_key { "key" } else { "   " };
        let temporal = packets[0].frame.temporal;
        write!(lines, "{picture:3} {kind} T{temporal} ").unwrap();
        for packet in &packets {
            let facts = camera.receive(packet);
            let decision = rewriter.decide(layer(1), &facts, true);
            let Decision::Forward(outgoing) = decision else { continue };
            write!(lines, " S{}", packet.frame.spatial).unwrap();
            if let Some(id) = outgoing.numbers.picture_id {
                write!(lines, ":{}", id.value).unwrap();
            }
            if carrier == Carrier::Av1 {
                lines += &told(&camera.ring, facts.sequence, &outgoing);
            }
            lines += if outgoing.marker { "." } else { "" };
        }
        if rewriter.awaits_larger() {
            lines += "  (larger awaited)";
        }
        lines.push('\n');
    }
    lines
}

/// What the descriptor tells the receiver.
fn told(ring: &TrackRing, sequence: u64, out: &parlor_engine::rewrite::Outgoing) -> String {
    let stored = ring.find(sequence).unwrap();
    let mut value = [0; MAX_DESCRIPTOR_LEN];
    let len = out.write_descriptor(&stored, &mut value).unwrap();
    let number = DependencyDescriptor::read(&value).unwrap().frame_number;
    let structure = stored.structure.unwrap();
    let read = FrameDependencies::read(&value[..len], structure).unwrap();
    let width = usize::from(structure.targets());
    format!(":{number}/{:0width$b}", read.active_targets.unwrap())
}
