//! The queue: what is told once, when, by whom, and what a crash leaves.

use std::collections::HashMap;

use pantry_core::{
    auth::{Origin, console::DeliveryState},
    hooks::Courier,
};
use pantry_db::{
    Outcome, Tx, books,
    changes::{self, Change, Event},
    nodes::Kind,
    users,
};
use pantry_types::{NodeId, UserId};

use crate::{Does, INTERVAL, World, is_signed_by, named};

on_both! {
    many_changes_become_one_delivery_an_interval
    a_process_that_was_down_finds_what_it_missed
    a_change_that_was_long_on_its_way_is_found
    a_crash_between_claim_and_send_leaves_it_to_others
    many_processes_tell_each_change_once
    a_slow_app_holds_up_nobody_else
    a_secret_that_is_replaced_signs_until_its_time
    more_people_than_fit_are_told_at_once
    old_deliveries_are_forgotten
}

async fn many_changes_become_one_delivery_an_interval(w: World) {
    let app = w.app("Many").await;
    w.grant("ann", &app, "files.read_all").await;
    w.grant("bob", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    let (mut ann, mut bob) = (0, 0);
    for n in 0..20 {
        ann = w.change(w.ann, "/", &format!("f{n}")).await;
        bob = w.change(w.bob, "/", &format!("f{n}")).await;
    }
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.len(), 1);
    assert_eq!(named(&sent[0]), [(w.ann.0, ann), (w.bob.0, bob)]);
    assert_eq!(sent[0].timestamp, w.clock_now());
    assert!(is_signed_by(&sent[0], &app.secret));
    let body: serde_json::Value = serde_json::from_slice(&sent[0].body).expect("JSON");
    assert_eq!(body["delivery"], sent[0].id);
    assert_eq!(body["client_id"], app.id);
    assert_eq!(body.as_object().map(|o| o.len()), Some(3), "{body}");
    // Until the interval is over nothing more is sent, then the latest alone.
    for n in 0..5 {
        ann = w.change(w.ann, "/", &format!("g{n}")).await;
        w.clock.advance(1);
        assert_eq!(w.round(&mut courier).await.len(), 0, "{n}");
    }
    w.clock.advance(INTERVAL);
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.iter().map(named).collect::<Vec<_>>(), [vec![(w.ann.0, ann)]]);
    let all = w.deliveries(&app).await;
    assert!(
        all.iter()
            .all(|d| d.state == DeliveryState::Delivered && d.attempts == 1 && d.status == 200)
    );
    assert_eq!(all[0].people, 1);
    assert_eq!(all[1].people, 2);
}

async fn a_process_that_was_down_finds_what_it_missed(w: World) {
    let app = w.app("Down").await;
    w.grant("ann", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    drop(courier);
    let head = w.change(w.ann, "/", "while nobody looked").await;
    // Two days later, by a process that knows nothing but the rows.
    w.clock.advance(2 * 86_400);
    let other = w.another().await;
    let mut courier = Courier::new(other, w.post.clone());
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.iter().map(named).collect::<Vec<_>>(), [vec![(w.ann.0, head)]]);
    assert_eq!(w.fresh_round().await.len(), 0, "and nobody tells it again");
}

/// A change that is dated earlier than it became visible.
async fn late(tx: &mut Tx<'_>, (user, at): &(UserId, i64)) -> Outcome<i64, pantry_core::Error> {
    let body = async {
        let b = books::of(tx, *user).await?.expect("a person");
        let change = Change {
            user: *user,
            seq: b.head + 1,
            event: Event::Updated,
            kind: Kind::Folder,
            node: b.root_id,
            subtree: false,
            parent_before: b.root_id,
            parent_after: b.root_id,
            sandbox_before: NodeId(0),
            sandbox_after: NodeId(0),
            at: *at,
        };
        changes::append(tx, &change).await?;
        users::set_books(tx, *user, b.used, b.reserved, b.head + 1).await?;
        Ok(b.head + 1)
    };
    let done: Result<i64, pantry_core::Error> = body.await;
    done.into()
}

async fn a_change_that_was_long_on_its_way_is_found(w: World) {
    let app = w.app("Slow").await;
    w.grant("ann", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    w.clock.advance(1000);
    w.round(&mut courier).await;
    let at = w.clock_now() - 300;
    let args = (w.ann, at);
    let head = w.drive.db().write(args, |tx, a| Box::pin(late(tx, a))).await;
    let head = head.expect("written");
    w.clock.advance(5);
    assert_eq!(
        w.round(&mut courier).await.len(),
        0,
        "a quick look does not go back that far"
    );
    w.clock.advance(60);
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.iter().map(named).collect::<Vec<_>>(), [vec![(w.ann.0, head)]]);
}

async fn a_crash_between_claim_and_send_leaves_it_to_others(w: World) {
    let app = w.app("Crash").await;
    w.grant("ann", &app, "files.read_all").await;
    let head = w.change(w.ann, "/", "one").await;
    w.post.does(&app.url, Does::Hang);
    let mut courier = w.courier();
    courier.round().await.expect("a round");
    while w.post.sent.lock().expect("a lock").is_empty() {
        tokio::task::yield_now().await;
    }
    let first = w.post.take();
    // The process dies, and nobody hears how it went.
    drop(courier);
    w.post.answers(&app.url, 200);
    assert_eq!(w.deliveries(&app).await[0].state, DeliveryState::Sending);
    assert_eq!(w.fresh_round().await.len(), 0, "somebody may be at it yet");
    w.clock.advance(70);
    let sent = w.fresh_round().await;
    assert_eq!(sent.iter().map(named).collect::<Vec<_>>(), [vec![(w.ann.0, head)]]);
    assert_eq!(sent[0].id, first[0].id, "the receiver can tell that it is the same");
    let delivered = &w.deliveries(&app).await[0];
    assert_eq!((delivered.state, delivered.attempts), (DeliveryState::Delivered, 2));
}

