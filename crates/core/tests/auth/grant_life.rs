//! A grant's life: for how long it holds, what dies with it, and how others hear of it.

use hmac::{Hmac, KeyInit, Mac};
use pantry_core::{
    Drive, Error,
    auth::{AddedApp, Consent, DeviceAddress, DeviceRequest, NewApp, OAuthCode, OAuthError, Term, TokenAnswer},
    downloads::Link,
    files::{FolderRef, OnConflict},
    uploads::{Declared, Precreated},
    weipan,
};
use pantry_types::{Md5, Name, NodeId, Scopes};
use sha2::Sha256;

use crate::{CALLBACK, PASSWORD, World, app, from, here, refused};

on_both! {
    consent_for_an_hour_ends_with_it_refresh_included
    consent_for_a_month_ends_with_it_however_often_it_is_refreshed
    a_device_let_in_for_an_hour_is_out_after_it
    a_later_consent_never_shortens_an_earlier_one
    an_ended_grant_that_is_given_anew_brings_nothing_back
    an_ended_grant_is_swept_and_noted
    scopes_for_a_time_leave_the_grant_with_it
    a_grant_nobody_used_for_180_days_ends
    a_grant_in_use_stays
    last_use_has_its_address
    uploads_and_links_die_with_the_grant
    uploads_and_links_die_with_the_hour
    a_program_signed_in_by_password_is_put_out_with_its_links_and_forms
    bad_tokens_are_limited_by_address_and_good_ones_are_not
    guesses_at_codes_and_refresh_tokens_are_limited
    an_app_takes_only_so_many_waiting_devices_from_an_address
}

const SCOPE: &str = "user.read files.app_data";

async fn pair_for(w: &World, scope: &str, term: Term) -> TokenAnswer {
    let asked = w.asked(&w.request(scope)).await.expect("asked");
    let consent = Consent {
        ticked: Scopes::all(),
        term,
    };
    let code = w.drive.approve(&w.alice, &asked, consent, &here()).await;
    let code = code.expect("approved").expect("a code");
    w.exchange(code.expose()).await.expect("a pair")
}

async fn is_dead(w: &World, pair: &TokenAnswer) -> bool {
    let opens = w.opens(pair.access_token.expose()).await;
    let refreshed = w.refresh(pair.refresh_token.expose(), None).await;
    !opens && refreshed.is_err_and(|e| e.code() == Some(OAuthCode::InvalidGrant))
}

async fn consent_for_an_hour_ends_with_it_refresh_included(w: World) {
    let pair = pair_for(&w, SCOPE, Term::Hour).await;
    assert_eq!(pair.expires_in, 3_600, "not the two hours of an access token");
    w.clock.advance(1_800);
    let next = w.refresh(pair.refresh_token.expose(), None).await.expect("refreshed");
    assert_eq!(next.expires_in, 1_800);
    let again = w.refresh(pair.refresh_token.expose(), None).await.expect("the same");
    assert_eq!(again.expires_in, 1_800, "the lost answer says the same");
    w.clock.advance(1_799);
    assert!(w.opens(next.access_token.expose()).await);
    w.clock.advance(1);
    assert!(is_dead(&w, &next).await);
}

async fn consent_for_a_month_ends_with_it_however_often_it_is_refreshed(w: World) {
    let mut pair = pair_for(&w, SCOPE, Term::Month).await;
    assert_eq!(pair.expires_in, 7_200);
    for _ in 0..29 {
        w.clock.advance(86_400);
        pair = w.refresh(pair.refresh_token.expose(), None).await.expect("refreshed");
    }
    w.clock.advance(86_400 - 1);
    assert!(
        w.refresh(pair.refresh_token.expose(), None)
            .await
            .is_ok_and(|p| p.expires_in == 1)
    );
    w.clock.advance(1);
    assert!(is_dead(&w, &pair).await);
}

