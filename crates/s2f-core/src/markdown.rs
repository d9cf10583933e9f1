//! Text from outside in documents that this program writes.

/// Text from outside without meaning for Markdown or HTML, on one line.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => safe.push(' '),
            // Marks that reverse the order of what follows.
            '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {}
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            // Bare addresses become links.
            ':' => safe.push_str("&#58;"),
            '@' => safe.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' | '$' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_has_no_meaning_for_markdown() {
        for (text, expected) in [
            ("größer 模 a-b.c", "größer 模 a-b.c"),
            ("a|b\n# c", "a\\|b \\# c"),
            ("<script>[l](x)*_`", "&lt;script&gt;\\[l\\](x)\\*\\_\\`"),
            ("www\u{202e}gnp http://x.y", "wwwgnp http&#58;//x.y"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
