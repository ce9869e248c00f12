//! Codes, tokens and grants under random interleavings, beside a small model of what must hold: consent and its time,
//! exchange, replay, refresh, lost answers, reuse in parallel, revocation of each kind, the janitor, and time.
//! The model knows no rows. A failure prints the seed and the shortest run that shows it; the seed can be given again
//! as `PANTRY_TEST_SEED`.

use pantry_core::{
    Drive, Error,
    auth::{AddedApp, AuthorizeRequest, Client, Consent, OAuthCode, OAuthError, Term, TokenAnswer},
};
use pantry_types::Scopes;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};

use crate::{CALLBACK, World, app, here};

/// Steps of one run, and runs of one test.
const STEPS: usize = 28;
const RUNS: u32 = 500;

const ACCESS: i64 = 7_200;
const REFRESH: i64 = 2_592_000;
const GRACE: i64 = 60;
const CODE: i64 = 60;
const REPLAY: i64 = 86_400;

#[derive(Debug, Clone)]
enum Step {
    Consent(Term),
    Exchange(usize),
    Refresh(usize),
    /// The same refresh, three times at once.
    Storm(usize),
    Show(usize),
    RevokeAccess(usize),
    RevokeRefresh(usize),
    RevokeGrant,
    Sweep,
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let any = 0..64_usize;
    prop_oneof![
        2 => prop_oneof![
            2 => Just(Term::UntilRevoked), 1 => Just(Term::Month), 2 => Just(Term::Hour)
        ].prop_map(Step::Consent),
        5 => any.clone().prop_map(Step::Exchange),
        6 => any.clone().prop_map(Step::Refresh),
        1 => any.clone().prop_map(Step::Storm),
        4 => any.clone().prop_map(Step::Show),
        1 => any.clone().prop_map(Step::RevokeAccess),
        1 => any.prop_map(Step::RevokeRefresh),
        1 => Just(Step::RevokeGrant),
        1 => Just(Step::Sweep),
        3 => prop_oneof![
            4 => Just(1_i64), 4 => Just(30), 3 => Just(59), 3 => Just(61), 3 => Just(3_540), 1 => Just(7_200), 1 => Just(REFRESH - 30)
        ].prop_map(Step::Wait),
    ]
}

/// What stands of consent.
#[derive(Debug, Clone, Copy)]
struct Grant {
    epoch: u32,
    standing: bool,
    /// 0 for never.
    ends: i64,
}

#[derive(Debug)]
struct Code {
    text: String,
    family: usize,
    epoch: u32,
    expires: i64,
    used: bool,
    known: bool,
}

/// Two tokens of one answer.
#[derive(Debug)]
struct Pair {
    access: String,
    refresh: String,
    family: usize,
    epoch: u32,
    access_dies: i64,
    refresh_dies: i64,
    has_access: bool,
    has_refresh: bool,
    shown: bool,
    /// When it was exchanged, and for which pair.
    exchanged: Option<(i64, usize)>,
}

#[derive(Debug, Default)]
struct Model {
    grant: Option<Grant>,
    /// When each consent ends, 0 for never.
    families: Vec<i64>,
    codes: Vec<Code>,
    pairs: Vec<Pair>,
}

/// What a refresh must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    New,
    Again(usize),
    Reuse,
    Dead,
}

impl Model {
    fn holds(&self, epoch: u32, now: i64) -> bool {
        self.grant
            .is_some_and(|g| g.standing && g.epoch == epoch && (g.ends == 0 || now < g.ends))
    }

    fn take_back(&mut self) {
        if let Some(g) = &mut self.grant {
            g.epoch += 1;
            g.standing = false;
        }
        for p in &mut self.pairs {
            (p.has_access, p.has_refresh) = (false, false);
        }
    }

