//! Who may do what where, as one table: every route of v1 that names a place, by every set of scopes, in the app's own
//! folder, in another app's, elsewhere in the same drive, and in another person's. What one may not see answers byte for byte
//! like what does not exist.

use std::sync::atomic::{AtomicU32, Ordering};

use pantry_testkit::{Engine, Reply, TestServer, Token, both_engines, md5_hex};
use reqwest::Method;

both_engines!(
    ids_are_no_way_round,
    paths_are_no_way_round,
    what_is_hidden_answers_like_what_does_not_exist,
    a_route_without_a_place_names_its_scope,
    jobs_and_uploads_are_the_grants_own,
);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
enum Reach {
    None,
    Sandbox,
    All,
}

/// A set of scopes, how far it reads and writes, and whether it sees the drive as `/`.
struct Case {
    scopes: &'static str,
    read: Reach,
    write: Reach,
    sees_drive: bool,
}

const fn case(scopes: &'static str, read: Reach, write: Reach, sees_drive: bool) -> Case {
    Case {
        scopes,
        read,
        write,
        sees_drive,
    }
}

const CASES: [Case; 8] = [
    case("user.read", Reach::None, Reach::None, false),
    case(
        "share.read share.create openid profile email",
        Reach::None,
        Reach::None,
        false,
    ),
    case("files.app_data", Reach::Sandbox, Reach::Sandbox, false),
    case("files.read_all", Reach::All, Reach::None, true),
    case("files.write_all", Reach::Sandbox, Reach::All, true),
    case("files.app_data files.read_all", Reach::All, Reach::Sandbox, true),
    case("files.app_data files.write_all", Reach::Sandbox, Reach::All, true),
    case("files.read_all files.write_all", Reach::All, Reach::All, true),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Own,
    OtherApp,
    Elsewhere,
    OtherPerson,
}

const PLACES: [Place; 4] = [Place::Own, Place::OtherApp, Place::Elsewhere, Place::OtherPerson];

impl Place {
    fn within(self, reach: Reach) -> bool {
        match self {
            Place::Own => reach >= Reach::Sandbox,
            Place::OtherApp | Place::Elsewhere => reach == Reach::All,
            Place::OtherPerson => false,
        }
    }
}

/// A server with two people, two apps, and tokens that may do everything, to set the scene.
struct Scene {
    server: TestServer,
    ada: pantry_testkit::Person,
    notes: pantry_testkit::App,
    adas: Token,
    bobs: Token,
}

const OWN: &str = "/我的应用数据/Notes";
const OTHER: &str = "/我的应用数据/Photos";

impl Scene {
    async fn new(engine: Engine) -> Self {
        let server = TestServer::with(engine, |settings| settings.v1.rate_per_minute = 0).await;
        let (ada, bob) = (server.person("ada").await, server.person("bob").await);
        let (notes, photos) = (server.app(&ada, "Notes").await, server.app(&ada, "Photos").await);
        // Each grant with the right to write makes the folder of its app.
        server.token(&ada, &photos, "files.app_data").await;
        let all = "files.app_data files.read_all files.write_all";
        let adas = server.token(&ada, &notes, all).await;
        let bobs = server.token(&bob, &notes, all).await;
        adas.folder("/", "Elsewhere").await;
        bobs.folder("/", "Elsewhere").await;
        Self {
            server,
            ada,
            notes,
            adas,
            bobs,
        }
    }

    async fn token(&self, case: &Case) -> Token {
        self.server.token(&self.ada, &self.notes, case.scopes).await
    }

    fn path(place: Place) -> &'static str {
        match place {
            Place::Own => OWN,
            Place::OtherApp => OTHER,
            Place::Elsewhere | Place::OtherPerson => "/Elsewhere",
        }
    }

    /// A new file or folder in a place: its parameter for `manage`, and its id.
    async fn node(&self, place: Place, is_folder: bool) -> (&'static str, i64) {
        let maker = if place == Place::OtherPerson {
            &self.bobs
        } else {
            &self.adas
        };
        let name = fresh();
        match is_folder {
            true => ("folder_ids", maker.folder(Self::path(place), &name).await),
            false => ("file_ids", maker.file(Self::path(place), &name, name.as_bytes()).await),
        }
    }

    /// The same, in the bin.
    async fn binned(&self, place: Place, is_folder: bool) -> (&'static str, i64) {
        let maker = if place == Place::OtherPerson {
            &self.bobs
        } else {
            &self.adas
        };
        let (kind, id) = self.node(place, is_folder).await;
        let deleted = maker
            .post("/v1/files/manage", &format!("action=delete&{kind}={id}"))
            .await;
        deleted.data();
        (kind, id)
    }
}

fn fresh() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("n{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ById {
    Info,
    Download,
    Rename,
    Delete,
    CopyHere,
    MoveHere,
    Restore,
    Purge,
    Versions,
}

const BY_ID: [ById; 9] = [
    ById::Info,
    ById::Download,
    ById::Rename,
    ById::Delete,
    ById::CopyHere,
    ById::MoveHere,
    ById::Restore,
    ById::Purge,
    ById::Versions,
];

