//! Query, `Content-Type` and body of a request to the weipan face, from whatever bytes come: `cargo +nightly fuzz run
//! weipan_request`. The first byte says how the body is cut, the first two lines are the query and the type. The test `garbage` of
//! the crate `http` runs the same function without a nightly compiler.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pantry_http::weipan::wire;

fuzz_target!(|bytes: &[u8]| {
    let Some((chunk, rest)) = bytes.split_first() else {
        return;
    };
    let mut parts = rest.splitn(3, |b| *b == b'\n');
    let mut line = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (query, kind) = (line(), line());
    let body = parts.next().unwrap_or_default();
    let kind = (!kind.is_empty()).then_some(kind.as_str());
    let cut = wire::read(&query, kind, body, usize::from(*chunk));
    // Up to what is bounded by length, where a body is cut makes no difference.
    if body.len() < 8 * 1024 {
        let whole = wire::read(&query, kind, body, usize::MAX);
        assert_eq!(format!("{cut:?}"), format!("{whole:?}"));
    }
});
