//! An encoder of scalable video without the pictures: which frames there are, what they refer to, and
//! the dependency descriptors and VP9 payload descriptors that tell it. Written from the rules of the
//! scalability modes and not from the code that reads them, to check that code.

use std::collections::BTreeMap;

/// Which layers there are, as W3C's scalability modes name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// 1 to 3.
    pub spatial_layers: u8,
    /// 1 to 3.
    pub temporal_layers: u8,
    /// Spatial layers refer to the one below in key pictures alone.
    pub key_only: bool,
}

/// One picture size and three frame rates.
pub const L1T3: Mode = Mode { spatial_layers: 1, temporal_layers: 3, key_only: false };

/// Three sizes, each built on the one below.
pub const L3T3: Mode = Mode { spatial_layers: 3, temporal_layers: 3, key_only: false };

/// Three sizes, built on each other in key pictures alone.
pub const L3T3_KEY: Mode = Mode { spatial_layers: 3, temporal_layers: 3, key_only: true };

/// What distinguishes a frame of one template from those of others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    spatial: u8,
    temporal: u8,
    /// Distances to the frames referred to.
    references: Vec<u64>,
    /// Distances to the last frame of each chain.
    chains: Vec<u64>,
    /// As the specification's tables write them, by decode target: `-`, `D`, `S` or `R`.
    indications: String,
}

/// One frame of one spatial layer.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its number, counted over all layers.
    pub number: u64,
    /// The number of its picture.
    pub picture: u64,
    /// Its picture size.
    pub spatial: u8,
    /// Its frame rate.
    pub temporal: u8,
    /// It is of a key picture.
    pub is_key: bool,
    /// The numbers of the frames that it refers to.
    pub references: Vec<u64>,
    /// It is the last of its picture.
    pub ends_picture: bool,
    row: Row,
}

/// An encoder.
#[derive(Clone, Debug)]
pub struct Encoder {
    /// Its layers.
    pub mode: Mode,
    /// The id of its first template.
    pub first_template: u8,
    /// The size of its lowest spatial layer; each above it is twice as wide and high.
    pub smallest: (u16, u16),
    rows: Vec<Row>,
    pattern: Pattern,
}

/// Where an encoder is in its pattern.
#[derive(Clone, Debug)]
struct Pattern {
    next_number: u64,
    picture: u64,
    /// Of the pictures since the last key picture.
    position: usize,
    /// The newest frame of each layer.
    newest: BTreeMap<(u8, u8), u64>,
    chains: BTreeMap<u8, u64>,
    base_pictures: u64,
}

impl Pattern {
    fn new(first_number: u64) -> Pattern {
        Pattern {
            next_number: first_number,
            picture: first_number,
            position: 0,
            newest: BTreeMap::new(),
            chains: BTreeMap::new(),
            base_pictures: 0,
        }
    }

    fn picture(&mut self, mode: Mode, is_key: bool) -> Vec<Frame> {
        self.position = if is_key { 0 } else { self.position + 1 };
        self.picture += 1;
        let temporal = match mode.temporal_layers {
            1 => 0,
            2 => [0, 1][self.position % 2],
            _ => [0, 2, 1, 2][self.position % 4],
        };
        self.base_pictures += u64::from(temporal == 0);
        (0..mode.spatial_layers)
            .map(|spatial| self.frame(mode, is_key, spatial, temporal))
            .collect()
    }

