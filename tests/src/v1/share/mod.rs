//! `/v1/share/*`.

mod attacks;
mod dropping;
mod inside;
mod making;
mod transfer;

use pantry_testkit::{Engine, Person, Reply, TestServer, Token};
use serde_json::Value;

/// A server with a person whose app may share everything.
struct Sharing {
    server: TestServer,
    owner: Person,
    token: Token,
}

/// What an app may ask for that does with files and shares whatever there is.
const ALL: &str = "user.read files.app_data files.read_all files.write_all share.read share.create";

impl Sharing {
    async fn new(engine: Engine) -> Self {
        Self::of(TestServer::new(engine).await).await
    }

    async fn of(server: TestServer) -> Self {
        let owner = server.person("ada").await;
        let app = server.app(&owner, "Shares").await;
        let token = server.token(&owner, &app, ALL).await;
        token.post("/v1/user/share-enable", "").await.data();
        Self { server, owner, token }
    }

    /// Shares, and answers what `create` said.
    async fn share(&self, form: &str) -> Value {
        self.token.post("/v1/share/create", form).await.data()
    }

    /// The code of a new share.
    async fn code(&self, form: &str) -> String {
        text(&self.share(form).await["code"])
    }

    /// `GET` below a share, by nobody in particular.
    async fn visit(&self, path: &str) -> Reply {
        self.server.get(&format!("/v1/share/{path}")).await
    }

    /// A ticket for a password.
    async fn ticket(&self, code: &str, password: &str) -> String {
        let reply = self
            .server
            .post(&format!("/v1/share/{code}/verify"), &format!("password={password}"))
            .await;
        text(&reply.data()["ticket"])
    }

    /// A token of somebody else, of an app that reads and writes everything.
    async fn other(&self, name: &str, scopes: &str) -> Token {
        let person = self.server.person(name).await;
        let app = self.server.app(&person, "Reader").await;
        self.server.token(&person, &app, scopes).await
    }

    /// A folder with a file and a folder with a file, and a file beside it.
    async fn tree(&self) -> Tree {
        let folder = self.token.folder("/", "Trip").await;
        let one = self.token.file("/Trip", "one.txt", b"one").await;
        let below = self.token.folder("/Trip", "Day 1").await;
        let two = self.token.file("/Trip/Day 1", "two.txt", b"two two").await;
        let outside = self.token.file("/", "secret.txt", b"secret").await;
        Tree {
            folder,
            one,
            below,
            two,
            outside,
        }
    }
}

/// Ids of [`Sharing::tree`].
struct Tree {
    folder: i64,
    one: i64,
    below: i64,
    two: i64,
    outside: i64,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn names(listing: &Value) -> Vec<String> {
    let both = ["folders", "files"].map(|kind| listing[kind].as_array().cloned().unwrap_or_default());
    both.iter().flatten().map(|entry| text(&entry["name"])).collect()
}

async fn delete(token: &Token, form: &str) {
    token
        .post("/v1/files/manage", &format!("action=delete&{form}"))
        .await
        .data();
}
