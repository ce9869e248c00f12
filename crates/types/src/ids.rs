//! The ids of rows as types of their own, so that the compiler tells a folder's id from a user's.
//! Owns nothing else: who draws ids and who checks them is the business of `db` and `core`.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<i64> for $name {
            fn from(value: i64) -> Self {
                Self(value)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> i64 {
                id.0
            }
        }
    };
}

id! {
    /// A user's id.
    UserId
}
id! {
    /// The id of a node: a file or a folder of a user's tree.
    NodeId
}
id! {
    /// The id of one content of a file.
    VersionId
}
id! {
    /// The id of a grant: what one user allowed one app.
    GrantId
}
id! {
    /// A share's id.
    ShareId
}

#[cfg(test)]
mod tests {
    //! The wire form of ids.
    use super::*;

    #[test]
    fn an_id_is_a_bare_number_on_the_wire() {
        assert_eq!(serde_json::to_string(&NodeId(7)).unwrap(), "7");
        assert_eq!(serde_json::from_str::<UserId>("9").unwrap(), UserId(9));
        assert_eq!(ShareId(12).to_string(), "12");
    }
}
