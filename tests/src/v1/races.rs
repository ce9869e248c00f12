//! Many at once: what may happen only once, happens once; what may not exceed, never exceeds.

use std::sync::Arc;

use futures_util::future::join_all;
use pantry_testkit::{Engine, TestServer, both_engines, noise};

both_engines!(
    a_hundred_parallel_uploads_never_exceed_the_quota,
    parallel_restores_never_exceed_the_quota,
    a_hundred_parallel_creations_of_one_name_make_one,
    a_hundred_parallel_completes_make_one_file,
);

const MANY: u64 = 100;

async fn a_hundred_parallel_uploads_never_exceed_the_quota(engine: Engine) {
    let server = TestServer::new(engine).await;
    let size = 20_000;
    let ada = server.person_with("ada", Some(size * 30)).await;
    let app = server.app(&ada, "Notes").await;
    let token = Arc::new(server.token(&ada, &app, "files.app_data user.read").await);
    let uploads = (0..MANY).map(|n| {
        let token = token.clone();
        async move {
            let content = noise(n, usize::try_from(size).expect("a size"));
            // Half of them in one request, half in parts.
            if n % 2 == 0 {
                return token.put("/", &format!("{n}"), &content).await.status.as_u16();
            }
            let session = token.precreate("/", &format!("{n}"), &content).await;
            if session.status != 200 {
                return session.status.as_u16();
            }
            token.part(&session.data(), 1, &content).await.data();
            token.upload(&session.data(), "complete").await.status.as_u16()
        }
    });
    let statuses = join_all(uploads).await;
    assert!(
        statuses.iter().all(|status| [200, 507].contains(status)),
        "{statuses:?}"
    );
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 30);
    let quota = token.get("/v1/user/quota").await.data();
    assert_eq!(
        (quota["used_bytes"].as_i64(), quota["free_bytes"].as_i64()),
        (Some(size * 30), Some(0))
    );
}

async fn parallel_restores_never_exceed_the_quota(engine: Engine) {
    let server = TestServer::new(engine).await;
    let ada = server.person_with("ada", Some(1_000)).await;
    let app = server.app(&ada, "Notes").await;
    let token = Arc::new(server.token(&ada, &app, "files.app_data user.read").await);
    // Two versions that may not be dropped, what lies in the bin, and room for one more.
    let file = token.file("/", "a", &noise(1, 200)).await;
    token.file("/", "a", &noise(2, 200)).await;
    let versions = format!("/v1/files/{file}/versions");
    let listed = token.get(&versions).await.data();
    let old = listed["versions"][1]["version"].as_i64().expect("an id");
    token.post(&format!("{versions}/{old}/keep"), "keep=true").await.data();
    let mut binned = Vec::new();
    for n in 0..4 {
        let id = token.file("/", &format!("b{n}"), &noise(10 + n, 90)).await;
        token
            .post("/v1/files/manage", &format!("action=delete&file_ids={id}"))
            .await
            .data();
        binned.push(id);
    }
    let used = async || {
        token.get("/v1/user/quota").await.data()["used_bytes"]
            .as_i64()
            .expect("a number")
    };
    assert_eq!(used().await, 760);
    let calls = (0..24u64).map(|n| {
        let (token, versions, binned) = (token.clone(), &versions, &binned);
        async move {
            match n % 3 {
                0 => token
                    .post(&format!("{versions}/{old}/restore"), "")
                    .await
                    .status
                    .as_u16(),
                1 => token
                    .put("/", &format!("c{n}"), &noise(100 + n, 200))
                    .await
                    .status
                    .as_u16(),
                _ => {
                    let id = binned[usize::try_from(n / 6).expect("small")];
                    token
                        .post("/v1/bin/restore", &format!("file_ids={id}"))
                        .await
                        .status
                        .as_u16()
                }
            }
        }
    });
    let statuses = join_all(calls).await;
    // Each is there twice to be taken out of the bin once.
    assert!(statuses.iter().all(|n| [200, 404, 507].contains(n)), "{statuses:?}");
    let restored = statuses.iter().skip(2).step_by(3).filter(|n| **n == 200).count();
    assert_eq!(restored, 4, "what was in the bin counted there as well: {statuses:?}");
    let now = used().await;
    assert!((760..=1_000).contains(&now), "{now}: {statuses:?}");
}

async fn a_hundred_parallel_creations_of_one_name_make_one(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = Arc::new(server.one_token("files.app_data").await);
    let creations = (0..MANY).map(|_| {
        let token = token.clone();
        async move { token.post("/v1/files/folder", "name=one").await.status.as_u16() }
    });
    let statuses = join_all(creations).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert!(
        statuses.iter().all(|status| [200, 409].contains(status)),
        "{statuses:?}"
    );
    assert_eq!(token.names("/").await, ["one"]);
}

async fn a_hundred_parallel_completes_make_one_file(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = Arc::new(server.one_token("files.app_data").await);
    let content = noise(9, 6_000_000);
    let upload = Arc::new(token.precreate("/", "one", &content).await.data());
    token.part(&upload, 2, &content[5_242_880..]).await.data();
    token.part(&upload, 1, &content[..5_242_880]).await.data();
    let completes = (0..MANY).map(|_| {
        let (token, upload) = (token.clone(), upload.clone());
        async move { token.upload(&upload, "complete").await.data()["file_id"].as_i64() }
    });
    let ids = join_all(completes).await;
    assert!(ids.iter().all(|id| id.is_some() && *id == ids[0]), "{ids:?}");
    assert_eq!(token.names("/").await, ["one"]);
    assert_eq!(token.content(ids[0].expect("an id")).await, content);
}
