//! Peers that send any RTP and RTCP.

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_peers_send_no_number_goes_out_twice_and_nothing_is_left_behind(
        script in proptest::collection::vec(any::<u8>(), 0..4_000)
    ) {
        parlor_engine::fuzzing::streams(crate::ring::start(), &script);
    }
}
