//! What goes on beside the requests: housekeeping at its interval, and long work as it comes.
//! Owns when; what is done is the drive's. Both end between two steps when told to.

use std::{pin::pin, sync::Arc, time::Duration};

use pantry_core::{
    Drive, Error,
    hooks::{Courier, Sender},
    janitor::Swept,
};
use tokio::sync::watch;

/// How long the worker rests when there was nothing to do.
const REST: Duration = Duration::from_millis(500);

/// How long it rests after an error: the same step is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// How often changes are looked for that apps are to be told of.
const LOOK: Duration = Duration::from_secs(1);

/// How long what is being sent may take once the server stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// Keeps house at the interval of the settings; 0 switches it off.
pub async fn janitor(drive: Drive, mut stopped: watch::Receiver<bool>) {
    let seconds = drive.settings().janitor.interval_seconds;
    if seconds == 0 {
        return;
    }
    while rest(&mut stopped, Duration::from_secs(seconds)).await {
        match swept(&drive, &mut stopped).await {
            Ok(swept) => tracing::debug!(?swept, "kept house"),
            Err(e) => tracing::error!(error = %e, "housekeeping failed in part; it is tried again"),
        }
        match drive.sweep_auth(drive.now()).await {
            Ok(swept) => tracing::debug!(?swept, "kept house among tokens"),
            Err(e) => tracing::error!(error = %e, "housekeeping among tokens failed; it is tried again"),
        }
        match drive.sweep_console(drive.now()).await {
            Ok(swept) => tracing::debug!(?swept, "kept house in the console"),
            Err(e) => tracing::error!(error = %e, "housekeeping in the console failed; it is tried again"),
        }
        match drive.sweep_hooks().await {
            Ok(swept) => tracing::debug!(swept, "kept house among webhooks"),
            Err(e) => tracing::error!(error = %e, "housekeeping among webhooks failed; it is tried again"),
        }
        flush(&drive).await;
    }
    flush(&drive).await;
}

/// One round; without its rests once it is time to stop.
async fn swept(drive: &Drive, stopped: &mut watch::Receiver<bool>) -> Result<Swept, Error> {
    let mut sweep = pin!(drive.sweep());
    tokio::select! {
        biased;
        done = &mut sweep => return done,
        // A sender that is gone means the same.
        _ = stopped.wait_for(|stop| *stop) => drive.hurry(),
    }
    sweep.await
}

async fn flush(drive: &Drive) {
    if let Err(e) = drive.flush_last_used().await {
        tracing::warn!(error = %e, "when apps were last used could not be written down; it is tried again");
    }
}

/// Does long work, a batch at a time.
pub async fn worker(drive: Drive, mut stopped: watch::Receiver<bool>) {
    loop {
        let worked = drive.work().await;
        let begun = drive.clock().now_ms();
        let purged = drive.purge_some().await;
        let pause = match (worked, purged) {
            (Err(e), _) | (_, Err(e)) => {
                tracing::error!(error = %e, "long work failed; it is tried again");
                PAUSE
            }
            (Ok(false), Ok(false)) => REST,
            // Nobody waits for what is freed: others have the rows most of the time.
            (_, Ok(true)) => drive.turn_of_others(begun),
            // Between two batches others get their turn.
            (Ok(true), Ok(false)) => Duration::ZERO,
        };
        if !rest(&mut stopped, pause).await {
            return;
        }
    }
}

/// Tells apps what changed, unless the settings say no.
pub async fn hooks(drive: Drive, sender: Arc<dyn Sender>, mut stopped: watch::Receiver<bool>) {
    if drive.settings().hooks.interval_seconds <= 0 {
        return;
    }
    let mut courier = Courier::new(drive, sender);
    loop {
        let pause = match courier.round().await {
            Ok(_) => LOOK,
            Err(e) => {
                tracing::error!(error = %e, "webhooks could not be sent; it is tried again");
                PAUSE
            }
        };
        if !rest(&mut stopped, pause).await {
            break;
        }
    }
    // What is not answered by then is sent again by whoever comes next.
    let _ = tokio::time::timeout(FAREWELL, courier.settle()).await;
}

/// Rests so long; false once it is time to stop.
async fn rest(stopped: &mut watch::Receiver<bool>, time: Duration) -> bool {
    tokio::select! {
        biased;
        // A sender that is gone means the same.
        _ = stopped.wait_for(|stop| *stop) => false,
        () = tokio::time::sleep(time) => true,
    }
}
