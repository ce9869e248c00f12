//! What every engine must do, as checks that panic. Owns the cases that hold for any engine; must
//! not look behind [`Store`]. Each check wants a store of its own, empty at the start.
//!
//! [`contract_tests!`](crate::contract_tests) turns them into tests, one each.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::StreamExt;

use crate::{BlobError, BlobKey, Extent, Layout, PartDone, Result, StageKey, StorageUrl, Store};

const MIB: u64 = 1024 * 1024;

/// Makes a test of every check. The expression makes a fresh store, and may be awaited: it gives
/// `(guard, Store)`, where the guard lives as long as the test.
#[macro_export]
macro_rules! contract_tests {
    ($open:expr) => {
        $crate::contract_tests!(@each $open;
            small_contents_round_trip, parts_in_any_order_round_trip, ranges_at_the_edges,
            a_stream_may_be_left, part_of_wrong_length_leaves_no_trace,
            a_resent_part_replaces_the_first_when_it_is_complete, sides_are_seen_by_the_reader,
            superseded_sides_are_dropped,
            rehash_sees_what_is_stored, commit_can_be_repeated, commit_with_sides_can_be_repeated,
            commit_keeps_a_blob_that_is_there, commit_refuses_what_does_not_fit,
            late_writers_never_reach_a_blob, two_writers_never_share_a_place,
            parts_arrive_at_the_same_time, uploads_are_removed_and_listed,
            blobs_are_listed_in_pages, deleting_twice_is_harmless, unknown_keys_are_not_found,
            hostile_keys_are_refused, empty_content_is_refused, generations_are_apart,
            a_reader_outlives_its_blob,
            scratches_are_apart_and_leave_nothing,
        );
    };
    (@each $open:expr; $($name:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let (_guard, store) = $open.await;
                $crate::contract::$name(&store).await;
            }
        )*
    };
}

/// Bytes that differ from place to place and from seed to seed.
#[must_use]
pub fn content(seed: u64, len: u64) -> Vec<u8> {
    let mut reader = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
    let mut bytes = vec![0; usize::try_from(len).expect("test contents fit into memory")];
    reader.fill(&mut bytes);
    bytes
}

/// The key of a content, in generation 1.
#[must_use]
pub fn key_of(bytes: &[u8]) -> BlobKey {
    BlobKey::new(*blake3::hash(bytes).as_bytes(), 1)
}

fn stage(number: u8) -> StageKey {
    StageKey([number; 16])
}

/// Bytes `offset..offset + len` of a content.
fn slice(bytes: &[u8], offset: u64, len: u64) -> &[u8] {
    let start = usize::try_from(offset).expect("test contents fit into memory");
    let len = usize::try_from(len).expect("test contents fit into memory");
    &bytes[start..start + len]
}

/// Sends one part in pieces of 64 KiB.
async fn send(store: &Store, key: StageKey, extent: Extent, offset: u64, bytes: &[u8]) -> Result<PartDone> {
    let mut part = store.part_writer(key, extent, offset, bytes.len() as u64).await?;
    for piece in bytes.chunks(64 * 1024) {
        part.write(piece).await?;
    }
    part.finish().await
}

/// Sends a whole content in parts to `Main`.
async fn send_all(store: &Store, key: StageKey, layout: &Layout, bytes: &[u8]) {
    store.stage_create(key, layout.total()).await.unwrap();
    for part in 0..u32::try_from(layout.parts()).unwrap() {
        let (offset, len) = layout.part(part).unwrap();
        send(store, key, Extent::Main, offset, slice(bytes, offset, len))
            .await
            .unwrap();
    }
}

/// Everything stored under a key.
async fn read_all(store: &Store, key: BlobKey) -> Vec<u8> {
    let reader = store.reader(key).await.unwrap();
    read_range(&reader, 0..reader.len()).await
}

async fn read_range(reader: &crate::Reader, range: std::ops::Range<u64>) -> Vec<u8> {
    let mut stream = reader.stream(range).unwrap();
    let mut all = Vec::new();
    while let Some(block) = stream.next().await {
        all.extend_from_slice(&block.unwrap());
    }
    all
}

