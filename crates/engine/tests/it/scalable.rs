//! Of a scalable stream everybody is sent as much as is wanted, and nothing that does not decode.

use crate::ring::start;

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..Default::default()
    })]
    #[test]
    fn no_script_of_wishes_losses_and_switches_sends_what_does_not_decode(
        script in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)
    ) {
        parlor_engine::fuzzing::scalable(start(), &script);
    }
}
