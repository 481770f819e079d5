//! Numbers that wrap on the wire, made whole again.

/// How far `b` is ahead of `a` on the circle of 16-bit sequence numbers: negative when behind.
pub fn sequence_distance(a: u16, b: u16) -> i16 {
    b.wrapping_sub(a) as i16
}

/// Whether sequence number `a` comes after `b`, at most half the circle apart.
pub fn is_newer(a: u16, b: u16) -> bool {
    sequence_distance(b, a) > 0
}

macro_rules! extender {
    ($(#[$doc:meta])* $name:ident, $wire:ty, $signed:ty, $period:expr) => {
        $(#[$doc])*
        ///
        /// The first number is placed one whole period up, so that numbers that were sent before
        /// it and arrive after it do not fall below zero. What is extended is the number nearest
        /// to the highest seen so far, so a late packet never moves the count back.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            highest: Option<u64>,
        }

        impl $name {
            /// An extender that has seen nothing.
            pub const fn new() -> Self {
                Self { highest: None }
            }

            /// The highest extended number so far.
            pub const fn highest(&self) -> Option<u64> {
                self.highest
            }

            /// The extended number that `wire` stands for, without taking note of it.
            pub fn peek(&self, wire: $wire) -> u64 {
                let Some(highest) = self.highest else {
                    return $period + u64::from(wire);
                };
                let ahead = wire.wrapping_sub(highest as $wire) as $signed;
                // Saturation is out of reach: it would take a period of numbers all running backwards.
                highest.saturating_add_signed(i64::from(ahead))
            }

            /// The extended number that `wire` stands for.
            pub fn extend(&mut self, wire: $wire) -> u64 {
                let extended = self.peek(wire);
                self.highest = Some(self.highest.map_or(extended, |highest| highest.max(extended)));
                extended
            }
        }
    };
}

extender! {
    /// Extends 16-bit RTP sequence numbers (RFC 3550 appendix A.1) to numbers that never wrap.
    SequenceExtender, u16, i16, 1 << 16
}

extender! {
    /// Extends 32-bit RTP timestamps to numbers that never wrap.
    TimestampExtender, u32, i32, 1 << 32
}
