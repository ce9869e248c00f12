//! A person at a browser, as far as forms and cookies go. Must not know what the pages mean.

use std::collections::BTreeMap;

/// Keeps cookies, and follows no redirect by itself.
pub struct Browser {
    http: reqwest::Client,
    base: String,
    cookies: BTreeMap<String, String>,
}

/// A page as it came.
pub struct Page {
    pub status: u16,
    pub location: String,
    html: String,
}

impl Page {
    /// The value of a hidden field.
    pub fn hidden(&self, name: &str) -> String {
        let wanted = format!("name=\"{name}\"");
        let input = self.html.split("<input").find(|input| {
            let tag = input.split('>').next().unwrap_or_default();
            tag.contains(&wanted)
        });
        let input = input.unwrap_or_else(|| panic!("no field {name} in {}", self.html));
        let value = input.split("value=\"").nth(1).expect("a value");
        value.split('"').next().expect("its end").to_owned()
    }
}

impl Browser {
    pub fn new(base: &str) -> Self {
        Self {
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("a client"),
            base: base.to_owned(),
            cookies: BTreeMap::new(),
        }
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let request = self.http.get(format!("{}{path}", self.base));
        self.send(request).await
    }

    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let request = self.http.post(format!("{}{path}", self.base)).form(form);
        self.send(request).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Page {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = request
            .header("cookie", cookies.join("; "))
            .header("accept-language", "en");
        let response = request.send().await.expect("an answer");
        for set in response.headers().get_all("set-cookie") {
            let pair = set.to_str().expect("text").split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("a pair");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = response.headers().get("location").and_then(|value| value.to_str().ok());
        let location = location.unwrap_or_default().to_owned();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let html = response.text().await.expect("a body");
        pantry_testkit::secrets::met(&headers, html.as_bytes());
        Page { status, location, html }
    }

    /// Signs in and approves the device that shows `user_code`, as a person would.
    pub async fn approve(&mut self, account: &str, password: &str, user_code: &str) {
        let device = format!("/oauth/device?user_code={user_code}");
        let sent_away = self.get(&device).await;
        assert!(
            sent_away.location.contains("/login"),
            "{} {}",
            sent_away.status,
            sent_away.location
        );
        let login = self.get(&sent_away.location).await;
        let (csrf, next) = (login.hidden("csrf"), login.hidden("next"));
        let form = [
            ("account", account),
            ("password", password),
            ("next", &next),
            ("csrf", &csrf),
        ];
        let signed_in = self.post("/login", &form).await;
        assert_eq!(signed_in.status, 303);
        let entry = self.get(&device).await;
        let csrf = entry.hidden("csrf");
        let asked = self
            .post("/oauth/device", &[("user_code", user_code), ("csrf", &csrf)])
            .await;
        assert_eq!(asked.status, 200);
        let (csrf, check) = (asked.hidden("csrf"), asked.hidden("check"));
        let form = [
            ("user_code", user_code),
            ("csrf", &csrf),
            ("check", &check),
            ("decision", "allow"),
        ];
        assert_eq!(self.post("/oauth/device", &form).await.status, 200);
    }
}
