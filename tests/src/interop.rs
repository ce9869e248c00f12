//! The crates `oauth2` and `openidconnect`, unmodified, against the real program: whole flows, with a person at a browser.
//! Clients in other languages are in `interop/`. Owns no rule of OAuth: what the crates demand is the test.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, DeviceAuthorizationUrl, HttpRequest, HttpResponse,
    IntrospectionUrl, PkceCodeChallenge, RedirectUrl, RevocationUrl, Scope, StandardDeviceAuthorizationResponse,
    StandardRevocableToken, TokenIntrospectionResponse, TokenResponse, TokenUrl, basic::BasicClient,
};
use openidconnect::{
    IssuerUrl, Nonce,
    core::{CoreAuthenticationFlow, CoreClient, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreUserInfoClaims},
};
use pantry_testkit::{ChildServer, Engine, Person, Place, both_engines, command};

both_engines!(
    oauth2_goes_through_the_code_flow_with_a_secret_in_the_header_and_in_the_body,
    oauth2_goes_through_the_code_flow_without_a_secret,
    oauth2_goes_through_the_device_flow,
    openidconnect_finds_everything_and_believes_the_id_token,
);

const CALLBACK: &str = "http://127.0.0.1:9/callback";
const SCOPES: [&str; 4] = ["user.read", "files.app_data", "files.read_all", "email"];

/// The started program, and an app of `ada`'s.
struct World {
    server: ChildServer,
    client_id: String,
    secret: Option<String>,
}

impl World {
    async fn new(engine: Engine, more: &[&str]) -> Self {
        let place = Place::new(engine, |_| {}).await;
        let password = ["--password", Person::PASSWORD, "--json"];
        command(
            &place,
            &[&["user", "add", "ada", "--email", "ada@example.com"], &password[..]].concat(),
        );
        let add = ["app", "add", "--owner", "ada", "--name", "Notes", "--json"];
        let scopes = SCOPES.iter().chain(&["openid", "profile"]);
        let scopes = scopes.flat_map(|scope| ["--scope", *scope]).collect::<Vec<_>>();
        let app = command(
            &place,
            &[&add[..], &["--redirect-uri", CALLBACK], &scopes, more].concat(),
        );
        let word = |field: &str| app[field].as_str().map(str::to_owned);
        Self {
            server: ChildServer::start(place).await,
            client_id: word("client_id").expect("a client"),
            secret: word("client_secret"),
        }
    }

    fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    fn id(&self) -> ClientId {
        ClientId::new(self.client_id.clone())
    }

    fn secret(&self) -> ClientSecret {
        ClientSecret::new(self.secret.clone().expect("a secret"))
    }

    /// What v1 says to a token.
    async fn v1(&self, token: &str) -> u16 {
        let call = reqwest::Client::new().get(self.url("/v1/user/info")).bearer_auth(token);
        call.send().await.expect("an answer").status().as_u16()
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse, reqwest::Error>> + Send>>;

/// What carries the crates' requests. They revoke over https alone (RFC 7009, section 2), which is a proxy's in front of
/// the program: here its part is to take the `s` away.
fn carry(request: HttpRequest) -> Answer {
    Box::pin(async move {
        let (mut parts, body) = request.into_parts();
        let plain = parts.uri.to_string().replacen("https://", "http://", 1);
        parts.uri = plain.parse().expect("an address");
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, body))?;
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let answer = client.execute(request).await?;
        let mut response = http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        Ok(response.body(answer.bytes().await?.to_vec()).expect("a response"))
    })
}

