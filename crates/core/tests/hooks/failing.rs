//! What fails: tried again with growing waits, then kept for the developer; switched off when the address is gone.

use pantry_core::{
    Error,
    auth::{
        Origin,
        console::{ConsoleError, DeliveryState},
    },
    hooks::{Answer, Unsent},
};

use crate::{Does, World, named};

on_both! {
    a_failure_is_tried_again_and_given_up_in_the_end
    a_dead_delivery_is_sent_again_or_discarded
    the_other_side_may_ask_for_time
    gone_switches_the_webhook_off
    what_fails_for_one_does_not_hold_up_the_others
    what_fails_for_all_does_not_pile_up
    what_is_delivered_later_makes_an_earlier_one_needless
    a_test_is_tried_once_and_names_nobody
    another_address_is_tried_at_once
}

async fn a_failure_is_tried_again_and_given_up_in_the_end(w: World) {
    let app = w.app("Fails").await;
    w.grant("ann", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    w.post.does(&app.url, Does::Answer(Err(Unsent::Connect)));
    w.change(w.ann, "/", "one").await;
    let first = w.round(&mut courier).await;
    let waits = &w.in_state(&app, DeliveryState::Waiting).await[0];
    assert_eq!((waits.attempts, waits.status), (1, 0));
    assert_eq!(waits.error, "the host could not be reached");
    let wait = waits.next_at - w.clock_now();
    assert!((20..=25).contains(&wait), "{wait}");
    w.clock.advance(wait - 1);
    assert_eq!(w.round(&mut courier).await.len(), 0);
    w.clock.advance(1);
    w.post.answers(&app.url, 302);
    let second = w.round(&mut courier).await;
    assert_eq!(
        (second[0].id == first[0].id, second[0].body == first[0].body),
        (true, true)
    );
    assert!(second[0].timestamp > first[0].timestamp && second[0].signature != first[0].signature);
    let waits = &w.in_state(&app, DeliveryState::Waiting).await[0];
    assert_eq!(
        (waits.attempts, waits.status, waits.error.as_str()),
        (2, 302, "it answered 302")
    );
    let wait = waits.next_at - w.clock_now();
    assert!((400..=500).contains(&wait), "{wait}");
    w.clock.advance(500);
    w.post.answers(&app.url, 500);
    assert_eq!(w.round(&mut courier).await.len(), 1);
    let dead = w.in_state(&app, DeliveryState::Dead).await;
    assert_eq!((dead.len(), dead[0].attempts, dead[0].status), (1, 3, 500));
    w.clock.advance(100_000);
    assert_eq!(w.round(&mut courier).await.len(), 0);
    let hook = w.drive.webhook(&w.owner, &app.id).await.expect("read").expect("there");
    assert_eq!((hook.open, hook.dead, hook.hook.is_on), (0, 1, true));
}

async fn a_dead_delivery_is_sent_again_or_discarded(w: World) {
    let app = w.app("Dead").await;
    w.grant("ann", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    let origin = Origin::operator();
    w.post.answers(&app.url, 500);
    let head = w.change(w.ann, "/", "one").await;
    for _ in 0..3 {
        assert_eq!(w.round(&mut courier).await.len(), 1);
        w.clock.advance(1000);
    }
    let dead = w.in_state(&app, DeliveryState::Dead).await.remove(0);
    w.post.answers(&app.url, 200);
    let again = w.drive.redeliver(&w.owner, &app.id, dead.id).await.expect("asked");
    assert_eq!((again.state, again.attempts), (DeliveryState::Waiting, 0));
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.iter().map(named).collect::<Vec<_>>(), [vec![(w.ann.0, head)]]);
    assert_eq!(sent[0].id, dead.message);
    let busy = w.drive.redeliver(&w.owner, &app.id, dead.id).await;
    assert!(matches!(busy, Err(ConsoleError::DeliveryBusy(_))), "{busy:?}");
    let none = w.drive.redeliver(&w.owner, &app.id, 999).await;
    assert!(matches!(none, Err(ConsoleError::Drive(Error::NotFound("delivery")))));
    w.drive
        .discard_delivery(&w.owner, &app.id, dead.id)
        .await
        .expect("gone");
    let none = w.drive.discard_delivery(&w.owner, &app.id, dead.id).await;
    assert!(matches!(none, Err(ConsoleError::Drive(Error::NotFound("delivery")))));
    // One that waits is never sent once it is discarded.
    w.post.answers(&app.url, 500);
    w.change(w.ann, "/", "two").await;
    assert_eq!(w.round(&mut courier).await.len(), 1);
    let waits = w.in_state(&app, DeliveryState::Waiting).await.remove(0);
    w.drive
        .discard_delivery(&w.owner, &app.id, waits.id)
        .await
        .expect("gone");
    w.clock.advance(10_000);
    assert_eq!(w.round(&mut courier).await.len(), 0);
    assert!(w.drive.remove_webhook(&w.owner, &app.id, &origin).await.is_ok());
}

async fn the_other_side_may_ask_for_time(w: World) {
    let app = w.app("Later").await;
    w.grant("ann", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    for (asked, least, most) in [(3_000, 3_000, 3_005), (1, 20, 25), (i64::MAX, 86_400, 86_405)] {
        w.post.does(
            &app.url,
            Does::Answer(Ok(Answer {
                status: 429,
                retry_after: Some(asked),
            })),
        );
        w.change(w.ann, "/", &format!("f{asked}")).await;
        assert_eq!(w.round(&mut courier).await.len(), 1);
        let waits = w.in_state(&app, DeliveryState::Waiting).await.remove(0);
        let wait = waits.next_at - w.clock_now();
        assert!((least..=most).contains(&wait), "{asked}: {wait}");
        w.drive
            .discard_delivery(&w.owner, &app.id, waits.id)
            .await
            .expect("gone");
        w.clock.advance(100);
    }
}

async fn gone_switches_the_webhook_off(w: World) {
    let app = w.app("Gone").await;
    w.grant("ann", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    w.post.answers(&app.url, 410);
    w.change(w.ann, "/", "one").await;
    assert_eq!(w.round(&mut courier).await.len(), 1);
    let hook = w.drive.webhook(&w.owner, &app.id).await.expect("read").expect("there");
    assert_eq!((hook.hook.is_on, hook.open, hook.dead), (false, 0, 1));
    let dead = w.deliveries(&app).await.remove(0);
    assert_eq!((dead.state, dead.status), (DeliveryState::Dead, 410));
    w.post.answers(&app.url, 200);
    w.change(w.ann, "/", "two").await;
    w.clock.advance(2_000);
    assert_eq!(w.round(&mut courier).await.len(), 0);
    for refused in [
        w.drive.test_webhook(&w.owner, &app.id).await,
        w.drive.redeliver(&w.owner, &app.id, dead.id).await,
    ] {
        assert!(
            matches!(refused, Err(ConsoleError::Drive(Error::Forbidden(_)))),
            "{refused:?}"
        );
    }
    // Set again, it is on again, from then on.
    let origin = Origin::operator();
    // The password was shown a while ago.
    let refused = w.drive.set_webhook(&w.owner, &app.id, &app.url, &origin).await;
    assert!(matches!(refused, Err(ConsoleError::PasswordNeeded)));
    let fresh = w.sign_in("owner").await;
    let set = w
        .drive
        .set_webhook(&fresh, &app.id, &app.url, &origin)
        .await
        .expect("set");
    assert!(set.secret.is_none() && set.hook.hook.is_on);
    assert_eq!(w.round(&mut courier).await.len(), 0, "not what was meanwhile");
    let head = w.change(w.ann, "/", "three").await;
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.iter().map(named).collect::<Vec<_>>(), [vec![(w.ann.0, head)]]);
}

async fn what_fails_for_one_does_not_hold_up_the_others(w: World) {
    let app = w.app("Poison").await;
    w.grant("ann", &app, "files.read_all").await;
    w.grant("bob", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    w.post.answers(&app.url, 500);
    w.change(w.ann, "/", "one").await;
    assert_eq!(w.round(&mut courier).await.len(), 1);
    w.post.answers(&app.url, 200);
    w.clock.advance(15);
    let head = w.change(w.bob, "/", "one").await;
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.iter().map(named).collect::<Vec<_>>(), [vec![(w.bob.0, head)]]);
    assert_eq!(w.in_state(&app, DeliveryState::Waiting).await.len(), 1);
}

async fn what_fails_for_all_does_not_pile_up(w: World) {
    let app = w.app("Heap").await;
    w.grant("ann", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    w.post.does(
        &app.url,
        Does::Answer(Ok(Answer {
            status: 503,
            retry_after: Some(80_000),
        })),
    );
    let mut attempts = 0;
    for n in 0..30 {
        w.change(w.ann, "/", &format!("f{n}")).await;
        attempts += w.round(&mut courier).await.len();
        w.clock.advance(20);
    }
    assert_eq!(attempts, 8);
    assert_eq!(w.in_state(&app, DeliveryState::Waiting).await.len(), 8);
}

async fn what_is_delivered_later_makes_an_earlier_one_needless(w: World) {
    let app = w.app("Newer").await;
    w.grant("ann", &app, "files.read_all").await;
    w.grant("bob", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    w.post.answers(&app.url, 500);
    w.change(w.ann, "/", "one").await;
    let bob = w.change(w.bob, "/", "one").await;
    assert_eq!(w.round(&mut courier).await.len(), 1);
    w.clock.advance(12);
    w.post.answers(&app.url, 200);
    let ann = w.change(w.ann, "/", "two").await;
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.iter().map(named).collect::<Vec<_>>(), [vec![(w.ann.0, ann)]]);
    // What was first to be told of both is left with the other.
    w.clock.advance(30);
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.iter().map(named).collect::<Vec<_>>(), [vec![(w.bob.0, bob)]]);
    // And one of which nothing is left goes.
    w.post.answers(&app.url, 500);
    w.change(w.ann, "/", "three").await;
    assert_eq!(w.round(&mut courier).await.len(), 1);
    w.post.answers(&app.url, 200);
    w.clock.advance(12);
    w.change(w.ann, "/", "four").await;
    assert_eq!(w.round(&mut courier).await.len(), 1);
    assert!(w.in_state(&app, DeliveryState::Waiting).await.is_empty());
}

async fn a_test_is_tried_once_and_names_nobody(w: World) {
    let app = w.app("Test").await;
    w.grant("ann", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    let asked = w.drive.test_webhook(&w.owner, &app.id).await.expect("asked");
    let sent = w.round(&mut courier).await;
    let body: serde_json::Value = serde_json::from_slice(&sent[0].body).expect("JSON");
    assert_eq!(
        body,
        serde_json::json!({"delivery": asked.message, "client_id": app.id, "test": true, "users": []})
    );
    w.post.answers(&app.url, 404);
    w.drive.test_webhook(&w.owner, &app.id).await.expect("asked");
    assert_eq!(w.round(&mut courier).await.len(), 1);
    let dead = w.in_state(&app, DeliveryState::Dead).await;
    assert_eq!((dead.len(), dead[0].is_test, dead[0].status), (1, true, 404));
    // Nobody is knocked at without end.
    for _ in 0..8 {
        w.drive.test_webhook(&w.owner, &app.id).await.expect("asked");
    }
    let refused = w.drive.test_webhook(&w.owner, &app.id).await;
    assert!(
        matches!(refused, Err(ConsoleError::Drive(Error::TooMany { .. }))),
        "{refused:?}"
    );
}

async fn another_address_is_tried_at_once(w: World) {
    let app = w.app("Moved").await;
    w.grant("ann", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    w.post.answers(&app.url, 500);
    w.change(w.ann, "/", "one").await;
    assert_eq!(w.round(&mut courier).await.len(), 1);
    let new = "https://other.example/hook";
    let set = w.drive.set_webhook(&w.owner, &app.id, new, &Origin::operator()).await;
    assert!(set.expect("set").secret.is_none());
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].target.as_str(), new);
}
