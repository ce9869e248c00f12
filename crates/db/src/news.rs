//! What processes on one database tell each other: whose access may have ended.
//! Must not know what is kept in memory because of it, nor who listens.

use std::sync::{Arc, Mutex, PoisonError};

use pantry_types::UserId;

/// What a process hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The line stands: from now on everything is heard. What was told before may have been missed.
    Listening,
    /// The line is lost: nothing is heard until it stands again.
    Deaf,
    /// Something of this person's may have ended; of everybody's where nobody is named.
    Ended(Option<UserId>),
}

/// Who hears the news; called on the runtime, and must not block.
pub type Listener = Arc<dyn Fn(News) + Send + Sync>;

/// The text for everybody.
const EVERYBODY: &str = "*";
/// People named one by one in a message; above this it is for everybody. A payload has at most 8,000 bytes.
const NAMED: usize = 300;

/// What is to be told and was not yet: many news become one message.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    pub(crate) filled: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    everybody: bool,
    people: Vec<i64>,
}

impl Outbox {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts news in.
    pub(crate) fn put(&self, who: Option<UserId>) {
        {
            let mut w = self.lock();
            match who {
                Some(user) if !w.everybody && !w.people.contains(&user.0) => w.people.push(user.0),
                Some(_) => {}
                None => w.everybody = true,
            }
            if w.everybody || w.people.len() > NAMED {
                w.everybody = true;
                w.people.clear();
            }
        }
        self.filled.notify_one();
    }

    /// Takes everything out, as one message; `None` if there is nothing.
    pub(crate) fn take(&self) -> Option<String> {
        let w = std::mem::take(&mut *self.lock());
        if w.everybody {
            return Some(EVERYBODY.to_owned());
        }
        let ids: Vec<String> = w.people.iter().map(i64::to_string).collect();
        (!ids.is_empty()).then(|| ids.join(","))
    }

    /// Puts a message back that could not be sent.
    pub(crate) fn put_back(&self, message: &str) {
        for news in read(message) {
            if let News::Ended(who) = news {
                self.put(who);
            }
        }
    }
}

/// What a message says. One that is not understood is for everybody: it may come from a newer program.
pub(crate) fn read(message: &str) -> Vec<News> {
    let ids: Option<Vec<News>> = message
        .split(',')
        .map(|id| id.parse().ok().map(|id| News::Ended(Some(UserId(id)))))
        .collect();
    ids.unwrap_or_else(|| vec![News::Ended(None)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_news_become_one_message_and_too_many_concern_everybody() {
        let outbox = Outbox::default();
        assert_eq!(outbox.take(), None);
        for id in [5, 7, 5] {
            outbox.put(Some(UserId(id)));
        }
        let message = outbox.take().expect("a message");
        assert_eq!(message, "5,7");
        assert_eq!(
            read(&message),
            [News::Ended(Some(UserId(5))), News::Ended(Some(UserId(7)))]
        );
        outbox.put_back(&message);
        outbox.put(None);
        outbox.put(Some(UserId(9)));
        assert_eq!(outbox.take().as_deref(), Some(EVERYBODY));
        for id in 0..=NAMED as i64 {
            outbox.put(Some(UserId(i64::MAX - id)));
        }
        assert_eq!(outbox.take().as_deref(), Some(EVERYBODY));
        for id in 0..NAMED as i64 {
            outbox.put(Some(UserId(i64::MAX - id)));
        }
        assert!(outbox.take().is_some_and(|m| m.len() < 8_000 && m != EVERYBODY));
        assert_eq!(outbox.take(), None);
    }

    #[test]
    fn what_is_not_understood_concerns_everybody() {
        for text in ["*", "", "5,x", "v2:5"] {
            assert_eq!(read(text), [News::Ended(None)], "{text}");
        }
    }
}
