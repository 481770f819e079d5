//! Rooms under any sequence of operations.

use parlor_server::fuzzing::room_operations;
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn one_whose_socket_is_heard_again_after_the_time_for_media_is_over_is_ended_by_the_next_tick() {
    let (join, answer, media_closes) = ([0, 0], [3, 1], [8, 3]);
    let (wait_25_s, socket_quiet, wait_7_s, socket_heard) = ([10, 250], [11, 0], [10, 70], [12, 0]);
    let script =
        [join, answer, media_closes, wait_25_s, socket_quiet, wait_7_s, socket_heard].concat();
    room_operations(&script);
}

proptest! {
    #[test]
    fn no_sequence_of_operations_leaves_anything_behind(bytes in vec(any::<u8>(), 0..600)) {
        room_operations(&bytes);
    }
}