    fn frame(&mut self, mode: Mode, is_key: bool, spatial: u8, temporal: u8) -> Frame {
        let number = self.next_number;
        self.next_number += 1;
        let mut references = Vec::new();
        if spatial > 0 && (is_key || !mode.key_only) {
            references.push(number - 1);
        }
        if !is_key {
            let below = if temporal == 2 && self.position % 4 == 3 { 1 } else { 0 };
            references.push(self.newest[&(spatial, below)]);
        }
        let distances = references.iter().map(|reference| number - reference);
        let row = Row {
            spatial,
            temporal,
            references: distances.collect(),
            chains: self.chain_distances(mode, number, is_key && spatial == 0),
            indications: indications(mode, is_key, spatial, temporal),
        };
        self.newest.insert((spatial, temporal), number);
        if temporal == 0 {
            let is_in =
                |chain: &u8| *chain == spatial || (*chain > spatial && (is_key || !mode.key_only));
            for chain in (0..mode.spatial_layers).filter(is_in) {
                self.chains.insert(chain, number);
            }
        }
        let ends_picture = spatial + 1 == mode.spatial_layers;
        let picture = self.picture;
        Frame { number, picture, spatial, temporal, is_key, references, ends_picture, row }
    }

    fn chain_distances(&self, mode: Mode, number: u64, begins: bool) -> Vec<u64> {
        let chains = 0..mode.spatial_layers;
        chains.map(|chain| if begins { 0 } else { number - self.chains[&chain] }).collect()
    }
}

/// What a frame is to each decode target, the best of which comes first.
fn indications(mode: Mode, is_key: bool, spatial: u8, temporal: u8) -> String {
    let of = |(most_spatial, most_temporal): (u8, u8)| {
        let is_below = spatial < most_spatial;
        if temporal > most_temporal
            || spatial > most_spatial
            || (is_below && mode.key_only && !is_key)
        {
            '-'
        } else if is_key {
            'S'
        } else if is_below {
            'R'
        } else if temporal > 0 && temporal == most_temporal {
            'D'
        } else {
            'S'
        }
    };
    targets(mode).into_iter().map(of).collect()
}

/// The layers of each decode target, the best first.
fn targets(mode: Mode) -> Vec<(u8, u8)> {
    let temporal = || (0..mode.temporal_layers).rev();
    (0..mode.spatial_layers).rev().flat_map(|s| temporal().map(move |t| (s, t))).collect()
}

/// All kinds of frames that a mode has.
fn rows(mode: Mode) -> Vec<Row> {
    let mut trial = Pattern::new(0);
    // After two rounds of the pattern nothing new comes.
    let frames = (0..9).flat_map(|n| trial.picture(mode, n == 0));
    let mut rows: Vec<Row> = frames.map(|frame| frame.row).collect();
    rows.sort();
    rows.dedup();
    rows
}

impl Encoder {
    /// An encoder whose first frame has this number, and its first template this id.
    pub fn new(mode: Mode, first_number: u64, first_template: u8) -> Encoder {
        let (rows, pattern) = (rows(mode), Pattern::new(first_number));
        Encoder { mode, first_template, smallest: (320, 180), rows, pattern }
    }

    /// Has other layers from now on. The next picture has to be a key picture.
    pub fn change(&mut self, mode: Mode) {
        self.first_template = (self.first_template + self.rows.len() as u8) % 64;
        (self.mode, self.rows) = (mode, rows(mode));
    }

    /// The frames of the next picture, of which the very first has to be a key picture.
    pub fn picture(&mut self, is_key: bool) -> Vec<Frame> {
        self.pattern.picture(self.mode, is_key)
    }

    /// How many templates it has.
    pub fn templates(&self) -> usize {
        self.rows.len()
    }

    /// The dependency descriptor of a packet of a frame. `spelt_out` repeats in it what its
    /// template says.
    pub fn descriptor(
        &self,
        frame: &Frame,
        (starts, ends): (bool, bool),
        spelt_out: bool,
    ) -> Vec<u8> {
        let index = self.rows.iter().position(|row| *row == frame.row).unwrap_or_default();
        let mut bits = Bits::default();
        bits.put(starts.into(), 1);
        bits.put(ends.into(), 1);
        bits.put((u64::from(self.first_template) + index as u64) % 64, 6);
        bits.put(frame.number % (1 << 16), 16);
        let has_structure = starts && frame.is_key && frame.spatial == 0;
        if !has_structure && !spelt_out {
            return bits.bytes();
        }
        bits.put(has_structure.into(), 1);
        bits.put(0, 1);
        bits.put(if spelt_out { 0b111 } else { 0 }, 3);
        if has_structure {
            self.put_structure(&mut bits);
        }
        if spelt_out {
            put_indications(&mut bits, &frame.row.indications);
            for distance in &frame.row.references {
                // In twelve bits, whatever it would need.
                bits.put(3, 2);
                bits.put(distance - 1, 12);
            }
            bits.put(0, 2);
            frame.row.chains.iter().for_each(|distance| bits.put(*distance, 8));
        }
        bits.bytes()
    }