    fn consent(&mut self, text: String, term: Term, now: i64) {
        let ends = match term {
            Term::UntilRevoked => 0,
            Term::Month => now + 2_592_000,
            Term::Hour => now + 3_600,
        };
        if self.grant.is_some_and(|g| g.standing && g.ends != 0 && now >= g.ends) {
            self.take_back();
        }
        let g = self.grant.get_or_insert(Grant {
            epoch: 1,
            standing: false,
            ends,
        });
        g.ends = match (g.standing, g.ends, ends) {
            (false, _, new) => new,
            (true, 0, _) | (true, _, 0) => 0,
            (true, old, new) => old.max(new),
        };
        g.standing = true;
        let epoch = g.epoch;
        self.families.push(ends);
        self.codes.push(Code {
            text,
            family: self.families.len() - 1,
            epoch,
            expires: now + CODE,
            used: false,
            known: true,
        });
    }

    fn add_pair(&mut self, answer: &TokenAnswer, family: usize, epoch: u32, now: i64) -> Result<usize, TestCaseError> {
        let left = match self.families[family] {
            0 => i64::MAX,
            ends => ends - now,
        };
        prop_assert_eq!(
            answer.expires_in,
            ACCESS.min(left),
            "expires_in tells the end of consent"
        );
        self.pairs.push(Pair {
            access: answer.access_token.expose().to_owned(),
            refresh: answer.refresh_token.expose().to_owned(),
            family,
            epoch,
            access_dies: now + ACCESS.min(left),
            refresh_dies: now + REFRESH.min(left),
            has_access: true,
            has_refresh: true,
            shown: false,
            exchanged: None,
        });
        Ok(self.pairs.len() - 1)
    }

    fn refresh_due(&self, at: usize, now: i64) -> Due {
        let p = &self.pairs[at];
        if !p.has_refresh || now >= p.refresh_dies || !self.holds(p.epoch, now) {
            return Due::Dead;
        }
        match p.exchanged {
            None => Due::New,
            Some((when, next)) => {
                let n = &self.pairs[next];
                let fresh = n.has_access && n.has_refresh && !n.shown && n.exchanged.is_none();
                if fresh && now - when <= GRACE {
                    Due::Again(next)
                } else {
                    Due::Reuse
                }
            }
        }
    }

    fn opens(&self, at: usize, now: i64) -> bool {
        let p = &self.pairs[at];
        p.has_access && now < p.access_dies && self.holds(p.epoch, now)
    }

    fn sweep(&mut self, now: i64) {
        if self.grant.is_some_and(|g| g.standing && g.ends != 0 && now >= g.ends) {
            self.take_back();
        }
        for p in &mut self.pairs {
            p.has_access &= p.access_dies >= now;
            p.has_refresh &= p.refresh_dies >= now;
        }
        for c in &mut self.codes {
            c.known &= c.expires >= now - REPLAY;
        }
    }
}

/// One run: an app of its own in the world that the runs share.
struct Run<'a> {
    w: &'a World,
    client: Client,
    app: AddedApp,
    m: Model,
}

fn code_of<T>(answer: &Result<T, OAuthError>) -> Option<OAuthCode> {
    answer.as_ref().err().and_then(OAuthError::code)
}

fn same(a: &TokenAnswer, p: &Pair) -> bool {
    a.access_token.expose() == p.access && a.refresh_token.expose() == p.refresh
}