async fn a_device_let_in_for_an_hour_is_out_after_it(w: World) {
    let client = w.client().await;
    let d = w
        .drive
        .start_device(client.app(), &DeviceRequest::default(), &here())
        .await
        .expect("started");
    let ask = w
        .drive
        .find_device(&w.alice, &d.user_code, &here())
        .await
        .expect("found");
    let consent = Consent {
        ticked: Scopes::all(),
        term: Term::Hour,
    };
    assert!(
        w.drive
            .approve_device(&w.alice, &ask, consent, &here())
            .await
            .expect("approved")
    );
    w.clock.advance(100);
    let code = d.device_code.expose();
    let at = DeviceAddress::Standard;
    let pair = w
        .drive
        .poll_device(client.app(), code, None, at)
        .await
        .expect("fetched");
    assert_eq!(pair.expires_in, 3_500);
    w.clock.advance(3_500);
    assert!(is_dead(&w, &pair).await);
}

async fn a_later_consent_never_shortens_an_earlier_one(w: World) {
    let lasting = pair_for(&w, SCOPE, Term::UntilRevoked).await;
    let hour = pair_for(&w, SCOPE, Term::Hour).await;
    assert_eq!(w.grant().await.expires_at, 0);
    w.clock.advance(3_600);
    assert!(is_dead(&w, &hour).await);
    assert!(w.opens(lasting.access_token.expose()).await);
    assert!(w.refresh(lasting.refresh_token.expose(), None).await.is_ok());
}

async fn an_ended_grant_that_is_given_anew_brings_nothing_back(w: World) {
    let wide = pair_for(&w, "user.read files.app_data files.read_all", Term::Hour).await;
    let epoch = w.grant().await.epoch;
    w.clock.advance(3_600);
    // No janitor came in between.
    let new = pair_for(&w, SCOPE, Term::UntilRevoked).await;
    let grant = w.grant().await;
    assert_eq!((grant.epoch, grant.expires_at), (epoch + 1, 0));
    assert_eq!(grant.scopes.to_string(), SCOPE, "what had ended is not back");
    assert_eq!(grant.created_at, w.drive.now());
    assert!(w.opens(new.access_token.expose()).await);
    assert!(is_dead(&w, &wide).await);
}

async fn an_ended_grant_is_swept_and_noted(w: World) {
    let pair = pair_for(&w, SCOPE, Term::Hour).await;
    w.clock.advance(3_599);
    assert_eq!(w.drive.sweep_auth(w.drive.now()).await.expect("swept").grants, 0);
    w.clock.advance(1);
    assert_eq!(w.drive.sweep_auth(w.drive.now()).await.expect("swept").grants, 1);
    let grant = w.grant().await;
    assert!(grant.revoked_at > 0 && grant.scopes.is_empty());
    assert!(w.events().await.contains(&"grant_ended".to_owned()));
    assert!(is_dead(&w, &pair).await);
    assert_eq!(
        w.drive.sweep_auth(w.drive.now()).await.expect("swept").grants,
        0,
        "once"
    );
}

async fn scopes_for_a_time_leave_the_grant_with_it(w: World) {
    pair_for(&w, SCOPE, Term::UntilRevoked).await;
    let wide = pair_for(&w, "user.read files.read_all", Term::Hour).await;
    assert!(w.grant().await.scopes.contains(pantry_types::Scope::FilesReadAll));
    assert_eq!(w.grant().await.lasting.to_string(), SCOPE);
    w.clock.advance(3_600);
    assert_eq!(w.drive.sweep_auth(w.drive.now()).await.expect("swept").terms, 1);
    let grant = w.grant().await;
    assert_eq!((grant.scopes.to_string().as_str(), grant.revoked_at), (SCOPE, 0));
    assert!(is_dead(&w, &wide).await);
}

