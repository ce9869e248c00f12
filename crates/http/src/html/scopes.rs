//! Scopes in plain words: what an app may do if the person agrees. Owns the
//! list that the consent page and the device page share.

use maud::{Markup, html};
use pantry_types::Scope;

use super::lang::Lang;
use super::text::Msg;

/// What a scope lets an app do.
const fn words(scope: Scope) -> Msg {
    match scope {
        Scope::UserRead => Msg::ScopeUserRead,
        Scope::FilesAppData => Msg::ScopeAppData,
        Scope::FilesReadAll => Msg::ScopeReadAll,
        Scope::FilesWriteAll => Msg::ScopeWriteAll,
        Scope::ShareRead => Msg::ScopeShareRead,
        Scope::ShareCreate => Msg::ScopeShareCreate,
        Scope::OpenId => Msg::ScopeOpenId,
        Scope::Profile => Msg::ScopeProfile,
        Scope::Email => Msg::ScopeEmail,
    }
}

/// What a scope lets an app do, in words.
pub(super) const fn told(lang: Lang, scope: Scope) -> &'static str {
    words(scope).text(lang)
}

/// The warning of a scope that must be ticked; the others have none.
const fn warning(scope: Scope) -> Option<Msg> {
    match scope {
        Scope::FilesReadAll => Some(Msg::ScopeReadAllWarn),
        Scope::FilesWriteAll => Some(Msg::ScopeWriteAllWarn),
        Scope::ShareRead => Some(Msg::ScopeShareReadWarn),
        Scope::ShareCreate => Some(Msg::ScopeShareCreateWarn),
        Scope::UserRead | Scope::FilesAppData | Scope::OpenId | Scope::Profile | Scope::Email => None,
    }
}

/// The scopes asked for, to stand inside a form: those always included as a
/// list, then each sensitive one with its warning and an empty tick box
/// (field `scope`, one value per box; what is not ticked is not sent).
pub(super) fn list(lang: Lang, scopes: &[Scope], sandbox: &str) -> Markup {
    let (sensitive, included): (Vec<Scope>, Vec<Scope>) = scopes.iter().partition(|scope| warning(**scope).is_some());
    let widens = |scope: &Scope| matches!(scope, Scope::FilesReadAll | Scope::FilesWriteAll);
    let reach = if scopes.iter().any(widens) {
        Msg::ScopeAppDataMore
    } else {
        Msg::ScopeAppDataOnly
    };
    let (heading, hint) = if included.is_empty() {
        (Msg::ConsentSensitiveOnly, Msg::ConsentSensitiveOnlyHint)
    } else {
        (Msg::ConsentSensitive, Msg::ConsentSensitiveHint)
    };
    html! {
        @if !included.is_empty() {
            section.scopes aria-labelledby="included" {
                h2 #included { (Msg::ConsentIncluded.text(lang)) }
                ul.granted {
                    @for scope in included {
                        li {
                            (words(scope).text(lang))
                            @if scope == Scope::FilesAppData {
                                span.path lang="zh-CN" { (sandbox) }
                                span.hint { (reach.text(lang)) }
                            }
                        }
                    }
                }
            }
        }
        @if !sensitive.is_empty() {
            fieldset.scopes {
                legend { (heading.text(lang)) }
                p.hint { (hint.text(lang)) }
                @for scope in sensitive {
                    @let id = scope.as_str().replace('.', "-");
                    div.sensitive {
                        input #(id) type="checkbox" name="scope" value=(scope.as_str())
                            aria-describedby=[warning(scope).map(|_| format!("{id}-warning"))];
                        label for=(id) { (words(scope).text(lang)) }
                        @if let Some(warning) = warning(scope) {
                            p.warning id={ (id) "-warning" } { (warning.text(lang)) }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pantry_types::Scopes;

    use super::*;

    #[test]
    fn every_sensitive_scope_and_no_other_has_a_warning() {
        for scope in Scopes::all().iter() {
            assert_eq!(warning(scope).is_some(), scope.is_sensitive(), "{scope:?}");
        }
    }

    #[test]
    fn sensitive_scopes_start_unticked() {
        let page = list(Lang::En, &[Scope::UserRead, Scope::FilesReadAll], "/x/").into_string();
        assert!(page.contains(r#"name="scope" value="files.read_all""#));
        assert!(!page.contains("checked"));
        assert!(!page.contains(r#"value="user.read""#));
    }

    #[test]
    fn the_folder_is_called_the_limit_only_where_it_is_one() {
        let says =
            |scopes: &[Scope], msg: Msg| list(Lang::En, scopes, "/x/").into_string().contains(msg.text(Lang::En));
        assert!(says(&[Scope::FilesAppData], Msg::ScopeAppDataOnly));
        assert!(!says(
            &[Scope::FilesAppData, Scope::FilesReadAll],
            Msg::ScopeAppDataOnly
        ));
        assert!(says(
            &[Scope::FilesAppData, Scope::FilesWriteAll],
            Msg::ScopeAppDataMore
        ));
    }
}
