//! The line between processes, with its connection killed. Named by the trap each stands in.

use std::{sync::Arc, time::Duration};

use pantry_types::UserId;
use tokio::{sync::mpsc, time::timeout};

use super::tests::server;
use crate::{Db, DbOptions, News};

const SOON: Duration = Duration::from_secs(10);

struct Node {
    db: Db,
    heard: mpsc::UnboundedReceiver<News>,
}

impl Node {
    async fn start(url: &str) -> Self {
        let db = Db::open(&url.parse().unwrap(), DbOptions::default()).await.unwrap();
        let (send, heard) = mpsc::unbounded_channel();
        let listener = move |news| {
            let _ = send.send(news);
        };
        assert!(db.listen(Arc::new(listener)));
        let mut node = Self { db, heard };
        assert_eq!(node.next().await, News::Listening);
        node
    }

    async fn next(&mut self) -> News {
        timeout(SOON, self.heard.recv())
            .await
            .expect("nothing was heard")
            .expect("open")
    }

    async fn wait_for(&mut self, wanted: News) {
        while self.next().await != wanted {}
    }
}

async fn kill_listeners(url: &str) -> i64 {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let sql = "SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND query NOT LIKE '%schema_version%' \
        AND (query LIKE 'LISTEN%' OR query LIKE '%pg_backend_pid()%' OR query LIKE '%pg_notify%')";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_one_tells_all_others_hear_once_and_itself_not() {
    let database = server::fresh_database().await;
    let (mut a, mut b) = (Node::start(&database.url).await, Node::start(&database.url).await);
    a.db.tell_ended(Some(UserId(7)));
    b.wait_for(News::Ended(Some(UserId(7)))).await;
    b.db.tell_ended(None);
    // Nothing of its own before.
    assert_eq!(a.next().await, News::Ended(None));
    // One that keeps no line tells too.
    let command = Db::open(&database.url.parse().unwrap(), DbOptions::default())
        .await
        .unwrap();
    command.tell_ended(Some(UserId(9)));
    assert_eq!(a.next().await, News::Ended(Some(UserId(9))));
    assert_eq!(b.next().await, News::Ended(Some(UserId(9))));
    command.tell_ended(Some(UserId(11)));
    command.close().await;
    assert_eq!(a.next().await, News::Ended(Some(UserId(11))));
}

#[tokio::test]
async fn a_killed_line_is_said_to_be_deaf_and_made_anew() {
    let database = server::fresh_database().await;
    let (mut a, mut b) = (Node::start(&database.url).await, Node::start(&database.url).await);
    for round in 1..=3 {
        assert!(kill_listeners(&database.url).await >= 2);
        // Told while nobody hears: it is sent when the teller's own line stands again.
        a.db.tell_ended(Some(UserId(round)));
        a.wait_for(News::Deaf).await;
        b.wait_for(News::Deaf).await;
        a.wait_for(News::Listening).await;
        b.wait_for(News::Listening).await;
    }
    a.db.tell_ended(Some(UserId(99)));
    b.wait_for(News::Ended(Some(UserId(99)))).await;
}

#[tokio::test]
async fn a_closed_database_keeps_no_line() {
    let database = server::fresh_database().await;
    let node = Node::start(&database.url).await;
    node.db.close().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(kill_listeners(&database.url).await, 0);
    // Nor one that was dropped.
    drop(Node::start(&database.url).await);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(kill_listeners(&database.url).await, 0);
}
