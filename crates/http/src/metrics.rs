//! What is counted, and its Prometheus text. Must not hold anything that names a person, a file or a secret:
//! a request is counted under the route that matched, never under its path.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, atomic::AtomicU64},
};

use http::{Method, StatusCode};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::Registry,
};

/// Content type of the Prometheus text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the buckets of a request's duration, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0];

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

/// The numbers of this process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    routes: RwLock<HashMap<Box<str>, Arc<Route>>>,
    /// Bytes of contents received.
    pub bytes_in: Counter,
    /// Bytes of contents sent.
    pub bytes_out: Counter,
    /// Requests that are being handled.
    pub running: Gauge,
    /// Parts that are being received.
    pub parts_open: Gauge,
    /// Uploads that are in use in this process; set when the numbers are asked for.
    pub uploads_open: Gauge,
}

/// A route's own counters, looked up once a request.
#[derive(Debug)]
struct Route {
    name: String,
    counters: [[std::sync::OnceLock<Counter>; CLASSES.len()]; METHODS.len()],
    seconds: Histogram,
}

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "other"];

fn method_index(method: &Method) -> usize {
    METHODS
        .iter()
        .position(|name| *name == method.as_str())
        .unwrap_or(METHODS.len() - 1)
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("pantry");
        let requests = Family::default();
        let seconds: Family<RouteLabels, Histogram, fn() -> Histogram> = Family::new_with_constructor(histogram);
        let (bytes_in, bytes_out): (Counter<u64, AtomicU64>, Counter<u64, AtomicU64>) = Default::default();
        let (running, parts_open, uploads_open): (Gauge, Gauge, Gauge) = Default::default();
        registry.register(
            "build",
            "The running program",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_seconds",
            "Seconds until a request was answered, the sending of a body left out",
            seconds.clone(),
        );
        registry.register("http_requests_running", "Requests being handled", running.clone());
        registry.register("content_received_bytes", "Bytes of contents received", bytes_in.clone());
        registry.register("content_sent_bytes", "Bytes of contents sent", bytes_out.clone());
        registry.register(
            "upload_parts_open",
            "Parts of uploads being received",
            parts_open.clone(),
        );
        registry.register("uploads_open", "Uploads in use in this process", uploads_open.clone());
        Self {
            registry,
            requests,
            seconds,
            routes: RwLock::default(),
            bytes_in,
            bytes_out,
            running,
            parts_open,
            uploads_open,
        }
    }

    /// Counts an answered request under the route that matched it.
    pub fn answered(&self, route: &str, method: &Method, status: StatusCode, seconds: f64) {
        let counted = self.route(route);
        counted.seconds.observe(seconds);
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        let method = method_index(method);
        let counter = counted.counters[method][class].get_or_init(|| {
            let labels = RequestLabels {
                route: counted.name.clone(),
                method: METHODS[method],
                status: CLASSES[class],
            };
            self.requests.get_or_create_owned(&labels)
        });
        counter.inc();
    }

    fn route(&self, name: &str) -> Arc<Route> {
        if let Some(route) = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return route.clone();
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let labels = RouteLabels { route: name.to_owned() };
            Arc::new(Route {
                name: name.to_owned(),
                counters: Default::default(),
                seconds: self.seconds.get_or_create_owned(&labels),
            })
        };
        routes.entry(name.into()).or_insert_with(make).clone()
    }

    /// The Prometheus text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a text does not fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}

#[cfg(test)]
mod tests {
    //! The text, after some requests.
    use super::*;

    #[test]
    fn requests_are_counted_by_route_method_and_class() {
        let metrics = Metrics::new();
        for status in [200, 204, 404] {
            let status = StatusCode::from_u16(status).expect("a status");
            metrics.answered("/v1/files/{id}", &Method::GET, status, 0.002);
        }
        let text = metrics.text();
        assert!(
            text.contains(r#"pantry_http_requests_total{route="/v1/files/{id}",method="GET",status="2xx"} 2"#),
            "{text}"
        );
        assert!(text.contains(r#"status="4xx"} 1"#), "{text}");
        assert!(text.contains(r#"pantry_build_info{version="#), "{text}");
    }
}
