//! One of every page, for the tests and for looking at them. Owns made-up
//! people and apps; never part of a shipped binary.

use maud::Markup;
use pantry_core::auth::Term;
use pantry_types::Scope;

use super::AppView;
use super::apps::{AppsNote, AppsView, GrantView, SharedView, apps};
use super::consent::{ConsentProblem, ConsentView, ReturnTo, consent};
use super::device::{
    DeviceApprovalView, DeviceEntryView, DeviceOutcome, DeviceProblem, device_approval, device_done, device_entry,
};
use super::error::{ErrorView, Failure, error};
use super::home::{HomeView, Space, home, welcome};
use super::lang::Lang;
use super::layout::Frame;
use super::login::{LoginProblem, LoginView, login, signed_out};
use super::password::{PasswordProblem, PasswordView, password, password_closed};
use super::setup::{SetupClosed, SetupProblem, SetupView, setup, setup_closed};
use super::share::{self, ClosedView, DropNote, DropView, FolderView, Preview, Row, ShareView, closed, share};

/// The texts that come from outside, by kind.
#[derive(Clone, Copy)]
pub struct Outside {
    pub app: &'static str,
    pub person: &'static str,
    pub email: &'static str,
    pub host: &'static str,
    pub address: &'static str,
    pub agent: &'static str,
    pub sandbox: &'static str,
    pub detail: &'static str,
}

/// What they look like on a good day.
pub const ORDINARY: Outside = Outside {
    app: "拾光相册",
    person: "林小满",
    email: "x***@example.com",
    host: "photos.example.com",
    address: "203.0.113.24",
    agent: "curl/8.5",
    sandbox: "/我的应用数据/拾光相册/",
    detail: "redirect_uri=https://photos.example.com/callback2",
};

const CSRF: &str = "dGhpcyBpcyBhIGZvcm0gdG9rZW4";
const REQUEST: &str = "01JD8Z4V3M9Q";

