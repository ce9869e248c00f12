//! What an app may be allowed: the scopes of the OAuth document and those of OpenID Connect, and sets of them.
//! Absent means no. Must not decide what a scope opens: that is `core`'s access.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::shown;

/// One scope. The numbers are stored in rows: new scopes go to the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Scope {
    /// `user.read`: the user's profile and quota.
    UserRead,
    /// `files.app_data`: reads and writes inside the sandbox.
    FilesAppData,
    /// `files.read_all`: reads the whole drive.
    FilesReadAll,
    /// `files.write_all`: writes the whole drive.
    FilesWriteAll,
    /// `share.read`: lists the user's shares.
    ShareRead,
    /// `share.create`: makes shares for the user.
    ShareCreate,
    /// `openid`: an `id_token` (OpenID Connect Core 1.0, section 3.1.2.1).
    OpenId,
    /// `profile`: the profile's claims (OpenID Connect Core 1.0, section 5.4).
    Profile,
    /// `email`: the claims of the address (OpenID Connect Core 1.0, section 5.4).
    Email,
}

impl Scope {
    /// Every scope, in the order in which a set is written.
    pub const ALL: [Scope; 9] = [
        Scope::UserRead,
        Scope::FilesAppData,
        Scope::FilesReadAll,
        Scope::FilesWriteAll,
        Scope::ShareRead,
        Scope::ShareCreate,
        Scope::OpenId,
        Scope::Profile,
        Scope::Email,
    ];

    /// The scope's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::UserRead => "user.read",
            Scope::FilesAppData => "files.app_data",
            Scope::FilesReadAll => "files.read_all",
            Scope::FilesWriteAll => "files.write_all",
            Scope::ShareRead => "share.read",
            Scope::ShareCreate => "share.create",
            Scope::OpenId => "openid",
            Scope::Profile => "profile",
            Scope::Email => "email",
        }
    }

    /// The scope of this name.
    pub fn parse(name: &str) -> Result<Self, ScopeError> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == name);
        found.ok_or_else(|| ScopeError { name: name.to_owned() })
    }

    /// Whether the consent page warns of this scope and asks for a tick of its own.
    pub fn is_sensitive(self) -> bool {
        matches!(
            self,
            Scope::FilesReadAll | Scope::FilesWriteAll | Scope::ShareRead | Scope::ShareCreate
        )
    }

    /// Whether an administrator must have allowed the app to ask for this scope.
    pub fn needs_review(self) -> bool {
        self.is_sensitive()
    }

    fn bit(self) -> u16 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text names a scope that does not exist.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no scope {}: the scopes are {}", shown(.name), Scopes::all())]
pub struct ScopeError {
    /// The name as it was sent.
    pub name: String,
}

/// A set of scopes. On the wire: names with spaces between them (RFC 6749, section 3.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Scopes(u16);

impl Scopes {
    /// No scope: nothing is allowed.
    pub const EMPTY: Scopes = Scopes(0);
    /// What an app gets that asks for no scope: `user.read files.app_data`.
    pub const DEFAULT: Scopes = Scopes(1 << Scope::UserRead as u8 | 1 << Scope::FilesAppData as u8);

    /// Every scope there is.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Reads names with white space between them; a name given twice counts once, an empty text is the empty set.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        text.split_ascii_whitespace().map(Scope::parse).collect()
    }

    /// Whether `scope` is in the set.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether all of this set is in `other`.
    pub fn is_subset(self, other: Scopes) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What both sets have.
    pub fn intersect(self, other: Scopes) -> Self {
        Self(self.0 & other.0)
    }

    /// What either set has.
    pub fn union(self, other: Scopes) -> Self {
        Self(self.0 | other.0)
    }

    /// What this set has and `other` has not.
    pub fn difference(self, other: Scopes) -> Self {
        Self(self.0 & !other.0)
    }

    /// The set with `scope` in it.
    pub fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// The scopes in the order in which they are written.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// The set as a row holds it.
    pub fn to_bits(self) -> i64 {
        i64::from(self.0)
    }

    /// The set of a row. Bits that this program does not know are dropped: what is not understood is not allowed.
    pub fn from_bits(bits: i64) -> Self {
        Scope::ALL
            .into_iter()
            .filter(|scope| bits & i64::from(scope.bit()) != 0)
            .collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Self {
        Self::EMPTY.with(scope)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            write!(f, "{space}{scope}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Scope::as_str)).finish()
    }
}

impl std::str::FromStr for Scopes {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::parse(text)
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    //! Names, sets and bits of scopes.
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sets_are_read_and_written() {
        let scopes = Scopes::parse("  files.app_data user.read files.app_data ").unwrap();
        assert_eq!(scopes, Scopes::DEFAULT);
        assert_eq!(scopes.to_string(), "user.read files.app_data");
        assert_eq!(Scopes::parse("").unwrap(), Scopes::EMPTY);
        assert_eq!(Scopes::EMPTY.to_string(), "");
        assert_eq!(serde_json::to_string(&scopes).unwrap(), "\"user.read files.app_data\"");
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Ok(scope));
        }
    }

    #[test]
    fn an_unknown_scope_is_named() {
        for name in ["files.delete_all", "USER.READ", "user.read,files.app_data"] {
            let error = Scopes::parse(&format!("user.read {name}")).unwrap_err();
            assert_eq!(error.name, name);
            assert!(error.to_string().starts_with(&format!(
                "there is no scope \"{name}\": the scopes are user.read files.app_data"
            )));
        }
    }

    #[test]
    fn sensitive_scopes_are_these() {
        let sensitive: Scopes = Scope::ALL.into_iter().filter(|s| s.is_sensitive()).collect();
        assert_eq!(
            sensitive.to_string(),
            "files.read_all files.write_all share.read share.create"
        );
        assert!(Scope::ALL.into_iter().all(|s| s.needs_review() == s.is_sensitive()));
    }

    #[test]
    fn bits_of_rows_do_not_change_and_unknown_ones_allow_nothing() {
        let bits: Vec<i64> = Scope::ALL.into_iter().map(|s| Scopes::from(s).to_bits()).collect();
        assert_eq!(bits, [1, 2, 4, 8, 16, 32, 64, 128, 256]);
        assert_eq!(Scopes::from_bits(1 << 40 | 512 | 1), Scope::UserRead.into());
        assert_eq!(Scopes::from_bits(-1), Scopes::all());
    }

    proptest! {
        #[test]
        fn sets_behave_as_sets(a in 0..512_i64, b in 0..512_i64) {
            let (a, b) = (Scopes::from_bits(a), Scopes::from_bits(b));
            prop_assert_eq!(Scopes::from_bits(a.to_bits()), a);
            prop_assert_eq!(Scopes::parse(&a.to_string()).unwrap(), a);
            prop_assert!(a.intersect(b).is_subset(a) && a.is_subset(a.union(b)));
            prop_assert_eq!(a.difference(b).union(a.intersect(b)), a);
            prop_assert_eq!(a.is_subset(b), a.iter().all(|s| b.contains(s)));
        }
    }
}
