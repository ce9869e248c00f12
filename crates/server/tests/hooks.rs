//! Server-side request forgery by webhook, tried against the sender itself: by literal, by name, by redirect, by IPv4 in
//! disguise, by a name that answers differently the second time. And what an app's server can do to us.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use pantry_core::{
    hooks::{Answer, Message, Rules, Sender, Sent, Target, Unsent},
    settings::Hooks,
};
use pantry_server::hooks::{HttpSender, Resolve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Answers what it is told, one list after the other; the last one again and again.
#[derive(Default)]
struct Told {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Told {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let ips = |list: &&[&str]| list.iter().map(|ip| ip.parse().expect("an address")).collect();
        Arc::new(Self {
            answers: answers.iter().map(ips).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Resolve for Told {
    fn resolve<'a>(&'a self, _: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move {
            let at = self.asked.fetch_add(1, Ordering::SeqCst);
            match self.answers.get(at).or(self.answers.last()) {
                Some(found) => Ok(found.clone()),
                None => Err(io::Error::other("no such name")),
            }
        })
    }
}

/// An app's server on this machine: answers each connection with the same bytes, and keeps what it heard.
struct Receiver {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Receiver {
    async fn answering(answer: impl Into<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (heard, connections) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let (answer, to, count) = (answer.into(), Arc::clone(&heard), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, answer.clone(), Arc::clone(&to)));
            }
        });
        Self {
            address,
            heard,
            connections,
        }
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().expect("a lock"))
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn port(&self) -> u16 {
        self.address.port()
    }
}

/// Reads one request to its end, and answers. An empty answer is silence.
async fn serve(mut stream: TcpStream, answer: String, heard: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !request.ends_with(b"}") {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(n) => request.extend_from_slice(&piece[..n]),
        }
    }
    heard
        .lock()
        .expect("a lock")
        .push(String::from_utf8_lossy(&request).into_owned());
    if answer.is_empty() {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    // Who is sent to may have gone already: that is part of some tests.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn settings(allow: &str) -> Hooks {
    Hooks {
        allow: allow.to_owned(),
        connect_seconds: 2,
        timeout_seconds: 3,
        ..Hooks::default()
    }
}

/// A message, whose address was let through when it was set: by other rules, where the test needs that.
fn message(url: &str, rules: &str) -> Message {
    let rules = Rules::parse(rules).expect("rules");
    Message {
        target: Target::parse(url, &rules).unwrap_or_else(|e| panic!("{url}: {e}")),
        id: "msg_1".into(),
        timestamp: 1_800_000_000,
        signature: "v1,c2lnbmVk".into(),
        body: b"{\"delivery\":\"msg_1\"}".to_vec(),
    }
}

async fn send(allow: &str, resolver: Arc<Told>, message: Message) -> Sent {
    let sender = HttpSender::with_resolver(&settings(allow), resolver).expect("a sender");
    sender.send(message).await
}

fn status(status: u16) -> Sent {
    Ok(Answer {
        status,
        retry_after: None,
    })
}

#[tokio::test]
async fn a_delivery_arrives_as_it_was_signed() {
    let server = Receiver::answering(OK).await;
    let url = format!("http://hooks.example:{}/a/b?c=d", server.port());
    let sent = send(
        "hooks.example",
        Told::new(&[&["127.0.0.1"]]),
        message(&url, "hooks.example"),
    )
    .await;
    assert_eq!(sent, status(200));
    let heard = server.heard().remove(0);
    let (head, body) = heard.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("POST /a/b?c=d HTTP/1.1\r\n"), "{head}");
    for line in [
        &format!("host: hooks.example:{}", server.port()),
        "content-type: application/json",
        "content-length: 20",
        "webhook-id: msg_1",
        "webhook-timestamp: 1800000000",
        "webhook-signature: v1,c2lnbmVk",
    ] {
        assert!(
            head.to_lowercase().lines().any(|l| l == line.to_lowercase()),
            "{line}: {head}"
        );
    }
    assert_eq!(head.to_lowercase().matches("host:").count(), 1);
    assert_eq!(body, r#"{"delivery":"msg_1"}"#);
}

/// Literal: the address passed once (the operator allowed it), and does not any more.
#[tokio::test]
async fn ssrf_by_literal() {
    let server = Receiver::answering(OK).await;
    let url = format!("http://127.0.0.1:{}/", server.port());
    let sent = send("", Told::new(&[]), message(&url, "127.0.0.0/8")).await;
    assert_eq!(sent, Err(Unsent::Address));
    let sent = send("10.0.0.0/8,127.0.0.2", Told::new(&[]), message(&url, "127.0.0.0/8")).await;
    assert_eq!(sent, Err(Unsent::Address));
    assert_eq!(server.connections(), 0);
    let sent = send("127.0.0.1/32", Told::new(&[]), message(&url, "127.0.0.0/8")).await;
    assert_eq!(sent, status(200));
}