/// Reads an upload through its layout, on a thread that may block.
async fn read_stage(store: &Store, key: StageKey, layout: &Layout, offset: u64, len: u64) -> Vec<u8> {
    let reader = store.stage_reader(key).await.unwrap();
    let layout = layout.clone();
    tokio::task::spawn_blocking(move || {
        let mut buf = vec![0; usize::try_from(len).unwrap()];
        let read = reader.read_at(&layout, offset, &mut buf).unwrap();
        buf.truncate(read);
        buf
    })
    .await
    .unwrap()
}

/// Small contents come back as they were, and a second one of the same key is the first.
pub async fn small_contents_round_trip(store: &Store) {
    for len in [1, 2, 4096, 65_537] {
        let bytes = content(len, len);
        let key = key_of(&bytes);
        assert_eq!(store.exists(key).await.unwrap(), None);
        let done = store.put_bytes(key, Bytes::from(bytes.clone())).await.unwrap();
        assert!(!done.existed && done.len == len);
        let done = store.put_bytes(key, Bytes::from(bytes.clone())).await.unwrap();
        assert!(done.existed && done.len == len);
        assert_eq!(store.exists(key).await.unwrap(), Some(len));
        assert_eq!(store.verify(key).await.unwrap(), key.hash);
        assert_eq!(read_all(store, key).await, bytes);
    }
}

/// Parts sent last to first make the same content; each is answered with its own hash.
pub async fn parts_in_any_order_round_trip(store: &Store) {
    let bytes = content(1, 2 * MIB + 12_345);
    let layout = Layout::new(bytes.len() as u64, 512 * 1024).unwrap();
    store.stage_create(stage(1), layout.total()).await.unwrap();
    // Doing it again loses nothing, also between the parts.
    for part in (0..u32::try_from(layout.parts()).unwrap()).rev() {
        store.stage_create(stage(1), layout.total()).await.unwrap();
        let (offset, len) = layout.part(part).unwrap();
        let sent = slice(&bytes, offset, len);
        let done = send(store, stage(1), Extent::Main, offset, sent).await.unwrap();
        assert_eq!(done.len, len);
        assert_eq!(done.blake3, *blake3::hash(sent).as_bytes());
        store.start_writeback(stage(1), offset, len).await.unwrap();
    }
    store.stage_sync(stage(1)).await.unwrap();
    assert_eq!(read_stage(store, stage(1), &layout, 0, layout.total() + 5).await, bytes);
    let key = key_of(&bytes);
    let done = store.stage_commit(stage(1), layout, key).await.unwrap();
    assert!(!done.existed && done.len == bytes.len() as u64);
    assert_eq!(read_all(store, key).await, bytes);
    assert_eq!(store.verify(key).await.unwrap(), key.hash);
    assert!(store.stage_list(None, 10).await.unwrap().is_empty());
}

/// Ranges that begin and end on, before and after the edges of blocks and of the content.
pub async fn ranges_at_the_edges(store: &Store) {
    let bytes = content(2, 2 * MIB + 17);
    let len = bytes.len() as u64;
    let key = key_of(&bytes);
    store.put_bytes(key, Bytes::from(bytes.clone())).await.unwrap();
    let reader = store.reader(key).await.unwrap();
    assert_eq!(reader.len(), len);
    let edges = [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, len - 1, len];
    for start in edges {
        for end in edges.into_iter().filter(|end| *end >= start) {
            let got = read_range(&reader, start..end).await;
            assert!(got == slice(&bytes, start, end - start), "{start}..{end}");
        }
    }
    for (start, end) in [(0, len + 1), (len + 1, len + 1), (5, 4), (u64::MAX - 1, u64::MAX)] {
        let refused = reader.stream(std::ops::Range { start, end });
        assert!(matches!(refused, Err(BlobError::BadRange { .. })));
    }
    let (read, buf) = tokio::task::spawn_blocking(move || {
        let mut buf = vec![0; 100];
        (reader.read_at(len - 10, &mut buf).unwrap(), buf)
    })
    .await
    .unwrap();
    assert_eq!(&buf[..read], slice(&bytes, len - 10, 10));
}

