//! The page of a share: what it is, whose, and a way to have it; or why it is not served.
//! Must not know how a link is made.

use maud::{Markup, html};

use super::{
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
