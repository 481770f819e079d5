#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| parlor_rtc::fuzzing::sdp_answer(data));