/// A receiver may go away in the middle, and blocks stay right when they are kept.
pub async fn a_stream_may_be_left(store: &Store) {
    let bytes = content(3, 5 * MIB + 1);
    let key = key_of(&bytes);
    store.put_bytes(key, Bytes::from(bytes.clone())).await.unwrap();
    let reader = store.reader(key).await.unwrap();
    let mut left = reader.stream(0..reader.len()).unwrap();
    let first = left.next().await.unwrap().unwrap();
    drop(left);
    assert_eq!(&first[..], &bytes[..first.len()]);
    let kept: Vec<Bytes> = reader
        .stream(0..reader.len())
        .unwrap()
        .map(Result::unwrap)
        .collect()
        .await;
    assert_eq!(kept.concat(), bytes);
}

/// Too long and too short parts, to both kinds of extent, are refused and are not there.
pub async fn part_of_wrong_length_leaves_no_trace(store: &Store) {
    let bytes = content(4, 3000);
    let layout = Layout::new(3000, 1000).unwrap();
    send_all(store, stage(4), &layout, &bytes).await;
    for extra in [-1i64, 1] {
        let mut part = store.part_writer(stage(4), Extent::Side(1), 1000, 1000).await.unwrap();
        let sent = vec![7; usize::try_from(1000 + extra).unwrap()];
        let result = match part.write(&sent).await {
            Ok(()) => part.finish().await.map(drop),
            Err(error) => {
                assert!(part.finish().await.is_err(), "a failed part cannot finish");
                Err(error)
            }
        };
        assert!(matches!(result, Err(BlobError::WrongLength { expected: 1000, .. })));
        let side = store.stage_rehash_part(stage(4), Extent::Side(1), 1000, 1000).await;
        assert!(side.unwrap_err().is_not_found());
    }
    // Past the end of the content.
    for (offset, len) in [(2500, 501), (3000, 1), (u64::MAX, 2)] {
        let refused = store.part_writer(stage(4), Extent::Main, offset, len).await;
        assert!(matches!(refused, Err(BlobError::BadRange { .. })));
    }
    // One byte too many does not touch the neighbour.
    let mut part = store.part_writer(stage(4), Extent::Main, 0, 1000).await.unwrap();
    part.write(slice(&bytes, 0, 1000)).await.unwrap();
    assert_eq!(part.written(), 1000);
    assert!(part.write(b"x").await.is_err());
    drop(part);
    assert_eq!(read_stage(store, stage(4), &layout, 0, 3000).await, bytes);
}

/// Until the second sending is complete the first one counts; then the second.
pub async fn a_resent_part_replaces_the_first_when_it_is_complete(store: &Store) {
    let old = content(5, 2500);
    let mut new = old.clone();
    new[1000..2000].copy_from_slice(&content(6, 1000));
    let mut layout = Layout::new(2500, 1000).unwrap();
    send_all(store, stage(5), &layout, &old).await;
    // Given up in the middle: the old bytes stand.
    let mut part = store.part_writer(stage(5), Extent::Side(1), 1000, 1000).await.unwrap();
    part.write(&new[1000..1500]).await.unwrap();
    drop(part);
    assert_eq!(read_stage(store, stage(5), &layout, 0, 2500).await, old);
    // Sent twice more: the one that the layout names counts.
    let wrong = content(7, 1000);
    send(store, stage(5), Extent::Side(2), 1000, &wrong).await.unwrap();
    send(store, stage(5), Extent::Side(3), 1000, &new[1000..2000])
        .await
        .unwrap();
    assert_eq!(read_stage(store, stage(5), &layout, 0, 2500).await, old);
    layout.set(1, Extent::Side(3)).unwrap();
    assert_eq!(read_stage(store, stage(5), &layout, 0, 2500).await, new);
    let key = key_of(&new);
    store.stage_commit(stage(5), layout, key).await.unwrap();
    assert_eq!(read_all(store, key).await, new);
}

