//! What every URL has in common: ids of requests, headers, unknown URLs, other origins, numbers.

use pantry_testkit::{Engine, Reply, TestServer, both_engines};
use reqwest::Method;

both_engines!(
    unknown_urls_and_methods_say_so,
    every_answer_has_its_id_and_its_headers,
    any_origin_may_call_without_cookies,
    it_is_alive_ready_and_counted,
    a_panic_is_answered_in_the_shape_of_its_face,
);

async fn unknown_urls_and_methods_say_so(engine: Engine) {
    let server = TestServer::new(engine).await;
    for path in [
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/files/1/stream",
        "/v1/share/abc/thumbnail",
        "/u/",
        "/d/",
    ] {
        assert_eq!(server.get(path).await.error(), (404, "unknown_url".into()), "{path}");
    }
    let reply = server.post("/v1/files", "").await;
    assert_eq!(reply.error(), (405, "method_not_allowed".into()));
    assert_eq!(reply.header("allow"), Some("GET,HEAD"));
    let plain = server.get("/nothing").await;
    assert_eq!(plain.status, 404);
    let request = server.http.get(server.url("/nothing")).header("accept", "text/html");
    let page = Reply::of(request.header("accept-language", "en")).await;
    assert_eq!(page.status, 404);
    assert!(
        page.header("content-type")
            .is_some_and(|kind| kind.starts_with("text/html"))
    );
    assert!(page.header("content-security-policy").is_some());
    assert!(String::from_utf8_lossy(&page.body).contains(page.header("x-request-id").expect("an id")));
}

async fn every_answer_has_its_id_and_its_headers(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("user.read").await;
    let mut ids = std::collections::HashSet::new();
    for path in [
        "/v1/user/info",
        "/v1/user/quota",
        "/v1/files",
        "/v1/nothing",
        "/healthz",
    ] {
        let reply = token.get(path).await;
        let id = reply.header("x-request-id").expect("an id").to_owned();
        assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
        assert!(ids.insert(id));
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
}

async fn any_origin_may_call_without_cookies(engine: Engine) {
    let server = TestServer::new(engine).await;
    for path in [
        "/v1/files",
        "/v1/files/content",
        "/u?upload_id=x&part_seq=1",
        "/u/x/complete",
        "/d/x?sig=y",
    ] {
        let request = server.http.request(Method::OPTIONS, server.url(path));
        let request = request
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization, content-type, content-md5, range, x-share-ticket",
            );
        let reply = Reply::of(request).await;
        assert!(reply.status.is_success(), "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        let headers = reply
            .header("access-control-allow-headers")
            .expect("headers")
            .to_lowercase();
        for header in [
            "authorization",
            "content-type",
            "content-md5",
            "range",
            "x-share-ticket",
        ] {
            assert!(headers.contains(header), "{header}");
        }
        assert!(reply.header("access-control-max-age").is_some());
        assert_eq!(reply.header("access-control-allow-credentials"), None);
    }
    assert_eq!(
        server.get("/v1/files").await.header("access-control-allow-origin"),
        Some("*"),
        "also where it is refused"
    );
    assert_eq!(server.get("/").await.header("access-control-allow-origin"), None);
}

async fn it_is_alive_ready_and_counted(engine: Engine) {
    let server = TestServer::new(engine).await;
    let token = server.one_token("files.app_data").await;
    let file = token.file("/", "a", &[0; 1_000]).await;
    token.content(file).await;
    token.get(&format!("/v1/files/{file}")).await.data();
    assert_eq!(server.get("/healthz").await.status, 200);
    assert_eq!(server.get("/readyz").await.status, 200);
    let numbers = server.get("/metrics").await;
    let text = String::from_utf8_lossy(&numbers.body).into_owned();
    for line in [
        "pantry_content_received_bytes_total 1000",
        "pantry_content_sent_bytes_total 1000",
        "pantry_http_requests_total{route=\"/v1/files/{id}\",method=\"GET\",status=\"2xx\"} 1",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    assert!(
        !text.contains(&file.to_string()) && !text.contains("sig="),
        "nothing that names a file"
    );
    let elsewhere = TestServer::with(engine, |settings| settings.server.metrics_listen = "127.0.0.1:0".into()).await;
    assert_eq!(elsewhere.get("/metrics").await.status, 404);
}

async fn a_panic_is_answered_in_the_shape_of_its_face(engine: Engine) {
    let server = TestServer::new(engine).await;
    let state = pantry_http::AppState::new(server.drive().clone()).expect("a state");
    let broken = axum::Router::new()
        .route(
            "/v1/broken",
            axum::routing::get(async || -> String { panic!("a bug, for the test") }),
        )
        .route(
            "/broken",
            axum::routing::get(async || -> String { panic!("a bug, for the test") }),
        )
        .layer(axum::middleware::from_fn_with_state(state, pantry_http::edge::surround));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(pantry_server::listen::serve(
        listener,
        broken,
        std::time::Duration::from_secs(5),
        async move { stopped.await.unwrap_or_default() },
    ));
    let get = async |path: &str| Reply::of(server.http.get(format!("http://{address}{path}"))).await;
    let reply = get("/v1/broken").await;
    assert_eq!(reply.error(), (500, "internal".into()));
    assert!(!reply.message().contains("bug"), "the reason is for the log");
    assert_eq!(get("/broken").await.status, 500);
    assert_eq!(get("/v1/broken").await.status, 500, "the server lives on");
    stop.send(()).expect("it listens");
    assert!(served.await.expect("it ran"));
}
