//! The page of a share: what it is, whose, and a way to have it; or why it is not served.
//! Must not know how a link is made.

use maud::{Markup, html};

use super::{
    form::{self, Field},
    format,
    layout::{Frame, Page, Width},
    paths,
    text::{self, Msg},
};

/// How a browser may look at a content in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preview {
    /// As a picture.
    Image,
    /// With controls.
    Video,
    /// With controls.
    Audio,
    /// In a frame.
    Text,
    /// In a window of its own.
    Link,
}

/// A file that is shared.
#[derive(Debug, Clone, Copy)]
pub struct ShareView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Bytes.
    pub size: u64,
    /// Its owner's name for others.
    pub owner: &'a str,
    /// Where the button leads.
    pub download: &'a str,
    /// A link to look at it in place, and how.
    pub preview: Option<(&'a str, Preview)>,
}

/// What lies in a shared folder.
#[derive(Debug, Clone, Copy)]
pub struct FolderView<'a> {
    /// Name of what is shared, or of the folder below it.
    pub name: &'a str,
    /// Its owner's name for others.
    pub owner: &'a str,
    /// The folders and files of this page.
    pub rows: &'a [Row<'a>],
    /// Folders and files in all.
    pub counts: Option<(i64, i64)>,
    /// The way up.
    pub up: Option<&'a str>,
    /// The next page.
    pub next: Option<&'a str>,
    /// All of it in one file.
    pub all: Option<&'a str>,
}

/// A folder or file in a shared folder.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it leads.
    pub href: &'a str,
    /// Bytes of a file; `None` for a folder.
    pub size: Option<u64>,
}

/// A folder that files are put into.
#[derive(Debug, Clone, Copy)]
pub struct DropView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its owner's name for others.
    pub owner: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    /// Most bytes of one file.
    pub most: u64,
    /// What became of the last file.
    pub note: Option<DropNote>,
}

/// What became of a file that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropNote {
    /// It was received.
    Thanks,
    /// None was chosen.
    None,
    /// It is larger than the folder takes.
    TooLarge,
    /// There is no room.
    Full,
    /// It has a name that no file can have.
    BadName,
    /// The form was open for too long.
    FormExpired,
}

/// Why the password of a share is asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordProblem {
    /// It was another one.
    Wrong,
    /// Too many tries; again after so many minutes.
    Throttled {
        /// Minutes to wait, rounded up.
        wait_minutes: u64,
    },
    /// The form was open for too long.
    FormExpired,
}

/// Why a share is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedView {
    /// There is none.
    NotFound,
    /// Its owner ended it.
    Cancelled,
    /// Its time is over.
    Expired,
    /// It was downloaded often enough.
    UsedUp,
    /// What it showed is in the recycle bin.
    Trashed,
}

/// Shows what is shared.
#[must_use]
pub fn share(frame: &Frame<'_>, view: &ShareView<'_>) -> Markup {
    let lang = frame.lang;
    let name = format::plain(view.name);
    let by = text::share_by(lang, &format::plain(view.owner), &format::bytes(view.size));
    Page {
        title: &name,
        failed: false,
        width: Width::Card,
        body: html! {
            h1 { (name) }
            p.lead { (by) }
            @if let Some((link, how)) = view.preview {
                (preview(frame, link, how, &name))
            }
            p { a.button href=(view.download) rel="nofollow" { (Msg::ShareDownload.text(lang)) } }
        },
    }
    .render(frame)
}

fn preview(frame: &Frame<'_>, link: &str, how: Preview, name: &str) -> Markup {
    html! {
        @match how {
            Preview::Image => { figure.preview { img src=(link) alt=(name); } }
            Preview::Video => { figure.preview { video src=(link) controls preload="metadata" {} } }
            Preview::Audio => { figure.preview { audio src=(link) controls preload="metadata" {} } }
            Preview::Text => { figure.preview { iframe src=(link) title=(name) sandbox="" loading="lazy" {} } }
            Preview::Link => { p { a href=(link) target="_blank" rel="noopener noreferrer" { (Msg::SharePreview.text(frame.lang)) } } }
        }
    }
}

/// Shows what lies in a shared folder.
#[must_use]
pub fn folder(frame: &Frame<'_>, view: &FolderView<'_>) -> Markup {
    let lang = frame.lang;
    let name = format::plain(view.name);
    Page {
        title: &name,
        failed: false,
        width: Width::Wide,
        body: html! {
            h1 { (name) }
            p.lead {
                (text::share_from(lang, &format::plain(view.owner)))
                @if let Some((folders, files)) = view.counts { " · " (text::share_counts(lang, folders, files)) }
            }
            @if let Some(up) = view.up { p { a href=(up) { "↑ " (Msg::ShareUp.text(lang)) } } }
            @if view.rows.is_empty() { p.muted { (Msg::ShareEmpty.text(lang)) } }
            ul.listing {
                @for row in view.rows {
                    li {
                        a href=(row.href) rel="nofollow" {
                            (sign(row.size.is_none()))
                            span.name { (format::plain(row.name)) }
                        }
                        @if let Some(size) = row.size { span.muted { (format::bytes(size)) } }
                    }
                }
            }
            @if let Some(next) = view.next { p.after { a.button href=(next) rel="nofollow" { (Msg::ShareMore.text(lang)) } } }
            @if let Some(all) = view.all { p.after { a.button.primary href=(all) rel="nofollow" { (Msg::ShareAll.text(lang)) } } }
        },
    }
    .render(frame)
}

