#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| parlor_server::fuzzing::media_events(data));