/// Every page in one language, each with a name for its file.
pub fn pages(lang: Lang, outside: &Outside) -> Vec<(&'static str, Markup)> {
    let app = AppView {
        name: outside.app,
        owner: outside.person,
        home_host: Some(outside.host),
    };
    let at = |path_and_query| Frame {
        lang,
        path_and_query,
        user: None,
        csrf: CSRF,
    };
    let signed_in = |path_and_query| Frame {
        user: Some(outside.person),
        ..at(path_and_query)
    };
    let sandboxed = [Scope::UserRead, Scope::FilesAppData];
    let wide = [
        Scope::UserRead,
        Scope::FilesAppData,
        Scope::FilesReadAll,
        Scope::FilesWriteAll,
        Scope::ShareRead,
        Scope::ShareCreate,
        Scope::OpenId,
        Scope::Profile,
        Scope::Email,
    ];

    let mut pages = Vec::new();
    let mut put = |name, page| pages.push((name, page));

    let empty = SetupView {
        token: "c2V0dXA",
        name: "",
        email: "",
        min_password: 10,
        problem: None,
    };
    let setup_frame = at("/setup?token=c2V0dXA");
    put("setup", setup(&setup_frame, &empty));
    let typed = SetupView {
        name: outside.person,
        email: outside.email,
        ..empty
    };
    let setup_with = |problem| {
        setup(
            &setup_frame,
            &SetupView {
                problem: Some(problem),
                ..typed
            },
        )
    };
    put("setup-name-missing", setup_with(SetupProblem::NameMissing));
    put("setup-name-illegal", setup_with(SetupProblem::NameIllegal));
    put("setup-name-taken", setup_with(SetupProblem::NameTaken));
    put("setup-email", setup_with(SetupProblem::EmailIllegal));
    put("setup-email-taken", setup_with(SetupProblem::EmailTaken));
    put("setup-short", setup_with(SetupProblem::PasswordTooShort));
    put("setup-differ", setup_with(SetupProblem::PasswordsDiffer));
    put("setup-expired", setup_with(SetupProblem::FormExpired));
    put("setup-invalid", setup_closed(&at("/setup"), SetupClosed::Invalid));
    put("setup-used", setup_closed(&at("/setup"), SetupClosed::Used));

    let login_view = LoginView {
        account: "",
        next: "/oauth/device?user_code=8KXH-Y8R",
        app: None,
        problem: None,
    };
    let login_with = |problem| {
        login(
            &at("/login"),
            &LoginView {
                account: outside.person,
                problem: Some(problem),
                ..login_view
            },
        )
    };
    put("login", login(&at("/login"), &login_view));
    put(
        "login-app",
        login(
            &at("/login"),
            &LoginView {
                app: Some(outside.app),
                ..login_view
            },
        ),
    );
    put("login-wrong", login_with(LoginProblem::Wrong));
    put(
        "login-throttled",
        login_with(LoginProblem::Throttled { wait_minutes: 12 }),
    );
    put("login-expired", login_with(LoginProblem::FormExpired));
    put("signed-out", signed_out(&at("/login")));

    let space = |used, total: u64| Space {
        used,
        free: Some(total.saturating_sub(used)),
        total: Some(total),
    };
    let home_view = HomeView {
        name: outside.person,
        account: outside.person,
        email: outside.email,
        is_admin: true,
        space: space(336_913_109_180, 1_610_612_736_000),
    };
    put("welcome", welcome(&at("/")));
    let shared = |preview| {
        let view = ShareView {
            name: outside.app,
            size: 123_456,
            owner: outside.person,
            download: "/s/Ab3/download",
            preview,
        };
        share(&at("/s/Ab3"), &view)
    };
    put("share", shared(None));
    put("share-image", shared(Some(("/d/1.2.3.0.9~4", Preview::Image))));
    put("share-text", shared(Some(("/d/1.2.3.0.9~4", Preview::Text))));
    put("share-link", shared(Some(("/d/1.2.3.0.9~4", Preview::Link))));
    let rows = [
        Row {
            name: outside.app,
            href: "/s/Ab3?folder=7",
            size: None,
        },
        Row {
            name: outside.person,
            href: "/s/Ab3/download?file=8",
            size: Some(123_456),
        },
    ];
    let listed = FolderView {
        name: outside.app,
        owner: outside.person,
        rows: &rows,
        counts: Some((1, 1)),
        up: Some("/s/Ab3"),
        next: Some("/s/Ab3?cursor=abc"),
        all: Some("/s/Ab3/archive"),
    };
    put("share-folder", share::folder(&at("/s/Ab3"), &listed));
    let bare = FolderView {
        rows: &[],
        counts: None,
        up: None,
        next: None,
        all: None,
        ..listed
    };
    put("share-empty", share::folder(&at("/s/Ab3"), &bare));
    let asks = |problem| share::password(&at("/s/Ab3"), "/s/Ab3", outside.person, problem);
    put("share-password", asks(None));
    put("share-password-wrong", asks(Some(share::PasswordProblem::Wrong)));
    put(
        "share-password-expired",
        asks(Some(share::PasswordProblem::FormExpired)),
    );
    let throttled = share::PasswordProblem::Throttled { wait_minutes: 3 };
    put("share-password-throttled", asks(Some(throttled)));
    let drop_with = |note| {
        let view = DropView {
            name: outside.app,
            owner: outside.person,
            action: "/s/Ab3/drop",
            most: 33_554_432,
            note,
        };
        share::drop_box(&at("/s/Ab3"), &view)
    };
    put("drop", drop_with(None));
    for (name, note) in [
        ("drop-thanks", DropNote::Thanks),
        ("drop-none", DropNote::None),
        ("drop-large", DropNote::TooLarge),
        ("drop-full", DropNote::Full),
        ("drop-name", DropNote::BadName),
        ("drop-expired", DropNote::FormExpired),
    ] {
        put(name, drop_with(Some(note)));
    }
    put("share-closed", closed(&at("/s/Ab3"), ClosedView::Trashed));
    put("home", home(&signed_in("/"), &home_view));
    let full = HomeView {
        is_admin: false,
        space: space(10_500_000_000, 10_737_418_240),
        ..home_view
    };
    put("home-full", home(&signed_in("/"), &full));
    let unlimited = HomeView {
        space: Space {
            used: 5_000_000,
            free: None,
            total: None,
        },
        ..home_view
    };
    put("home-unlimited", home(&signed_in("/"), &unlimited));

    let grant = GrantView {
        id: 12,
        app: outside.app,
        owner: outside.person,
        suspended: false,
        scopes: &sandboxed,
        whole_drive: false,
        sandbox: Some(outside.sandbox),
        bytes: (123_456_789, true),
        given: 200_000,
        used: 4_000,
        address: outside.address,
        ends: None,
        shares: 0,
        latest_shares: &[],
    };
    let shared = |name| SharedView { name, code: "82" };
    let latest = [shared(outside.person), shared("")];
    let several = [
        grant,
        GrantView {
            id: 13,
            scopes: &wide,
            suspended: true,
            whole_drive: true,
            bytes: (123_456_789, false),
            ends: Some(1_500),
            shares: 41,
            latest_shares: &latest,
            ..grant
        },
        GrantView {
            id: 14,
            sandbox: None,
            address: "",
            ends: Some(2_500_000),
            ..grant
        },
    ];
    let apps_with = |grants, next, note| apps(&signed_in("/user/apps"), &AppsView { grants, next, note });
    put("apps-none", apps_with(&[], None, Some(AppsNote::Ended)));
    put("apps-one", apps_with(&several[..1], None, Some(AppsNote::FormExpired)));
    put(
        "apps-shares",
        apps_with(&several[1..2], None, Some(AppsNote::EndedWithShares)),
    );
    put("apps", apps_with(&several, Some("/user/apps?cursor=14"), None));
    let new_password = |problem| {
        let view = PasswordView {
            token: "c2V0dXA",
            account: outside.person,
            min_password: 8,
            problem,
        };
        password(&at("/password/c2V0dXA"), &view)
    };
    put("password", new_password(None));
    put("password-short", new_password(Some(PasswordProblem::TooShort)));
    put("password-long", new_password(Some(PasswordProblem::TooLong)));
    put("password-differ", new_password(Some(PasswordProblem::Differ)));
    put("password-expired", new_password(Some(PasswordProblem::FormExpired)));
    put("password-closed", password_closed(&at("/")));

    let authorize = "/oauth/authorize?client_id=1000000001&state=a%20b&scope=files.app_data";
    let asked = ConsentView {
        app,
        scopes: &sandboxed,
        sandbox: outside.sandbox,
        return_to: ReturnTo::Site(outside.host),
        action: "/oauth/authorize",
        hidden: &[("request", "cmVxdWVzdA")],
        term: Term::UntilRevoked,
        problem: None,
    };
    put("consent", consent(&signed_in(authorize), &asked));
    let asked_wide = ConsentView {
        scopes: &wide,
        return_to: ReturnTo::ThisComputer,
        ..asked
    };
    put("consent-sensitive", consent(&signed_in(authorize), &asked_wide));
    let nothing = ConsentView {
        app: AppView { home_host: None, ..app },
        scopes: &[Scope::FilesWriteAll],
        return_to: ReturnTo::App("com.example.photos"),
        term: Term::Hour,
        problem: Some(ConsentProblem::Nothing),
        ..asked
    };
    put("consent-nothing", consent(&signed_in(authorize), &nothing));
    let stale = ConsentView {
        problem: Some(ConsentProblem::FormExpired),
        ..asked
    };
    put("consent-expired", consent(&signed_in(authorize), &stale));

    let device = "/oauth/device?user_code=8KXH-Y8R";
    let entry_with = |problem| {
        device_entry(
            &signed_in(device),
            &DeviceEntryView {
                user_code: "8KXH-Y8",
                problem,
            },
        )
    };
    put(
        "device",
        device_entry(
            &signed_in("/oauth/device"),
            &DeviceEntryView {
                user_code: "",
                problem: None,
            },
        ),
    );
    put("device-malformed", entry_with(Some(DeviceProblem::Malformed)));
    put("device-unknown", entry_with(Some(DeviceProblem::Unknown)));
    put("device-taken", entry_with(Some(DeviceProblem::Taken)));
    put(
        "device-throttled",
        entry_with(Some(DeviceProblem::Throttled { wait_minutes: 1 })),
    );
    put("device-expired", entry_with(Some(DeviceProblem::FormExpired)));
    let approval = DeviceApprovalView {
        app,
        scopes: &sandboxed,
        sandbox: outside.sandbox,
        user_code: "8KXH-Y8R",
        address: outside.address,
        agent: Some(outside.agent),
        asked_seconds_ago: 75,
        hidden: &[],
        term: Term::UntilRevoked,
        problem: None,
    };
    put("device-approve", device_approval(&signed_in(device), &approval));
    let approval_wide = DeviceApprovalView {
        scopes: &wide,
        agent: None,
        asked_seconds_ago: 5,
        problem: Some(ConsentProblem::Nothing),
        ..approval
    };
    put(
        "device-approve-sensitive",
        device_approval(&signed_in(device), &approval_wide),
    );
    put(
        "device-approved",
        device_done(&signed_in("/oauth/device"), DeviceOutcome::Approved(outside.app)),
    );
    put(
        "device-denied",
        device_done(&signed_in("/oauth/device"), DeviceOutcome::Denied),
    );

    let failed = |failure, detail| {
        error(
            &at("/somewhere"),
            &ErrorView {
                failure,
                detail,
                request_id: REQUEST,
            },
        )
    };
    put("error-client", failed(Failure::UnknownClient, None));
    put("error-redirect", failed(Failure::WrongRedirect, Some(outside.detail)));
    put("error-request", failed(Failure::BadRequest, Some(outside.detail)));
    put("error-expired", failed(Failure::FormExpired, None));
    put("error-forbidden", failed(Failure::Forbidden, None));
    put("error-404", failed(Failure::NotFound, None));
    put("error-405", failed(Failure::MethodNotAllowed, None));
    put("error-429", failed(Failure::TooMany { wait_minutes: 1 }, None));
    put("error-500", failed(Failure::Internal, None));
    put("error-503", failed(Failure::Unavailable, None));
    pages
}
