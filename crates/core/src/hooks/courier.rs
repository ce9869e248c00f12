//! The courier: one round after the other it looks for news, makes deliveries, and has what is due sent side by side.
//! One runs in every process; they share the work through the rows. Must not decide what is due.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Sender, Unsent, find::Looked, queue::Outgoing};
use crate::{Drive, Error};

/// Deliveries that one process sends at once.
const AT_ONCE: usize = 256;

/// What a round came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// People and apps that were noted anew.
    pub noted: u64,
    /// Deliveries that were made.
    pub made: u64,
    /// Attempts that were begun.
    pub begun: u64,
}

/// See above. Dropping it breaks off what is being sent; others take that up after a while.
pub struct Courier {
    drive: Drive,
    sender: Arc<dyn Sender>,
    under_way: JoinSet<()>,
    looked: Looked,
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier")
            .field("under_way", &self.under_way.len())
            .finish()
    }
}

impl Courier {
    /// A courier that has not looked yet.
    pub fn new(drive: Drive, sender: Arc<dyn Sender>) -> Self {
        Self {
            drive,
            sender,
            under_way: JoinSet::new(),
            looked: Looked::default(),
        }
    }

    /// One round. Sending goes on after it.
    ///
    /// # Errors
    /// The row store's; the next round goes on where this one ended.
    pub async fn round(&mut self) -> Result<Round, Error> {
        while self.under_way.try_join_next().is_some() {}
        let noted = self.drive.find_news(&mut self.looked).await?;
        let made = self.drive.make_deliveries().await?;
        let mut begun = 0;
        for client_id in self.drive.hooks_due().await? {
            while self.under_way.len() < AT_ONCE {
                let Some(outgoing) = self.drive.claim_delivery(&client_id).await? else {
                    break;
                };
                let (drive, sender) = (self.drive.clone(), Arc::clone(&self.sender));
                self.under_way.spawn(attempt(drive, sender, outgoing));
                begun += 1;
            }
        }
        Ok(Round { noted, made, begun })
    }

    /// Waits until nothing is under way.
    pub async fn settle(&mut self) {
        while self.under_way.join_next().await.is_some() {}
    }
}

async fn attempt(drive: Drive, sender: Arc<dyn Sender>, mut outgoing: Outgoing) {
    let sent = match outgoing.message.take() {
        Some(message) => sender.send(message).await,
        None => Err(Unsent::Address),
    };
    if let Err(e) = drive.end_attempt(&outgoing, sent).await {
        // It is sent again when the claim is over.
        tracing::error!(error = %e, app = %outgoing.client_id, delivery = outgoing.id, "how a webhook was sent could not be written down");
    }
}
