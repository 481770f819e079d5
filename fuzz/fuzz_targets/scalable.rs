#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    parlor_engine::fuzzing::scalable(std::time::Instant::now(), data)
});
