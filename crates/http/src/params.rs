//! The parameters of a request, from its query and its body, whichever of three forms the body has.
//! Owns their forms and the errors that name them; must not know what any of them means.

use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use bytes::Bytes;
use http::{HeaderMap, Method, header::CONTENT_TYPE, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use pantry_core::Error;
use pantry_types::{NodeId, limits::MAX_ID, shown};
use percent_encoding::percent_decode;

use crate::envelope::Failure;

/// Largest body of parameters, in bytes.
pub const BODY_LIMIT: u64 = 1024 * 1024;

/// How long a body of parameters may take to arrive.
const BODY_SECONDS: Duration = Duration::from_secs(30);

/// Names and values in the order in which they came: the query's, then the body's.
#[derive(Clone, Default, Debug)]
pub struct Params(Vec<(String, Value)>);

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    /// It cannot be a text, and this is why. Told only if somebody asks for it: unknown parameters are ignored.
    Bad(&'static str),
}

const NOT_UTF8: &str = "is not UTF-8; encode it as UTF-8 before percent-encoding it";
const NOT_SCALAR: &str = "must be a text, a number, true or false";

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        Self::read(request).await
    }
}

impl Params {
    /// Reads query and body. The body of a GET or HEAD is not looked at.
    ///
    /// # Errors
    /// The body is too large, too slow, of an unknown type, or not what its type says.
    pub async fn read(request: Request) -> Result<Self, Failure> {
        let mut params = Self::of_query(request.uri().query().unwrap_or(""));
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(params);
        }
        let (parts, body) = request.into_parts();
        let limited = Limited::new(body, BODY_LIMIT as usize);
        let collected = tokio::time::timeout(BODY_SECONDS, limited.collect()).await;
        let body = match collected {
            Err(_) => return Err(Failure::BodyTimeout),
            Ok(Err(e)) if e.is::<LengthLimitError>() => return Err(Failure::BodyTooLarge(BODY_LIMIT)),
            Ok(Err(e)) => return Err(Error::BodyBroken(e.to_string()).into()),
            Ok(Ok(body)) => body.to_bytes(),
        };
        params.add_body(&parts.headers, body).await?;
        Ok(params)
    }

    /// Reads `a=1&b=2`, as queries and forms have it (URL standard, "application/x-www-form-urlencoded").
    pub fn of_query(query: &str) -> Self {
        let mut params = Self::default();
        params.add_form(query.as_bytes());
        params
    }

    async fn add_body(&mut self, headers: &HeaderMap, body: Bytes) -> Result<(), Failure> {
        if body.is_empty() {
            return Ok(());
        }
        let sent = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
        let essence = sent.map(|text| text.split(';').next().unwrap_or("").trim().to_ascii_lowercase());
        match essence.as_deref() {
            None | Some("" | "application/x-www-form-urlencoded") => self.add_form(&body),
            Some("application/json") => self.add_json(&body)?,
            Some("multipart/form-data") => self.add_multipart(sent.unwrap_or_default(), body).await?,
            Some(_) => return Err(Failure::MediaType(sent.unwrap_or_default().to_owned())),
        }
        Ok(())
    }

    fn add_form(&mut self, form: &[u8]) {
        for pair in form.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|b| *b == b'=');
            let (name, value) = at.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
            let name = String::from_utf8_lossy(&decode(name)).into_owned();
            self.0.push((name, Value::of_bytes(decode(value))));
        }
    }

    fn add_json(&mut self, body: &[u8]) -> Result<(), Failure> {
        let json: serde_json::Value =
            serde_json::from_slice(body).map_err(|e| Failure::Body(format!("the body is no JSON: {e}")))?;
        let serde_json::Value::Object(fields) = json else {
            return Err(Failure::Body(
                "the JSON body must be an object, as in {\"name\":\"Photos\"}".into(),
            ));
        };
        for (name, value) in fields {
            match value {
                serde_json::Value::Null => {}
                serde_json::Value::Array(values) => {
                    let name = format!("{name}[]");
                    let values = values.into_iter().map(|v| (name.clone(), Value::of_json(v)));
                    self.0.extend(values);
                }
                value => self.0.push((name, Value::of_json(value))),
            }
        }
        Ok(())
    }

    async fn add_multipart(&mut self, content_type: &str, body: Bytes) -> Result<(), Failure> {
        let bad = |e: multer::Error| Failure::Body(format!("the multipart body is malformed: {e}"));
        let boundary = multer::parse_boundary(content_type).map_err(bad)?;
        let once = futures_util::stream::once(std::future::ready(Ok::<_, std::convert::Infallible>(body)));
        let mut multipart = multer::Multipart::new(once, boundary);
        while let Some(field) = multipart.next_field().await.map_err(bad)? {
            let name = field.name().unwrap_or_default().to_owned();
            let value = field.bytes().await.map_err(bad)?;
            self.0.push((name, Value::of_bytes(value.to_vec())));
        }
        Ok(())
    }

    /// Every text of exactly this name, in order; for callers with rules of their own about repetition.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter_map(move |(n, value)| match value {
            Value::Text(text) if n == name => Some(text.as_str()),
            _ => None,
        })
    }

    /// Every name with its value, in order. What is no text stands as U+FFFD, which is no legal value of anything: left
    /// out, it would count as not sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| match value {
            Value::Text(text) => (name.as_str(), text.as_str()),
            Value::Bad(_) => (name.as_str(), "\u{fffd}"),
        })
    }

    /// A text, if it was sent.
    ///
    /// # Errors
    /// It is no text, or came twice with different values.
    pub fn opt_text(&self, name: &'static str) -> Result<Option<&str>, Error> {
        let mut found: Option<&str> = None;
        for (n, value) in &self.0 {
            if n != name {
                continue;
            }
            match value {
                Value::Bad(problem) => return Err(Error::invalid(name, *problem)),
                Value::Text(text) if found.is_some_and(|before| before != text) => {
                    return Err(Error::invalid(
                        name,
                        "was sent more than once, with different values; send it once",
                    ));
                }
                Value::Text(text) => found = Some(text),
            }
        }
        Ok(found)
    }

    /// A text that must be there and not be empty.
    ///
    /// # Errors
    /// It is missing, empty, or as [`Self::opt_text`].
    pub fn text(&self, name: &'static str) -> Result<&str, Error> {
        match self.opt_text(name)? {
            Some("") => Err(Error::invalid(name, "is empty; it must have a value")),
            Some(text) => Ok(text),
            None if self.0.iter().any(|(n, _)| array_index(n, name).is_some()) => {
                Err(Error::invalid(name, "must be one value, not an array"))
            }
            None => Err(Error::invalid(name, "is missing; it is required")),
        }
    }

    /// A whole number, if it was sent and is not empty.
    ///
    /// # Errors
    /// It is no whole number of 64 bits.
    pub fn opt_int(&self, name: &'static str) -> Result<Option<i64>, Error> {
        match self.opt_text(name)?.map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) => whole(text)
                .map(Some)
                .ok_or_else(|| Error::invalid(name, format!("{} is no whole number", shown(text)))),
        }
    }

    /// A whole number that must be there.
    ///
    /// # Errors
    /// It is missing or no whole number of 64 bits.
    pub fn int(&self, name: &'static str) -> Result<i64, Error> {
        self.opt_int(name)?
            .ok_or_else(|| Error::invalid(name, "is missing; it is required"))
    }

    /// Yes or no, if it was sent and is not empty: `true`, `false`, `1`, `0`.
    ///
    /// # Errors
    /// It is something else.
    pub fn opt_flag(&self, name: &'static str) -> Result<Option<bool>, Error> {
        match self.opt_text(name)? {
            None | Some("") => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(text) => Err(Error::invalid(
                name,
                format!("{} is neither true nor false", shown(text)),
            )),
        }
    }

    /// One of some words, if it was sent and is not empty.
    ///
    /// # Errors
    /// It is none of them.
    pub fn opt_word<T: Copy>(&self, name: &'static str, words: &[(&str, T)]) -> Result<Option<T>, Error> {
        let Some(text) = self.opt_text(name)?.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Error::invalid(name, format!("{} is none of {}", shown(text), names.join(", ")))
        })
    }

    /// Ids in any of the forms of an array: `a[]=1&a[]=2`, `a[0]=1`, `a=1&a=2`, `a=1,2`, a JSON array. None sent: empty.
    ///
    /// # Errors
    /// One of them is no positive whole number below 2^53.
    pub fn ids(&self, name: &'static str) -> Result<Vec<NodeId>, Error> {
        let mut texts: Vec<(u64, &str)> = Vec::new();
        for (n, value) in &self.0 {
            let Some(index) = array_index(n, name) else { continue };
            match value {
                Value::Bad(problem) => return Err(Error::invalid(name, *problem)),
                Value::Text(text) => texts.push((index, text)),
            }
        }
        // Numbered ones go by their number, the rest as they came, after them.
        texts.sort_by_key(|(index, _)| *index);
        let mut ids = Vec::with_capacity(texts.len());
        for text in texts.iter().flat_map(|(_, text)| text.split(',')).map(str::trim) {
            if text.is_empty() {
                continue;
            }
            ids.push(NodeId(id(name, text)?));
        }
        Ok(ids)
    }
}

