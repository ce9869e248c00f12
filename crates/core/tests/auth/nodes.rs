//! Several processes on one row store: what one ends, the others know of. The clocks of the drives stand still, so that
//! nothing ends by age, and a process that was not told would go on for good.

use std::time::Duration;

use pantry_core::{Drive, auth::TokenAnswer};

use crate::{
    World,
    grant_life::{Program, open, upload_and_link},
    here,
};

/// Waits for what the line brings.
async fn soon(what: &str, mut done: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{what}: not within a second");
}

async fn kill_lines(w: &World) {
    let url = w.postgres_url();
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
        AND pid <> pg_backend_pid() AND (query LIKE 'LISTEN%' OR query LIKE '%pg_backend_pid()%' \
        OR query LIKE '%pg_notify%')";
    let psql = std::env::var("PANTRY_TEST_PSQL").unwrap_or_else(|_| "psql".into());
    let done = tokio::process::Command::new(psql)
        .args(["--no-psqlrc", "--quiet", "--command", sql, url])
        .output()
        .await
        .expect("psql ran");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_on_one_node_ends_everything_on_the_other_at_once() {
    let w = World::postgres().await;
    let other = w.another_node().await;
    let (pair, kept) = (w.pair().await, w.pair().await);
    let (upload, link) = upload_and_link(&w, &pair).await;
    let opens = async |drive: &Drive, pair: &TokenAnswer| drive.authenticate(pair.access_token.expose()).await.is_ok();
    for _ in 0..3 {
        assert!(opens(&w.drive, &pair).await && opens(&other, &pair).await && opens(&other, &kept).await);
    }
    soon("the other node listens", async || other.hears_of_endings()).await;
    assert!(opens(&other, &pair).await);
    w.drive
        .revoke_grant(&w.alice, &w.app.client_id, &here())
        .await
        .expect("revoked");
    assert!(!opens(&w.drive, &pair).await, "here at once");
    soon("there", async || !opens(&other, &pair).await).await;
    assert!(open(&other, &link).await.is_err());
    assert!(other.upload_progress(&upload).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_signed_in_by_password_is_put_out_on_the_other_node_as_well() {
    let w = World::postgres().await;
    let other = w.another_node().await;
    for round in 0..2 {
        let program = Program::new(&w, &format!("Mirror {round}")).await;
        for _ in 0..3 {
            assert!(program.opens(&w.drive).await && program.opens(&other).await);
        }
        assert!(program.serves(&w.drive).await && program.serves(&other).await);
        soon("the other node listens", async || other.hears_of_endings()).await;
        assert!(program.opens(&other).await);
        if round == 0 {
            w.drive
                .revoke_grant(&w.alice, &program.app.client_id, &here())
                .await
                .expect("revoked");
        } else {
            // Another password ends what the old one opened, but not what is linked to.
            w.drive
                .set_password("alice", "another, longer one")
                .await
                .expect("changed");
        }
        assert!(!program.opens(&w.drive).await, "here at once");
        soon("there", async || !program.opens(&other).await).await;
        assert_eq!(program.serves(&other).await, round == 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lost_its_line_trusts_nothing_that_it_kept() {
    let w = World::postgres().await;
    let other = w.another_node().await;
    let opens = async |drive: &Drive, pair: &TokenAnswer| drive.authenticate(pair.access_token.expose()).await.is_ok();
    for round in 0..3 {
        let pair = w.pair().await;
        assert!(opens(&other, &pair).await);
        soon("the other node listens", async || other.hears_of_endings()).await;
        assert!(opens(&other, &pair).await);
        kill_lines(&w).await;
        soon("it knows that it is deaf, or listens anew", async || {
            // Reads through meanwhile, and is right.
            opens(&other, &pair).await
        })
        .await;
        w.drive
            .revoke_grant(&w.alice, &w.app.client_id, &here())
            .await
            .expect("revoked");
        soon("deaf or not, it is right", async || !opens(&other, &pair).await).await;
        assert!(!opens(&other, &pair).await, "round {round}");
    }
}