impl ById {
    fn is_of_bin(self) -> bool {
        matches!(self, ById::Restore | ById::Purge)
    }

    async fn call(self, token: &Token, case: &Case, kind: &str, id: i64) -> Reply {
        let here = if case.sees_drive { OWN } else { "/" };
        let manage = async |form: String| token.post("/v1/files/manage", &form).await;
        match self {
            ById::Info => token.get(&format!("/v1/files/{id}")).await,
            ById::Download => token.get(&format!("/v1/files/{id}/download")).await,
            ById::Rename => manage(format!("action=rename&{kind}={id}&new_name={}", fresh())).await,
            ById::Delete => manage(format!("action=delete&{kind}={id}")).await,
            ById::CopyHere => manage(format!("action=copy&{kind}={id}&dest_path={here}&on_conflict=rename")).await,
            ById::MoveHere => manage(format!("action=move&{kind}={id}&dest_path={here}&on_conflict=rename")).await,
            ById::Versions => token.get(&format!("/v1/files/{id}/versions")).await,
            ById::Restore => token.post("/v1/bin/restore", &format!("{kind}={id}")).await,
            ById::Purge => token.post("/v1/bin/purge", &format!("{kind}={id}")).await,
        }
    }

    fn expected(self, case: &Case, place: Place, is_folder: bool) -> u16 {
        let (reads, writes) = (place.within(case.read), place.within(case.write));
        let right = |reach: Reach, ok: bool| match (reach, ok) {
            (Reach::None, _) => 403,
            (_, true) => 200,
            (_, false) => 404,
        };
        match self {
            ById::Info => right(case.read, reads),
            // A folder has no content; it answers like nothing.
            ById::Download | ById::Versions => right(case.read, reads && !is_folder),
            ById::Rename | ById::Delete | ById::Restore | ById::Purge => right(case.write, writes),
            // What brings content to where it may be read needs the right to read it where it is.
            ById::CopyHere if case.write == Reach::None => 403,
            ById::CopyHere => right(case.read, reads),
            ById::MoveHere => right(case.write, writes && reads),
        }
    }
}