/// A side that the layout does not name goes, and nothing else; not under a writer's hands.
pub async fn superseded_sides_are_dropped(store: &Store) {
    let bytes = content(9, 2000);
    let mut layout = Layout::new(2000, 1000).unwrap();
    send_all(store, stage(9), &layout, &bytes).await;
    send(store, stage(9), Extent::Side(1), 1000, &content(10, 1000))
        .await
        .unwrap();
    send(store, stage(9), Extent::Side(2), 1000, &bytes[1000..])
        .await
        .unwrap();
    layout.set(1, Extent::Side(1)).unwrap();
    let reader = store.stage_reader(stage(9)).await.unwrap();
    reader.read_at(&layout, 0, &mut [0; 2000]).unwrap();
    layout.set(1, Extent::Side(2)).unwrap();
    reader.keep(&layout);
    assert!(store.stage_drop_side(stage(9), Extent::Side(1)).await.unwrap());
    assert!(!store.stage_drop_side(stage(9), Extent::Side(1)).await.unwrap());
    assert!(!store.stage_drop_side(stage(9), Extent::Main).await.unwrap());
    assert!(!store.stage_drop_side(stage(99), Extent::Side(1)).await.unwrap());
    let writing = store.part_writer(stage(9), Extent::Side(3), 0, 1000).await.unwrap();
    let refused = store.stage_drop_side(stage(9), Extent::Side(3)).await;
    assert!(matches!(refused, Err(BlobError::Busy)));
    drop(writing);
    let mut got = vec![0; 2000];
    assert_eq!(reader.read_at(&layout, 0, &mut got).unwrap(), 2000);
    assert_eq!(got, bytes);
    let key = key_of(&bytes);
    store.stage_commit(stage(9), layout, key).await.unwrap();
    assert_eq!(read_all(store, key).await, bytes);
}

/// The reader goes over the seams between extents, and follows a layout that changes.
pub async fn sides_are_seen_by_the_reader(store: &Store) {
    let bytes = content(8, 3 * 70_000 + 11);
    let mut layout = Layout::new(bytes.len() as u64, 70_000).unwrap();
    store.stage_create(stage(8), layout.total()).await.unwrap();
    for part in 0..4u32 {
        let (offset, len) = layout.part(part).unwrap();
        let extent = match part % 2 {
            0 => Extent::Main,
            _ => Extent::Side(part),
        };
        layout.set(part, extent).unwrap();
        send(store, stage(8), extent, offset, slice(&bytes, offset, len))
            .await
            .unwrap();
    }
    assert_eq!(layout.extent(3), Extent::Side(3));
    let total = layout.total();
    for (offset, len) in [(0, total), (69_999, 2), (70_000, 70_001), (total - 1, 1), (1, total)] {
        let got = read_stage(store, stage(8), &layout, offset, len).await;
        assert!(got == slice(&bytes, offset, len.min(total - offset)), "{offset}+{len}");
    }
    assert!(read_stage(store, stage(8), &layout, total, 5).await.is_empty());
    // A side that was never sent.
    layout.set(0, Extent::Side(99)).unwrap();
    let reader = store.stage_reader(stage(8)).await.unwrap();
    let refused = {
        let layout = layout.clone();
        tokio::task::spawn_blocking(move || reader.read_at(&layout, 0, &mut [0; 9]))
            .await
            .unwrap()
    };
    assert!(refused.unwrap_err().is_not_found());
    let refused = store.stage_commit(stage(8), layout, key_of(&bytes)).await;
    assert!(refused.unwrap_err().is_not_found());
}

/// The check after an unclean stop: right parts hash right, others do not.
pub async fn rehash_sees_what_is_stored(store: &Store) {
    let bytes = content(9, 2000);
    let layout = Layout::new(2000, 1000).unwrap();
    send_all(store, stage(9), &layout, &bytes).await;
    send(store, stage(9), Extent::Side(4), 0, &bytes[..1000]).await.unwrap();
    let hash = |range: std::ops::Range<usize>| *blake3::hash(&bytes[range]).as_bytes();
    for (extent, offset, expected) in [
        (Extent::Main, 0, hash(0..1000)),
        (Extent::Main, 1000, hash(1000..2000)),
        (Extent::Side(4), 0, hash(0..1000)),
    ] {
        let got = store.stage_rehash_part(stage(9), extent, offset, 1000).await;
        assert_eq!(got.unwrap(), expected);
    }
    let short = store.stage_rehash_part(stage(9), Extent::Side(4), 0, 1001).await;
    assert!(matches!(short, Err(BlobError::WrongLength { .. })));
    let none = store.stage_rehash_part(stage(9), Extent::Side(5), 0, 1000).await;
    assert!(none.unwrap_err().is_not_found());
}