impl Run<'_> {
    fn drive(&self) -> &Drive {
        &self.w.drive
    }

    async fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let now = self.drive().now();
        // Of the latest few: what happened long ago is mostly dead.
        let pick = |i: usize, len: usize| (len > 0).then(|| len - 1 - i % len.min(4));
        match *step {
            Step::Wait(seconds) => self.w.clock.advance(seconds),
            Step::Consent(term) => {
                let request = AuthorizeRequest {
                    client_id: Some(self.app.client_id.clone()),
                    redirect_uri: Some(CALLBACK.into()),
                    response_type: Some("code".into()),
                    scope: Some("user.read files.app_data".into()),
                    ..AuthorizeRequest::default()
                };
                let asked = self.w.asked(&request).await.expect("asked");
                let consent = Consent {
                    ticked: Scopes::all(),
                    term,
                };
                let code = self.drive().approve(&self.w.alice, &asked, consent, &here()).await;
                let code = code.expect("approved").expect("a code").into_exposed();
                self.m.consent(code, term, now);
            }
            Step::Exchange(i) => {
                let Some(i) = pick(i, self.m.codes.len()) else {
                    return Ok(());
                };
                self.exchange(i, now).await?;
            }
            Step::Refresh(i) => {
                let Some(i) = pick(i, self.m.pairs.len()) else {
                    return Ok(());
                };
                let token = self.m.pairs[i].refresh.clone();
                let answer = self.drive().refresh(&self.client, &token, None, &here()).await;
                self.refreshed(i, &[answer], now)?;
            }
            Step::Storm(i) => {
                let Some(i) = pick(i, self.m.pairs.len()) else {
                    return Ok(());
                };
                let token = self.m.pairs[i].refresh.clone();
                let one = || async {
                    let (drive, client, token) = (self.drive().clone(), self.client.clone(), token.clone());
                    let task = tokio::spawn(async move { drive.refresh(&client, &token, None, &here()).await });
                    task.await.expect("ran")
                };
                let (a, b, c) = tokio::join!(one(), one(), one());
                self.refreshed(i, &[a, b, c], now)?;
            }
            Step::Show(i) => {
                let Some(i) = pick(i, self.m.pairs.len()) else {
                    return Ok(());
                };
                self.show(i, now).await?;
            }
            Step::RevokeAccess(i) => {
                let Some(i) = pick(i, self.m.pairs.len()) else {
                    return Ok(());
                };
                let token = self.m.pairs[i].access.clone();
                let done = self.drive().revoke_token(&self.client, &token, &here()).await;
                prop_assert!(done.is_ok());
                self.m.pairs[i].has_access = false;
            }
            Step::RevokeRefresh(i) => {
                let Some(i) = pick(i, self.m.pairs.len()) else {
                    return Ok(());
                };
                let token = self.m.pairs[i].refresh.clone();
                let done = self.drive().revoke_token(&self.client, &token, &here()).await;
                prop_assert!(done.is_ok());
                let p = &self.m.pairs[i];
                if p.has_refresh && self.m.holds(p.epoch, now) {
                    self.m.take_back();
                }
            }
            Step::RevokeGrant => {
                let done = self
                    .drive()
                    .revoke_grant(&self.w.alice, &self.app.client_id, &here())
                    .await;
                prop_assert_eq!(done.is_ok(), self.m.grant.is_some_and(|g| g.standing), "{:?}", done);
                if done.is_ok() {
                    self.m.take_back();
                }
            }
            Step::Sweep => {
                self.drive().sweep_auth(now).await.expect("swept");
                self.m.sweep(now);
            }
        }
        Ok(())
    }

    async fn exchange(&mut self, i: usize, now: i64) -> Result<(), TestCaseError> {
        let c = &self.m.codes[i];
        let due = c.known && !c.used && now < c.expires && self.m.holds(c.epoch, now);
        let is_replay = c.known && c.used;
        let (text, family, epoch) = (c.text.clone(), c.family, c.epoch);
        let answer = self
            .drive()
            .exchange_code(&self.client, &text, Some(CALLBACK), None, &here())
            .await;
        self.m.codes[i].used = true;
        if let (true, Ok(answer)) = (due, &answer) {
            self.m.add_pair(answer, family, epoch, now)?;
            return Ok(());
        }
        prop_assert!(!due, "a good code was refused: {:?}", answer);
        prop_assert_eq!(
            code_of(&answer),
            Some(OAuthCode::InvalidGrant),
            "a code that is none was taken"
        );
        if is_replay {
            for p in self.m.pairs.iter_mut().filter(|p| p.family == family) {
                (p.has_access, p.has_refresh) = (false, false);
            }
        }
        Ok(())
    }

    fn refreshed(
        &mut self,
        i: usize,
        answers: &[Result<TokenAnswer, OAuthError>],
        now: i64,
    ) -> Result<(), TestCaseError> {
        let due = self.m.refresh_due(i, now);
        match due {
            Due::New => {
                let Ok(first) = &answers[0] else {
                    return Err(TestCaseError::fail(format!(
                        "a good refresh was refused: {:?}",
                        answers[0]
                    )));
                };
                let (family, epoch) = (self.m.pairs[i].family, self.m.pairs[i].epoch);
                let next = self.m.add_pair(first, family, epoch, now)?;
                self.m.pairs[i].exchanged = Some((now, next));
                for other in answers {
                    let is_same = other.as_ref().is_ok_and(|a| same(a, &self.m.pairs[next]));
                    prop_assert!(is_same, "two answers to one refresh");
                }
            }
            Due::Again(next) => {
                for other in answers {
                    let is_same = other.as_ref().is_ok_and(|a| same(a, &self.m.pairs[next]));
                    prop_assert!(is_same, "a lost answer was not given again: {:?}", other);
                }
            }
            Due::Reuse | Due::Dead => {
                for answer in answers {
                    let code = code_of(answer);
                    prop_assert_eq!(code, Some(OAuthCode::InvalidGrant), "{:?}: a dead token was taken", due);
                }
                if due == Due::Reuse {
                    self.m.take_back();
                }
            }
        }
        Ok(())
    }

    async fn show(&mut self, i: usize, now: i64) -> Result<(), TestCaseError> {
        let due = self.m.opens(i, now);
        let opened = match self.drive().authenticate(&self.m.pairs[i].access).await {
            Ok(actor) => {
                prop_assert_eq!(&actor.client_id, &self.app.client_id);
                true
            }
            Err(Error::Unauthorized) => false,
            Err(e) => return Err(TestCaseError::fail(e.to_string())),
        };
        prop_assert_eq!(opened, due, "an access token of {:?}", self.m.pairs[i]);
        self.m.pairs[i].shown |= opened;
        Ok(())
    }
}