/// The one variable segment of a path, decoded. What is no UTF-8 becomes a text that no id and no secret has.
#[derive(Clone, Debug)]
pub struct Segment(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let decoded = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(decoded.map_or_else(|_| "\u{fffd}".to_owned(), |Path(text)| text)))
    }
}

/// An id as it stands in a path or a parameter.
///
/// # Errors
/// It is no positive whole number below 2^53.
pub fn id(name: &'static str, text: &str) -> Result<i64, Error> {
    whole(text).filter(|id| (1..=MAX_ID).contains(id)).ok_or_else(|| {
        Error::invalid(
            name,
            format!("{} is no id; ids are positive whole numbers", shown(text)),
        )
    })
}

/// A whole number; JSON writers may append `.0`.
fn whole(text: &str) -> Option<i64> {
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}

/// The place of `name`, `name[]` or `name[3]` in the array `array`; none for another name.
fn array_index(name: &str, array: &str) -> Option<u64> {
    match name.strip_prefix(array)? {
        "" | "[]" => Some(u64::MAX),
        rest => rest.strip_prefix('[')?.strip_suffix(']')?.parse().ok(),
    }
}

/// Undoes `+` and percent-encoding. What is no valid encoding stays as it is (URL standard, "percent-decode").
fn decode(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    percent_decode(&spaced).collect()
}