/// A commit whose answer was lost is asked for again.
pub async fn commit_can_be_repeated(store: &Store) {
    let bytes = content(10, 5000);
    let key = key_of(&bytes);
    let layout = Layout::new(5000, 2048).unwrap();
    send_all(store, stage(10), &layout, &bytes).await;
    let first = store.stage_commit(stage(10), layout.clone(), key).await.unwrap();
    assert!(!first.existed);
    for _ in 0..3 {
        let again = store.stage_commit(stage(10), layout.clone(), key).await.unwrap();
        assert!(again.existed && again.len == 5000);
    }
    assert_eq!(read_all(store, key).await, bytes);
}

/// The same with parts that lie aside: their layout still says so.
pub async fn commit_with_sides_can_be_repeated(store: &Store) {
    let bytes = content(11, 5000);
    let key = key_of(&bytes);
    let mut layout = Layout::new(5000, 2048).unwrap();
    send_all(store, stage(11), &layout, &content(12, 5000)).await;
    for part in 0..3u32 {
        let (offset, len) = layout.part(part).unwrap();
        layout.set(part, Extent::Side(part)).unwrap();
        let sent = slice(&bytes, offset, len);
        send(store, stage(11), Extent::Side(part), offset, sent).await.unwrap();
    }
    for _ in 0..2 {
        store.stage_commit(stage(11), layout.clone(), key).await.unwrap();
        assert_eq!(read_all(store, key).await, bytes);
    }
}

/// Two uploads of one content make one blob.
pub async fn commit_keeps_a_blob_that_is_there(store: &Store) {
    let bytes = content(13, 4000);
    let key = key_of(&bytes);
    let layout = Layout::new(4000, 4000).unwrap();
    send_all(store, stage(13), &layout, &bytes).await;
    send_all(store, stage(14), &layout, &bytes).await;
    let (one, two) = tokio::join!(
        store.stage_commit(stage(13), layout.clone(), key),
        store.stage_commit(stage(14), layout.clone(), key),
    );
    assert_eq!((one.unwrap().len, two.unwrap().len), (4000, 4000));
    assert_eq!(read_all(store, key).await, bytes);
    assert_eq!(store.list(None, 10).await.unwrap().len(), 1);
    assert!(store.stage_list(None, 10).await.unwrap().is_empty());
}

/// Nothing becomes a blob that is not what the layout says.
pub async fn commit_refuses_what_does_not_fit(store: &Store) {
    let bytes = content(15, 3000);
    let key = key_of(&bytes);
    let mut layout = Layout::new(3000, 1000).unwrap();
    send_all(store, stage(15), &layout, &bytes).await;
    let other = Layout::new(2999, 1000).unwrap();
    let refused = store.stage_commit(stage(15), other, key).await;
    assert!(matches!(refused, Err(BlobError::WrongLength { .. })));
    // The last part is shorter; the first does not fit its place.
    send(store, stage(15), Extent::Side(1), 0, &bytes[..500]).await.unwrap();
    layout.set(0, Extent::Side(1)).unwrap();
    let refused = store.stage_commit(stage(15), layout.clone(), key).await;
    assert!(matches!(refused, Err(BlobError::WrongLength { .. })));
    assert!(layout.set(3, Extent::Main).is_err(), "there is no such part");
    assert_eq!(store.exists(key).await.unwrap(), None);
    layout.set(0, Extent::Main).unwrap();
    store.stage_commit(stage(15), layout, key).await.unwrap();
    assert_eq!(read_all(store, key).await, bytes);
}

/// A connection that hung while its part was sent again and the upload completed.
pub async fn late_writers_never_reach_a_blob(store: &Store) {
    let bytes = content(16, 2000);
    let key = key_of(&bytes);
    let mut layout = Layout::new(2000, 1000).unwrap();
    store.stage_create(stage(16), 2000).await.unwrap();
    send(store, stage(16), Extent::Main, 0, &bytes[..1000]).await.unwrap();
    let mut hung = store.part_writer(stage(16), Extent::Main, 1000, 1000).await.unwrap();
    hung.write(&[9; 100]).await.unwrap();
    let aside = store.part_writer(stage(16), Extent::Side(7), 0, 1000).await.unwrap();
    send(store, stage(16), Extent::Side(1), 1000, &bytes[1000..])
        .await
        .unwrap();
    layout.set(1, Extent::Side(1)).unwrap();
    store.stage_commit(stage(16), layout, key).await.unwrap();
    assert!(matches!(hung.write(&[9; 900]).await, Err(BlobError::Closed)));
    assert!(hung.finish().await.is_err());
    drop(aside);
    assert_eq!(read_all(store, key).await, bytes);
    let late = store.part_writer(stage(16), Extent::Main, 0, 1000).await;
    assert!(late.unwrap_err().is_not_found());
}

