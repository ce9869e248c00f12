//! The contract on a local folder, and what holds for a local folder alone: who may read it, what
//! its files are called, in which order things become durable, what faults leave behind.
//! Must not repeat what the contract checks.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::StreamExt;
use pantry_blob::{
    BlobError, BlobKey, Event, Extent, Fault, Faults, Layout, Op, Options, StageKey, StorageUrl, Store,
    contract::{content, key_of},
};
use tempfile::TempDir;

pantry_blob::contract_tests!(open());

const KEY: StageKey = StageKey([0xa5; 16]);

async fn open() -> (TempDir, Store) {
    let dir = TempDir::new().unwrap();
    let store = Store::open(&StorageUrl::File(dir.path().join("store"))).await.unwrap();
    (dir, store)
}

async fn open_faulty() -> (TempDir, Store, Arc<Faults>) {
    let dir = TempDir::new().unwrap();
    let faults = Arc::new(Faults::new());
    let options = Options {
        faults: Some(Arc::clone(&faults)),
    };
    let url = StorageUrl::File(dir.path().join("store"));
    let store = Store::open_with(&url, options).await.unwrap();
    let _ = faults.take_trace();
    (dir, store, faults)
}

/// Every file and folder below a folder.
fn walk(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        }
        found.push(path);
    }
    found
}

fn files(dir: &TempDir) -> usize {
    walk(dir.path()).iter().filter(|path| path.is_file()).count()
}

async fn send(store: &Store, extent: Extent, offset: u64, bytes: &[u8]) {
    let mut part = store
        .part_writer(KEY, extent, offset, bytes.len() as u64)
        .await
        .unwrap();
    part.write(bytes).await.unwrap();
    part.finish().await.unwrap();
}

/// An upload of two parts, the second of them aside.
async fn upload(store: &Store, bytes: &[u8]) -> Layout {
    let mut layout = Layout::new(bytes.len() as u64, 1000).unwrap();
    store.stage_create(KEY, layout.total()).await.unwrap();
    send(store, Extent::Main, 0, &bytes[..1000]).await;
    send(store, Extent::Main, 1000, &vec![0xee; bytes.len() - 1000]).await;
    send(store, Extent::Side(1), 1000, &bytes[1000..]).await;
    layout.set(1, Extent::Side(1)).unwrap();
    layout
}

fn events(list: &[(Op, &str)]) -> Vec<Event> {
    list.iter()
        .map(|(op, name)| Event {
            op: *op,
            name: (*name).to_owned(),
        })
        .collect()
}

async fn stored(store: &Store, key: BlobKey) -> Vec<u8> {
    let reader = store.reader(key).await.unwrap();
    let blocks: Vec<Bytes> = reader
        .stream(0..reader.len())
        .unwrap()
        .map(Result::unwrap)
        .collect()
        .await;
    blocks.concat()
}

#[tokio::test]
async fn nobody_else_may_look_and_names_are_hex() {
    let (dir, store) = open().await;
    let bytes = content(1, 1500);
    upload(&store, &bytes).await;
    store.put_bytes(key_of(&bytes), Bytes::from(bytes)).await.unwrap();
    let found = walk(dir.path());
    assert_eq!(found.iter().filter(|path| path.is_file()).count(), 3);
    for path in found {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{path:?}");
        let name = path.file_name().unwrap().to_str().unwrap();
        let fixed = ["store", "blobs", "staging", "data", "side-1"].contains(&name);
        let hex = name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'.');
        assert!(fixed || hex, "{name}");
    }
}

#[tokio::test]
async fn a_staged_file_takes_no_room_until_bytes_come() {
    use std::os::unix::fs::MetadataExt;
    let (dir, store) = open().await;
    store.stage_create(KEY, 64 << 20).await.unwrap();
    let data = walk(dir.path())
        .into_iter()
        .find(|path| path.ends_with("data"))
        .unwrap();
    let meta = fs::metadata(data).unwrap();
    assert_eq!(meta.len(), 64 << 20);
    assert!(meta.blocks() * 512 < 1 << 20);
    let refused = store.stage_create(StageKey([1; 16]), i64::MAX as u64).await;
    assert!(matches!(refused, Err(BlobError::NoSpace)));
    assert_eq!(
        store.stage_list(None, 9).await.unwrap().len(),
        1,
        "no trace of the refused one"
    );
}