/// A person at a browser, who signs in and says yes to everything.
pub struct Browser {
    client: reqwest::Client,
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Browser {
    pub fn new() -> Self {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Self {
            client: client.expect("a client"),
            cookies: Arc::default(),
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Response {
        let cookies = self.cookies.lock().expect("unbroken").clone();
        let cookies = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>();
        let answer = request
            .header("cookie", cookies.join("; "))
            .send()
            .await
            .expect("an answer");
        // The body is read by whoever asked.
        pantry_testkit::secrets::met(answer.headers(), b"");
        for line in answer.headers().get_all("set-cookie") {
            let pair = line.to_str().expect("ASCII").split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie");
            self.cookies
                .lock()
                .expect("unbroken")
                .insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Signs in and takes back what every app was allowed, on the page for it. When that was answered.
    pub async fn take_everything_back(self, server: &str) -> std::time::Instant {
        self.visit(&format!("{server}/login?next=/user/apps")).await;
        let page = self.send(self.client.get(format!("{server}/user/apps"))).await;
        let page = page.text().await.expect("a page");
        let csrf = page
            .split("name=\"csrf\" value=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let form = [("csrf", csrf.expect("a form")), ("grant", "all")];
        let post = self.client.post(format!("{server}/user/apps")).header("origin", server);
        let answer = self.send(post.form(&form)).await;
        assert_eq!(answer.status(), 303);
        std::time::Instant::now()
    }

    /// Goes to an address and answers what the pages ask, until the app is called back or nothing more is asked.
    /// The parameters that come back, if any do.
    async fn visit(&self, address: &str) -> BTreeMap<String, String> {
        let mut at = reqwest::Url::parse(address).expect("an address");
        let mut answer = self.send(self.client.get(at.clone())).await;
        for _ in 0..12 {
            if answer.status().is_redirection() {
                let to = answer.headers()["location"].to_str().expect("ASCII");
                at = at.join(to).expect("an address");
                if at.as_str().starts_with(CALLBACK) {
                    return at.query_pairs().into_owned().collect();
                }
                answer = self.send(self.client.get(at.clone())).await;
                continue;
            }
            assert_eq!(answer.status(), 200, "{at}");
            let page = answer.text().await.expect("a page");
            let Some((action, fields)) = filled(&page) else {
                return BTreeMap::new();
            };
            let origin = at.origin().ascii_serialization();
            at = at.join(&action).expect("an address");
            let post = self.client.post(at.clone()).header("origin", origin).form(&fields);
            answer = self.send(post).await;
        }
        panic!("the pages do not come to an end, at {at}");
    }
}

/// The form of a page that asks something, filled in.
fn filled(page: &str) -> Option<(String, Vec<(String, String)>)> {
    let forms = page
        .split("<form")
        .skip(1)
        .filter_map(|form| form.split("</form>").next());
    for form in forms {
        let asks = ["type=\"password\"", "name=\"decision\"", "id=\"user_code\""];
        if !asks.iter().any(|what| form.contains(what)) {
            continue;
        }
        let mut fields = Vec::new();
        for input in form.split("<input").skip(1).filter_map(|input| input.split('>').next()) {
            let name = attribute(input, "name").expect("a name");
            let value = attribute(input, "value").unwrap_or_default();
            let value = match (attribute(input, "type").as_deref(), name.as_str()) {
                (Some("radio"), _) if !input.contains(" checked") => continue,
                (Some("password"), _) => Person::PASSWORD.to_owned(),
                (_, "account") => "ada".to_owned(),
                _ => value,
            };
            fields.push((name, value));
        }
        if form.contains("name=\"decision\"") {
            fields.push(("decision".to_owned(), "allow".to_owned()));
        }
        return Some((attribute(form, "action").expect("an action"), fields));
    }
    None
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
    let value = value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
    Some(value.replace("&amp;", "&"))
}

/// The code flow of the crate `oauth2`; a macro, for its client's type changes with every endpoint that is set.
macro_rules! code_flow {
    ($w:expr, $client:expr) => {{
        let (w, client) = ($w, $client);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state) = client
            .authorize_url(CsrfToken::new_random)
            .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            .url();
        let back = Browser::new().visit(url.as_str()).await;
        assert_eq!(&back["state"], state.secret());
        assert_eq!(back["iss"], w.url(""));
        let code = AuthorizationCode::new(back["code"].clone());
        let exchange = client.exchange_code(code).set_pkce_verifier(verifier);
        let tokens = exchange.request_async(&carry).await.expect("tokens");
        let given = tokens.scopes().expect("scopes").iter().map(|scope| scope.as_str());
        assert_eq!(given.collect::<Vec<_>>(), SCOPES);
        assert!(tokens.expires_in().is_some_and(|time| time > Duration::from_secs(60)));
        assert_eq!(w.v1(tokens.access_token().secret()).await, 200);
        let refresh = tokens.refresh_token().expect("a refresh token");
        let fresh = client.exchange_refresh_token(refresh).request_async(&carry).await;
        let fresh = fresh.expect("fresh tokens");
        assert_eq!(w.v1(fresh.access_token().secret()).await, 200);
        fresh
    }};
}

macro_rules! revoke {
    ($w:expr, $client:expr, $tokens:expr) => {{
        let (w, tokens) = ($w, $tokens);
        let refresh = tokens.refresh_token().expect("a refresh token").clone();
        let revoked = $client.revoke_token(StandardRevocableToken::RefreshToken(refresh));
        let revoked = revoked.expect("an endpoint").request_async(&carry).await;
        revoked.expect("revoked");
        assert_eq!(w.v1(tokens.access_token().secret()).await, 401);
    }};
}

/// A client of the crate `oauth2` with every endpoint of Pantry's.
macro_rules! client {
    ($w:expr) => {{
        let w = $w;
        let secure = w.url("/oauth/revoke").replacen("http://", "https://", 1);
        BasicClient::new(w.id())
            .set_auth_uri(AuthUrl::new(w.url("/oauth/authorize")).expect("an address"))
            .set_token_uri(TokenUrl::new(w.url("/oauth/token")).expect("an address"))
            .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).expect("an address"))
            .set_revocation_url(RevocationUrl::new(secure).expect("an address"))
            .set_introspection_url(IntrospectionUrl::new(w.url("/oauth/introspect")).expect("an address"))
            .set_device_authorization_url(DeviceAuthorizationUrl::new(w.url("/oauth/device-code")).expect("an address"))
    }};
}

async fn oauth2_goes_through_the_code_flow_with_a_secret_in_the_header_and_in_the_body(engine: Engine) {
    let w = World::new(engine, &[]).await;
    for way in [oauth2::AuthType::BasicAuth, oauth2::AuthType::RequestBody] {
        let client = client!(&w).set_client_secret(w.secret()).set_auth_type(way);
        let tokens = code_flow!(&w, &client);
        let known = client.introspect(tokens.access_token()).request_async(&carry).await;
        let known = known.expect("an answer");
        assert!(known.active());
        assert_eq!(known.client_id(), Some(&w.id()));
        revoke!(&w, &client, &tokens);
        let known = client.introspect(tokens.access_token()).request_async(&carry).await;
        assert!(!known.expect("an answer").active());
    }
}

async fn oauth2_goes_through_the_code_flow_without_a_secret(engine: Engine) {
    let w = World::new(engine, &["--public"]).await;
    let client = client!(&w).set_auth_type(oauth2::AuthType::RequestBody);
    let tokens = code_flow!(&w, &client);
    revoke!(&w, &client, &tokens);
}

async fn oauth2_goes_through_the_device_flow(engine: Engine) {
    let w = World::new(engine, &[]).await;
    let client = client!(&w).set_client_secret(w.secret());
    let asked = client
        .exchange_device_code()
        .add_scope(Scope::new("user.read".to_owned()));
    let asked: StandardDeviceAuthorizationResponse = asked.request_async(&carry).await.expect("a device code");
    let address = asked.verification_uri_complete().expect("an address").secret().clone();
    // The person is slower than the device, which hears `authorization_pending` first.
    let person = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Browser::new().visit(&address).await
    };
    let device = client
        .exchange_device_access_token(&asked)
        .request_async(&carry, tokio::time::sleep, None);
    let (_, tokens) = tokio::join!(person, device);
    let tokens = tokens.expect("tokens");
    assert_eq!(w.v1(tokens.access_token().secret()).await, 200);
    revoke!(&w, &client, &tokens);
}

async fn openidconnect_finds_everything_and_believes_the_id_token(engine: Engine) {
    for (name, alg) in [
        ("RS256", CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256),
        ("ES256", CoreJwsSigningAlgorithm::EcdsaP256Sha256),
    ] {
        let w = World::new(engine, &["--id-token-alg", name]).await;
        let issuer = IssuerUrl::new(w.url("")).expect("an issuer");
        let found = CoreProviderMetadata::discover_async(issuer, &carry).await;
        let client = CoreClient::from_provider_metadata(found.expect("metadata"), w.id(), Some(w.secret()))
            .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).expect("an address"));
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(["profile", "email"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            .url();
        let back = Browser::new().visit(url.as_str()).await;
        assert_eq!(&back["state"], state.secret());
        let exchange = client
            .exchange_code(AuthorizationCode::new(back["code"].clone()))
            .expect("an endpoint");
        let tokens = exchange
            .set_pkce_verifier(verifier)
            .request_async(&carry)
            .await
            .expect("tokens");
        let id_token = tokens.extra_fields().id_token().expect("an id_token");
        let verifier = client.id_token_verifier().set_allowed_algs([alg]);
        let claims = id_token.claims(&verifier, &nonce).expect("a believable id_token");
        let subject = claims.subject().clone();
        let hash = openidconnect::AccessTokenHash::from_token(
            tokens.access_token(),
            id_token.signing_alg().expect("an algorithm"),
            id_token.signing_key(&verifier).expect("a key"),
        );
        assert_eq!(Some(&hash.expect("a hash")), claims.access_token_hash());

        let about = client.user_info(tokens.access_token().clone(), Some(subject.clone()));
        let about: CoreUserInfoClaims = about.expect("an endpoint").request_async(&carry).await.expect("claims");
        assert_eq!(about.preferred_username().map(|name| name.as_str()), Some("ada"));
        assert_eq!(about.email().map(|mail| mail.as_str()), Some("ada@example.com"));

        let refresh = tokens.refresh_token().expect("a refresh token");
        let fresh = client.exchange_refresh_token(refresh).expect("an endpoint");
        let fresh = fresh.request_async(&carry).await.expect("fresh tokens");
        let again = fresh.extra_fields().id_token().expect("an id_token");
        let claims = again.claims(&verifier, |_: Option<&Nonce>| Ok(()));
        assert_eq!(claims.expect("a believable id_token").subject(), &subject);
        // Without a scope of v1 the token opens nothing there.
        assert_eq!(w.v1(fresh.access_token().secret()).await, 403);
    }
}
