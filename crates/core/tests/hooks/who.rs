//! Who is told of what: nobody hears of what they may not read, nor of people who did not let them.

use pantry_core::auth::{Origin, console::Admin};
use pantry_db::{Outcome, Tx, grants, grants::NewTerm};
use pantry_types::{Scope, Scopes, UserId};

use crate::{World, named};

on_both! {
    an_app_hears_of_what_it_may_read_and_of_nothing_else
    an_app_that_may_read_nothing_hears_nothing
    what_was_before_the_webhook_is_not_told
    a_grant_that_is_taken_back_ends_what_waits
    a_suspended_app_hears_nothing_and_nothing_of_that_time_later
    a_deleted_app_leaves_no_rows
    a_disabled_person_is_not_named
    a_consent_that_ended_narrows_what_is_told
}

const SANDBOX: &str = "/我的应用数据/Inside";

async fn an_app_hears_of_what_it_may_read_and_of_nothing_else(w: World) {
    let (inside, whole) = (w.app("Inside").await, w.app("Whole").await);
    let (writer, stranger) = (w.app("Writer").await, w.app("Stranger").await);
    w.grant("ann", &inside, "user.read files.app_data").await;
    w.grant("ann", &whole, "files.read_all").await;
    // Writes everywhere, and reads its own folder alone.
    w.grant("ann", &writer, "files.write_all").await;
    w.grant("bob", &stranger, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;

    let head = w.change(w.ann, "/", "private").await;
    let sent = w.round(&mut courier).await;
    let told: Vec<_> = sent.iter().map(|m| (m.target.as_str(), named(m))).collect();
    assert_eq!(told, [(whole.url.as_str(), vec![(w.ann.0, head)])]);

    w.clock.advance(100);
    let head = w.change(w.ann, SANDBOX, "note").await;
    // A later one elsewhere does not show in what the app is told.
    w.change(w.ann, "/private", "secret").await;
    let mut sent = w.round(&mut courier).await;
    sent.sort_by_key(|m| m.target.as_str().to_owned());
    let told: Vec<_> = sent.iter().map(|m| (m.target.as_str(), named(m))).collect();
    assert_eq!(
        told,
        [
            (inside.url.as_str(), vec![(w.ann.0, head)]),
            (whole.url.as_str(), vec![(w.ann.0, head + 1)])
        ]
    );
    w.clock.advance(100);
    w.change(w.ann, "/我的应用数据/Writer", "note").await;
    let sent = w.round(&mut courier).await;
    assert!(sent.iter().any(|m| m.target.as_str() == writer.url));
    assert!(
        sent.iter()
            .all(|m| m.target.as_str() != stranger.url && m.target.as_str() != inside.url)
    );
}

async fn an_app_that_may_read_nothing_hears_nothing(w: World) {
    let app = w.app("Reader").await;
    w.grant("ann", &app, "user.read").await;
    let mut courier = w.courier();
    for n in 0..5 {
        w.change(w.ann, "/", &format!("f{n}")).await;
        w.clock.advance(70);
        assert_eq!(w.round(&mut courier).await.len(), 0);
    }
}

async fn what_was_before_the_webhook_is_not_told(w: World) {
    let app = w.app("Late").await;
    w.grant("ann", &app, "files.read_all").await;
    w.change(w.ann, "/", "before").await;
    let origin = Origin::operator();
    w.drive
        .remove_webhook(&w.owner, &app.id, &origin)
        .await
        .expect("removed");
    w.clock.advance(5);
    w.drive
        .set_webhook(&w.owner, &app.id, &app.url, &origin)
        .await
        .expect("set");
    assert_eq!(w.fresh_round().await.len(), 0);
    w.clock.advance(1);
    let head = w.change(w.ann, "/", "after").await;
    let sent = w.fresh_round().await;
    assert_eq!(sent.iter().flat_map(named).collect::<Vec<_>>(), [(w.ann.0, head)]);
}

async fn a_grant_that_is_taken_back_ends_what_waits(w: World) {
    let app = w.app("Taken").await;
    w.grant("ann", &app, "files.read_all").await;
    w.grant("bob", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    // In a delivery that failed and waits.
    w.post.answers(&app.url, 500);
    w.change(w.ann, "/", "one").await;
    let head = w.change(w.bob, "/", "one").await;
    let first = w.round(&mut courier).await;
    assert_eq!(first.iter().flat_map(named).count(), 2);
    // And noted, before the next delivery may be made.
    w.change(w.ann, "/", "two").await;
    assert_eq!(w.round(&mut courier).await.len(), 0);
    w.revoke("ann", &app).await;
    w.change(w.ann, "/", "three").await;
    w.post.answers(&app.url, 200);
    w.clock.advance(100);
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.iter().flat_map(named).collect::<Vec<_>>(), [(w.bob.0, head)]);
    assert_eq!(sent[0].id, first[0].id, "the same delivery, with whom is left");
    // One that names nobody any more is never sent.
    w.post.answers(&app.url, 500);
    w.change(w.bob, "/", "two").await;
    w.clock.advance(100);
    assert_eq!(w.round(&mut courier).await.len(), 1);
    w.revoke("bob", &app).await;
    w.post.answers(&app.url, 200);
    w.clock.advance(100);
    assert_eq!(w.round(&mut courier).await.len(), 0);
    let left = w.deliveries(&app).await;
    assert!(left.iter().all(|d| d.status == 200), "{left:?}");
    // Allowed anew, it hears of what comes, and not of what was.
    w.grant("bob", &app, "files.read_all").await;
    w.clock.advance(1000);
    w.round(&mut courier).await;
    w.clock.advance(1000);
    let head = w.change(w.bob, "/", "three").await;
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.iter().flat_map(named).collect::<Vec<_>>(), [(w.bob.0, head)]);
}

