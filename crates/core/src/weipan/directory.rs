//! The external directory (LDAP, RFC 4511): who somebody is, by what they typed.
//! Must not make accounts; it answers what the directory says.

use std::{sync::Arc, time::Duration};

use ldap3::{LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, ldap_escape};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::settings::Ldap;

/// Somebody whom the directory knows and whose password it took.
#[derive(Debug, Clone)]
pub(super) struct Person {
    /// Names the entry for ever: its distinguished name in lower case.
    pub(super) entry: String,
    /// The name wished for.
    pub(super) name: String,
    /// Mail address.
    pub(super) email: String,
}

/// Why the directory could not be asked; for the operator.
#[derive(Debug, thiserror::Error)]
pub(super) enum DirectoryError {
    /// It cannot be reached, or refused what we asked as ourselves.
    #[error("the directory failed: {0}")]
    Ldap(#[from] LdapError),
    /// The file of certificates.
    #[error("ldap.ca_file {0}: {1}")]
    Certificates(String, String),
}

/// Who has this account and password. `None`: nobody, or more than one entry is found, or not that password.
pub(super) async fn find(ldap: &Ldap, account: &str, password: &str) -> Result<Option<Person>, DirectoryError> {
    // A bind with a name and no password succeeds as nobody (RFC 4513, section 5.1.2).
    if account.is_empty() || password.is_empty() {
        return Ok(None);
    }
    let timeout = Duration::from_secs(ldap.timeout_seconds.max(1));
    let mut settings = LdapConnSettings::new()
        .set_conn_timeout(timeout)
        .set_starttls(ldap.starttls != 0);
    // Whoever links another provider beside must not make ours ambiguous. A second call changes nothing.
    let _ = ring::default_provider().install_default();
    if !ldap.ca_file.is_empty() {
        settings = settings.set_config(Arc::new(trusting(&ldap.ca_file)?));
    }
    let (connection, mut asked) = LdapConnAsync::with_settings(settings, &ldap.url).await?;
    tokio::spawn(async move {
        if let Err(e) = connection.drive().await {
            tracing::warn!(error = %e, "the connection to the directory broke");
        }
    });
    let found = search(ldap, &mut asked, timeout, account, password).await;
    // The answer stands, whether or not the farewell is heard.
    let _ = asked.unbind().await;
    found
}

async fn search(
    ldap: &Ldap,
    asked: &mut ldap3::Ldap,
    timeout: Duration,
    account: &str,
    password: &str,
) -> Result<Option<Person>, DirectoryError> {
    if !ldap.bind_dn.is_empty() {
        let bound = asked
            .with_timeout(timeout)
            .simple_bind(&ldap.bind_dn, &ldap.bind_password);
        bound.await?.success()?;
    }
    let filter = ldap.filter.replace("{account}", &ldap_escape(account));
    let wanted = vec![ldap.name_attribute.as_str(), ldap.email_attribute.as_str()];
    let found = asked
        .with_timeout(timeout)
        .search(&ldap.base_dn, Scope::Subtree, &filter, wanted);
    let (entries, _) = found.await?.success()?;
    let mut entries = entries.into_iter().filter(|e| !e.is_ref()).map(SearchEntry::construct);
    let (Some(entry), None) = (entries.next(), entries.next()) else {
        return Ok(None);
    };
    let bound = asked.with_timeout(timeout).simple_bind(&entry.dn, password).await?;
    if bound.rc != 0 {
        return Ok(None);
    }
    let first = |name: &str| {
        let same = entry.attrs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        same.and_then(|(_, values)| values.first()).cloned().unwrap_or_default()
    };
    Ok(Some(Person {
        entry: entry.dn.to_lowercase(),
        name: first(&ldap.name_attribute),
        email: first(&ldap.email_attribute).trim().to_owned(),
    }))
}

fn trusting(file: &str) -> Result<ClientConfig, DirectoryError> {
    let bad = |e: &dyn std::fmt::Display| DirectoryError::Certificates(file.to_owned(), e.to_string());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|e| bad(&e))? {
        roots.add(certificate.map_err(|e| bad(&e))?).map_err(|e| bad(&e))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| bad(&e))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
