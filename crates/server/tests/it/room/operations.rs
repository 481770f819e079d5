//! Rooms under any sequence of operations.

use parlor_server::fuzzing::room_operations;
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn no_sequence_of_operations_leaves_anything_behind(bytes in vec(any::<u8>(), 0..600)) {
        room_operations(&bytes);
    }
}
