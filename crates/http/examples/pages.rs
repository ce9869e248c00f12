//! Writes every page, in both languages, into a folder, to be looked at in a
//! browser: `cargo run -p pantry-http --example pages -- <folder>`. Owns
//! nothing; the pages come from the crate.

use std::path::PathBuf;

use pantry_http::html::{
    ASSET_PREFIX, AppView, Lang, apps, asset, consent, device, error, home, lang, layout, login, password, setup, share,
};

#[path = "../src/html/samples.rs"]
mod samples;

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("Name the folder to write to: pages <folder>");
        std::process::exit(2);
    };
    std::fs::create_dir_all(&folder)?;
    for lang in Lang::ALL {
        for (name, page) in samples::pages(lang, &samples::ORDINARY) {
            let mut html = page.into_string();
            while let Some(at) = html.find(&format!("\"{ASSET_PREFIX}")) {
                let start = at + 1;
                let end = start + html[start..].find('"').unwrap_or(0);
                let href = html[start..end].to_owned();
                let file = href.rsplit('/').next().unwrap_or_default().to_owned();
                if let Some((_, bytes)) = asset(&href) {
                    std::fs::write(folder.join(&file), bytes)?;
                }
                html.replace_range(start..end, &file);
            }
            std::fs::write(folder.join(format!("{name}.{}.html", lang.code())), html)?;
        }
    }
    Ok(())
}
