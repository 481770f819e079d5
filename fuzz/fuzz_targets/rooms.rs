#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    parlor_engine::fuzzing::rooms(std::time::Instant::now(), data)
});
