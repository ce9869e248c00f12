//! What a program of the weipan API brings stays that program's, whichever way it is stored.

use pantry_core::Actor;
use pantry_types::DrivePath;

use crate::{
    common::{CHUNK, On, drive, noise},
    on_both,
};

on_both! {
    an_upload_of_a_program_stays_its_own
}

const GIB: i64 = 1 << 30;

async fn an_upload_of_a_program_stays_its_own(on: On) {
    let b = drive(on).await;
    let ada = b.person("ada", GIB).await;
    let (one, other) = (
        Actor::weipan(ada, "1000000001".into()),
        Actor::weipan(ada, "1000000002".into()),
    );
    let bytes = noise(1, CHUNK + 1);
    let upload = b.begin(&one, "/", "a.bin", &bytes).await;
    // The same file of another program, or of the person, is another upload: who completes it would be named as its maker.
    assert_ne!(b.begin(&other, "/", "a.bin", &bytes).await, upload);
    assert_ne!(b.begin(&Actor::person(ada), "/", "a.bin", &bytes).await, upload);
    assert_eq!(b.begin(&one, "/", "a.bin", &bytes).await, upload);
    b.send_all(&upload, &bytes).await;
    b.drive.complete_upload(&upload).await.expect("complete");
    let made = b
        .drive
        .stat_path(&one, DrivePath::parse("/a.bin").expect("a path"))
        .await;
    let made = made.expect("stat").expect("a file");
    assert_eq!(made.client_id, "1000000001");
    let versions = b.drive.versions(&one, made.id).await.expect("versions");
    assert_eq!(versions[0].client_id, "1000000001");
    b.balanced().await;
}
