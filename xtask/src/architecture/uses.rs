//! What a file uses of its crate: its `use` declarations, and paths in its code.

/// A path, name by name.
type Path = Vec<String>;

/// Line, path and local name of each item that is imported.
pub fn imports(code: &str) -> Vec<(usize, Path, String)> {
    let mut found = Vec::new();
    for at in words(code, "use") {
        let rest = &code[at + "use".len()..];
        let Some(end) = rest.find(';') else { continue };
        let line = line(code, at);
        let mut items = Vec::new();
        tree(&rest[..end], &[], &mut items);
        found.extend(items.into_iter().map(|(path, name)| (line, path, name)));
    }
    found
}

/// Line and path of what is named by a path that begins with `crate`, `super` or `self`.
pub fn paths(code: &str) -> Vec<(usize, Path)> {
    let mut found = Vec::new();
    for start in ["crate", "super", "self"] {
        for at in words(code, start) {
            let text: &str = &code[at..];
            let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
            let path: Path = segments(&text[..end.unwrap_or(text.len())]);
            if path.len() > 1 {
                found.push((line(code, at), path));
            }
        }
    }
    found
}

/// Items of a tree such as `crate::a::{self, b as c}`, each with its local name.
fn tree(text: &str, before: &[String], items: &mut Vec<(Path, String)>) {
    let text = text.trim();
    if let Some((head, inner)) = text.split_once('{') {
        let mut path = before.to_vec();
        path.extend(segments(head));
        let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
        for part in parts(inner) {
            tree(part, &path, items);
        }
        return;
    }
    let (text, alias) = match text.split_once(" as ") {
        Some((text, alias)) => (text, Some(alias.trim().to_owned())),
        None => (text, None),
    };
    let mut path = before.to_vec();
    path.extend(segments(text));
    if !before.is_empty() && path.last().is_some_and(|last| last == "self" || last == "*") {
        path.pop();
    }
    if let Some(last) = path.last() {
        let name = alias.unwrap_or_else(|| last.clone());
        items.push((path, name));
    }
}

/// Parts between commas outside braces.
fn parts(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let mut start = 0;
    let mut parts = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn segments(text: &str) -> Path {
    text.split("::").map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
}

/// Positions of a whole word.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$';
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let after = code[at + word.len()..].chars().next();
        !code[..at].ends_with(part) && !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

fn line(code: &str, at: usize) -> usize {
    1 + code[..at].matches('\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_taken_apart() {
        let code = "mod a;\npub(crate) use crate::b::{self, c::{D, E as F}, G};\nuse super::*;";
        let found: Vec<String> = imports(code)
            .into_iter()
            .map(|(line, path, name)| format!("{line} {} {name}", path.join("::")))
            .collect();
        assert_eq!(
            found,
            [
                "2 crate::b b",
                "2 crate::b::c::D D",
                "2 crate::b::c::E F",
                "2 crate::b::G G",
                "3 super::* *"
            ]
        );
    }

    #[test]
    fn paths_in_code() {
        let found = paths("fn f(a: crate::A) {\n    super::g(self.x, self::h::<u8>());\n}");
        let found: Vec<String> =
            found.into_iter().map(|(line, path)| format!("{line} {}", path.join("::"))).collect();
        assert_eq!(found, ["1 crate::A", "2 super::g", "2 self::h"]);
    }
}