async fn a_suspended_app_hears_nothing_and_nothing_of_that_time_later(w: World) {
    let app = w.app("Suspended").await;
    w.grant("ann", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    w.post.answers(&app.url, 500);
    w.change(w.ann, "/", "one").await;
    assert_eq!(w.round(&mut courier).await.len(), 1);
    w.change(w.ann, "/", "two").await;
    w.post.answers(&app.url, 200);
    let admin = Admin::operator();
    w.drive.suspend_app(&admin, &app.id, "").await.expect("suspended");
    w.change(w.ann, "/", "three").await;
    w.clock.advance(1000);
    assert_eq!(w.round(&mut courier).await.len(), 0);
    assert_eq!(w.deliveries(&app).await.len(), 0, "what waited is gone");
    w.clock.advance(2000);
    w.drive.resume_app(&admin, &app.id).await.expect("resumed");
    assert_eq!(w.round(&mut courier).await.len(), 0);
    let head = w.change(w.ann, "/", "four").await;
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.iter().flat_map(named).collect::<Vec<_>>(), [(w.ann.0, head)]);
}

async fn a_deleted_app_leaves_no_rows(w: World) {
    let app = w.app("Deleted").await;
    w.grant("ann", &app, "files.read_all").await;
    w.post.answers(&app.url, 500);
    w.change(w.ann, "/", "one").await;
    assert_eq!(w.fresh_round().await.len(), 1);
    let origin = Origin::operator();
    let deleted = w.drive.delete_app(&w.owner, &app.id, "Deleted", &origin).await;
    deleted.expect("deleted");
    w.change(w.ann, "/", "two").await;
    w.clock.advance(1000);
    assert_eq!(w.fresh_round().await.len(), 0);
    let open: Vec<_> = w
        .drive
        .db()
        .read(w.clock_now(), |tx, now| {
            Box::pin(async move { pantry_db::deliveries::due(tx, *now, 9, 9).await })
        })
        .await
        .expect("read");
    assert!(open.is_empty());
}

async fn a_disabled_person_is_not_named(w: World) {
    let app = w.app("Disabled").await;
    w.grant("ann", &app, "files.read_all").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    w.post.answers(&app.url, 500);
    w.change(w.ann, "/", "one").await;
    assert_eq!(w.round(&mut courier).await.len(), 1);
    let admin = Admin::operator();
    w.drive
        .set_disabled_by_name(&admin, "ann", true)
        .await
        .expect("disabled");
    w.clock.advance(1000);
    assert_eq!(w.round(&mut courier).await.len(), 0);
}

/// As if everything had been consented to for a minute, and the app's own folder for good.
async fn end_soon(
    tx: &mut Tx<'_>,
    (user, client_id, ends_at): &(UserId, String, i64),
) -> Outcome<(), pantry_core::Error> {
    let body = async {
        let mut grant = grants::of_client(tx, *user, client_id).await?.expect("a grant");
        grant.lasting = Scopes::EMPTY.union([Scope::FilesAppData].into_iter().collect());
        grants::renew(tx, &grant).await?;
        let term = NewTerm {
            family: 1,
            user: *user,
            grant: grant.id,
            scopes: [Scope::FilesReadAll].into_iter().collect(),
            ends_at: *ends_at,
        };
        grants::add_term(tx, &term).await?;
        Ok(())
    };
    let done: Result<(), pantry_core::Error> = body.await;
    done.into()
}

async fn a_consent_that_ended_narrows_what_is_told(w: World) {
    let app = w.app("Narrowed").await;
    w.grant("ann", &app, "files.read_all files.app_data").await;
    let mut courier = w.courier();
    w.quiet(&mut courier).await;
    let ends_at = w.clock_now() + 60;
    let args = (w.ann, app.id.clone(), ends_at);
    w.drive
        .db()
        .write(args, |tx, a| Box::pin(end_soon(tx, a)))
        .await
        .expect("written");
    let head = w.change(w.ann, "/", "one").await;
    w.post.answers(&app.url, 500);
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.iter().flat_map(named).collect::<Vec<_>>(), [(w.ann.0, head)]);
    // Over, though the janitor has not come by: what it read of the whole drive it may not hear any more.
    w.clock.advance(100);
    assert_eq!(w.round(&mut courier).await.len(), 0);
    w.drive.sweep_auth(w.clock_now()).await.expect("swept");
    w.post.answers(&app.url, 200);
    w.change(w.ann, "/", "two").await;
    w.clock.advance(100);
    assert_eq!(w.round(&mut courier).await.len(), 0);
    let head = w.change(w.ann, "/我的应用数据/Narrowed", "mine").await;
    let sent = w.round(&mut courier).await;
    assert_eq!(sent.iter().flat_map(named).collect::<Vec<_>>(), [(w.ann.0, head)]);
}