/// While one writes a place the next is told so; afterwards the place is free.
pub async fn two_writers_never_share_a_place(store: &Store) {
    store.stage_create(stage(17), 3000).await.unwrap();
    let main = store.part_writer(stage(17), Extent::Main, 1000, 1000).await.unwrap();
    let side = store.part_writer(stage(17), Extent::Side(1), 1000, 1000).await.unwrap();
    for (extent, offset) in [
        (Extent::Main, 1000),
        (Extent::Main, 500),
        (Extent::Main, 1999),
        (Extent::Side(1), 0),
    ] {
        let refused = store.part_writer(stage(17), extent, offset, 1000).await;
        assert!(matches!(refused, Err(BlobError::Busy)), "{extent:?} {offset}");
    }
    for (extent, offset) in [(Extent::Main, 0), (Extent::Main, 2000), (Extent::Side(2), 1000)] {
        store.part_writer(stage(17), extent, offset, 1000).await.unwrap();
    }
    drop((main, side));
    store.part_writer(stage(17), Extent::Main, 1000, 1000).await.unwrap();
    store.part_writer(stage(17), Extent::Side(1), 1000, 1000).await.unwrap();
}

/// All parts at once, piece by piece.
pub async fn parts_arrive_at_the_same_time(store: &Store) {
    let bytes = content(18, 16 * 100_000 - 1);
    let layout = Layout::new(bytes.len() as u64, 100_000).unwrap();
    store.stage_create(stage(18), layout.total()).await.unwrap();
    let mut sending = Vec::new();
    for part in 0..16 {
        let (offset, len) = layout.part(part).unwrap();
        let sent = slice(&bytes, offset, len).to_vec();
        let store = store.clone();
        sending.push(tokio::spawn(async move {
            let mut writer = store.part_writer(stage(18), Extent::Main, offset, len).await.unwrap();
            for piece in sent.chunks(9_000) {
                writer.write(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            writer.finish().await.unwrap();
        }));
    }
    for sent in sending {
        sent.await.unwrap();
    }
    let key = key_of(&bytes);
    store.stage_commit(stage(18), layout, key).await.unwrap();
    assert_eq!(store.verify(key).await.unwrap(), key.hash);
}

/// Removing an upload, also one that is being written to, and one that is not there.
pub async fn uploads_are_removed_and_listed(store: &Store) {
    let keys: Vec<StageKey> = (20..25).map(stage).collect();
    for key in &keys {
        store.stage_create(*key, 1000).await.unwrap();
    }
    send(store, keys[0], Extent::Side(1), 0, &[1; 10]).await.unwrap();
    let listed = store.stage_list(None, 100).await.unwrap();
    assert_eq!(listed.iter().map(|entry| entry.key).collect::<Vec<_>>(), keys);
    assert!(listed.iter().all(|entry| entry.modified > 1_600_000_000));
    let page = store.stage_list(Some(keys[1]), 2).await.unwrap();
    assert_eq!(page.iter().map(|entry| entry.key).collect::<Vec<_>>(), keys[2..4]);
    let mut writer = store.part_writer(keys[0], Extent::Main, 0, 1000).await.unwrap();
    writer.write(&[1; 500]).await.unwrap();
    assert!(store.stage_remove(keys[0]).await.unwrap());
    assert!(!store.stage_remove(keys[0]).await.unwrap());
    assert!(matches!(writer.write(&[1; 500]).await, Err(BlobError::Closed)));
    drop(writer);
    let gone = store
        .stage_commit(keys[0], Layout::new(1000, 1000).unwrap(), key_of(b"x"))
        .await;
    assert!(gone.unwrap_err().is_not_found());
    assert_eq!(store.stage_list(None, 100).await.unwrap().len(), 4);
    // The key may serve again.
    store.stage_create(keys[0], 1000).await.unwrap();
    send(store, keys[0], Extent::Main, 0, &[2; 1000]).await.unwrap();
    assert_eq!(store.sweep(i64::MAX).await.unwrap(), 0);
}

/// Pages of every size give every blob once, in order, also while blobs go away.
pub async fn blobs_are_listed_in_pages(store: &Store) {
    let mut expected = BTreeSet::new();
    for number in 0..60u64 {
        let bytes = content(number, 10 + number);
        let mut key = key_of(&bytes);
        if number >= 40 {
            // Neighbours in one folder, with generations whose decimal texts sort otherwise.
            key.hash[..30].fill(0xab);
            key.generation = i64::try_from(number).unwrap() * 7;
        }
        store.put_bytes(key, Bytes::from(bytes)).await.unwrap();
        expected.insert((key, 10 + number));
    }
    assert!(store.list(None, 0).await.unwrap().is_empty());
    for limit in [1, 7, 60, 1000] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = store.list(after, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.key);
            assert!(page.iter().all(|entry| entry.modified > 1_600_000_000));
            seen.extend(page.iter().map(|entry| (entry.key, entry.len)));
        }
        assert!(seen.iter().eq(expected.iter()), "pages of {limit}");
    }
    // A cursor need not exist any more.
    let keys: Vec<BlobKey> = expected.iter().map(|(key, _)| *key).collect();
    store.delete(keys[30]).await.unwrap();
    let page = store.list(Some(keys[30]), 1).await.unwrap();
    assert_eq!(page[0].key, keys[31]);
}

