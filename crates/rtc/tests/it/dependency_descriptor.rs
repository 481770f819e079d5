//! Stories about what a dependency descriptor says when its structure is known.

use parlor_rtc::fuzzing;
use parlor_rtc::fuzzing::scalable::{Encoder, Frame, L1T3, L3T3, L3T3_KEY, Mode};
use parlor_rtc::payload::{
    DescriptorRewrite, FrameDependencies, Indication, InvalidDescriptor, Structure, TemplateIds,
};
use proptest::prelude::*;

/// The structure of L1T3 as appendix A.6.1 has it, in a frame of template 62, number 0x1234, the first
/// of its sequence: ids 62 to 2, 3 decode targets, one chain, 640x360.
const L1T3_KEY_FRAME: &str = "
    1 0 111110  0001001000110100   1 0 0 0 0
    111110 00010
    00 01 01 00 11
    10 10 10  10 10 10  10 01 00  01 00 00  01 00 00
    0  1 0011 0  1 0001 0  1 0000 0  1 0000 0
    01
    0000 0100 0010 0001 0011
    1 0000001001111111 0000000101100111";

/// Bits as they are written down, in bytes.
fn bytes(bits: &str) -> Vec<u8> {
    let bits: Vec<u8> = bits.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
    let byte = |bits: &[u8]| bits.iter().enumerate().fold(0, |all, (n, bit)| all | bit << (7 - n));
    bits.chunks(8).map(byte).collect()
}

/// Letters as the specification's tables have them.
fn letters(frame: &FrameDependencies, structure: &Structure) -> String {
    let letter = |target| match frame.indication(target) {
        Indication::NotPresent => '-',
        Indication::Discardable => 'D',
        Indication::Switch => 'S',
        Indication::Required => 'R',
    };
    (0..structure.targets()).map(letter).collect()
}

fn structure_of(value: &[u8]) -> Structure {
    Structure::read(value).unwrap().unwrap()
}

/// What the packets of some pictures say, one line a frame.
fn table(mode: Mode, pictures: usize) -> Vec<String> {
    let mut encoder = Encoder::new(mode, 100, 0);
    let mut structure = None;
    let mut lines = Vec::new();
    for picture in 0..pictures {
        for frame in encoder.picture(picture == 0) {
            let value = encoder.descriptor(&frame, (true, true), false);
            let known = structure.get_or_insert_with(|| structure_of(&value));
            let read = FrameDependencies::read(&value, known).unwrap();
            let numbers =
                |list: Vec<u16>| list.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
            let references = numbers(read.references().collect());
            let chains = (0..mode.spatial_layers).map(|chain| read.chain_distance(chain).unwrap());
            let chains = numbers(chains.map(u16::from).collect());
            let letters = letters(&read, known);
            lines.push(format!(
                "S{}T{} [{references}] {chains} {letters}",
                read.spatial, read.temporal
            ));
        }
    }
    lines
}

#[test]
fn a_structure_is_read_as_the_specification_has_it() {
    let value = bytes(L1T3_KEY_FRAME);
    let structure = structure_of(&value);
    assert_eq!(structure.targets(), 3);
    assert_eq!(structure.template_ids(), TemplateIds { first: 62, count: 5 });
    assert_eq!(
        [0, 1, 2, 3].map(|target| structure.layers_of(target)),
        [Some((0, 2)), Some((0, 1)), Some((0, 0)), None]
    );
    assert_eq!([0, 2, 3].map(|target| structure.chain_of(target)), [Some(0), Some(0), None]);
    assert_eq!(structure.size_of(0), Some((640, 360)));
    assert_eq!(structure.size_of(1), None);
    let frame = FrameDependencies::read(&value, &structure).unwrap();
    assert_eq!(letters(&frame, &structure), "SSS");
    assert_eq!(frame.active_targets, Some(0b111));
    assert_eq!(frame.descriptor.frame_number, 0x1234);
    // Each of the others, by its id: ids wrap behind 63.
    let of = |id: u8| FrameDependencies::read(&[0xC0 | id, 0, 9], &structure).unwrap();
    let facts = |id| {
        let frame = of(id);
        let references: Vec<u16> = frame.references().collect();
        (frame.temporal, references, frame.chain_distance(0), letters(&frame, &structure))
    };
    assert_eq!(facts(63), (0, vec![4], Some(4), "SSS".to_owned()));
    assert_eq!(facts(0), (1, vec![2], Some(2), "SD-".to_owned()));
    assert_eq!(facts(1), (2, vec![1], Some(1), "D--".to_owned()));
    assert_eq!(facts(2), (2, vec![1], Some(3), "D--".to_owned()));
    assert_eq!(of(1).active_targets, None);
    let unknown = FrameDependencies::read(&[0xC3, 0, 9], &structure);
    assert_eq!(unknown, Err(InvalidDescriptor::UnknownTemplate(3)));
}

