//! What the commands of `pantryd` do, and what they print. Owns sentences and JSON for operators;
//! the work itself is the drive's.

use std::{process::ExitCode, sync::Arc};

use pantry_core::Settings;
use pantry_types::{SystemClock, SystemRandom};
use tokio::signal::unix::{SignalKind, signal};

use crate::Server;

/// Serves until a signal, or until the row store dies.
pub(crate) async fn serve(settings: Settings) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let server = Server::start(settings, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    println!("Pantry serves on http://{}", server.address());
    let drive = server.drive().clone();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = drive.db().died() => {
            tracing::error!("the row store's writer has died; ending");
            return Ok(ExitCode::FAILURE);
        }
    }
    tracing::info!("stopping: no new connections, running requests may end");
    if !server.stop().await {
        tracing::warn!("some requests did not end in time and were cut off");
    }
    Ok(ExitCode::SUCCESS)
}
