//! What every handler shares. Owns the putting together; must hold no rule of the drive.

use std::sync::Arc;

use pantry_core::Drive;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    html::paths,
    metrics::Metrics,
    rate::RateLimiter,
    request::{RequestIds, TrustedProxies},
};

/// Memory for files from forms of pages that are held at once, in KiB: 128 MiB.
const FORM_KIB: u32 = 128 * 1024;

/// The drive, and what the faces keep beside it. Cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

struct Inner {
    drive: Drive,
    metrics: Metrics,
    ids: RequestIds,
    proxies: TrustedProxies,
    v1_rate: RateLimiter,
    public_url: String,
    upload_url: String,
    download_url: String,
    forms: Arc<Semaphore>,
    weipan: crate::weipan::Shared,
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AppState")
    }
}

impl AppState {
    /// Puts the state together.
    ///
    /// # Errors
    /// A text for the operator: a setting is malformed.
    pub fn new(drive: Drive) -> Result<Self, String> {
        let settings = drive.settings();
        let address = |own: &str| {
            let address = if own.is_empty() {
                &settings.server.public_url
            } else {
                own
            };
            address.trim_end_matches('/').to_owned()
        };
        Ok(Self(Arc::new(Inner {
            metrics: Metrics::new(),
            ids: RequestIds::new(drive.random().as_ref()),
            proxies: TrustedProxies::parse(&settings.server.trusted_proxies)?,
            v1_rate: RateLimiter::per_minute(settings.v1.rate_per_minute),
            public_url: address(""),
            upload_url: address(&settings.server.upload_url),
            download_url: address(&settings.server.download_url),
            forms: Arc::new(Semaphore::new(FORM_KIB as usize)),
            weipan: crate::weipan::Shared::new(&drive),
            drive,
        })))
    }

    /// The drive.
    pub fn drive(&self) -> &Drive {
        &self.0.drive
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Gives out request ids.
    pub fn ids(&self) -> &RequestIds {
        &self.0.ids
    }

    /// Whose word about addresses is believed.
    pub fn proxies(&self) -> &TrustedProxies {
        &self.0.proxies
    }

    /// Limits the calls of v1, by grant.
    pub fn v1_rate(&self) -> &RateLimiter {
        &self.0.v1_rate
    }

    /// What the weipan face keeps.
    pub fn weipan(&self) -> &crate::weipan::Shared {
        &self.0.weipan
    }

    /// Memory for a file of this many bytes that a page's form sends; it is given back with the permit. `None`: others have it.
    pub fn form_memory(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes.div_ceil(1024))
            .unwrap_or(u32::MAX)
            .clamp(1, FORM_KIB);
        Arc::clone(&self.0.forms).try_acquire_many_owned(kib).ok()
    }

    /// Where parts of uploads are sent, without a slash at its end.
    pub fn upload_url(&self) -> &str {
        &self.0.upload_url
    }

    /// The page of a share.
    pub fn share_url(&self, code: &str) -> String {
        format!("{}{}/{code}", self.0.public_url, paths::SHARE)
    }

    /// Where signed links point, without a slash at its end.
    pub fn download_url(&self) -> &str {
        &self.0.download_url
    }
}
