//! Shares: their page, what they give out, and when they do no more.

use pantry_testkit::{Engine, Reply};

use crate::tools::{Program, text};

async fn page(p: &Program, address: &str) -> Reply {
    Reply::of(p.server.http.get(address).header("accept-language", "en")).await
}

async fn a_share_has_a_page_and_gives_its_file(engine: Engine) {
    let p = Program::new(engine).await;
    let fid = p
        .file("0", "照片 <b>.txt".replace(['<', '>'], "_").as_str(), b"hello")
        .await;
    let shared = p.ok("file/share_file", &format!("fid={fid}")).await;
    let address = text(&shared["data"]["download_page"]);
    assert_eq!(shared["data"]["weibo_url"], address.as_str());
    let info = p.ok("file/get_file_info", &format!("fid={fid}")).await;
    assert_eq!(
        (&info["data"]["share"], &info["data"]["url"]),
        (&1.into(), &address.as_str().into())
    );
    let shown = page(&p, &address).await;
    let html = String::from_utf8_lossy(&shown.body).into_owned();
    assert_eq!(shown.status, 200);
    for words in ["照片 _b_.txt", "Shared by ada", "5 B", "Download", "<iframe"] {
        assert!(html.contains(words), "{words}: {html}");
    }
    let policy = shown.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("frame-src http://127.0.0.1") && !policy.contains("unsafe"),
        "{policy}"
    );
    // The preview is shown in place, the button saves.
    let preview = html
        .split("<iframe src=\"")
        .nth(1)
        .and_then(|t| t.split('"').next())
        .expect("a link");
    let preview = preview.replace("&amp;", "&");
    let got = p.server.get(&preview).await;
    assert_eq!(
        (got.header("content-type"), got.body.as_ref()),
        (Some("text/plain; charset=utf-8"), &b"hello"[..])
    );
    let button = page(&p, &format!("{address}/download")).await;
    assert_eq!(button.status, 303);
    let link = button.header("location").expect("a link").to_owned();
    let got = p.server.get(&link).await;
    assert_eq!(got.header("content-type"), Some("application/octet-stream"));
    assert!(
        got.header("content-disposition")
            .is_some_and(|d| d.starts_with("attachment"))
    );

    // By the addresses that programs kept.
    let uid = text(&info["data"]["uid"]);
    let code = address.rsplit('/').next().expect("a code");
    for path in [
        format!("/?m=file&a=jump_to_s3&uid={uid}&fid={fid}"),
        format!("/?m=file&a=download_share_file&ss={code}"),
    ] {
        let reply = p.server.get(&path).await;
        assert_eq!(reply.status, 302, "{path}");
        let got = p.server.get(reply.header("location").expect("a link")).await;
        assert_eq!(got.body.as_ref(), b"hello");
    }
    for path in [
        format!("/?m=file&a=jump_to_s3&uid={uid}&fid=999999"),
        format!("/?m=file&a=jump_to_s3&uid=1&fid={fid}"),
        "/?m=file&a=download_share_file&ss=none".to_owned(),
    ] {
        let reply = p.server.get(&path).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["err_code"].as_i64()),
            (200, Some(2)),
            "{path}"
        );
    }

    // It follows the file, shows its newest content, and rests while the file is in the bin.
    let dir = p.folder("0", "elsewhere").await;
    p.ok("file/move_file", &format!("fid={fid}&new_name=new.txt&to_dir_id={dir}"))
        .await;
    let fields = [("cover", "yes"), ("dir_id", dir.as_str())];
    p.upload("file/upload_file", "new.txt", b"newer", &fields).await;
    let button = page(&p, &format!("{address}/download")).await;
    assert_eq!(
        p.server
            .get(button.header("location").expect("a link"))
            .await
            .body
            .as_ref(),
        b"newer"
    );
    p.ok("file/delete_file", &format!("fid={fid}")).await;
    let closed = page(&p, &address).await;
    assert_eq!(closed.status, 404);
    assert!(String::from_utf8_lossy(&closed.body).contains("recycle bin"));
    p.ok("recycle/restore_file", &format!("fid={fid}")).await;
    assert_eq!(page(&p, &address).await.status, 200);

    // Cancelled: the page, and the links that it gave.
    assert_eq!(p.server.get(&preview).await.status, 200, "a link means one version");
    p.ok("file/cancel_share_file", &format!("fid={fid}")).await;
    for gone in [&address, &format!("{address}/download")] {
        assert_eq!(page(&p, gone).await.status, 404);
    }
    for link in [&preview, &link] {
        assert_eq!(p.server.get(link).await.status, 403);
    }
    let again = p.ok("file/share_file", &format!("fid={fid}")).await;
    assert_ne!(
        again["data"]["download_page"],
        address.as_str(),
        "a new share has a new page"
    );
    assert_eq!(page(&p, &p.server.url("/s/none")).await.status, 404);
}

async fn what_is_not_safe_is_not_shown_in_place(engine: Engine) {
    let p = Program::with(engine, |s| s.weipan.share_extensions = "HTML, svg,pdf".into()).await;
    for (name, shown) in [("a.html", false), ("b.SVG", false), ("c.pdf", true)] {
        let fid = p.file("0", name, b"<script>alert(1)</script>").await;
        let shared = p.ok("file/share_file", &format!("fid={fid}")).await;
        let page = page(&p, &text(&shared["data"]["download_page"])).await;
        let html = String::from_utf8_lossy(&page.body).into_owned();
        assert!(
            !html.contains("<iframe") && !html.contains("<img") && !html.contains("<script"),
            "{name}"
        );
        assert_eq!(html.contains("target=\"_blank\""), shown, "{name}");
    }
}

pantry_testkit::both_engines!(
    a_share_has_a_page_and_gives_its_file,
    what_is_not_safe_is_not_shown_in_place
);