async fn run(w: &World, number: usize, steps: &[Step]) -> Result<(), TestCaseError> {
    let app = w.drive.add_app(app(&format!("Model {number}"))).await.expect("an app");
    let mut run = Run {
        w,
        client: w.client_of(&app).await,
        app,
        m: Model::default(),
    };
    for step in steps {
        run.step(step).await?;
    }
    let now = w.drive.now();
    for i in 0..run.m.pairs.len() {
        run.show(i, now).await?;
    }
    Ok(())
}

fn seed() -> u64 {
    let given = std::env::var("PANTRY_TEST_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(1, |d| d.as_secs() ^ u64::from(d.subsec_nanos()))
    })
}

fn check(world: impl Future<Output = World>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let w = runtime.block_on(world);
    let seed = seed();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: RUNS,
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let number = std::cell::Cell::new(0);
    let outcome = runner.run(&vec(step(), 1..=STEPS), |steps| {
        number.set(number.get() + 1);
        runtime.block_on(run(&w, number.get(), &steps))
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, steps)) => {
            panic!("{why}\nseed: PANTRY_TEST_SEED={seed}\nshortest run: {steps:#?}")
        }
        Err(e) => panic!("{e}\nseed: PANTRY_TEST_SEED={seed}"),
    }
    drop(runtime.enter());
    runtime.block_on(async move { drop(w) });
}

#[test]
fn tokens_and_grants_do_what_the_model_does_on_sqlite() {
    check(World::sqlite());
}

#[test]
fn tokens_and_grants_do_what_the_model_does_on_postgres() {
    check(World::postgres());
}
