//! Query, `Content-Type` and body of a request to the weipan face, from whatever bytes come. The first byte says how the body is
//! cut, the first two lines are the query and the type, the rest is the body. `scripts/fuzz` builds and runs it with the stable
//! compiler; `cargo fuzz run --sanitizer none weipan_request` does the same for who has that tool. The test `garbage` of the crate
//! `http` runs the same function without coverage.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The two files alone: the whole crate would be built with coverage for nothing.
#[path = "../../crates/http/src/weipan/multipart.rs"]
mod multipart;
#[path = "../../crates/http/src/weipan/wire.rs"]
mod wire;

/// Up to this length of a body it makes no difference where it is cut: no limit on what may be held is near.
const ALIKE: usize = 8 * 1024;

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
    if let Some(file) = &cut.file {
        assert!(file.size <= body.len() as u64, "more came out than went in");
        let name = file.name.as_deref().unwrap_or_default();
        assert!(!name.contains(['/', '\\']), "a folder was left in {name:?}");
    }
    for name in ["m", "a", "token", "dologid", "dir_id", "cover", "callback"] {
        // Whatever is asked for is answered, and the last one counts.
        assert!(cut.text(name).is_none_or(|text| cut.get(name) == Some(Ok(text))));
    }
    if body.len() < ALIKE {
        let whole = wire::read(&query, kind, body, usize::MAX);
        assert_eq!(format!("{cut:?}"), format!("{whole:?}"));
    }
});
