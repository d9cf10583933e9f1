//! Rust source for a scan for words: without comments, the contents of literals, and tests. Line
//! numbers are kept.

/// The attribute of an item for tests.
const TEST: &str = "#[cfg(test)]";

/// Replaces comments and the contents of string and character literals by spaces.
pub fn without_text(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut kept = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if !within_word(bytes, at) => match raw_string_end(bytes, at) {
                Some(end) => end,
                None => at,
            },
            b'\'' => character_end(bytes, at),
            _ => at,
        };
        for byte in &mut kept[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Replaces items that are marked as tests by spaces, in the output of [`without_text`].
pub fn without_tests(code: &str) -> String {
    let mut kept = code.as_bytes().to_vec();
    let mut from = 0;
    while let Some(found) = code[from..].find(TEST) {
        let start = from + found;
        let end = item_end(code.as_bytes(), start + TEST.len());
        for byte in &mut kept[start..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        from = end;
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Names of the modules that are declared for tests only and are in separate files.
pub fn test_modules(code: &str) -> Vec<&str> {
    let after = code.split(TEST).skip(1);
    after.filter_map(|rest| declared(rest.trim_start())).collect()
}

/// The name in `pub(crate) mod NAME;` at the beginning of `code`.
fn declared(code: &str) -> Option<&str> {
    let code = match code.strip_prefix("pub") {
        Some(rest) => match rest.strip_prefix('(') {
            Some(rest) => rest.split_once(')')?.1,
            None => rest,
        },
        None => code,
    };
    let rest = code.trim_start().strip_prefix("mod ")?;
    let (name, _) = rest.split_once(';')?;
    name.chars().all(|c| c.is_alphanumeric() || c == '_').then_some(name)
}

/// Where the item that begins at `at` ends: after its block or semicolon.
fn item_end(code: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut parentheses = 0_usize;
    let is_use = code[at..].trim_ascii_start().starts_with(b"use ");
    for (place, byte) in code.iter().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => parentheses += 1,
            b')' | b']' => parentheses = parentheses.saturating_sub(1),
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && parentheses == 0 && !is_use {
                    return place + 1;
                }
            }
            b';' if depth == 0 && parentheses == 0 => return place + 1,
            _ => {}
        }
    }
    code.len()
}

fn within_word(bytes: &[u8], at: usize) -> bool {
    // `b` and `c` may precede a raw string's `r`.
    let mut before = bytes[..at].iter().rev();
    match before.next() {
        Some(b'b' | b'c') => before.next().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_'),
        Some(b) => b.is_ascii_alphanumeric() || *b == b'_',
        None => false,
    }
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |length| at + length)
}

fn comment_end(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut place = at;
    while place < bytes.len() {
        if bytes[place..].starts_with(b"/*") {
            depth += 1;
            place += 2;
        } else if bytes[place..].starts_with(b"*/") {
            depth -= 1;
            place += 2;
            if depth == 0 {
                return place;
            }
        } else {
            place += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut place = at + 1;
    while place < bytes.len() {
        match bytes[place] {
            b'\\' => place += 2,
            b'"' => return place + 1,
            _ => place += 1,
        }
    }
    bytes.len()
}

/// The position after `r"…"` or `r#"…"#`; `None` if there is no raw string.
fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|&&b| b == b'#').count();
    let open = at + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let length = bytes[open + 1..].windows(close.len()).position(|window| window == close);
    Some(length.map_or(bytes.len(), |length| open + 1 + length + close.len()))
}

/// The position after a character literal; `at` if it is a lifetime.
fn character_end(bytes: &[u8], at: usize) -> usize {
    if bytes.get(at + 1) == Some(&b'\\') {
        let rest = bytes.get(at + 3..).unwrap_or_default();
        return rest.iter().position(|&b| b == b'\'').map_or(at, |length| at + 3 + length + 1);
    }
    // One character of up to four bytes.
    let literal = (2..=5).find(|&length| bytes.get(at + length) == Some(&b'\''));
    match literal {
        Some(length) if length == 2 || bytes[at + 1] >= 0x80 => at + length + 1,
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank() {
        for (source, kept) in [
            ("a(); // b\nc", "a();     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("\"x", 'y') z"#, "f(     ,    ) z"),
            (r##"g(br#"a"b"#) h"##, "g(b        ) h"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            (r"m('\'', '\u{41}', 'ä') n", "m(    ,         ,     ) n"),
        ] {
            assert_eq!(without_text(source), kept, "{source}");
        }
    }

    #[test]
    fn tests_are_blank() {
        for (code, kept) in [
            ("a\n#[cfg(test)]\nmod tests {\n{ b }\n}\nc", "a\n\n\n\n\nc"),
            ("#[cfg(test)]\nuse a::{b, c};\nd", "\n\nd"),
            ("#[cfg(test)]\nfn f(a: [u8; 2]) { g(); }\nd", "\n\nd"),
        ] {
            assert_eq!(without_tests(code).replace(' ', ""), kept, "{code}");
        }
    }

    #[test]
    fn files_of_tests() {
        let code = "mod a;\n#[cfg(test)]\nmod b;\n#[cfg(test)]\npub(crate) mod c;\n\
                    #[cfg(test)]\nmod tests { mod d; }\n#[cfg(test)]\nuse e;\nmod f;";
        assert_eq!(test_modules(code), ["b", "c"]);
    }
}
