//! Links and anchors of the finished site, and what its pages would fetch from elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::files;
use crate::documents::in_folder;

/// With it, mdBook's script asks play.rust-lang.org which crates it knows.
const PLAYGROUND: &str = "class=\"playground\"";

/// What cannot be found, or is fetched from elsewhere: `PAGE: TARGET`. Pages of the library have
/// been checked by rustdoc.
pub fn broken(book: &Path) -> Result<Vec<String>, String> {
    let files = files(book)?;
    let mut texts = BTreeMap::new();
    for name in &files {
        let is_page = name.ends_with(".html") && !name.starts_with("api/");
        // These show pages under other addresses.
        if is_page && !["404.html", "print.html", "toc.html"].contains(&name.as_str()) {
            let text = fs::read_to_string(book.join(name)).map_err(|e| format!("{name}: {e}"))?;
            texts.insert(name.as_str(), text);
        }
    }
    let ids: BTreeMap<&str, BTreeSet<&str>> =
        texts.iter().map(|(&name, text)| (name, attributes(text, " id=\"").collect())).collect();
    let mut broken = Vec::new();
    for (&page, text) in &texts {
        if text.contains(PLAYGROUND) {
            broken.push(format!("{page}: code with {PLAYGROUND} opens the network"));
        }
        for fetched in attributes(text, " src=\"").filter(|it| is_elsewhere(it)) {
            broken.push(format!("{page}: {fetched} is fetched from elsewhere"));
        }
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        let links = attributes(text, " href=\"").chain(attributes(text, " src=\""));
        for link in links.collect::<BTreeSet<_>>() {
            if is_elsewhere(link) || link.starts_with("mailto:") || link.starts_with("data:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let path = if file.is_empty() { page.to_owned() } else { in_folder(folder, file) };
            let has_anchor = || ids.get(path.as_str()).is_none_or(|ids| ids.contains(anchor));
            if !files.contains(&path) || (!anchor.is_empty() && !has_anchor()) {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    Ok(broken)
}

/// Whether a link leads to another host, also without a scheme.
fn is_elsewhere(link: &str) -> bool {
    link.contains("://") || link.starts_with("//")
}

/// Values of an attribute; the name is given with its space before and quote after it.
fn attributes<'a>(html: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    html.split(name).skip(1).filter_map(|rest| rest.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_and_a_missing_anchor_are_found() {
        let book = std::env::temp_dir().join(format!("s2f-site-{}", std::process::id()));
        fs::create_dir_all(book.join("a")).unwrap();
        fs::write(book.join("index.html"), "<h1 id=\"x\"></h1><a href=\"a/b.html#y\">").unwrap();
        fs::write(
            book.join("a/b.html"),
            "<p id=\"y\"><a class=\"c\" href=\"../index.html#z\"><a href=\"c.html\"> \
             <img src=\"d.png\">\
             <a href=\"https://e\"><a href=\"#y\"><a href=\"../index.html#x\">",
        )
        .unwrap();
        let found = broken(&book).unwrap();
        fs::remove_dir_all(&book).unwrap();
        assert_eq!(found, ["a/b.html: ../index.html#z", "a/b.html: c.html", "a/b.html: d.png"]);
    }

    #[test]
    fn what_a_page_fetches_from_elsewhere_is_found() {
        let book = std::env::temp_dir().join(format!("s2f-fetch-{}", std::process::id()));
        fs::create_dir_all(&book).unwrap();
        fs::write(book.join("index.html"), "<img alt=\"\" src=\"https://e/f.png\">").unwrap();
        fs::write(book.join("a.html"), "<pre><pre class=\"playground\"><code>").unwrap();
        fs::write(book.join("b.html"), "<script src=\"//e/f.js\"></script>").unwrap();
        fs::write(book.join("c.html"), "<pre><code class=\"language-rust\">//e</code>").unwrap();
        let found = broken(&book).unwrap();
        fs::remove_dir_all(&book).unwrap();
        assert_eq!(
            found,
            [
                "a.html: code with class=\"playground\" opens the network",
                "b.html: //e/f.js is fetched from elsewhere",
                "index.html: https://e/f.png is fetched from elsewhere",
            ]
        );
    }
}