#[tokio::test]
async fn bytes_are_durable_before_their_name_and_the_name_before_the_answer() {
    let (_dir, store, faults) = open_faulty().await;
    let bytes = content(2, 1500);
    let layout = upload(&store, &bytes).await;
    let key = BlobKey::new([0xab; 32], 3);
    let _ = faults.take_trace();
    store.stage_commit(KEY, layout, key).await.unwrap();
    let stage = format!("staging/{}", "a5".repeat(16));
    let blob = format!("blobs/ab/ab/{key}");
    assert_eq!(
        faults.take_trace(),
        events(&[
            (Op::Sync, &format!("{stage}/side-1")),
            (Op::Write, &format!("{stage}/data")),
            (Op::Sync, &format!("{stage}/data")),
            (Op::SyncDir, "blobs"),
            (Op::SyncDir, "blobs/ab"),
            (Op::Rename, &blob),
            (Op::SyncDir, "blobs/ab/ab"),
            (Op::SyncDir, &stage),
            (Op::Remove, &stage),
        ])
    );
    // The folders are known now; a blob that is kept has its name made durable once more.
    store.put_bytes(key, Bytes::from(bytes)).await.unwrap();
    assert_eq!(faults.take_trace(), events(&[(Op::SyncDir, "blobs/ab/ab")]));
    let key = BlobKey { generation: 4, ..key };
    store.put_bytes(key, Bytes::from_static(b"small")).await.unwrap();
    let ops: Vec<Op> = faults.take_trace().iter().map(|event| event.op).collect();
    assert_eq!(ops, [Op::Write, Op::Sync, Op::Rename, Op::SyncDir]);
}

#[tokio::test]
async fn a_sync_makes_every_received_part_durable() {
    let (_dir, store, faults) = open_faulty().await;
    upload(&store, &content(3, 1500)).await;
    let _ = faults.take_trace();
    store.stage_sync(KEY).await.unwrap();
    let stage = format!("staging/{}", "a5".repeat(16));
    assert_eq!(
        faults.take_trace(),
        events(&[
            (Op::Sync, &format!("{stage}/data")),
            (Op::Sync, &format!("{stage}/side-1")),
            (Op::SyncDir, &stage),
            (Op::SyncDir, "staging"),
        ])
    );
}

/// Every operation of a commit but the syncs of bytes may fail: the commit is repeated, and ends
/// as if nothing had happened.
#[tokio::test]
async fn a_commit_that_failed_anywhere_can_be_repeated() {
    for (op, count) in [(Op::Write, 1), (Op::Rename, 1), (Op::SyncDir, 4), (Op::Remove, 1)] {
        for nth in 1..=count {
            for fault in [Fault::Io, Fault::NoSpace, Fault::Torn(10)] {
                let (dir, store, faults) = open_faulty().await;
                let bytes = content(4, 1500);
                let layout = upload(&store, &bytes).await;
                let key = key_of(&bytes);
                faults.plan(op, nth, fault);
                let first = store.stage_commit(KEY, layout.clone(), key).await;
                match op {
                    // What is left over is the janitor's.
                    Op::Remove => assert!(first.is_ok()),
                    _ => assert_eq!(
                        matches!(first.unwrap_err(), BlobError::NoSpace),
                        fault == Fault::NoSpace
                    ),
                }
                store.stage_commit(KEY, layout, key).await.unwrap();
                assert_eq!(stored(&store, key).await, bytes);
                assert_eq!(files(&dir), 1, "{op:?} {nth}");
            }
        }
    }
}

/// After a failed sync the system believes the pages clean: the next sync would lie.
#[tokio::test]
async fn an_upload_whose_sync_failed_is_dropped() {
    for nth in 1..=2 {
        for commit in [true, false] {
            let (dir, store, faults) = open_faulty().await;
            let bytes = content(5, 1500);
            let layout = upload(&store, &bytes).await;
            let key = key_of(&bytes);
            let mut writer = store.part_writer(KEY, Extent::Main, 0, 1000).await.unwrap();
            faults.plan(Op::Sync, nth, Fault::Io);
            let failed = match commit {
                true => store.stage_commit(KEY, layout.clone(), key).await.map(drop),
                false => store.stage_sync(KEY).await,
            };
            assert!(matches!(failed, Err(BlobError::Io { .. })));
            assert!(matches!(writer.write(b"x").await, Err(BlobError::Closed)));
            let again = store.stage_commit(KEY, layout, key).await;
            assert!(again.unwrap_err().is_not_found());
            assert_eq!(files(&dir), 0);
        }
    }
}

#[tokio::test]
async fn a_small_content_that_failed_leaves_nothing() {
    for (op, fault) in [
        (Op::Write, Fault::NoSpace),
        (Op::Write, Fault::Torn(3)),
        (Op::Sync, Fault::Io),
        (Op::Rename, Fault::Io),
    ] {
        let (dir, store, faults) = open_faulty().await;
        let bytes = Bytes::from(content(6, 100));
        let key = key_of(&bytes);
        faults.plan(op, 1, fault);
        let failed = store.put_bytes(key, bytes.clone()).await.unwrap_err();
        assert_eq!(matches!(failed, BlobError::NoSpace), fault == Fault::NoSpace);
        assert_eq!(files(&dir), 0);
        assert_eq!(store.exists(key).await.unwrap(), None);
        store.put_bytes(key, bytes.clone()).await.unwrap();
        assert_eq!(stored(&store, key).await, bytes);
    }
}