#[test]
fn one_size_in_three_frame_rates_reads_as_in_the_specification() {
    assert_eq!(
        table(L1T3, 5),
        ["S0T0 [] 0 SSS", "S0T2 [1] 1 D--", "S0T1 [2] 2 SD-", "S0T2 [1] 3 D--", "S0T0 [4] 4 SSS",]
    );
}

#[test]
fn sizes_that_build_on_each_other_read_as_in_the_specification() {
    let table = table(L3T3, 5);
    // Appendix A.6.3: the key picture, and what comes a round of the pattern later.
    assert_eq!(
        table[..3],
        ["S0T0 [] 0,0,0 SSSSSSSSS", "S1T0 [1] 1,1,1 SSSSSS---", "S2T0 [1] 2,1,1 SSS------",]
    );
    assert_eq!(
        table[12..],
        [
            "S0T0 [12] 12,11,10 RRRRRRSSS",
            "S1T0 [1,12] 1,1,1 RRRSSS---",
            "S2T0 [1,12] 2,1,1 SSS------",
        ]
    );
    assert_eq!(table[6], "S0T1 [6] 6,5,4 RR-RR-SD-");
}

#[test]
fn sizes_that_build_on_each_other_in_key_pictures_alone_read_so() {
    let table = table(L3T3_KEY, 5);
    assert_eq!(
        table[..3],
        ["S0T0 [] 0,0,0 SSSSSSSSS", "S1T0 [1] 1,1,1 SSSSSS---", "S2T0 [1] 2,1,1 SSS------",]
    );
    assert_eq!(table[12], "S0T0 [12] 12,11,10 ------SSS");
    assert_eq!(table[13], "S1T0 [12] 1,12,11 ---SSS---");
}

#[test]
fn a_frame_that_spells_out_what_its_template_says_reads_the_same() {
    for mode in [L1T3, L3T3, L3T3_KEY] {
        let mut encoder = Encoder::new(mode, 65_530, 60);
        let mut structure = None;
        for picture in 0..20 {
            for frame in encoder.picture(picture % 10 == 0) {
                let [short, long] = [false, true]
                    .map(|spelt_out| encoder.descriptor(&frame, (true, false), spelt_out));
                let known = structure.get_or_insert_with(|| structure_of(&short));
                let short = FrameDependencies::read(&short, known).unwrap();
                let long = FrameDependencies::read(&long, known).unwrap();
                assert_eq!(letters(&short, known), letters(&long, known));
                assert!(
                    long.references().all(|distance| short.references().any(|d| d == distance))
                );
                assert_eq!(short.references().count(), long.references().count());
                assert_eq!(short.switches, long.switches);
                assert_references(&frame, &short);
            }
        }
    }
}

fn assert_references(frame: &Frame, read: &FrameDependencies) {
    let mut numbers: Vec<u16> = frame.references.iter().map(|number| *number as u16).collect();
    numbers.sort_by_key(|number| read.descriptor.frame_number.wrapping_sub(*number));
    let told = read.references().map(|d| read.descriptor.frame_number.wrapping_sub(d));
    assert_eq!(told.collect::<Vec<_>>(), numbers);
}

#[test]
fn a_receiver_may_be_sent_more_from_where_all_it_needs_is_decodable() {
    let mut encoder = Encoder::new(L3T3, 0, 0);
    let key = encoder.descriptor(&encoder.clone().picture(true)[0], (true, true), false);
    let structure = structure_of(&key);
    let switches = |frame: &Frame| {
        let value = encoder.descriptor(frame, (true, true), false);
        FrameDependencies::read(&value, &structure).unwrap().switches
    };
    let pictures: Vec<_> = {
        let mut encoder = encoder.clone();
        (0..5).map(|n| encoder.picture(n == 0)).collect()
    };
    assert_eq!(switches(&pictures[0][0]).iter().count(), 9);
    // A later picture of the lowest frame rate: more frames, but no larger pictures.
    assert!(switches(&pictures[4][0]).contains(0, 2));
    assert!(!switches(&pictures[4][0]).contains(1, 0));
    assert!(switches(&pictures[4][1]).contains(1, 2));
    // One that is left out first is no place to begin.
    assert_eq!(switches(&pictures[1][0]).iter().count(), 0);
    assert_eq!(encoder.picture(true).len(), 3);
}

