//! Prints the table of the weipan face's methods in Markdown, for `cargo xtask gen`.

fn main() {
    print!("{}", pantry_http::weipan::markdown());
}