async fn ids_are_no_way_round(engine: Engine) {
    let scene = Scene::new(engine).await;
    let mut wrong = Vec::new();
    for case in &CASES {
        let token = scene.token(case).await;
        for (route, place, is_folder) in cells() {
            let (kind, id) = match route.is_of_bin() {
                true => scene.binned(place, is_folder).await,
                false => scene.node(place, is_folder).await,
            };
            let (got, wanted) = (
                route.call(&token, case, kind, id).await,
                route.expected(case, place, is_folder),
            );
            if got.status.as_u16() != wanted {
                let told = got.message();
                wrong.push(format!(
                    "{route:?} of {kind} in {place:?} with {}: {wanted} wanted, {} came: {told}",
                    case.scopes, got.status
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn cells() -> impl Iterator<Item = (ById, Place, bool)> {
    let places = || PLACES.into_iter().flat_map(|place| [(place, false), (place, true)]);
    BY_ID
        .into_iter()
        .flat_map(move |route| places().map(move |(place, is_folder)| (route, place, is_folder)))
}

#[derive(Clone, Copy, Debug)]
enum ByPath {
    List,
    Folder,
    Content,
    Precreate,
    CopyThere,
    RestoreThere,
}

const BY_PATH: [ByPath; 6] = [
    ByPath::List,
    ByPath::Folder,
    ByPath::Content,
    ByPath::Precreate,
    ByPath::CopyThere,
    ByPath::RestoreThere,
];

async fn paths_are_no_way_round(engine: Engine) {
    let scene = Scene::new(engine).await;
    let mut wrong = Vec::new();
    for case in &CASES {
        let token = scene.token(case).await;
        for route in BY_PATH {
            for (path, place) in [
                (if case.sees_drive { OWN } else { "/" }, Some(Place::Own)),
                (OTHER, Some(Place::OtherApp)),
                ("/Elsewhere", Some(Place::Elsewhere)),
                ("/nowhere", None),
            ] {
                // What is copied or restored is the app's own, so that the place alone decides.
                let own = match route {
                    ByPath::RestoreThere => scene.binned(Place::Own, false).await.1,
                    _ => scene.node(Place::Own, false).await.1,
                };
                let got = call_by_path(route, &token, path, own).await;
                let wanted = expected_by_path(route, case, place);
                if got.status.as_u16() != wanted {
                    let (status, told) = (got.status, got.message());
                    wrong.push(format!(
                        "{route:?} at {path} with {}: {wanted} wanted, {status} came: {told}",
                        case.scopes
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn call_by_path(route: ByPath, token: &Token, path: &str, own: i64) -> Reply {
    let (name, own) = (fresh(), own.to_string());
    let md5 = md5_hex(name.as_bytes());
    match route {
        ByPath::List => token.list(path).await,
        ByPath::Folder => {
            let form = [("parent_path", path), ("name", &name)];
            token.post_with("/v1/files/folder", &form).await
        }
        ByPath::Content => token.put(path, &name, name.as_bytes()).await,
        ByPath::Precreate => {
            let form = [("parent_path", path), ("name", &name), ("size", "9"), ("md5", &md5)];
            token.post_with("/v1/files/upload/precreate", &form).await
        }
        ByPath::CopyThere => {
            let form = [
                ("action", "copy"),
                ("file_ids", &own),
                ("dest_path", path),
                ("on_conflict", "rename"),
            ];
            token.post_with("/v1/files/manage", &form).await
        }
        ByPath::RestoreThere => {
            let form = [("file_ids", own.as_str()), ("dest_path", path)];
            token.post_with("/v1/bin/restore", &form).await
        }
    }
}

fn expected_by_path(route: ByPath, case: &Case, place: Option<Place>) -> u16 {
    let reach = match route {
        ByPath::List => case.read,
        _ => case.write,
    };
    match (reach, place) {
        (Reach::None, _) => 403,
        // `/` is the app's own folder: other places have no path.
        _ if !case.sees_drive => match place {
            Some(Place::Own) => 200,
            _ => 404,
        },
        (_, Some(place)) if place.within(reach) => 200,
        (Reach::All, _) => 404,
        (Reach::Sandbox, _) => 403,
    }
}

async fn what_is_hidden_answers_like_what_does_not_exist(engine: Engine) {
    let scene = Scene::new(engine).await;
    for case in CASES
        .iter()
        .filter(|case| case.read != Reach::None || case.write != Reach::None)
    {
        let token = scene.token(case).await;
        for (route, place, is_folder) in cells().filter(|(r, p, f)| r.expected(case, *p, *f) == 404) {
            let (kind, hidden) = match route.is_of_bin() {
                true => scene.binned(place, is_folder).await,
                false => scene.node(place, is_folder).await,
            };
            let nothing = hidden + 7_000_000;
            let told = route.call(&token, case, kind, hidden).await;
            let of_nothing = route.call(&token, case, kind, nothing).await;
            let cell = format!("{route:?} of {kind} in {place:?} with {}", case.scopes);
            assert_eq!(seen(&told, hidden), seen(&of_nothing, nothing), "{cell}");
        }
    }
}

/// All that a caller can see of an answer, but the request's id, the date, and the id that was asked for.
fn seen(reply: &Reply, id: i64) -> (u16, String, Vec<(String, String)>) {
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let text = value.to_str().unwrap_or_default().to_owned();
        (!matches!(name.as_str(), "x-request-id" | "date")).then(|| (name.to_string(), text))
    };
    let mut headers: Vec<_> = reply.headers.iter().filter_map(header).collect();
    headers.sort();
    let body = reply.body_without_request_id().replace(&id.to_string(), "ID");
    (reply.status.as_u16(), body, headers)
}

async fn a_route_without_a_place_names_its_scope(engine: Engine) {
    let scene = Scene::new(engine).await;
    for case in &CASES {
        let token = scene.token(case).await;
        let has = |scope: &str| case.scopes.split(' ').any(|s| s == scope);
        let reads = if case.read == Reach::None { 403 } else { 200 };
        let writes = if case.write == Reach::None { 403 } else { 200 };
        for (method, path, wanted) in [
            (Method::GET, "/v1/user/info", if has("user.read") { 200 } else { 403 }),
            (Method::GET, "/v1/user/quota", if has("user.read") { 200 } else { 403 }),
            (
                Method::POST,
                "/v1/user/share-enable",
                if has("share.create") { 200 } else { 403 },
            ),
            (Method::GET, "/v1/files", reads),
            (Method::GET, "/v1/files/search?q=x", reads),
            (Method::GET, "/v1/bin", reads),
            (Method::POST, "/v1/bin/empty", writes),
        ] {
            let got = Reply::of(token.request(method, path)).await;
            assert_eq!(
                got.status.as_u16(),
                wanted,
                "{path} with {}: {}",
                case.scopes,
                got.message()
            );
        }
    }
}

async fn jobs_and_uploads_are_the_grants_own(engine: Engine) {
    let scene = Scene::new(engine).await;
    let token = scene.token(&CASES[2]).await;
    assert_eq!(token.get("/v1/jobs/1").await.error(), (404, "not_found".into()));
    assert_eq!(token.get("/v1/jobs/x").await.error(), (400, "invalid_parameter".into()));
    // The same file of another app is another upload.
    let photos = scene.server.app(&scene.ada, "Third").await;
    let other = scene.server.token(&scene.ada, &photos, "files.app_data").await;
    let (a, b) = (
        token.precreate("/", "same", b"content").await.data(),
        other.precreate("/", "same", b"content").await.data(),
    );
    assert_ne!(a["upload_id"], b["upload_id"]);
    token.part(&a, 1, b"content").await.data();
    assert_eq!(
        other.upload(&b, "parts").await.data()["received_parts"],
        serde_json::json!([])
    );
}