impl Value {
    fn of_bytes(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or(Self::Bad(NOT_UTF8), Self::Text)
    }

    fn of_json(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Number(number) => Self::Text(number.to_string()),
            serde_json::Value::Bool(flag) => Self::Text(flag.to_string()),
            serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                Self::Bad(NOT_SCALAR)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! Every form of a body, and what each error names.
    use super::*;
    use axum::body::Body;

    async fn post(content_type: Option<&str>, body: &'static [u8]) -> Result<Params, Failure> {
        let mut request = http::Request::post("/x?q=1&name=a%20b");
        if let Some(value) = content_type {
            request = request.header(CONTENT_TYPE, value);
        }
        Params::read(request.body(Body::from(body)).expect("a request")).await
    }

    fn ids(params: &Params) -> Vec<i64> {
        params
            .ids("file_ids")
            .expect("ids")
            .into_iter()
            .map(|id| id.0)
            .collect()
    }

    fn problem<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
        result.expect_err("an error").to_string()
    }

    #[tokio::test]
    async fn every_form_of_an_array_is_read() {
        let forms: [(&str, &[u8]); 8] = [
            ("application/x-www-form-urlencoded", b"file_ids[]=1&file_ids[]=2"),
            ("application/x-www-form-urlencoded", b"file_ids%5B%5D=1&file_ids%5B%5D=2"),
            ("application/x-www-form-urlencoded", b"file_ids[1]=2&file_ids[0]=1"),
            ("application/x-www-form-urlencoded; charset=UTF-8", b"file_ids=1&file_ids=2"),
            ("application/x-www-form-urlencoded", b"file_ids=1,2"),
            ("application/json", b"{\"file_ids\":[1,\"2\"],\"other\":{\"a\":1},\"none\":null}"),
            ("application/json", b"{\"file_ids\":\"1, 2\"}"),
            (
                "multipart/form-data; boundary=xx",
                b"--xx\r\nContent-Disposition: form-data; name=\"file_ids[]\"\r\n\r\n1\r\n--xx\r\nContent-Disposition: form-data; name=\"file_ids[]\"\r\n\r\n2\r\n--xx--\r\n",
            ),
        ];
        for (content_type, body) in forms {
            let params = post(Some(content_type), body).await.expect("parameters");
            assert_eq!(ids(&params), [1, 2], "{content_type} {}", String::from_utf8_lossy(body));
            assert_eq!((params.int("q").ok(), params.text("name").ok()), (Some(1), Some("a b")));
        }
        let none = post(None, b"").await.expect("parameters");
        assert!(ids(&none).is_empty());
        assert_eq!(
            ids(&post(None, b"file_ids=7").await.expect("a form without a type")),
            [7]
        );
    }

