//! Markdown files with a header in YAML, as the cards of models and data sets on the Hugging Face
//! hub are: text from outside in them, and a seal that shows whether somebody has edited one.

use crate::hash::sha256;

/// The first line of a card, after which its header starts.
const START: &str = "---\n";
/// A comment in the header, before the hash of everything after its line.
const SEAL: &str = "# written by speech2face, sha256 ";

/// A card whose header is the YAML `header`, each line with its end, and whose text is `body`.
/// [`is_sealed`] is true of it until somebody edits it.
pub fn sealed(header: &str, body: &str) -> String {
    let rest = format!("{header}---\n\n{body}");
    format!("{START}{SEAL}{}\n{rest}", sha256(rest.as_bytes()))
}

/// Whether `bytes` are a card as [`sealed`] made it.
pub fn is_sealed(bytes: &[u8]) -> bool {
    let stated = bytes
        .strip_prefix(START.as_bytes())
        .and_then(|bytes| bytes.strip_prefix(SEAL.as_bytes()))
        .and_then(|bytes| Some(bytes.split_at(bytes.iter().position(|&byte| byte == b'\n')?)));
    stated.is_some_and(|(hash, rest)| sha256(&rest[1..]).as_bytes() == hash)
}

/// A header without the line of a seal.
pub fn unsealed(header: &str) -> &str {
    match header.strip_prefix(SEAL) {
        Some(sealed) => sealed.split_once('\n').map_or("", |(_, rest)| rest),
        None => header,
    }
}

/// Text from outside as a scalar of YAML, in double quotes.
pub fn quoted(text: &str) -> String {
    // YAML reads the strings of JSON. What neither shows is left out.
    let shown: String = text.chars().map(|c| if is_unseen(c) { ' ' } else { c }).collect();
    format!("\"{}\"", shown.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Whether YAML or a reader could take a character for the end of a line, or would not see it.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

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

    #[test]
    fn a_card_is_sealed_until_it_is_edited() {
        let card = sealed("license: mit\n", "# a\n");
        // printf 'license: mit\n---\n\n# a\n' | sha256sum
        let hash = "fd7f856be876d3a8c1b37433c080cf5ee1f87565a1f59ad82b7e011c251a3cbc";
        let expected =
            format!("---\n# written by speech2face, sha256 {hash}\nlicense: mit\n---\n\n# a\n");
        assert_eq!(card, expected);
        assert!(is_sealed(card.as_bytes()));
        for edited in [
            card.replace("# a", "# b"),
            card.replace("mit", "gpl"),
            format!("{card}mine\n"),
            card[..60].to_owned(),
            "---\nlicense: mit\n---\n".to_owned(),
            String::new(),
        ] {
            assert!(!is_sealed(edited.as_bytes()), "{edited}");
        }
    }

    #[test]
    fn text_from_outside_is_one_scalar() {
        for (text, expected) in [
            ("größer: # {a}", "\"größer: # {a}\""),
            ("a\"\n- b\\", "\"a\\\" - b\\\\\""),
            ("a\u{202e}b\u{85}", "\"a b \""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
