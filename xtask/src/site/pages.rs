//! The pages of the site, from those of the repository.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{copy, write};
use crate::documents::{in_folder, prose};

/// Pages and what they show.
pub struct Pages {
    /// The list of pages, with paths from the root.
    summary: String,
    /// Text of each page by its path from the root.
    texts: BTreeMap<String, String>,
    /// Address of the repository.
    pub repository: String,
}

/// The list of pages, with paths from its own folder.
pub const SUMMARY: &str = "docs/SUMMARY.md";
/// Below its entry come those of the same folder.
const DECISIONS: &str = "docs/decisions/README.md";
/// Where the pages of a library are published.
const LIBRARY: &str = "https://docs.rs/";

impl Pages {
    /// The pages that the summary lists.
    pub fn read(root: &Path) -> Result<Self, String> {
        let read =
            |name: &str| fs::read_to_string(root.join(name)).map_err(|e| format!("{name}: {e}"));
        let (mut summary, mut texts) = (String::new(), BTreeMap::new());
        for line in read(SUMMARY)?.lines() {
            let Some((before, target)) = line.split_once("](") else {
                summary += &format!("{line}\n");
                continue;
            };
            let page = in_folder("docs", target.trim_end_matches(')'));
            summary += &format!("{before}]({page})\n");
            texts.insert(page.clone(), read(&page)?);
            if page == DECISIONS {
                for (title, record) in records(&texts[&page]) {
                    summary += &format!("  - [{title}]({record})\n");
                    texts.insert(record.clone(), read(&record)?);
                }
            }
        }
        let manifest = read("Cargo.toml")?;
        let repository = manifest.lines().find_map(|line| line.strip_prefix("repository = \""));
        let repository = repository.unwrap_or_default().trim_end_matches('"').to_owned();
        Ok(Self { summary, texts, repository })
    }

    /// Writes the pages and their pictures; with `api`, links to the libraries' pages lead there.
    pub fn write(&self, folder: &Path, api: bool) -> Result<(), String> {
        // mdBook makes index.html of README.md, but does not change links to it.
        write(&folder.join("SUMMARY.md"), &self.summary)?;
        for (path, text) in &self.texts {
            let mut pictures = Vec::new();
            let text = self.rewritten(path, text, api, &mut pictures);
            write(&folder.join(path), &text)?;
            for picture in pictures {
                copy(&crate::root().join(&picture), &folder.join(&picture))?;
            }
        }
        Ok(())
    }

    /// The text with links that lead somewhere in the site.
    fn rewritten(&self, path: &str, text: &str, api: bool, pictures: &mut Vec<String>) -> String {
        let prose: BTreeMap<usize, &str> = prose(text).collect();
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            if !prose.contains_key(&number) {
                lines.push(line.to_owned());
                continue;
            }
            let mut parts = line.split("](");
            let mut out = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let end = part.find([')', ' ']).unwrap_or(part.len());
                let (target, rest) = part.split_at(end);
                out += &format!("]({}{rest}", self.target(path, target, api, pictures));
            }
            lines.push(out);
        }
        lines.join("\n") + "\n"
    }

    /// Where a link of a page leads.
    fn target(&self, page: &str, target: &str, api: bool, pictures: &mut Vec<String>) -> String {
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        let up = "../".repeat(folder.split('/').filter(|part| !part.is_empty()).count());
        if let Some(library) = target.strip_prefix(LIBRARY)
            && api
        {
            return format!("{up}api/{}/index.html", library.replace('-', "_"));
        }
        if target.contains("://") || target.starts_with(['#', '<']) || target.starts_with("mailto:")
        {
            return target.to_owned();
        }
        let (file, anchor) =
            target.split_once('#').map_or((target, String::new()), |(f, a)| (f, format!("#{a}")));
        let path = in_folder(folder, file);
        if self.texts.contains_key(&path) {
            return match file.strip_suffix("README.md") {
                Some(folder) => format!("{folder}index.md{anchor}"),
                None => target.to_owned(),
            };
        }
        if self.texts.contains_key(&in_folder(&path, "README.md")) {
            return format!("{}/index.md{anchor}", file.trim_end_matches('/'));
        }
        if [".png", ".svg", ".jpg"].iter().any(|ending| path.ends_with(ending)) {
            pictures.push(path);
            return target.to_owned();
        }
        format!("{}/blob/main/{path}{anchor}", self.repository)
    }
}

/// Title and path of each record of the table of decisions.
fn records(index: &str) -> Vec<(String, String)> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| [")?.split(" | ");
        let (number, file) = cells.next()?.split_once("](")?;
        let file = file.trim_end_matches(')');
        Some((format!("{number} {}", cells.next()?), format!("docs/decisions/{file}")))
    };
    index.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_into_the_site_or_to_the_repository() {
        let texts = ["README.md", "docs/guides/a.md", "docs/README.md"];
        let texts = texts.map(|name| (name.to_owned(), String::new())).into();
        let pages =
            Pages { summary: String::new(), texts, repository: "https://host/r".to_owned() };
        let text = "[a](../../README.md#x) [b](b.md) ![c](../c.png \"t\") [d](https://e) [f](#g)\n\
                    ```\n[h](i)\n```\n[j](../../configs/) [k](https://docs.rs/s2f-nn) \
                    [l](../README.md) [m](../../docs/)";
        let mut pictures = Vec::new();
        let found = pages.rewritten("docs/guides/a.md", text, true, &mut pictures);
        assert_eq!(
            found,
            "[a](../../index.md#x) [b](https://host/r/blob/main/docs/guides/b.md) \
             ![c](../c.png \"t\") [d](https://e) [f](#g)\n```\n[h](i)\n```\n\
             [j](https://host/r/blob/main/configs) [k](../../api/s2f_nn/index.html) \
             [l](../index.md) [m](../../docs/index.md)\n"
        );
        assert_eq!(pictures, ["docs/c.png"]);
    }

    #[test]
    fn records_of_decisions() {
        let index = "| | decision |\n|---|---|\n| [0001](0001-burn.md) | Burn is it | 2026 |\n";
        let record = ("0001 Burn is it".to_owned(), "docs/decisions/0001-burn.md".to_owned());
        assert_eq!(records(index), [record]);
    }
}