    #[tokio::test]
    async fn an_error_names_the_parameter_and_shows_the_value() {
        let params = post(None, b"bad=%ff&n=x&ids[]=0&o=1&o=2&e=&s=maybe")
            .await
            .expect("parameters");
        assert!(problem(params.text("bad")).starts_with("bad: is not UTF-8"));
        assert!(problem(params.text("gone")).starts_with("gone: is missing"));
        assert!(problem(params.int("n")).contains("n: \"x\" is no whole number"));
        assert!(problem(params.ids("ids")).contains("ids: \"0\" is no id"));
        assert!(problem(params.text("o")).starts_with("o: was sent more than once"));
        assert!(problem(params.text("e")).starts_with("e: is empty"));
        assert!(problem(params.opt_flag("s")).starts_with("s: \"maybe\" is neither"));
        assert!(problem(params.opt_word("s", &[("fail", 1), ("rename", 2)])).contains("none of fail, rename"));
        assert_eq!(params.opt_int("e").expect("empty is not sent"), None);
        let json = post(Some("application/json"), b"{\"name\":{}}")
            .await
            .expect("parameters");
        assert!(problem(json.text("name")).contains("name: must be a text"));
    }

    #[tokio::test]
    async fn bodies_that_are_not_understood_are_refused() {
        assert!(matches!(
            post(Some("text/csv"), b"a,b").await,
            Err(Failure::MediaType(_))
        ));
        assert!(matches!(
            post(Some("application/json"), b"[1]").await,
            Err(Failure::Body(_))
        ));
        assert!(matches!(
            post(Some("application/json"), b"{").await,
            Err(Failure::Body(_))
        ));
        assert!(matches!(
            post(Some("multipart/form-data"), b"x").await,
            Err(Failure::Body(_))
        ));
        let large = Box::leak(vec![b'a'; 1024 * 1024 + 1].into_boxed_slice());
        assert!(matches!(post(None, large).await, Err(Failure::BodyTooLarge(_))));
    }

    #[test]
    fn decoding_loses_nothing() {
        let params = Params::of_query("a=%E7%85%A7%2B+%25zz%&b&=c&d=1=2");
        let all: Vec<_> = params.iter().collect();
        assert_eq!(all, [("a", "照+ %zz%"), ("b", ""), ("", "c"), ("d", "1=2")]);
    }
}
