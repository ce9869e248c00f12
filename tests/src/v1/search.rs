//! `/v1/files/search`.

use pantry_testkit::{Engine, TestServer, both_engines};
use serde_json::Value;

both_engines!(
    names_are_found_by_any_part_without_regard_to_case,
    a_search_shows_only_what_may_be_read,
);

fn names(data: &Value) -> Vec<String> {
    let files = data["files"].as_array().expect("files");
    files
        .iter()
        .map(|f| f["name"].as_str().expect("a name").to_owned())
        .collect()
}

async fn names_are_found_by_any_part_without_regard_to_case(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let folder = token.folder("/", "chat folder").await;
    for name in ["chat-573.md", "My CHAT.txt", "会议纪要.md", "other.md"] {
        token.file("/chat folder", name, name.as_bytes()).await;
    }
    let found = async |query: &[(&str, &str)]| token.get_with("/v1/files/search", query).await.data();
    assert_eq!(
        names(&found(&[("q", "chat")]).await),
        ["My CHAT.txt", "chat-573.md"],
        "newest first"
    );
    assert_eq!(names(&found(&[("q", "会议")]).await), ["会议纪要.md"]);
    assert_eq!(names(&found(&[("q", "纪")]).await), ["会议纪要.md"]);
    assert_eq!(names(&found(&[("q", "chat"), ("ext", "MD")]).await), ["chat-573.md"]);
    let limited = found(&[("q", "chat"), ("limit", "1")]).await;
    assert_eq!((names(&limited).len(), limited["total"].as_i64()), (1, Some(2)));
    assert!(names(&found(&[("q", "chatt")]).await).is_empty());
    token
        .post("/v1/files/manage", &format!("action=delete&folder_ids={folder}"))
        .await
        .data();
    assert!(
        names(&found(&[("q", "chat")]).await).is_empty(),
        "what lies in the bin is not found"
    );
}

async fn a_search_shows_only_what_may_be_read(engine: Engine) {
    let server = TestServer::new(engine).await;
    let ada = server.person("ada").await;
    let (notes, photos) = (server.app(&ada, "Notes").await, server.app(&ada, "Photos").await);
    let in_notes = server.token(&ada, &notes, "files.app_data").await;
    let in_photos = server.token(&ada, &photos, "files.app_data").await;
    let everywhere = server.token(&ada, &notes, "files.read_all files.write_all").await;
    in_notes.file("/", "plan a", b"1").await;
    in_photos.file("/", "plan b", b"2").await;
    everywhere.file("/", "plan c", b"3").await;
    let found = async |token: &pantry_testkit::Token| {
        let data = token.get("/v1/files/search?q=plan").await.data();
        (names(&data), data["total"].as_i64().expect("a total"))
    };
    assert_eq!(found(&in_notes).await, (vec!["plan a".into()], 1));
    assert_eq!(found(&in_photos).await, (vec!["plan b".into()], 1));
    assert_eq!(found(&everywhere).await.1, 3);
}
