//! What sealing and opening a packet costs: `cargo bench -p parlor-rtc --bench srtp`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use parlor_rtc::srtp::{Inbound, MasterKey, Outbound, Profile, SRTP_OVERHEAD};

/// Bytes of an RTP packet, header included.
const PACKET_LEN: usize = 1200;

/// Packets of one measurement: few enough to stay in the cache, as a batch on the media path does.
const BATCH: usize = 64;

/// Each figure is the best of this many measurements; the others were disturbed.
const ROUNDS: usize = 2000;

fn main() {
    println!("ns per packet of {PACKET_LEN} bytes");
    println!("{:<24}{:>8}{:>8}", "profile", "seal", "open");
    for profile in Profile::ALL {
        let (seal, open) = measure(profile);
        println!("{:<24}{:>8}{:>8}", format!("{profile:?}"), per_packet(seal), per_packet(open));
    }
}

fn per_packet(batch: Duration) -> u128 {
    batch.as_nanos() / BATCH as u128
}

fn measure(profile: Profile) -> (Duration, Duration) {
    let master =
        MasterKey::new(profile, &[1; 32][..profile.key_len()], &[2; 14][..profile.salt_len()]);
    let master = master.unwrap();
    let mut outbound = Outbound::new(&master).unwrap();
    let mut inbound = Inbound::new(&master).unwrap();
    let mut batch = vec![[0u8; PACKET_LEN + SRTP_OVERHEAD]; BATCH];
    let (mut seal, mut open) = (Duration::MAX, Duration::MAX);
    let mut index = 0;
    for _ in 0..ROUNDS {
        for (place, packet) in batch.iter_mut().enumerate() {
            packet[..2].copy_from_slice(&[0x80, 96]);
            packet[2..4].copy_from_slice(&((index + place as u64) as u16).to_be_bytes());
            packet[8..12].copy_from_slice(&0xC0FF_EE00_u32.to_be_bytes());
        }
        let begun = Instant::now();
        let mut sealed = 0;
        for packet in &mut batch {
            sealed = outbound.seal_rtp(black_box(packet), PACKET_LEN, index).unwrap();
            index += 1;
        }
        seal = seal.min(begun.elapsed());
        let begun = Instant::now();
        for packet in &mut batch {
            inbound.open_rtp(black_box(&mut packet[..sealed])).unwrap();
        }
        open = open.min(begun.elapsed());
    }
    (seal, open)
}