/// DNS: a name that anybody can point at us, and answers that mix what is public with what is not.
#[tokio::test]
async fn ssrf_by_dns() {
    let server = Receiver::answering(OK).await;
    let url = format!("https://evil.example:{}/", server.port());
    for answer in [
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.0.1",
        "100.64.0.1",
        "fe80::1",
        "fd00::1",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "2001:db8::1",
    ] {
        let sent = send("", Told::new(&[&[answer]]), message(&url, "")).await;
        assert_eq!(sent, Err(Unsent::Address), "{answer}");
    }
    let sent = send("", Told::new(&[&["127.0.0.1", "10.0.0.1", "::1"]]), message(&url, "")).await;
    assert_eq!(sent, Err(Unsent::Address));
    // A name that is nowhere looks the same.
    assert_eq!(send("", Told::new(&[]), message(&url, "")).await, Err(Unsent::Address));
    assert_eq!(
        send("", Told::new(&[&[]]), message(&url, "")).await,
        Err(Unsent::Address)
    );
    assert_eq!(server.connections(), 0);
    // Of a mixed answer only what is permitted is tried.
    let url = format!("http://hooks.internal:{}/", server.port());
    let told = Told::new(&[&["0.0.0.0", "224.0.0.1", "127.0.0.1"]]);
    assert_eq!(
        send("hooks.internal", told, message(&url, "hooks.internal")).await,
        status(200)
    );
    assert_eq!(server.connections(), 1);
}

/// IPv4 in the disguise of IPv6, resolved or written.
#[tokio::test]
async fn ssrf_by_ipv4_mapped() {
    let server = Receiver::answering(OK).await;
    let url = format!("https://evil.example:{}/", server.port());
    for answer in [
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "2002:7f00:1::",
    ] {
        // Nor where the operator allows the address that hides in it.
        for allow in ["", "127.0.0.1/32"] {
            let sent = send(allow, Told::new(&[&[answer]]), message(&url, "")).await;
            assert_eq!(sent, Err(Unsent::Address), "{answer} {allow}");
        }
    }
    for literal in [
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[2002:7f00:1::]",
    ] {
        let url = format!("https://{literal}:{}/", server.port());
        assert!(Target::parse(&url, &Rules::default()).is_err(), "{literal}");
    }
    assert_eq!(server.connections(), 0);
}

/// IPv4 behind a translator that the network may have.
#[tokio::test]
async fn ssrf_by_nat64() {
    for answer in [
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::a00:1",
        "64:ff9b:1:ffff::1",
    ] {
        let sent = send("", Told::new(&[&[answer]]), message("https://evil.example/", "")).await;
        assert_eq!(sent, Err(Unsent::Address), "{answer}");
        assert!(Target::parse(&format!("https://[{answer}]/"), &Rules::default()).is_err());
    }
}

/// Rebinding: the name is public when it is set, and leads here when it is sent to. It is judged by what is connected to,
/// in the same breath, so one attempt asks once.
#[tokio::test]
async fn ssrf_by_rebinding() {
    let server = Receiver::answering(OK).await;
    let url = format!("https://rebind.example:{}/", server.port());
    let told = Told::new(&[&["198.51.100.7"], &["127.0.0.1"]]);
    let sender = HttpSender::with_resolver(&settings(""), Arc::clone(&told) as Arc<dyn Resolve>).expect("a sender");
    for asked in 1..=3 {
        assert_eq!(sender.send(message(&url, "")).await, Err(Unsent::Address));
        assert_eq!(told.asked.load(Ordering::SeqCst), asked, "one answer, judged and used");
    }
    assert_eq!(server.connections(), 0);
    // The other way round: what was permitted the first time is not remembered for the second.
    let url = format!("http://rebind.example:{}/", server.port());
    let told = Told::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let sender = HttpSender::with_resolver(&settings("127.0.0.1/32"), told).expect("a sender");
    assert_eq!(sender.send(message(&url, "rebind.example")).await, status(200));
    assert_eq!(sender.send(message(&url, "rebind.example")).await, Err(Unsent::Address));
    assert_eq!(server.connections(), 1);
}

/// A redirect is an answer like another, and not followed, wherever it leads.
#[tokio::test]
async fn ssrf_by_redirect() {
    let inside = Receiver::answering(OK).await;
    for code in [301, 302, 303, 307, 308] {
        let outside = Receiver::answering(format!(
            "HTTP/1.1 {code} Found\r\nlocation: http://127.0.0.1:{}/admin\r\ncontent-length: 0\r\n\r\n",
            inside.port()
        ))
        .await;
        let url = format!("http://127.0.0.1:{}/", outside.port());
        let sent = send("127.0.0.1/32", Told::new(&[]), message(&url, "127.0.0.1/32")).await;
        assert_eq!(sent, status(code));
        assert_eq!((outside.connections(), inside.connections()), (1, 0));
    }
}

#[tokio::test]
async fn what_the_environment_says_of_proxies_is_not_heard() {
    let (server, proxy) = (Receiver::answering(OK).await, Receiver::answering(OK).await);
    // A process of its own would be needed to set it; what matters is that nothing reads it.
    let source = include_str!("../src/hooks.rs");
    assert!(!source.contains("env::") && !source.contains("proxy("));
    let url = format!("http://127.0.0.1:{}/", server.port());
    let sent = send("127.0.0.1/32", Told::new(&[]), message(&url, "127.0.0.1/32")).await;
    assert_eq!((sent, proxy.connections()), (status(200), 0));
}

