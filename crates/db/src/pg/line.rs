//! The line between processes on one PostgreSQL: LISTEN on a connection of its own, NOTIFY outside of every write's
//! transaction, because a NOTIFY inside one makes all such commits wait for each other.
//! Must not promise that news arrive: a process may die between its commit and its NOTIFY. Whoever listens keeps an age
//! limit besides, and trusts nothing while the line is down.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Notification};

use crate::{
    error::DbError,
    news::{Listener, News, Outbox, read},
};

const CHANNEL: &str = "pantry_ended";
pub(super) const TELL: &str = "SELECT pg_notify('pantry_ended', $1)";
/// How often a line that is silent is tried, and how long it may take to answer: a peer may vanish without a word.
const TRY_EVERY: Duration = Duration::from_millis(2_000);
const ANSWER_IN: Duration = Duration::from_millis(2_000);
/// The first and the longest wait before a lost line is made anew.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_millis(2_000);

/// Keeps the line, for as long as the task is let live.
pub(super) async fn keep(config: Config, outbox: Arc<Outbox>, listener: Listener) {
    let mut wait = FIRST_WAIT;
    loop {
        let started = tokio::time::Instant::now();
        let lost = hold(&config, &outbox, &listener).await;
        listener(News::Deaf);
        // A line that stood for a while is made anew at once.
        if started.elapsed() > LONGEST_WAIT {
            wait = FIRST_WAIT;
        }
        if let Err(e) = lost {
            tracing::warn!(error = %e, "the line to other servers is down; tokens are read from the database until it is back");
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// One connection's life.
async fn hold(config: &Config, outbox: &Outbox, listener: &Listener) -> Result<(), DbError> {
    let (client, mut connection) = config.connect(NoTls).await?;
    let (heard, mut news) = mpsc::unbounded_channel::<Notification>();
    // Dropping this drops the connection with it.
    let mut driver = tokio::task::JoinSet::new();
    driver.spawn(async move {
        let mut messages = stream::poll_fn(move |cx| connection.poll_message(cx));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(n) = message
                && heard.send(n).is_err()
            {
                break;
            }
        }
    });
    client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
    let own: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
    listener(News::Listening);
    loop {
        tokio::select! {
            n = news.recv() => match n {
                None => return Ok(()),
                // What this process told itself was done before it was told.
                Some(n) if n.process_id() == own => {}
                Some(n) => read(n.payload()).into_iter().for_each(|news| listener(news)),
            },
            () = outbox.filled.notified() => tell(&client, outbox).await?,
            () = tokio::time::sleep(TRY_EVERY) => {
                // Also what was put back.
                tell(&client, outbox).await?;
                tokio::time::timeout(ANSWER_IN, client.batch_execute(""))
                    .await
                    .map_err(|_| DbError::unavailable("the line to other servers does not answer"))??;
            }
        }
    }
}

async fn tell(client: &Client, outbox: &Outbox) -> Result<(), DbError> {
    let Some(message) = outbox.take() else {
        return Ok(());
    };
    let sent = tokio::time::timeout(ANSWER_IN, client.execute(TELL, &[&message])).await;
    match sent {
        Ok(Ok(_)) => Ok(()),
        lost => {
            outbox.put_back(&message);
            match lost {
                Ok(Err(e)) => Err(e.into()),
                _ => Err(DbError::unavailable("the line to other servers does not answer")),
            }
        }
    }
}