/// The second deletion finds nothing, and the content can be stored again.
pub async fn deleting_twice_is_harmless(store: &Store) {
    let bytes = content(30, 100);
    let key = key_of(&bytes);
    store.put_bytes(key, Bytes::from(bytes.clone())).await.unwrap();
    assert!(store.delete(key).await.unwrap());
    assert!(!store.delete(key).await.unwrap());
    assert_eq!(store.exists(key).await.unwrap(), None);
    assert!(store.reader(key).await.unwrap_err().is_not_found());
    assert!(!store.put_bytes(key, Bytes::from(bytes.clone())).await.unwrap().existed);
    assert_eq!(read_all(store, key).await, bytes);
}

/// Every question about what is not there is answered with `NotFound`, or says that it is not.
pub async fn unknown_keys_are_not_found(store: &Store) {
    let blob = key_of(b"nobody stored this");
    let upload = stage(99);
    assert!(store.reader(blob).await.unwrap_err().is_not_found());
    assert!(store.verify(blob).await.unwrap_err().is_not_found());
    assert_eq!(store.exists(blob).await.unwrap(), None);
    assert!(!store.delete(blob).await.unwrap());
    assert!(store.stage_reader(upload).await.unwrap_err().is_not_found());
    assert!(store.stage_sync(upload).await.unwrap_err().is_not_found());
    for extent in [Extent::Main, Extent::Side(3)] {
        let part = store.part_writer(upload, extent, 0, 1).await;
        assert!(part.unwrap_err().is_not_found());
        let hash = store.stage_rehash_part(upload, extent, 0, 1).await;
        assert!(hash.unwrap_err().is_not_found());
    }
    assert!(!store.stage_remove(upload).await.unwrap());
    let layout = Layout::new(1, 1).unwrap();
    let commit = store.stage_commit(upload, layout, blob).await;
    assert!(commit.unwrap_err().is_not_found());
    assert!(store.stage_list(None, 10).await.unwrap().is_empty());
    assert!(store.list(None, 10).await.unwrap().is_empty());
}

