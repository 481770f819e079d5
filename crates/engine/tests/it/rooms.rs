//! Rooms under any sequence of operations.

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_sequence_of_operations_keeps_rooms_sound_and_leaves_nothing_behind(
        script in proptest::collection::vec(any::<u8>(), 0..400)
    ) {
        parlor_engine::fuzzing::rooms(crate::ring::start(), &script);
    }
}