async fn a_grant_nobody_used_for_180_days_ends(w: World) {
    pair_for(&w, SCOPE, Term::UntilRevoked).await;
    w.clock.advance(180 * 86_400);
    assert_eq!(w.drive.sweep_auth(w.drive.now()).await.expect("swept").grants, 0);
    w.clock.advance(1);
    assert_eq!(w.drive.sweep_auth(w.drive.now()).await.expect("swept").grants, 1);
    assert!(w.grant().await.revoked_at > 0);
}

async fn a_grant_in_use_stays(w: World) {
    let mut pair = pair_for(&w, SCOPE, Term::UntilRevoked).await;
    for _ in 0..20 {
        w.clock.advance(20 * 86_400);
        pair = w.refresh(pair.refresh_token.expose(), None).await.expect("refreshed");
        assert!(w.opens(pair.access_token.expose()).await);
        assert_eq!(w.drive.sweep_auth(w.drive.now()).await.expect("swept").grants, 0);
    }
}

async fn last_use_has_its_address(w: World) {
    let pair = w.pair().await;
    w.clock.advance(5);
    let token = pair.access_token.expose();
    w.drive
        .authenticate_from(token, &from("198.51.100.7"))
        .await
        .expect("opens");
    w.drive.flush_last_used().await.expect("written");
    let grant = w.grant().await;
    assert_eq!(
        (grant.last_address.as_str(), grant.last_used_at),
        ("198.51.100.7", w.drive.now())
    );
}

/// MD5 of no bytes.
const NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";

fn declared(name: &str, size: i64) -> Declared {
    Declared {
        name: Name::parse(name).expect("a name"),
        size,
        md5: Md5([7; 16]),
        mime: None,
        on_conflict: OnConflict::Fail,
    }
}

/// An upload that waits for its part, and a link to a file, both of the app's.
pub(super) async fn upload_and_link(w: &World, pair: &TokenAnswer) -> (String, Link) {
    let actor = w
        .drive
        .authenticate(pair.access_token.expose())
        .await
        .expect("opens")
        .actor();
    let mut empty = declared("empty.txt", 0);
    empty.md5 = NOTHING.parse().expect("MD5 of nothing");
    let here = || FolderRef::Path(None);
    let Precreated::Instant(file) = w.drive.precreate(&actor, here(), empty).await.expect("made") else {
        panic!("an empty file is instant");
    };
    let begun = w.drive.precreate(&actor, here(), declared("film.mp4", 9)).await;
    let Precreated::Session { upload_id, .. } = begun.expect("begun") else {
        panic!("nobody has this content");
    };
    let link = w.drive.link(&actor, NodeId(file.id.0), None).await.expect("a link");
    (upload_id, link)
}

pub(super) async fn open(drive: &Drive, link: &Link) -> Result<(), Error> {
    let (claim, signature) = link.path.trim_start_matches("/d/").split_once("?sig=").expect("signed");
    drive.open_link(claim, signature).await.map(drop)
}

async fn uploads_and_links_die_with_the_grant(w: World) {
    let pair = w.pair().await;
    let (upload, link) = upload_and_link(&w, &pair).await;
    assert!(open(&w.drive, &link).await.is_ok());
    assert!(w.drive.upload_progress(&upload).await.is_ok());
    w.drive
        .revoke_grant(&w.alice, &w.app.client_id, &here())
        .await
        .expect("revoked");
    // The clock stood still.
    assert!(matches!(open(&w.drive, &link).await, Err(Error::Forbidden(_))));
    assert!(matches!(w.drive.upload_progress(&upload).await, Err(Error::NoUpload)));
    // Nor do they come back with a new consent.
    w.pair().await;
    assert!(open(&w.drive, &link).await.is_err());
    assert!(w.drive.upload_progress(&upload).await.is_err());
}

async fn uploads_and_links_die_with_the_hour(w: World) {
    let pair = pair_for(&w, SCOPE, Term::Hour).await;
    w.clock.advance(3_500);
    let (upload, link) = upload_and_link(&w, &pair).await;
    w.clock.advance(99);
    assert!(open(&w.drive, &link).await.is_ok());
    assert!(w.drive.upload_progress(&upload).await.is_ok());
    w.clock.advance(1);
    assert!(matches!(open(&w.drive, &link).await, Err(Error::Forbidden(_))));
    assert!(matches!(w.drive.upload_progress(&upload).await, Err(Error::NoUpload)));
}

