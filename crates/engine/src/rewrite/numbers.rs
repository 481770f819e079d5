//! Outgoing picture ids, TL0PICIDX and frame numbers, each of which counts on where it was.

use crate::ring::{FrameNumbers, PictureId};

/// What is added, wrapping, to the numbers of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Translation {
    /// To the extended timestamp.
    pub(super) timestamp: u64,
    picture_id: u16,
    tl0_picture_index: u16,
    frame_number: u16,
    /// To the ids of dependency templates.
    pub(super) template: u8,
}

impl Translation {
    pub(super) fn apply(&self, numbers: &FrameNumbers) -> FrameNumbers {
        FrameNumbers {
            picture_id: numbers.picture_id.map(|id| PictureId {
                value: id.value.wrapping_add(self.picture_id) & mask_of(id),
                wide: id.wide,
            }),
            tl0_picture_index: numbers
                .tl0_picture_index
                .map(|index| index.wrapping_add(self.tl0_picture_index as u8)),
            frame_number: numbers.frame_number.map(|number| number.wrapping_add(self.frame_number)),
        }
    }
}

/// The bits of a picture id that travel.
fn mask_of(id: PictureId) -> u16 {
    if id.wide { 0x7FFF } else { 0x7F }
}

/// One number and its width on the wire.
#[derive(Clone, Copy)]
struct Number {
    value: u16,
    mask: u16,
}

fn each(numbers: &FrameNumbers) -> [Option<Number>; 3] {
    [
        numbers.picture_id.map(|id| Number { value: id.value, mask: mask_of(id) }),
        numbers.tl0_picture_index.map(|index| Number { value: index.into(), mask: 0xFF }),
        numbers.frame_number.map(|value| Number { value, mask: 0xFFFF }),
    ]
}

/// The three counts of one outgoing stream.
#[derive(Debug)]
pub(super) struct Numbers {
    counts: [Count; 3],
}

impl Numbers {
    /// Counts that begin behind `start`.
    pub(super) fn new(start: u16) -> Numbers {
        Numbers { counts: [Count { newest_source: None, newest_outgoing: start }; 3] }
    }

    #[inline]
    pub(super) fn touch(&self) -> u64 {
        u64::from(self.counts[0].newest_outgoing)
    }

    /// A source begins: its first numbers follow the last ones that went out.
    pub(super) fn begin(&mut self, source: &FrameNumbers) -> Translation {
        let mut offsets = [0; 3];
        for ((count, number), offset) in self.counts.iter_mut().zip(each(source)).zip(&mut offsets)
        {
            *offset = count.begin(number);
        }
        let [picture_id, tl0_picture_index, frame_number] = offsets;
        Translation { timestamp: 0, picture_id, tl0_picture_index, frame_number, template: 0 }
    }

    /// A packet is dropped by choice: the numbers of its frame are given to the next one. Not so those
    /// by whose distance frames refer to others: frame numbers, and some codecs' picture ids.
    pub(super) fn skip(
        &mut self,
        source: &FrameNumbers,
        by_picture_id: bool,
        translation: &mut Translation,
    ) {
        let source = FrameNumbers {
            picture_id: source.picture_id.filter(|_| !by_picture_id),
            frame_number: None,
            ..*source
        };
        let offsets = [
            &mut translation.picture_id,
            &mut translation.tl0_picture_index,
            &mut translation.frame_number,
        ];
        for ((count, number), offset) in self.counts.iter_mut().zip(each(&source)).zip(offsets) {
            if let Some(number) = number {
                count.skip(number, offset);
            }
        }
    }

    /// A packet, newest of its source, goes out.
    pub(super) fn note(&mut self, source: &FrameNumbers, outgoing: &FrameNumbers) {
        for (count, (source, outgoing)) in
            self.counts.iter_mut().zip(each(source).into_iter().zip(each(outgoing)))
        {
            if let (Some(source), Some(outgoing)) = (source, outgoing) {
                count.note(source, outgoing.value);
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Count {
    /// Of the source that is being sent.
    newest_source: Option<u16>,
    newest_outgoing: u16,
}

impl Count {
    fn begin(&mut self, source: Option<Number>) -> u16 {
        self.newest_source = None;
        let next = self.newest_outgoing.wrapping_add(1);
        source.map_or(0, |source| next.wrapping_sub(source.value))
    }

    fn skip(&mut self, source: Number, offset: &mut u16) {
        if self.is_newer(source) {
            *offset = offset.wrapping_sub(1);
            self.newest_source = Some(source.value);
            self.newest_outgoing = source.value.wrapping_add(*offset) & source.mask;
        }
    }

    fn note(&mut self, source: Number, outgoing: u16) {
        if self.is_newer(source) {
            self.newest_source = Some(source.value);
            self.newest_outgoing = outgoing;
        }
    }

    /// Whether the number is ahead of the newest one of its source, by less than half the circle.
    fn is_newer(&self, source: Number) -> bool {
        self.newest_source.is_none_or(|newest| {
            let ahead = source.value.wrapping_sub(newest) & source.mask;
            ahead != 0 && ahead <= source.mask / 2
        })
    }
}
