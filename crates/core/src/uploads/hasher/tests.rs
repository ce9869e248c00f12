//! The gate before parts: it follows the hashing, and nothing can close it for good. The store is a stand-in whose reads
//! can be held, broken and made to panic.

use std::{
    sync::{
        Condvar,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinHandle, time::timeout};

use super::*;

const MIB: u64 = 1024 * 1024;
const PART: u64 = MIB;
const TOTAL: u64 = 96 * MIB;

/// Zeros, or ones after a change; readable up to a place.
#[derive(Default)]
struct Bytes {
    open_to: Mutex<u64>,
    moved: Condvar,
    value: AtomicU8,
}

impl Bytes {
    fn open_to(&self, to: u64) {
        *self.open_to.lock().expect("whole") = to;
        self.moved.notify_all();
    }
}

enum Stage {
    Held(Arc<Bytes>),
    Broken,
    Panics,
}

impl Source for Stage {
    fn read_at(&self, _: &Layout, offset: u64, buf: &mut [u8]) -> pantry_blob::Result<usize> {
        match self {
            Stage::Held(bytes) => {
                let end = offset + buf.len() as u64;
                let open = bytes.open_to.lock().expect("whole");
                drop(bytes.moved.wait_while(open, |to| *to < end).expect("whole"));
                buf.fill(bytes.value.load(Ordering::SeqCst));
                Ok(buf.len())
            }
            Stage::Broken => Err(pantry_blob::BlobError::NotFound),
            Stage::Panics => panic!("as the test wants it"),
        }
    }

    fn keep(&self, _: &Layout) {}
}

fn layout() -> Layout {
    Layout::new(TOTAL, PART).expect("layout")
}

fn held(pool: &Pool) -> (Arc<Bytes>, Arc<Hashing>) {
    let bytes = Arc::new(Bytes::default());
    let hashing = Hashing::new(Stage::Held(bytes.clone()), layout(), pool.clone());
    (bytes, hashing)
}

fn part(hashing: &Arc<Hashing>) -> JoinHandle<()> {
    let hashing = hashing.clone();
    tokio::spawn(async move { hashing.make_way_within(PART, Duration::from_secs(60)).await })
}

async fn goes_on(part: JoinHandle<()>) {
    let ended = timeout(Duration::from_secs(20), part).await;
    ended.expect("goes on").expect("no panic");
}

async fn waits(part: &mut JoinHandle<()>) {
    let waited = timeout(Duration::from_millis(50), part).await;
    assert!(waited.is_err(), "it must wait");
}

fn hashes_of(value: u8) -> Hashes {
    hash_all(&vec![value; TOTAL as usize])
}

#[tokio::test]
async fn a_part_waits_while_the_hashing_is_far_behind() {
    let (bytes, hashing) = held(&Pool::with_pairs(2));
    goes_on(part(&hashing)).await;
    hashing.advance(layout(), WINDOW, None);
    goes_on(part(&hashing)).await;
    hashing.advance(layout(), WINDOW + 8 * MIB, None);
    let mut waiting = part(&hashing);
    waits(&mut waiting).await;
    bytes.open_to(8 * MIB);
    goes_on(waiting).await;
    goes_on(part(&hashing)).await;
}

#[tokio::test]
async fn each_waits_for_a_piece_of_a_long_backlog_and_no_more() {
    let (bytes, hashing) = held(&Pool::with_pairs(2));
    // As when a missing part comes late, or after a new start: much lies there at once.
    hashing.advance(layout(), TOTAL, None);
    let mut first = part(&hashing);
    waits(&mut first).await;
    let mut second = part(&hashing);
    waits(&mut second).await;
    bytes.open_to(WAY * PART);
    goes_on(first).await;
    waits(&mut second).await;
    bytes.open_to(2 * WAY * PART);
    goes_on(second).await;
}

#[tokio::test]
async fn hashing_again_from_the_beginning_lets_parts_through() {
    let (bytes, hashing) = held(&Pool::with_pairs(2));
    bytes.open_to(TOTAL);
    hashing.advance(layout(), TOTAL, None);
    assert_eq!(hashing.finish(TOTAL).await.expect("hashed"), hashes_of(0));
    // The first part has other bytes now: all is hashed again.
    bytes.value.store(1, Ordering::SeqCst);
    bytes.open_to(0);
    hashing.advance(layout(), TOTAL, Some(0));
    let mut waiting = part(&hashing);
    waits(&mut waiting).await;
    // Once more, while the lanes are under way and somebody waits.
    hashing.advance(layout(), TOTAL, Some(PART));
    bytes.open_to(TOTAL);
    goes_on(waiting).await;
    let hashed = timeout(Duration::from_secs(30), hashing.finish(TOTAL)).await;
    assert_eq!(hashed.expect("ends").expect("hashed"), hashes_of(1));
}

#[tokio::test]
async fn missing_parts_hold_nobody_back() {
    let (_bytes, hashing) = held(&Pool::with_pairs(2));
    // Everything but the first part may have come: nothing can be hashed, so nobody waits for it.
    hashing.advance(layout(), 0, Some(5 * PART));
    for _ in 0..20 {
        goes_on(part(&hashing)).await;
    }
}

#[tokio::test]
async fn a_backlog_that_cannot_be_hashed_lets_parts_through_and_fails_the_end() {
    let pool = Pool::with_pairs(2);
    // Often enough that nothing of the threads may be lost by it.
    for stage in [0, 1, 0, 1, 0, 1, 0, 1, 0, 1] {
        let stage = if stage == 0 { Stage::Broken } else { Stage::Panics };
        let hashing = Hashing::new(stage, layout(), pool.clone());
        hashing.advance(layout(), TOTAL, None);
        goes_on(part(&hashing)).await;
        let end = timeout(Duration::from_secs(20), hashing.finish(TOTAL)).await;
        assert!(end.expect("ends").is_err());
        // And stays so, whatever comes.
        hashing.advance(layout(), TOTAL, Some(0));
        goes_on(part(&hashing)).await;
    }
    // The threads that met this serve the next upload.
    let (bytes, hashing) = held(&pool);
    bytes.open_to(TOTAL);
    hashing.advance(layout(), TOTAL, None);
    let end = timeout(Duration::from_secs(30), hashing.finish(TOTAL)).await;
    assert_eq!(end.expect("ends").expect("hashed"), hashes_of(0));
}

#[tokio::test]
async fn whoever_gives_up_waiting_leaves_the_turn_to_the_next() {
    let (bytes, hashing) = held(&Pool::with_pairs(2));
    hashing.advance(layout(), TOTAL, None);
    let mut gone = part(&hashing);
    waits(&mut gone).await;
    let mut next = part(&hashing);
    waits(&mut next).await;
    gone.abort();
    assert!(gone.await.expect_err("aborted").is_cancelled());
    bytes.open_to(TURN);
    goes_on(next).await;
}

#[tokio::test]
async fn nobody_waits_longer_than_clients_do() {
    let (_bytes, hashing) = held(&Pool::with_pairs(2));
    hashing.advance(layout(), TOTAL, None);
    let late = hashing.make_way_within(PART, Duration::from_millis(30));
    timeout(Duration::from_secs(20), late).await.expect("let through");
}

#[tokio::test]
async fn one_upload_does_not_wait_for_the_backlog_of_another() {
    let pool = Pool::with_pairs(4);
    let (_stuck, first) = held(&pool);
    first.advance(layout(), TOTAL, None);
    let mut waiting = part(&first);
    waits(&mut waiting).await;
    let (bytes, second) = held(&pool);
    bytes.open_to(TOTAL);
    for n in 1..=TOTAL / PART {
        goes_on(part(&second)).await;
        second.advance(layout(), n * PART, None);
    }
    let end = timeout(Duration::from_secs(30), second.finish(TOTAL)).await;
    assert_eq!(end.expect("ends").expect("hashed"), hashes_of(0));
    waits(&mut waiting).await;
}
