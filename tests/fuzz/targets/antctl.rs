#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wnm_fuzz::antctl(bytes));