#[tokio::test]
async fn silence_and_closed_ports_end_in_time() {
    let (silent, closed) = (
        Receiver::answering("").await,
        TcpListener::bind("127.0.0.1:0").await.expect("a port"),
    );
    let port = closed.local_addr().expect("an address").port();
    drop(closed);
    let begun = Instant::now();
    let url = format!("http://127.0.0.1:{}/", silent.port());
    let sent = send("127.0.0.1/32", Told::new(&[]), message(&url, "127.0.0.1/32")).await;
    assert_eq!(sent, Err(Unsent::Timeout));
    let took = begun.elapsed();
    assert!((2..10).contains(&took.as_secs()), "{took:?}");
    let url = format!("http://127.0.0.1:{port}/");
    let sent = send("127.0.0.1/32", Told::new(&[]), message(&url, "127.0.0.1/32")).await;
    assert_eq!(sent, Err(Unsent::Connect));
}

#[tokio::test]
async fn what_is_no_answer_is_told_as_such_and_much_is_not_read() {
    let big_head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    for garbage in [
        "hello\r\n\r\n",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/1.1 20\r\n\r\n",
        big_head.as_str(),
    ] {
        let server = Receiver::answering(garbage).await;
        let url = format!("http://127.0.0.1:{}/", server.port());
        let sent = send("127.0.0.1/32", Told::new(&[]), message(&url, "127.0.0.1/32")).await;
        assert_eq!(sent, Err(Unsent::Protocol), "{}", &garbage[..10]);
    }
    // A body without end: its status counts, and it is broken off.
    let endless = format!(
        "HTTP/1.1 202 Accepted\r\ncontent-length: 99999999999\r\n\r\n{}",
        "z".repeat(8 << 20)
    );
    let server = Receiver::answering(endless).await;
    let url = format!("http://127.0.0.1:{}/", server.port());
    let begun = Instant::now();
    let sent = send("127.0.0.1/32", Told::new(&[]), message(&url, "127.0.0.1/32")).await;
    assert_eq!(sent, status(202));
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn the_other_side_says_when_to_come_again() {
    let server = Receiver::answering("HTTP/1.1 429 Slow\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n").await;
    let url = format!("http://127.0.0.1:{}/", server.port());
    let sent = send("127.0.0.1/32", Told::new(&[]), message(&url, "127.0.0.1/32")).await;
    let answer = Answer {
        status: 429,
        retry_after: Some(120),
    };
    assert_eq!(sent, Ok(answer));
}

/// A certificate for one name, and its key, in files.
fn certificate(folder: &std::path::Path, name: &str) -> (String, String) {
    let path = |file: &str| folder.join(format!("{name}.{file}")).display().to_string();
    let (key, certificate) = (path("key"), path("pem"));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-keyout", &key, "-out", &certificate, "-subj", &format!("/CN={name}")])
        .args(["-addext", &format!("subjectAltName=DNS:{name}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (key, certificate)
}

#[tokio::test]
async fn the_host_proves_itself_by_the_name_in_the_address_and_not_by_where_it_is() {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

    let folder = tempfile::tempdir().expect("a folder");
    let (key, pem) = certificate(folder.path(), "hooks.example");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&pem).expect("a certificate")],
            PrivateKeyDer::from_pem_file(&key).expect("a key"),
        )
        .expect("a server");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let names: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    let seen = Arc::clone(&names);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let name = stream.get_ref().1.server_name().map(str::to_owned);
            seen.lock().expect("a lock").push(name);
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            while !request.ends_with(b"}") {
                match stream.read(&mut piece).await {
                    Ok(0) | Err(_) => break,
                    Ok(n) => request.extend_from_slice(&piece[..n]),
                }
            }
            // It may have gone.
            let _ = stream.write_all(OK.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    let send = async |host: &str, ca_file: &str| {
        let settings = Hooks {
            ca_file: ca_file.to_owned(),
            ..settings("127.0.0.1/32")
        };
        let sender = HttpSender::with_resolver(&settings, Told::new(&[&["127.0.0.1"]])).expect("a sender");
        sender
            .send(message(&format!("https://{host}:{port}/"), "127.0.0.1/32"))
            .await
    };
    assert_eq!(send("hooks.example", &pem).await, status(200));
    assert_eq!(*names.lock().expect("a lock"), [Some("hooks.example".to_owned())]);
    // Nobody whom we trust says so, or it is another's.
    assert_eq!(send("hooks.example", "").await, Err(Unsent::Tls));
    assert_eq!(send("other.example", &pem).await, Err(Unsent::Tls));
    assert_eq!(send("127.0.0.1", &pem).await, Err(Unsent::Tls));
    let missing = HttpSender::new(&Hooks {
        ca_file: "/nowhere.pem".into(),
        ..Hooks::default()
    });
    assert!(missing.is_err());
}
