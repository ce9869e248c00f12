//! What may be bound to a statement and read from a row, the same on both engines.
//! A closed list on purpose: integers are `i64`, bytes are `Vec<u8>`, truth is 0 or 1, times are Unix seconds.

use rusqlite::types::ToSqlOutput;
use tokio_postgres::types::{FromSql, ToSql, Type};

use crate::error::DbError;

mod sealed {
    pub trait Param {}
    pub trait Col {}
}

/// A value that can be bound as `$n`.
pub trait Param: sealed::Param + Sync {
    #[doc(hidden)]
    fn sqlite(&self) -> rusqlite::Result<ToSqlOutput<'_>>;
    #[doc(hidden)]
    fn pg(&self) -> &(dyn ToSql + Sync);
}

macro_rules! params {
    ($($t:ty),* $(,)?) => {$(
        impl sealed::Param for $t {}
        impl Param for $t {
            fn sqlite(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                rusqlite::ToSql::to_sql(self)
            }
            fn pg(&self) -> &(dyn ToSql + Sync) {
                self
            }
        }
    )*};
}
params!(
    i64,
    Option<i64>,
    String,
    Option<String>,
    &str,
    Option<&str>,
    Vec<u8>,
    Option<Vec<u8>>,
    &[u8],
    Option<&[u8]>,
);

/// A list of ids as one parameter, for [`crate::dialect::in_list`]: an array on PostgreSQL, JSON text on SQLite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdList(pub Vec<i64>);

impl FromIterator<i64> for IdList {
    fn from_iter<I: IntoIterator<Item = i64>>(ids: I) -> Self {
        Self(ids.into_iter().collect())
    }
}

impl sealed::Param for IdList {}
impl Param for IdList {
    fn sqlite(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let mut json = String::with_capacity(2 + self.0.len() * 8);
        json.push('[');
        for (i, id) in self.0.iter().enumerate() {
            if i > 0 {
                json.push(',');
            }
            json.push_str(&id.to_string());
        }
        json.push(']');
        Ok(ToSqlOutput::from(json))
    }
    fn pg(&self) -> &(dyn ToSql + Sync) {
        &self.0
    }
}

/// A list of texts as one parameter, for [`crate::dialect::in_list`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextList(pub Vec<String>);

impl sealed::Param for TextList {}
impl Param for TextList {
    fn sqlite(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let mut json = String::from("[");
        for (i, text) in self.0.iter().enumerate() {
            if i > 0 {
                json.push(',');
            }
            push_json(&mut json, text);
        }
        json.push(']');
        Ok(ToSqlOutput::from(json))
    }
    fn pg(&self) -> &(dyn ToSql + Sync) {
        &self.0
    }
}

fn push_json(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A value that can be read from a column.
pub trait Col: sealed::Col + Sized {
    #[doc(hidden)]
    fn from_sqlite(row: &rusqlite::Row<'_>, i: usize) -> rusqlite::Result<Self>;
    #[doc(hidden)]
    fn from_pg(row: &tokio_postgres::Row, i: usize) -> Result<Self, tokio_postgres::Error>;
}

macro_rules! cols {
    ($($t:ty as $pg:ty => $map:expr;)*) => {$(
        impl sealed::Col for $t {}
        impl Col for $t {
            fn from_sqlite(row: &rusqlite::Row<'_>, i: usize) -> rusqlite::Result<Self> {
                row.get(i)
            }
            fn from_pg(row: &tokio_postgres::Row, i: usize) -> Result<Self, tokio_postgres::Error> {
                row.try_get::<_, $pg>(i).map($map)
            }
        }
    )*};
}
cols! {
    i64 as Int => |v| v.0;
    Option<i64> as Option<Int> => |v| v.map(|v| v.0);
    String as String => |v| v;
    Option<String> as Option<String> => |v| v;
    Vec<u8> as Vec<u8> => |v| v;
    Option<Vec<u8>> as Option<Vec<u8>> => |v| v;
}

/// PostgreSQL types a literal (`SELECT 1`) as a 4-byte integer, SQLite knows one integer: read all widths as `i64`.
struct Int(i64);

impl<'a> FromSql<'a> for Int {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT2 => i16::from_sql(ty, raw)?.into(),
            Type::INT4 => i32::from_sql(ty, raw)?.into(),
            _ => i64::from_sql(ty, raw)?,
        }))
    }
    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT2 | Type::INT4 | Type::INT8)
    }
}

/// One row of an answer.
pub struct Row<'a>(pub(crate) RowOf<'a>);

pub(crate) enum RowOf<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Pg(&'a tokio_postgres::Row),
}

impl Row<'_> {
    /// The value of column `i`, counted from 0.
    ///
    /// # Errors
    /// There is no such column, or it holds another type (NULL where `T` is not an `Option`).
    pub fn get<T: Col>(&self, i: usize) -> Result<T, DbError> {
        match self.0 {
            RowOf::Sqlite(row) => {
                T::from_sqlite(row, i).map_err(|e| DbError::from(e).context(&format!("reading column {i}")))
            }
            RowOf::Pg(row) => T::from_pg(row, i).map_err(|e| DbError::from(e).context(&format!("reading column {i}"))),
        }
    }
}