/// The outline of a folder, or of a sheet: drawn, since not every machine has a letter for it.
fn sign(folder: bool) -> Markup {
    let outline = if folder {
        "M2.5 5.5h5l2 2h8v9h-15z"
    } else {
        "M5 2.5h7l3.5 3.5v11.5H5zM12 2.5V6h3.5"
    };
    html! {
        svg.kind viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" { path d=(outline) {} }
    }
}

/// Asks for the password of a share; posts `password` and `csrf` to `action`.
#[must_use]
pub fn password(frame: &Frame<'_>, action: &str, owner: &str, problem: Option<PasswordProblem>) -> Markup {
    let lang = frame.lang;
    let said = problem.map(|problem| match problem {
        PasswordProblem::Wrong => Msg::ShareWrong.text(lang).to_owned(),
        PasswordProblem::Throttled { wait_minutes } => text::too_many_next(lang, wait_minutes),
        PasswordProblem::FormExpired => Msg::FormExpired.text(lang).to_owned(),
    });
    let mut field = Field::new("password", Msg::SharePassword.text(lang), "password", "off");
    field.focus = true;
    field.wrong = problem == Some(PasswordProblem::Wrong);
    Page {
        title: Msg::SharePasswordTitle.text(lang),
        failed: said.is_some(),
        width: Width::Card,
        body: html! {
            h1 { (Msg::SharePasswordTitle.text(lang)) }
            p.lead { (text::share_from(lang, &format::plain(owner))) }
            @if let Some(said) = &said { (form::alert(said)) }
            form method="post" action=(action) {
                (form::csrf(frame))
                (field.render())
                button.primary.full type="submit" { (Msg::ShareOpen.text(lang)) }
            }
            p.hint.after { (Msg::SharePasswordLead.text(lang)) }
        },
    }
    .render(frame)
}

/// Lets somebody put a file into a folder; posts `csrf`, then `file`, to its action.
#[must_use]
pub fn drop_box(frame: &Frame<'_>, view: &DropView<'_>) -> Markup {
    let lang = frame.lang;
    let name = format::plain(view.name);
    let note = view.note.map(|note| match note {
        DropNote::Thanks => Msg::DropThanks,
        DropNote::None => Msg::DropNone,
        DropNote::TooLarge => Msg::DropTooLarge,
        DropNote::Full => Msg::DropFull,
        DropNote::BadName => Msg::DropBadName,
        DropNote::FormExpired => Msg::FormExpired,
    });
    let is_bad = !matches!(view.note, None | Some(DropNote::Thanks));
    Page {
        title: &name,
        failed: is_bad,
        width: Width::Card,
        body: html! {
            h1 { (name) }
            p.lead { (text::drop_for(lang, &format::plain(view.owner))) }
            @if let Some(note) = note {
                @if is_bad { (form::alert(note.text(lang))) }
                @else { p.notice.good role="status" { (note.text(lang)) } }
            }
            p { (Msg::DropLead.text(lang)) }
            form method="post" action=(view.action) enctype="multipart/form-data" {
                (form::csrf(frame))
                div.field {
                    label for="file" { (Msg::DropFile.text(lang)) }
                    input #file name="file" type="file" required aria-describedby="file-hint";
                    p.hint #file-hint { (text::drop_most(lang, &format::bytes(view.most))) }
                }
                button.primary.full type="submit" { (Msg::DropSend.text(lang)) }
            }
        },
    }
    .render(frame)
}

/// Says why there is nothing.
#[must_use]
pub fn closed(frame: &Frame<'_>, why: ClosedView) -> Markup {
    let lang = frame.lang;
    let body = match why {
        ClosedView::NotFound => Msg::ShareNotFound,
        ClosedView::Cancelled => Msg::ShareCancelled,
        ClosedView::Expired => Msg::ShareExpired,
        ClosedView::UsedUp => Msg::ShareUsedUp,
        ClosedView::Trashed => Msg::ShareTrashed,
    };
    let title = Msg::ShareClosedTitle.text(lang);
    Page {
        title,
        failed: true,
        width: Width::Card,
        body: html! {
            p.status aria-hidden="true" { "404" }
            div role="alert" aria-live="assertive" {
                h1 { (title) }
                p.lead { (body.text(lang)) }
            }
            p { (Msg::ShareClosedNext.text(lang)) }
            p { a.button href=(paths::HOME) { (Msg::BackHome.text(lang)) } }
        },
    }
    .render(frame)
}
