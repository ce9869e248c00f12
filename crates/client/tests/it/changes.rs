//! The stream of changes: cut connections, ends, refusals, and tokens that die.

use pantry_client::{Error, Told, api::ChangeEvent};
use serde_json::json;

use crate::{
    client,
    server::{Call, Reply, Server},
};

const STREAM: &str = "/v1/changes/stream";

fn change(seq: i64) -> String {
    let data = json!({"seq": seq, "event": "removed", "kind": "file", "id": seq, "node": null, "subtree": false});
    format!("id: c{seq}\nevent: change\ndata: {data}\n\n")
}

async fn start(answer: impl Fn(&Call, usize) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |call, before| match call.path.as_str() {
        "/oauth/token" => Reply::new(
            200,
            json!({"access_token": "two", "refresh_token": "r", "token_type": "Bearer", "expires_in": 3600, "scope": ""})
                .to_string(),
        ),
        _ => answer(call, before),
    })
    .await
}

#[tokio::test]
async fn a_stream_goes_on_after_what_it_told_last() {
    let server = start(|_, before| {
        let first = format!(":\nid: c0\n\n{}{}", change(1), change(2));
        match before {
            // Cut within the second change, which is not told twice and not lost.
            0 => {
                let whole = first.len();
                Reply::new(200, first).cut_after(whole - 10)
            }
            1 => Reply::error(503, "busy").header("retry-after", 0),
            2 => Reply::new(200, change(2)),
            // An id alone moves the cursor and tells nothing.
            3 => Reply::new(200, ":\nid: c9\n\n"),
            _ => Reply::new(
                200,
                format!(
                    "id: c20\nevent: reset\ndata: {{\"reset\":true,\"next_cursor\":\"c20\"}}\n\n{}",
                    change(21)
                ),
            ),
        }
    })
    .await;
    let mut stream = client(&server.url).follow_changes(None);
    assert_eq!(stream.cursor(), None);
    for seq in [1, 2] {
        let Told::Change(told) = stream.next().await.expect("a change") else {
            panic!("a change");
        };
        assert_eq!((told.seq, told.event), (seq, ChangeEvent::Removed));
        assert_eq!(stream.cursor(), Some(format!("c{seq}").as_str()));
    }
    assert_eq!(stream.next().await.expect("a reset"), Told::Reset);
    assert_eq!(stream.cursor(), Some("c20"));
    assert!(matches!(stream.next().await, Ok(Told::Change(c)) if c.seq == 21));
    let told: Vec<String> = server.calls().into_iter().map(|call| call.last_event_id).collect();
    assert_eq!(told, ["", "c1", "c1", "c2", "c9"]);
}

#[tokio::test]
async fn a_token_that_died_is_renewed_and_the_stream_goes_on() {
    let server = start(|call, _| match call.token.as_str() {
        "one" if call.last_event_id == "c0" => Reply::new(200, change(1)),
        "two" => Reply::new(200, change(2)),
        _ => Reply::error(401, "invalid_token"),
    })
    .await;
    let mut stream = client(&server.url).follow_changes(Some("c0"));
    for seq in [1, 2] {
        assert!(matches!(stream.next().await, Ok(Told::Change(c)) if c.seq == seq));
    }
    assert_eq!((server.count("/oauth/token"), server.count(STREAM)), (1, 3));
}

#[tokio::test]
async fn what_cannot_be_waited_for_is_told() {
    let server = start(|_, _| Reply::error(400, "invalid_parameter")).await;
    let refused = client(&server.url).follow_changes(Some("x")).next().await;
    assert!(refused.is_err_and(|e| e.is_code("invalid_parameter")));
    assert_eq!(server.count(STREAM), 1);

    let server = start(|_, _| Reply::error(503, "busy")).await;
    let mut stream = client(&server.url).follow_changes(None);
    for round in 1..=2 {
        let lost = stream.next().await;
        assert!(lost.is_err_and(|e| e.is_status(503)), "round {round}");
        assert_eq!(server.count(STREAM), 4 * round, "patience begins anew");
    }

    let server = start(|_, _| Reply::new(200, "id: c1\nevent: change\ndata: {}\n\n")).await;
    let garbage = client(&server.url).follow_changes(None).next().await;
    assert!(matches!(garbage, Err(Error::Answer(_))));
}
