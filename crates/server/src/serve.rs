//! A running server: listeners, background work, and their end.
//! Owns the order of starting and stopping; must not read the command line.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use pantry_core::{Drive, Settings};
use pantry_http::AppState;
use pantry_types::{SharedClock, SharedRandom};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    background,
    hooks::HttpSender,
    listen,
    open::{self, Purpose},
};

/// A server that answers.
#[derive(Debug)]
pub struct Server {
    drive: Drive,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<bool>>,
    background: [JoinHandle<()>; 3],
}

impl Server {
    /// Listens, opens the drive, and serves. An empty `server.public_url` becomes the address that was bound.
    ///
    /// # Errors
    /// A text for the operator.
    pub async fn start(mut settings: Settings, clock: SharedClock, random: SharedRandom) -> anyhow::Result<Self> {
        let listener = listen::bind(&settings.server.listen).await?;
        let address = listener.local_addr()?;
        if settings.server.public_url.is_empty() {
            settings.server.public_url = format!("http://{address}");
        }
        let metrics = match settings.server.metrics_listen.as_str() {
            "" => None,
            text => Some(listen::bind(text).await.context("server.metrics_listen")?),
        };
        let drive = open::drive(settings, Purpose::Use, clock, random).await?;
        Self::with_drive(drive, listener, metrics).await
    }

    /// Serves a drive that is open.
    ///
    /// # Errors
    /// The database belongs to another secret; a setting is malformed.
    pub async fn with_drive(drive: Drive, listener: TcpListener, metrics: Option<TcpListener>) -> anyhow::Result<Self> {
        drive.claim().await?;
        drive.recover_uploads(&boot_id()).await?;
        let address = listener.local_addr()?;
        let state = AppState::new(drive.clone()).map_err(anyhow::Error::msg)?;
        let grace = Duration::from_secs(drive.settings().server.shutdown_seconds);
        let sender = Arc::new(HttpSender::new(&drive.settings().hooks)?);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = vec![tokio::spawn(listen::serve(
            listener,
            pantry_http::router(state.clone()),
            grace,
            wait(stopped.clone()),
        ))];
        let background = [
            tokio::spawn(background::janitor(drive.clone(), stopped.clone())),
            tokio::spawn(background::worker(drive.clone(), stopped.clone())),
            tokio::spawn(background::hooks(drive.clone(), sender, stopped.clone())),
        ];
        if let Some(listener) = metrics {
            let router = pantry_http::metrics_router(state);
            tasks.push(tokio::spawn(listen::serve(listener, router, grace, wait(stopped))));
        }
        Ok(Self {
            drive,
            address,
            stop,
            tasks,
            background,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The drive that it serves.
    pub fn drive(&self) -> &Drive {
        &self.drive
    }

    /// Takes no new connections, lets running requests end, and closes the database. True if all requests were answered
    /// in time.
    pub async fn stop(self) -> bool {
        // Who follows changes would else hold up the end: their requests have none.
        self.drive.stop_watching();
        // The receivers live in the tasks; if those are gone there is nothing to stop.
        let _ = self.stop.send(true);
        let mut whole = true;
        for task in self.tasks {
            whole &= task.await.unwrap_or(false);
        }
        for task in self.background {
            // One that panicked was told by the panic hook.
            let _ = task.await;
        }
        self.drive.db().close().await;
        whole
    }
}

/// Names this start of the machine; empty where the system does not say.
fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopped.wait_for(|stop| *stop).await;
}