/// Only lower-case hex of the right length is a key, and no generation is below 0.
pub async fn hostile_keys_are_refused(store: &Store) {
    let good = key_of(b"good").to_string();
    assert_eq!(good.parse::<BlobKey>().unwrap().to_string(), good);
    for text in [
        "",
        ".",
        "..",
        "../../etc/passwd",
        "/etc/passwd",
        "a\0b",
        "我的",
        &good[1..],
        &good.to_uppercase(),
        &good.replace('.', "/"),
        &format!("{good}0"),
        &format!("../{}", &good[3..]),
        &format!("{}.8000000000000000", &good[..64]),
        &format!("{}.+000000000000001", &good[..64]),
    ] {
        assert!(matches!(text.parse::<BlobKey>(), Err(BlobError::BadKey(_))), "{text:?}");
        assert!(
            matches!(text.parse::<StageKey>(), Err(BlobError::BadKey(_))),
            "{text:?}"
        );
    }
    assert_eq!("07".repeat(16).parse::<StageKey>().unwrap(), stage(7));
    let bad = BlobKey::new([1; 32], -1);
    let layout = Layout::new(1, 1).unwrap();
    store.stage_create(stage(40), 1).await.unwrap();
    let refusals = [
        store.put_bytes(bad, Bytes::from_static(b"x")).await.map(drop),
        store.reader(bad).await.map(drop),
        store.exists(bad).await.map(drop),
        store.delete(bad).await.map(drop),
        store.verify(bad).await.map(drop),
        store.list(Some(bad), 1).await.map(drop),
        store.stage_commit(stage(40), layout, bad).await.map(drop),
    ];
    for refused in refusals {
        assert!(matches!(refused, Err(BlobError::BadKey(_))));
    }
    for url in ["", "file:", "/srv/blobs", "http://x", "file://host/x", "FILE:/x"] {
        assert!(
            matches!(url.parse::<StorageUrl>(), Err(BlobError::BadUrl { .. })),
            "{url:?}"
        );
    }
}

/// Empty content has no place in a store.
pub async fn empty_content_is_refused(store: &Store) {
    let put = store.put_bytes(key_of(b""), Bytes::new()).await;
    assert!(matches!(put, Err(BlobError::Empty)));
    assert!(matches!(store.stage_create(stage(50), 0).await, Err(BlobError::Empty)));
    store.stage_create(stage(50), 1).await.unwrap();
    let part = store.part_writer(stage(50), Extent::Main, 0, 0).await;
    assert!(matches!(part, Err(BlobError::Empty)));
    assert!(matches!(Layout::new(0, 1), Err(BlobError::Empty)));
    assert!(matches!(Layout::new(1, 0), Err(BlobError::Empty)));
}

/// A content that was deleted and stored again has another key: a late deletion hits the old one.
pub async fn generations_are_apart(store: &Store) {
    let bytes = content(60, 50);
    let old = key_of(&bytes);
    let new = BlobKey {
        generation: i64::MAX,
        ..old
    };
    store.put_bytes(old, Bytes::from(bytes.clone())).await.unwrap();
    store.put_bytes(new, Bytes::from(bytes.clone())).await.unwrap();
    assert!(store.delete(old).await.unwrap());
    assert_eq!(read_all(store, new).await, bytes);
    assert_eq!(store.list(None, 10).await.unwrap().len(), 1);
}

/// A download that runs is not cut off by the deletion of its blob.
pub async fn a_reader_outlives_its_blob(store: &Store) {
    let bytes = content(70, 3 * MIB);
    let key = key_of(&bytes);
    store.put_bytes(key, Bytes::from(bytes.clone())).await.unwrap();
    let reader = store.reader(key).await.unwrap();
    let mut stream = reader.stream(0..reader.len()).unwrap();
    let mut all = stream.next().await.unwrap().unwrap().to_vec();
    store.delete(key).await.unwrap();
    while let Some(block) = stream.next().await {
        all.extend_from_slice(&block.unwrap());
    }
    assert_eq!(all, bytes);
}

/// What must not stay in memory comes back in its order, from each by itself, and is nowhere listed.
pub async fn scratches_are_apart_and_leave_nothing(store: &Store) {
    let mut one = store.scratch().await.unwrap();
    let mut other = store.scratch().await.unwrap();
    assert!(one.read(0, 10).await.unwrap().is_empty());
    for piece in [&b"ab"[..], b"", b"cdef"] {
        one.append(piece.to_vec()).await.unwrap();
    }
    other.append(content(80, MIB + 1)).await.unwrap();
    assert_eq!(one.read(0, 100).await.unwrap(), b"abcdef");
    assert_eq!(one.read(1, 3).await.unwrap(), b"bcd");
    assert_eq!(one.read(5, 3).await.unwrap(), b"f");
    assert!(one.read(6, 3).await.unwrap().is_empty());
    drop(one);
    assert_eq!(other.read(0, 2 << 20).await.unwrap(), content(80, MIB + 1));
    assert!(store.list(None, 10).await.unwrap().is_empty());
    assert!(store.stage_list(None, 10).await.unwrap().is_empty());
}
