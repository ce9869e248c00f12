//! Removing what is dead: codes, devices, tokens, sessions, counters, kept answers.
//! Must not remove what a replay must still be known by.

use pantry_db::{DbError, Outcome, Tx, codes, devices, sessions, throttle, tokens};

use crate::{Drive, Error};

/// Rows of one statement.
const BATCH: i64 = 500;
/// Seconds that a code is remembered after its death: a replay takes back what it led to.
const REPLAY: i64 = 86_400;
/// Seconds after which a counter's window is surely over.
const WINDOWS: i64 = 3_600;

/// How many rows went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Codes.
    pub codes: u64,
    /// Device codes.
    pub devices: u64,
    /// Tokens.
    pub tokens: u64,
    /// Answers of refreshes that were kept for their grace.
    pub answers: u64,
    /// Sessions.
    pub sessions: u64,
    /// Counters of attempts.
    pub counters: u64,
}

#[derive(Clone, Copy)]
enum What {
    Codes,
    Devices,
    Tokens,
    Answers,
    Sessions,
    Counters,
}

async fn sweep_tx(tx: &mut Tx<'_>, (what, before): &(What, i64)) -> Outcome<u64, Error> {
    let swept: Result<u64, DbError> = match what {
        What::Codes => codes::sweep(tx, *before, BATCH).await,
        What::Devices => devices::sweep(tx, *before, BATCH).await,
        What::Tokens => tokens::sweep(tx, *before, BATCH).await,
        What::Answers => tokens::sweep_answers(tx, *before, BATCH).await,
        What::Sessions => sessions::sweep(tx, *before, BATCH).await,
        What::Counters => throttle::sweep(tx, *before, BATCH).await,
    };
    swept.map_err(Error::from).into()
}

impl Drive {
    /// Removes what was dead at `now`, in batches of one transaction each. For the janitor.
    ///
    /// # Errors
    /// The row store's; what went before stays gone.
    pub async fn sweep_auth(&self, now: i64) -> Result<Swept, Error> {
        Ok(Swept {
            codes: self.sweep_one(What::Codes, now - REPLAY).await?,
            // A moment longer, so that a device hears that its code has expired.
            devices: self.sweep_one(What::Devices, now - 300).await?,
            tokens: self.sweep_one(What::Tokens, now).await?,
            answers: self
                .sweep_one(What::Answers, now - self.0.settings.oauth.refresh_grace_seconds)
                .await?,
            sessions: self.sweep_one(What::Sessions, now).await?,
            counters: self.sweep_one(What::Counters, now - WINDOWS).await?,
        })
    }

    async fn sweep_one(&self, what: What, before: i64) -> Result<u64, Error> {
        let mut sum = 0;
        loop {
            let n = self
                .0
                .db
                .write((what, before), |tx, a| Box::pin(sweep_tx(tx, a)))
                .await?;
            sum += n;
            if n < BATCH as u64 {
                return Ok(sum);
            }
        }
    }
}