/// The text that a program signs, signed.
fn signature(secret: &str, appkey: &str, time: &str) -> String {
    let text = format!("account=alice&appkey={appkey}&password={PASSWORD}&time={time}");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// A program that signs in by Alice's password, and what it has: a token, a link to a file, a form that uploads.
pub(super) struct Program {
    pub(super) app: AddedApp,
    token: String,
    link: Link,
    form: weipan::PostTicket,
}

impl Program {
    pub(super) async fn new(w: &World, name: &str) -> Self {
        let new = NewApp {
            weipan: true,
            ..app(name)
        };
        let app = w.drive.add_app(new).await.expect("an app");
        let token = Self::sign_in(w, &app).await;
        let caller = w.drive.weipan_authenticate(&token, &here()).await.expect("opens");
        let actor = caller.actor(None);
        let mut empty = declared(&format!("{name}.txt"), 0);
        empty.md5 = NOTHING.parse().expect("MD5 of nothing");
        let made = w.drive.precreate(&actor, FolderRef::Path(None), empty).await;
        let Precreated::Instant(file) = made.expect("made") else {
            panic!("an empty file is instant");
        };
        let link = w.drive.link(&actor, NodeId(file.id.0), None).await.expect("a link");
        let form = w.drive.weipan_sign_post(&caller);
        Self { app, token, link, form }
    }

    async fn sign_in(w: &World, app: &AddedApp) -> String {
        let secret = app.client_secret.as_ref().expect("a secret").expose();
        let time = w.drive.now().to_string();
        let signed = signature(secret, &app.client_id, &time);
        let asked = weipan::Asked {
            account: "alice",
            password: PASSWORD,
            appkey: &app.client_id,
            time: &time,
            signature: &signed,
        };
        let app = w.drive.weipan_app(asked, &here()).await.expect("signed");
        let got = w.drive.weipan_login(&app, "alice", PASSWORD, &here()).await;
        got.expect("signed in").token.into_exposed()
    }

    /// Whether its token opens a node.
    pub(super) async fn opens(&self, drive: &Drive) -> bool {
        match drive.weipan_authenticate(&self.token, &here()).await {
            Ok(_) => true,
            Err(Error::Unauthorized) => false,
            Err(e) => panic!("{e}"),
        }
    }

    /// Whether its link and its form serve: both or none.
    pub(super) async fn serves(&self, drive: &Drive) -> bool {
        let form = &self.form;
        let sent = drive
            .weipan_receive_post(&form.key, &form.policy, &form.signature, 0)
            .await;
        match (open(drive, &self.link).await, sent.map(drop)) {
            (Ok(()), Ok(())) => true,
            (Err(Error::Forbidden(_)), Err(weipan::Refused::NoPost)) => false,
            other => panic!("{other:?}"),
        }
    }
}

async fn a_program_signed_in_by_password_is_put_out_with_its_links_and_forms(w: World) {
    let mut program = Program::new(&w, "Mirror").await;
    assert!(program.opens(&w.drive).await && program.serves(&w.drive).await);
    w.drive
        .revoke_grant(&w.alice, &program.app.client_id, &here())
        .await
        .expect("the person sees it and takes it back");
    // The clock stood still.
    assert!(!program.opens(&w.drive).await && !program.serves(&w.drive).await);
    // Signing in anew brings nothing of it back.
    let new = Program::sign_in(&w, &program.app).await;
    assert!(!program.opens(&w.drive).await && !program.serves(&w.drive).await);
    program.token = new;
    assert!(program.opens(&w.drive).await);
}

async fn bad_tokens_are_limited_by_address_and_good_ones_are_not(w: World) {
    let pair = w.pair().await;
    let good = pair.access_token.expose();
    let bad = w.pair().await;
    let client = w.client().await;
    w.drive
        .revoke_token(&client, bad.access_token.expose(), &here())
        .await
        .expect("revoked");
    let attacker = from("2001:db8:1:2::1");
    let neighbour = from("2001:db8:1:2:ffff::9");
    for n in 0..120 {
        let token = if n % 2 == 0 {
            bad.access_token.expose()
        } else {
            "garbage"
        };
        let tried = w.drive.authenticate_from(token, &attacker).await;
        assert!(matches!(tried, Err(Error::Unauthorized)), "{n}");
    }
    // The whole /64 is one caller.
    for origin in [&attacker, &neighbour] {
        let tried = w.drive.authenticate_from(bad.access_token.expose(), origin).await;
        assert!(matches!(tried, Err(Error::TooMany { retry_after: 1..=60 })));
    }
    // What is right is taken, read anew or not, from there too.
    for _ in 0..2 {
        assert!(w.drive.authenticate_from(good, &neighbour).await.is_ok());
    }
    let elsewhere = w.drive.authenticate_from("garbage", &from("2001:db8:1:3::1")).await;
    assert!(matches!(elsewhere, Err(Error::Unauthorized)));
    w.clock.advance(60);
    let tried = w.drive.authenticate_from("garbage", &attacker).await;
    assert!(matches!(tried, Err(Error::Unauthorized)));
}

async fn guesses_at_codes_and_refresh_tokens_are_limited(w: World) {
    let pair = w.pair().await;
    let code = w.code().await;
    let client = w.client().await;
    let (drive, attacker) = (&w.drive, from("203.0.113.5"));
    for n in 0..60 {
        let tried = drive
            .exchange_code(&client, "guess", Some(CALLBACK), None, &attacker)
            .await;
        assert_eq!(refused(tried), OAuthCode::InvalidGrant, "{n}");
        let tried = drive.refresh(&client, "guess", None, &attacker).await;
        assert_eq!(refused(tried), OAuthCode::InvalidGrant, "{n}");
    }
    let tried = drive.refresh(&client, "guess", None, &attacker).await;
    assert!(matches!(
        tried,
        Err(OAuthError::Drive(Error::TooMany { retry_after: 1..=60 }))
    ));
    let tried = drive.exchange_code(&client, "guess", None, None, &attacker).await;
    assert!(matches!(tried, Err(OAuthError::Drive(Error::TooMany { .. }))));
    // A good caller beside the bad one.
    let got = drive
        .exchange_code(&client, &code, Some(CALLBACK), None, &attacker)
        .await;
    assert!(got.is_ok());
    let got = drive
        .refresh(&client, pair.refresh_token.expose(), None, &attacker)
        .await;
    assert!(got.is_ok());
}

async fn an_app_takes_only_so_many_waiting_devices_from_an_address(w: World) {
    let client = w.client().await;
    let (tv, home) = (DeviceRequest::default(), from("2001:db8:7:7::1"));
    let start = async |origin: &pantry_core::auth::Origin| w.drive.start_device(client.app(), &tv, origin).await;
    let mut last = None;
    for _ in 0..20 {
        last = Some(start(&home).await.expect("started"));
    }
    let tried = start(&from("2001:db8:7:7:8::2")).await;
    assert!(matches!(
        tried,
        Err(OAuthError::Drive(Error::TooMany { retry_after: 1..=600 }))
    ));
    assert!(start(&here()).await.is_ok(), "another address");
    // One that was answered waits no more.
    let code = last.expect("one").user_code;
    let ask = w.drive.find_device(&w.alice, &code, &here()).await.expect("found");
    w.drive.deny_device(&w.alice, &ask, &here()).await.expect("denied");
    assert!(start(&home).await.is_ok());
    assert!(start(&home).await.is_err());
    w.clock.advance(600);
    assert!(start(&home).await.is_ok(), "those before are dead");
}