    fn put_structure(&self, bits: &mut Bits) {
        let targets = targets(self.mode);
        bits.put(self.first_template.into(), 6);
        bits.put(targets.len() as u64 - 1, 5);
        for pair in self.rows.windows(2) {
            let [before, after] = pair else { continue };
            bits.put(
                match (after.spatial > before.spatial, after.temporal > before.temporal) {
                    (true, _) => 2,
                    (false, true) => 1,
                    (false, false) => 0,
                },
                2,
            );
        }
        bits.put(3, 2);
        self.rows.iter().for_each(|row| put_indications(bits, &row.indications));
        for row in &self.rows {
            for distance in &row.references {
                bits.put(1, 1);
                bits.put(distance - 1, 4);
            }
            bits.put(0, 1);
        }
        let chains = u64::from(self.mode.spatial_layers);
        bits.put_below(chains, targets.len() as u64 + 1);
        targets.iter().for_each(|(spatial, _)| bits.put_below(u64::from(*spatial), chains));
        for row in &self.rows {
            row.chains.iter().for_each(|distance| bits.put(*distance, 4));
        }
        bits.put(1, 1);
        for spatial in 0..self.mode.spatial_layers {
            bits.put((u64::from(self.smallest.0) << spatial) - 1, 16);
            bits.put((u64::from(self.smallest.1) << spatial) - 1, 16);
        }
    }

    /// The payload of a packet of a frame in VP9: a descriptor with 15 bits of picture id, layers and
    /// TL0PICIDX, and one byte of picture.
    pub fn vp9_payload(&self, frame: &Frame, (starts, ends): (bool, bool)) -> Vec<u8> {
        let has_earlier = !frame.is_key;
        let has_below =
            frame.references.contains(&frame.number.wrapping_sub(1)) && frame.spatial > 0;
        // The frame refers to lower temporal layers alone, which is when libvpx sets the bit.
        let switches_up = frame.temporal > 0;
        let (id, base) = (frame.picture % (1 << 15), self.pattern.base_pictures % 256);
        vec![
            0xA0 | u8::from(has_earlier) << 6 | u8::from(starts) << 3 | u8::from(ends) << 2,
            0x80 | (id >> 8) as u8,
            id as u8,
            frame.temporal << 5
                | u8::from(switches_up) << 4
                | frame.spatial << 1
                | u8::from(has_below),
            base as u8,
            0,
        ]
    }
}

fn put_indications(bits: &mut Bits, indications: &str) {
    for letter in indications.chars() {
        bits.put("-DSR".find(letter).unwrap_or_default() as u64, 2);
    }
}

/// Bits, the most significant first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, number: u64, count: u32) {
        self.0.extend((0..count).rev().map(|shift| number >> shift & 1 == 1));
    }

    /// A number below `count`, of which the lowest take a bit less than the others.
    fn put_below(&mut self, number: u64, count: u64) {
        let width = u64::BITS - count.leading_zeros();
        let short = (1 << width) - count;
        if number < short {
            self.put(number, width - 1);
        } else {
            self.put(number + short, width);
        }
    }

    fn bytes(self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            bits.iter().enumerate().fold(0, |byte, (n, bit)| byte | u8::from(*bit) << (7 - n))
        };
        self.0.chunks(8).map(byte).collect()
    }
}