#[tokio::test]
async fn a_part_whose_write_failed_cannot_finish() {
    for fault in [Fault::Io, Fault::NoSpace, Fault::Torn(5)] {
        let (dir, store, faults) = open_faulty().await;
        store.stage_create(KEY, 1000).await.unwrap();
        let mut part = store.part_writer(KEY, Extent::Side(1), 0, 20).await.unwrap();
        part.write(&[1; 10]).await.unwrap();
        faults.plan(Op::Write, 1, fault);
        assert!(part.write(&[1; 10]).await.is_err());
        assert!(part.write(&[1; 10]).await.is_err());
        assert!(part.finish().await.is_err());
        assert_eq!(files(&dir), 1, "only the staged content");
    }
}

#[tokio::test]
async fn leftovers_of_a_stopped_process_are_swept() {
    let (dir, store, faults) = open_faulty().await;
    faults.plan(Op::Rename, 1, Fault::Io);
    faults.plan(Op::Remove, 1, Fault::Skip);
    let bytes = Bytes::from_static(b"left over");
    assert!(store.put_bytes(key_of(&bytes), bytes).await.is_err());
    assert_eq!(files(&dir), 1);
    assert_eq!(store.sweep(1_000).await.unwrap(), 0, "it is younger");
    assert_eq!(store.sweep(i64::MAX).await.unwrap(), 1);
    assert_eq!(files(&dir), 0);
}

#[tokio::test]
async fn a_blob_that_was_cut_short_is_noticed_and_mended() {
    let (dir, store) = open().await;
    let bytes = Bytes::from(content(7, 5000));
    let key = key_of(&bytes);
    store.put_bytes(key, bytes.clone()).await.unwrap();
    let reader = store.reader(key).await.unwrap();
    let path = walk(dir.path()).into_iter().find(|path| path.is_file()).unwrap();
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(100)
        .unwrap();
    let mut stream = reader.stream(0..5000).unwrap();
    assert!(matches!(stream.next().await, Some(Err(BlobError::WrongLength { .. }))));
    assert!(stream.next().await.is_none());
    assert_ne!(store.verify(key).await.unwrap(), key.hash);
    assert!(!store.put_bytes(key, bytes.clone()).await.unwrap().existed);
    assert_eq!(stored(&store, key).await, bytes);
}

#[tokio::test]
async fn folders_that_were_cleared_away_come_back() {
    let (dir, store) = open().await;
    let bytes = Bytes::from(content(8, 50));
    let key = key_of(&bytes);
    store.put_bytes(key, bytes.clone()).await.unwrap();
    fs::remove_dir_all(dir.path().join("store/blobs")).unwrap();
    fs::create_dir(dir.path().join("store/blobs")).unwrap();
    store.put_bytes(key, bytes).await.unwrap();
    assert!(store.exists(key).await.unwrap().is_some());
}

#[tokio::test]
async fn strange_files_are_not_listed() {
    let (dir, store) = open().await;
    store
        .put_bytes(BlobKey::new([0xcd; 32], 1), Bytes::from_static(b"x"))
        .await
        .unwrap();
    let blobs = dir.path().join("store/blobs");
    fs::write(blobs.join("cd/cd/README"), "x").unwrap();
    fs::write(blobs.join("lost+found"), "x").unwrap();
    // A blob in the wrong folder could not be opened, so it is not one.
    fs::write(blobs.join("cd/cd").join(BlobKey::new([1; 32], 1).to_string()), "x").unwrap();
    fs::create_dir(dir.path().join("store/staging/notes")).unwrap();
    assert_eq!(store.list(None, 9).await.unwrap().len(), 1);
    assert!(store.stage_list(None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_refused_at_once() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    let refused = Store::open(&StorageUrl::File(file.join("store"))).await.unwrap_err();
    assert!(matches!(refused, BlobError::BadUrl { .. }));
    for op in [Op::Write, Op::Sync, Op::Rename] {
        let faults = Arc::new(Faults::new());
        faults.plan(op, 1, Fault::Io);
        let options = Options { faults: Some(faults) };
        let url = StorageUrl::File(dir.path().join("store"));
        let refused = Store::open_with(&url, options).await.unwrap_err();
        assert!(
            refused.to_string().contains("the user that runs the server"),
            "{refused}"
        );
    }
    // Opening is no use of its own: a second process may open the same folder.
    let url: StorageUrl = format!("file:{}", dir.path().join("store").display()).parse().unwrap();
    let (one, two) = (Store::open(&url).await.unwrap(), Store::open(&url).await.unwrap());
    one.put_bytes(key_of(b"x"), Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(two.exists(key_of(b"x")).await.unwrap(), Some(1));
}

#[tokio::test]
async fn errors_and_debug_show_no_path_and_no_upload_key() {
    let (dir, store, faults) = open_faulty().await;
    faults.plan(Op::Write, 1, Fault::Io);
    let error = store
        .put_bytes(key_of(b"x"), Bytes::from_static(b"x"))
        .await
        .unwrap_err();
    let text = format!("{error} {error:?} {KEY:?}");
    assert!(!text.contains(dir.path().to_str().unwrap()), "{text}");
    assert!(!text.contains("a5a5") && !text.contains("165"), "{text}");
}
