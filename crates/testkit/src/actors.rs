//! Who acts in a test: people, apps, and tokens that speak HTTP. Owns their requests, each a thin wrapper around one URL.

use pantry_types::UserId;
use reqwest::Method;
use serde_json::Value;

use crate::{Reply, md5_hex};

/// A person with an account.
#[derive(Clone, Debug)]
pub struct Person {
    /// Id.
    pub id: UserId,
    /// Login name.
    pub name: String,
}

impl Person {
    /// The password of everyone in tests.
    pub const PASSWORD: &'static str = "correct horse battery";
}

/// An app that is registered.
#[derive(Clone, Debug)]
pub struct App {
    /// Ten digits.
    pub client_id: String,
    /// Its secret; none for a public app.
    pub client_secret: Option<String>,
    /// Its name, and that of its folder.
    pub name: String,
}

/// An app that calls in a person's name.
#[derive(Clone, Debug)]
pub struct Token {
    /// The access token.
    pub access: String,
    base: String,
    http: reqwest::Client,
}

impl Token {
    /// An access token, for the server at `base`.
    pub fn new(access: String, base: String, http: reqwest::Client) -> Self {
        Self { access, base, http }
    }

    /// A request with the token.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.base);
        self.http.request(method, url).bearer_auth(&self.access)
    }

    /// `GET` of a path with its query.
    pub async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::GET, path)).await
    }

    /// `GET` with parameters that are encoded here.
    pub async fn get_with(&self, path: &str, query: &[(&str, &str)]) -> Reply {
        Reply::of(self.request(Method::GET, path).query(query)).await
    }

    /// `POST` of a form as it is written.
    pub async fn post(&self, path: &str, form: &str) -> Reply {
        let request = self.request(Method::POST, path);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        Reply::of(request.body(form.to_owned())).await
    }

    /// `POST` with parameters that are encoded here.
    pub async fn post_with(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        Reply::of(self.request(Method::POST, path).form(form)).await
    }

    /// Makes a folder and answers its id.
    pub async fn folder(&self, parent: &str, name: &str) -> i64 {
        let made = self
            .post_with("/v1/files/folder", &[("parent_path", parent), ("name", name)])
            .await;
        made.data()["folder_id"].as_i64().expect("a folder_id")
    }

    /// `PUT /v1/files/content`.
    pub async fn put(&self, parent: &str, name: &str, content: &[u8]) -> Reply {
        let query = [("parent_path", parent), ("name", name)];
        let request = self.request(Method::PUT, "/v1/files/content").query(&query);
        Reply::of(request.body(content.to_vec())).await
    }

    /// Puts a file and answers its id.
    pub async fn file(&self, parent: &str, name: &str, content: &[u8]) -> i64 {
        self.put(parent, name, content).await.data()["file_id"]
            .as_i64()
            .expect("a file_id")
    }

    /// `GET /v1/files` of a path.
    pub async fn list(&self, path: &str) -> Reply {
        self.get_with("/v1/files", &[("path", path)]).await
    }

    /// The names in a folder: folders, then files.
    pub async fn names(&self, path: &str) -> Vec<String> {
        let data = self.list(path).await.data();
        let both = ["folders", "files"].map(|kind| data[kind].as_array().cloned().unwrap_or_default());
        let name = |entry: &Value| entry["name"].as_str().unwrap_or_default().to_owned();
        both.iter().flatten().map(name).collect()
    }

    /// `precreate` of a content.
    pub async fn precreate(&self, parent: &str, name: &str, content: &[u8]) -> Reply {
        let (size, md5) = (content.len().to_string(), md5_hex(content));
        let form = [("parent_path", parent), ("name", name), ("size", &size), ("md5", &md5)];
        self.post_with("/v1/files/upload/precreate", &form).await
    }

    /// `POST {endpoint}/u`, without the token.
    pub async fn part(&self, upload: &Value, seq: i64, bytes: &[u8]) -> Reply {
        let url = format!("{}/u", upload["endpoint"].as_str().expect("an endpoint"));
        let id = upload["upload_id"].as_str().expect("an upload_id");
        let request = self
            .http
            .post(url)
            .query(&[("upload_id", id), ("part_seq", &seq.to_string())]);
        Reply::of(request.body(bytes.to_vec())).await
    }

    /// `{endpoint}/u/{upload_id}/…`, without the token: `parts` is a GET, the others are POSTs.
    pub async fn upload(&self, upload: &Value, what: &str) -> Reply {
        let endpoint = upload["endpoint"].as_str().expect("an endpoint");
        let id = upload["upload_id"].as_str().expect("an upload_id");
        let method = if what == "parts" { Method::GET } else { Method::POST };
        Reply::of(self.http.request(method, format!("{endpoint}/u/{id}/{what}"))).await
    }

    /// Uploads a content in its parts and answers what `complete` answered.
    pub async fn upload_whole(&self, parent: &str, name: &str, content: &[u8]) -> Reply {
        let upload = self.precreate(parent, name, content).await.data();
        let chunk = usize::try_from(upload["chunk_size"].as_u64().expect("a chunk_size")).expect("a size");
        for (seq, part) in (1..).zip(content.chunks(chunk)) {
            self.part(&upload, seq, part).await.data();
        }
        self.upload(&upload, "complete").await
    }

    /// The signed link of a file.
    pub async fn link(&self, id: i64) -> String {
        let link = self.get(&format!("/v1/files/{id}/download")).await.data();
        link["url"].as_str().expect("a url").to_owned()
    }

    /// The content of a file, by its link.
    pub async fn content(&self, id: i64) -> Vec<u8> {
        let reply = Reply::of(self.http.get(self.link(id).await)).await;
        assert_eq!(reply.status, 200);
        reply.body.to_vec()
    }
}
