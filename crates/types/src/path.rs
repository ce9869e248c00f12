//! A path as a request names it: names from a root downwards.
//! Must not know which root is meant, nor whether anything stands there.

use std::fmt;

use crate::limits::{DEPTH, PATH_BYTES};
use crate::name::{Name, NameError};

/// A path of legal names, at most 4,096 bytes and 128 levels. No names: the root.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct DrivePath(Vec<Name>);

/// Why a text is no path.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PathError {
    /// A component is `.` or `..`.
    #[error("the path has the component \"{0}\": write the path without . and ..")]
    Dots(String),
    /// A component breaks a rule of names.
    #[error("the path has a component that is no name: {0}")]
    Name(#[from] NameError),
    /// More than 4,096 bytes.
    #[error("the path has {0} bytes of UTF-8, the most is {PATH_BYTES}: shorten it")]
    TooLong(usize),
    /// More than 128 levels.
    #[error("the path has {0} levels, the most is {DEPTH}: shorten it")]
    TooDeep(usize),
}

impl DrivePath {
    /// Reads `/a/b`. A missing leading slash, a trailing slash and doubled slashes do no harm; an empty text is the root.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut names = Vec::new();
        for part in text.split('/').filter(|part| !part.is_empty()) {
            names.push(Name::parse(part).map_err(|error| match error {
                NameError::Dots { .. } => PathError::Dots(part.to_owned()),
                error => PathError::Name(error),
            })?);
        }
        Self::from_names(names)
    }

    /// The path of these names, from the root downwards.
    pub fn from_names(names: Vec<Name>) -> Result<Self, PathError> {
        let path = Self(names);
        if path.0.len() > DEPTH {
            return Err(PathError::TooDeep(path.0.len()));
        }
        match path.byte_len() {
            bytes if bytes > PATH_BYTES => Err(PathError::TooLong(bytes)),
            _ => Ok(path),
        }
    }

    /// The root, `/`.
    pub fn root() -> Self {
        Self::default()
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The names from the root downwards.
    pub fn components(&self) -> &[Name] {
        &self.0
    }

    /// The last name; none at the root.
    pub fn file_name(&self) -> Option<&Name> {
        self.0.last()
    }

    /// The path of the folder that this stands in; none at the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        Some(Self(above.to_vec()))
    }

    /// This path with `name` below it.
    pub fn join(&self, name: &Name) -> Result<Self, PathError> {
        let mut names = self.0.clone();
        names.push(name.clone());
        Self::from_names(names)
    }

    /// The length of the text `/a/b` in bytes.
    pub fn byte_len(&self) -> usize {
        self.0.iter().map(|name| 1 + name.as_str().len()).sum::<usize>().max(1)
    }
}

impl fmt::Display for DrivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

impl std::str::FromStr for DrivePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    //! The forms of a path, and its limits.
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slashes_do_no_harm() {
        for text in ["/a/b", "a/b", "/a/b/", "//a///b//"] {
            assert_eq!(DrivePath::parse(text).unwrap().to_string(), "/a/b");
        }
        for text in ["", "/", "///"] {
            let path = DrivePath::parse(text).unwrap();
            assert!(path.is_root() && path.parent().is_none() && path.file_name().is_none());
            assert_eq!(path.to_string(), "/");
        }
    }

    #[test]
    fn malformed_paths_are_refused() {
        for text in ["/a/../b", "..", "./a", "/a/."] {
            assert!(matches!(DrivePath::parse(text), Err(PathError::Dots(_))), "{text}");
        }
        assert!(matches!(
            DrivePath::parse("/a\0b"),
            Err(PathError::Name(NameError::Control { code: 0, .. }))
        ));
        assert!(matches!(
            DrivePath::parse("/a\\b"),
            Err(PathError::Name(NameError::Forbidden { .. }))
        ));
        assert!(matches!(
            DrivePath::parse("/a/ /b"),
            Err(PathError::Name(NameError::OuterSpace { .. }))
        ));
    }

    #[test]
    fn length_and_depth_have_limits() {
        let deep = |levels: usize| "/a".repeat(levels);
        assert_eq!(DrivePath::parse(&deep(128)).unwrap().components().len(), 128);
        assert_eq!(DrivePath::parse(&deep(129)), Err(PathError::TooDeep(129)));
        // 15 levels of 256 bytes and one of 256 are 4,096 bytes.
        let long = format!("/{}", "a".repeat(255)).repeat(16);
        assert_eq!(DrivePath::parse(&long).unwrap().byte_len(), 4096);
        assert_eq!(DrivePath::parse(&format!("{long}/b")), Err(PathError::TooLong(4098)));
        // The limit is that of the path, not of how it was written.
        assert_eq!(DrivePath::parse(&"/".repeat(5000)), Ok(DrivePath::root()));
    }

    #[test]
    fn join_and_parent() {
        let path = DrivePath::parse("/a")
            .unwrap()
            .join(&Name::parse("b").unwrap())
            .unwrap();
        assert_eq!(path.to_string(), "/a/b");
        assert_eq!(path.file_name().unwrap().as_str(), "b");
        assert_eq!(path.parent().unwrap().to_string(), "/a");
        let deep = DrivePath::parse(&"/a".repeat(128)).unwrap();
        assert_eq!(deep.join(&Name::parse("b").unwrap()), Err(PathError::TooDeep(129)));
    }

    proptest! {
        #[test]
        fn a_path_parses_back_from_its_text(text in "[/a.é中 ]{0,40}") {
            if let Ok(path) = DrivePath::parse(&text) {
                let shown = path.to_string();
                prop_assert_eq!(shown.len(), path.byte_len());
                prop_assert_eq!(DrivePath::parse(&shown).unwrap(), path);
            }
        }
    }
}
