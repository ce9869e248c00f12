//! Finding whom apps are to be told of: from the change log, by its times.
//! Must not make deliveries.
//!
//! A change is dated before its transaction is durable, by the clock of the process that wrote it. So each look goes back
//! a little behind the last one, and now and then a good deal; what an app was told of already is not noted again.

use pantry_db::{
    IdList, Outcome, Tx,
    hooks::{self, Changed, Due, Listens},
    meta,
};
use pantry_types::UserId;

use crate::{Actor, Drive, Error, Reach};

/// Seconds that every look goes back.
const BACK: i64 = 10;
/// Seconds that a thorough look goes back.
const FAR_BACK: i64 = 900;
/// Seconds between two thorough looks.
const THOROUGH: i64 = 60;
/// Seconds between two times that it is written down how far was looked.
const WRITE_DOWN: i64 = 30;
/// People of one page.
const PEOPLE: i64 = 500;
/// Notes of one transaction.
const NOTES: usize = 200;
/// Where it is written down.
const LOOKED: &str = "hooks_looked_at";

/// How far one process has looked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Looked {
    /// Up to when; none before the first look.
    at: Option<i64>,
    thorough_at: i64,
    written_at: i64,
}

async fn begin(tx: &mut Tx<'_>, (): &()) -> Result<(Option<i64>, i64), Error> {
    let since = hooks::since(tx).await?;
    let written = meta::get(tx, LOOKED).await?;
    let written = written.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
    Ok((since, written.unwrap_or(0)))
}

async fn write_down(tx: &mut Tx<'_>, at: &i64) -> Outcome<(), Error> {
    let written = meta::set(tx, LOOKED, at.to_string().as_bytes()).await;
    written.map_err(Error::from).into()
}

struct Look {
    from: i64,
    after: UserId,
    now: i64,
}

/// What a page came to.
struct Found {
    /// Notes to be written.
    due: Vec<Due>,
    /// Nobody changed anything.
    is_quiet: bool,
    /// Where the next page begins.
    next: Option<UserId>,
}

async fn look(tx: &mut Tx<'_>, a: &Look) -> Result<Found, Error> {
    let changed = hooks::changed(tx, a.from, a.after, PEOPLE).await?;
    let ids: IdList = changed.iter().map(|c| c.user.0).collect();
    let mut due = Vec::new();
    for listens in hooks::listening(tx, &ids, a.now).await? {
        let at = changed.binary_search_by_key(&listens.user, |c| c.user);
        let Some(changed) = at.ok().and_then(|at| changed.get(at)) else {
            continue;
        };
        if let Some(seq) = news(tx, *changed, &listens).await? {
            due.push(seq);
        }
    }
    let next = changed.last().filter(|_| changed.len() as i64 == PEOPLE);
    Ok(Found {
        due,
        is_quiet: changed.is_empty(),
        next: next.map(|c| c.user),
    })
}

/// What the app of a grant is to be told, if there is something in what it may read.
async fn news(tx: &mut Tx<'_>, changed: Changed, l: &Listens) -> Result<Option<Due>, Error> {
    if changed.latest < l.since {
        return Ok(None);
    }
    let app = Actor::app(l.user, l.client_id.clone(), l.grant, 0, l.scopes);
    // What lies before was looked at in an earlier time, and an app whose webhook is new is told nothing of it.
    let after = l.seen.max(changed.first - 1);
    let seq = match app.read() {
        Reach::None => None,
        Reach::All => Some(l.head).filter(|head| *head > after),
        Reach::Sandbox if l.sandbox.0 == 0 => None,
        Reach::Sandbox => hooks::latest_inside(tx, l.user, l.sandbox, after).await?,
    };
    Ok(seq.map(|seq| Due {
        client_id: l.client_id.clone(),
        user: l.user,
        seq,
        whole: app.read() == Reach::All,
    }))
}

async fn note_all(tx: &mut Tx<'_>, (due, now): &(Vec<Due>, i64)) -> Outcome<u64, Error> {
    note_rows(tx, due, *now).await.into()
}

async fn note_rows(tx: &mut Tx<'_>, due: &[Due], now: i64) -> Result<u64, Error> {
    let mut noted = 0;
    for one in due {
        noted += u64::from(hooks::note(tx, one, now).await?);
    }
    Ok(noted)
}

impl Drive {
    /// Looks for changes since the last look, and notes whom apps are to be told of. Answers how many notes are new.
    pub(super) async fn find_news(&self, looked: &mut Looked) -> Result<u64, Error> {
        let now = self.now();
        let (since, written) = self.db().read((), |tx, a| Box::pin(begin(tx, a))).await?;
        let Some(since) = since else {
            // Nobody listens. Whoever begins to is told what changes from then on.
            *looked = Looked::default();
            return Ok(0);
        };
        let is_thorough = looked.at.is_none() || !(0..THOROUGH).contains(&(now - looked.thorough_at));
        let back = if is_thorough { FAR_BACK } else { BACK };
        let from = (looked.at.unwrap_or(written).min(now) - back).max(since);
        let (mut noted, mut after, mut is_quiet) = (0, UserId(0), true);
        loop {
            let args = Look { from, after, now };
            let found = self.db().read_long(args, |tx, a| Box::pin(look(tx, a))).await?;
            is_quiet &= found.is_quiet;
            for some in found.due.chunks(NOTES) {
                let args = (some.to_vec(), now);
                noted += self.db().write(args, |tx, a| Box::pin(note_all(tx, a))).await?;
            }
            match found.next {
                Some(user) => after = user,
                None => break,
            }
        }
        looked.at = Some(now);
        if is_thorough {
            looked.thorough_at = now;
        }
        // A drive that rests is not written to.
        if !is_quiet && !(0..WRITE_DOWN).contains(&(now - looked.written_at)) {
            self.db().write(now, |tx, a| Box::pin(write_down(tx, a))).await?;
            looked.written_at = now;
        }
        Ok(noted)
    }
}
