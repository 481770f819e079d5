#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    parlor_engine::fuzzing::allocate(std::time::Instant::now(), data)
});
