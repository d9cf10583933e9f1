//! Text from outside (names of files, speakers and models, cards, tables) without its power over a
//! terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` on one line: control characters, and those that reverse the order of what is printed,
/// are escaped as in Rust, for example `\u{1b}` and `\n`.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_dangerous)
}

/// `text` with its line breaks and tabs, and everything else as [`line`].
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_dangerous(c) && !matches!(c, '\n' | '\t'))
}

/// JSON in which no character is left that a terminal may act on. Its value stays the same: such
/// characters stand only in strings.
pub fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        // None is beyond the basic plane, so one unit of UTF-16 is enough.
        match is_dangerous(c) {
            true => write!(safe, "\\u{:04x}", u32::from(c)).unwrap_or_default(),
            false => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Control characters (C0, C1 and DEL), separators of lines, and marks that change the direction
/// of writing.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}')
}

fn escaped(text: &str, which: impl Fn(char) -> bool + Copy) -> Cow<'_, str> {
    if !text.contains(which) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' if which(c) => safe.extend(c.escape_default()),
            c if which(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_escaped_and_the_rest_stays() {
        for (text, expected) in [
            ("größer 模 voice.m4a", "größer 模 voice.m4a"),
            ("a\u{1b}]0;title\u{7}b", "a\\u{1b}]0;title\\u{7}b"),
            ("a\u{1b}]52;c;cm0gLXJm\u{1b}\\", "a\\u{1b}]52;c;cm0gLXJm\\u{1b}\\"),
            ("a\rerror: b\nc\td", "a\\rerror: b\\nc\\td"),
            ("c1 \u{9b}31m del \u{7f}", "c1 \\u{9b}31m del \\u{7f}"),
            ("evil\u{202e}gnp.wav\u{2066}", "evil\\u{202e}gnp.wav\\u{2066}"),
        ] {
            assert_eq!(line(text), expected);
        }
        assert_eq!(lines("# Card\n\tlist\r\u{1b}"), "# Card\n\tlist\\r\\u{1b}");
    }

    #[test]
    fn json_keeps_its_value() {
        for text in ["plain", "a\u{1b}[31m\u{9b}\u{7f}\n\u{202e}", "größer 模 🙂"] {
            let plain = serde_json::to_string(text).unwrap();
            let safe = json(&plain);
            assert!(!safe.contains(is_dangerous), "{safe}");
            assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
        }
    }
}