#[test]
fn a_descriptor_is_rewritten_with_another_number_and_other_ids() {
    let plain =
        DescriptorRewrite { frame_number: 0xABCD, template_shift: 62, active_targets: None };
    let mut out = [0; 64];
    assert_eq!(plain.write(&[0x45, 0x12, 0x34], &mut out), Some(3));
    assert_eq!(out[..3], [0x43, 0xAB, 0xCD]);
    // What follows stays as it is.
    assert_eq!(plain.write(&[0x81, 0x12, 0x34, 0x08], &mut out), Some(4));
    assert_eq!(out[..4], [0xBF, 0xAB, 0xCD, 0x08]);
    assert_eq!(plain.write(&[0x45, 0x12], &mut out), None);
    assert_eq!(plain.write(&[0x45, 0x12, 0x34], &mut [0; 2]), None);
    let value = bytes(L1T3_KEY_FRAME);
    let len = plain.write(&value, &mut out).unwrap();
    assert_eq!(len, value.len());
    let shifted = structure_of(&out[..len]);
    assert_eq!(shifted.template_ids(), TemplateIds { first: 60, count: 5 });
    assert_eq!(shifted.size_of(0), Some((640, 360)));
}

#[test]
fn a_descriptor_is_rewritten_with_the_targets_that_are_sent() {
    let value = bytes(L1T3_KEY_FRAME);
    let structure = structure_of(&value);
    let active = structure.targets_within(0, 1);
    assert_eq!(active, 0b110);
    let rewrite = DescriptorRewrite {
        frame_number: 1,
        template_shift: 0,
        active_targets: Some((&structure, active)),
    };
    let mut out = [0; 64];
    let len = rewrite.write(&value, &mut out).unwrap();
    let flagged = L1T3_KEY_FRAME.replace("1 0 0 0 0\n", "1 1 0 0 0\n") + " 110";
    assert_eq!(out[3..len], bytes(&flagged)[3..]);
    // One that has nothing but the mandatory fields grows by a byte.
    assert_eq!(rewrite.write(&[0xBF, 0, 0], &mut out), Some(4));
    assert_eq!(out[..4], [0xBF, 0, 1, 0b0100_0110]);
    // A mask that was there gives way, what was behind it stays: a custom chain.
    let masked = bytes("1 0 000000 0000000000000000  0 1 0 0 1  111  00000111");
    let len = rewrite.write(&masked, &mut out).unwrap();
    assert_eq!(out[..len], bytes("1 0 000000 0000000000000001  0 1 0 0 1  110  00000111"));
}

#[test]
fn a_structure_that_is_cut_off_or_too_large_is_refused() {
    let value = bytes(L1T3_KEY_FRAME);
    for len in 4..value.len() {
        assert_eq!(Structure::read(&value[..len]), Err(InvalidDescriptor::CutOff), "{len}");
    }
    assert_eq!(Structure::read(&value[..3]), Ok(None));
    let with_layers = |layers: &str| {
        let head = "1 1 000000 0000000000000000  1 0 0 0 0  000000 00000";
        Structure::read(&bytes(&format!("{head} {layers} {}", "0".repeat(400))))
    };
    assert!(with_layers(&("10".repeat(3) + "11")).is_ok());
    assert_eq!(with_layers(&"10".repeat(4)), Err(InvalidDescriptor::TooManyLayers));
    assert_eq!(with_layers(&"01".repeat(8)), Err(InvalidDescriptor::TooManyLayers));
    assert!(with_layers(&("00".repeat(63) + "11")).is_ok());
    assert_eq!(with_layers(&"00".repeat(64)), Err(InvalidDescriptor::TooManyTemplates));
}

#[test]
fn a_frame_that_refers_to_more_than_any_codec_keeps_is_refused() {
    let structure = structure_of(&bytes(L1T3_KEY_FRAME));
    let with = |count: usize| {
        let references = "01 0000".repeat(count);
        let value = format!("1 1 000000 0000000000000000  0 0 0 1 0 {references} 00");
        FrameDependencies::read(&bytes(&value), &structure).map(|f| f.references().count())
    };
    assert_eq!(with(16), Ok(16));
    assert_eq!(with(17), Err(InvalidDescriptor::TooManyReferences));
}

proptest! {
    #[test]
    fn any_two_values_are_survived_and_rewritten(data in prop::collection::vec(any::<u8>(), 0..120)) {
        fuzzing::descriptor(&data);
    }

    #[test]
    fn damaged_descriptors_of_real_structures_are_survived(
        picture in 0..10_usize,
        mode in 0..3_usize,
        spelt_out: bool,
        damage in prop::collection::vec((0..400_usize, any::<u8>()), 0..3),
    ) {
        let mut encoder = Encoder::new([L1T3, L3T3, L3T3_KEY][mode], 65_530, 60);
        let key = encoder.picture(true).remove(0);
        let frames = (0..=picture).flat_map(|_| encoder.picture(false)).collect::<Vec<_>>();
        let first = encoder.descriptor(&key, (true, false), spelt_out);
        let second = encoder.descriptor(frames.last().unwrap(), (true, true), spelt_out);
        let mut data = vec![first.len() as u8];
        data.extend(first.into_iter().chain(second));
        for (at, byte) in damage {
            let at = at % data.len();
            data[at] = byte;
        }
        fuzzing::descriptor(&data);
    }
}
