//! Names of clips and kinds of files.

use s2f_core::hash::{Digest, Sha256};

const VIDEOS: [&str; 14] = [
    "mp4", "m4v", "mkv", "webm", "mov", "avi", "mpg", "mpeg", "mts", "m2ts", "wmv", "flv", "ogv",
    "3gp",
];
const SOUNDS: [&str; 14] = [
    "wav", "wave", "flac", "mp3", "mp2", "m4a", "aac", "ogg", "oga", "opus", "aif", "aiff", "caf",
    "mka",
];
const PICTURES: [&str; 3] = ["jpg", "jpeg", "png"];

/// What a file is, by its extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Video,
    Sound,
    Picture,
    Other,
}

/// Stem and extension, the latter in small letters and without the dot.
pub(super) fn split_extension(name: &str) -> (&str, String) {
    match name.rsplit_once('.') {
        Some((stem, extension)) => (stem, extension.to_ascii_lowercase()),
        None => (name, String::new()),
    }
}

pub(super) fn kind(name: &str) -> Kind {
    let (_, extension) = split_extension(name);
    let extension = extension.as_str();
    if VIDEOS.contains(&extension) {
        Kind::Video
    } else if SOUNDS.contains(&extension) {
        Kind::Sound
    } else if PICTURES.contains(&extension) {
        Kind::Picture
    } else {
        Kind::Other
    }
}

/// Characters of one part of a name, and of a whole one. File systems allow 255 bytes.
const MAX_PART: usize = 64;
const MAX_NAME: usize = 200;

/// The name of a clip from what tells it apart, outermost first. Different parts give different
/// names; a name holds ASCII letters, digits and `-_.~+` only, and does not begin with `-` or `.`.
///
/// Parts that hold nothing else than letters, digits, `-` and `_` are kept as they are and joined
/// by dots. Others are made so, and 12 digits of the SHA-256 of what they were are appended.
pub(super) fn pair_id(parts: &[&str]) -> String {
    let id = parts.iter().map(|part| plain(part)).collect::<Vec<_>>().join(".");
    // A leading hyphen would be taken for an option.
    let id = if id.starts_with('-') { format!("+{id}") } else { id };
    if id.len() <= MAX_NAME { id } else { marked(&id, &parts.join("\0")) }
}

fn plain(part: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !part.is_empty() && part.len() <= MAX_PART && part.bytes().all(is_plain) {
        return part.to_owned();
    }
    let replaced: String = part
        .chars()
        .take(MAX_PART / 2)
        .map(|c| if c.is_ascii() && is_plain(c as u8) { c } else { '_' })
        .collect();
    marked(&replaced, part)
}

/// `shown`, shortened, and a mark by which the names of different `original`s differ.
fn marked(shown: &str, original: &str) -> String {
    let shown: String = shown.chars().take(MAX_NAME / 2).collect();
    let hash = Sha256::digest(original);
    let mark: String = hash[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{shown}~{mark}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn plain_parts_stay_and_others_are_marked() {
        let check = |parts: &[&str], expected: &str| assert_eq!(pair_id(parts), expected);
        check(&["id10001", "-_abc-123_x", "00001"], "id10001.-_abc-123_x.00001");
        check(&["-x", "a"], "+-x.a");
        // printf %s 'Zoë K.' | sha256sum; printf '' | sha256sum
        check(&["Zoë K.", "a"], "Zo__K_~e42b64aa11eb.a");
        check(&["", "a"], "~e3b0c44298fc.a");
    }

    #[test]
    fn different_parts_give_different_names_fit_for_files() {
        let long = "x".repeat(300);
        let longer = "x".repeat(301);
        let cases: &[&[&str]] = &[
            &["a", "b"],
            &["a.b"],
            &["a_b"],
            &["a-b"],
            &["a b"],
            &["a/b"],
            &["A", "b"],
            &["", "a", "b"],
            &["a", "", "b"],
            &["-a", "b"],
            &["+-a", "b"],
            &["é"],
            &["e\u{301}"],
            &["日本"],
            &["本日"],
            &["..", ".."],
            &[&long],
            &[&longer],
            &[&long, &long, &long, &long, &long],
            &[&long, &long, &long, &long, &longer],
            &["con\u{0}", "a\nb"],
        ];
        let names: HashSet<_> = cases.iter().map(|parts| pair_id(parts)).collect();
        assert_eq!(names.len(), cases.len());
        for name in &names {
            assert!(name.len() <= MAX_NAME, "{name}");
            assert!(!name.starts_with(['-', '.']), "{name}");
            let fit = |c: char| c.is_ascii_alphanumeric() || "-_.~+".contains(c);
            assert!(name.chars().all(fit), "{name}");
        }
    }

    #[test]
    fn kinds_go_by_the_extension_in_any_case() {
        let check = |name: &str, expected: Kind| assert_eq!(kind(name), expected, "{name}");
        check("a.MP4", Kind::Video);
        check("a.b.WebM", Kind::Video);
        check("a.Mpg", Kind::Video);
        check("a.FLAC", Kind::Sound);
        check("a.JPeG", Kind::Picture);
        check("a.mp4.part", Kind::Other);
        check("mp4", Kind::Other);
        check("", Kind::Other);
    }
}