async fn many_processes_tell_each_change_once(w: World) {
    let apps = [w.app("A").await, w.app("B").await, w.app("C").await];
    for app in &apps {
        w.grant("ann", app, "files.read_all").await;
        w.grant("bob", app, "files.read_all").await;
    }
    w.quiet(&mut w.courier()).await;
    let mut couriers = Vec::new();
    for _ in 0..4 {
        couriers.push(Courier::new(w.another().await, w.post.clone()));
    }
    let mut told: HashMap<(String, i64, i64), usize> = HashMap::new();
    let mut heads = HashMap::new();
    for n in 0..6 {
        for person in [w.ann, w.bob] {
            heads.insert(person.0, w.change(person, "/", &format!("f{n}")).await);
        }
        let rounds = couriers.iter_mut().map(async |courier: &mut Courier| {
            for _ in 0..3 {
                courier.round().await.expect("a round");
                courier.settle().await;
            }
        });
        futures_util::future::join_all(rounds).await;
        for message in w.post.take() {
            for (uid, seq) in named(&message) {
                *told.entry((message.target.as_str().to_owned(), uid, seq)).or_default() += 1;
            }
        }
        w.clock.advance(INTERVAL);
    }
    assert!(told.values().all(|n| *n == 1), "{told:?}");
    for app in &apps {
        for (uid, head) in &heads {
            assert!(told.contains_key(&(app.url.clone(), *uid, *head)), "{told:?}");
        }
    }
}

async fn a_slow_app_holds_up_nobody_else(w: World) {
    let (slow, quick) = (w.app("Slow").await, w.app("Quick").await);
    for app in [&slow, &quick] {
        w.grant("ann", app, "files.read_all").await;
    }
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    w.post.does(&slow.url, Does::Hang);
    let (mut to_slow, mut to_quick) = (0, 0);
    for n in 0..6 {
        w.change(w.ann, "/", &format!("f{n}")).await;
        courier.round().await.expect("a round");
        // The quick one answers at once; the slow one never does.
        for _ in 0..1000 {
            if w.in_state(&quick, DeliveryState::Sending).await.is_empty() {
                break;
            }
        }
        for message in w.post.take() {
            match message.target.as_str() {
                url if url == slow.url => to_slow += 1,
                _ => to_quick += 1,
            }
        }
        w.clock.advance(INTERVAL);
    }
    assert_eq!(to_quick, 6);
    assert_eq!(to_slow, 2, "no more than two at once");
}

async fn a_secret_that_is_replaced_signs_until_its_time(w: World) {
    let app = w.app("Rotated").await;
    w.grant("ann", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    let origin = Origin::operator();
    let rotated = w.drive.rotate_webhook_secret(&w.owner, &app.id, 100, &origin).await;
    let new = rotated.expect("rotated").secret.expect("a secret").into_exposed();
    w.change(w.ann, "/", "one").await;
    let sent = w.round(&mut courier).await;
    assert!(is_signed_by(&sent[0], &app.secret) && is_signed_by(&sent[0], &new));
    w.clock.advance(101);
    w.change(w.ann, "/", "two").await;
    let sent = w.round(&mut courier).await;
    assert!(!is_signed_by(&sent[0], &app.secret) && is_signed_by(&sent[0], &new));
    assert_eq!(sent[0].signature.split(' ').count(), 1);
}

async fn noted(tx: &mut Tx<'_>, (client_id, now): &(String, i64)) -> Outcome<(), pantry_core::Error> {
    let body = async {
        for n in 0..1_100 {
            let due = pantry_db::hooks::Due {
                client_id: client_id.clone(),
                user: UserId(9_000_000 + n),
                seq: 1,
                whole: true,
            };
            pantry_db::hooks::note(tx, &due, *now).await?;
        }
        Ok(())
    };
    let done: Result<(), pantry_core::Error> = body.await;
    done.into()
}

async fn more_people_than_fit_are_told_at_once(w: World) {
    let app = w.app("Crowd").await;
    let args = (app.id.clone(), w.clock_now());
    let written = w.drive.db().write(args, |tx, a| Box::pin(noted(tx, a))).await;
    written.expect("written");
    w.post.does(&app.url, Does::Hang);
    let mut courier = w.courier();
    let mut made = 0;
    for _ in 0..3 {
        made += courier.round().await.expect("a round").made;
    }
    assert_eq!(made, 3, "without waiting for the interval");
    assert_eq!(courier.round().await.expect("a round").made, 0);
}

async fn old_deliveries_are_forgotten(w: World) {
    let app = w.app("Old").await;
    w.grant("ann", &app, "files.read_all").await;
    w.change(w.ann, "/", "one").await;
    assert_eq!(w.fresh_round().await.len(), 1);
    w.drive.sweep_hooks().await.expect("swept");
    assert_eq!(w.deliveries(&app).await.len(), 1);
    w.clock.advance(31 * 86_400);
    assert_eq!(w.drive.sweep_hooks().await.expect("swept"), 1);
    assert_eq!(w.deliveries(&app).await.len(), 0);
}
