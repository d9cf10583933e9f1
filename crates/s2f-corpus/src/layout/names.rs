//! Names of clips, and kinds of files by extension.

use s2f_core::hash::{Digest, Sha256, hex};

const VIDEOS: [&str; 18] = [
    "mp4", "m4v", "mkv", "webm", "mov", "avi", "mpg", "mpeg", "mts", "m2ts", "ts", "wmv", "asf",
    "flv", "ogv", "3gp", "3g2", "vob",
];
const SOUNDS: [&str; 26] = [
    "wav", "wave", "flac", "mp3", "mp2", "m4a", "m4b", "aac", "ogg", "oga", "opus", "aif", "aiff",
    "aifc", "caf", "mka", "amr", "awb", "wma", "w64", "rf64", "spx", "au", "wv", "ape", "tta",
];
/// HEIC and its like are not read; a rejection names them.
const PICTURES: [&str; 7] = ["jpg", "jpeg", "png", "webp", "heic", "heif", "avif"];

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Video,
    Sound,
    Picture,
    Other,
}

/// Stem and extension; the extension is in lower case and without the dot.
pub(super) fn split_extension(name: &str) -> (&str, String) {
    match name.rsplit_once('.') {
        Some((stem, extension)) => (stem, extension.to_ascii_lowercase()),
        None => (name, String::new()),
    }
}

/// The kind of a file by its extension.
pub(super) fn file_kind(name: &str) -> FileKind {
    let (_, extension) = split_extension(name);
    let extension = extension.as_str();
    if VIDEOS.contains(&extension) {
        FileKind::Video
    } else if SOUNDS.contains(&extension) {
        FileKind::Sound
    } else if PICTURES.contains(&extension) {
        FileKind::Picture
    } else {
        FileKind::Other
    }
}

/// Whether a file of this name is a recording or a video, by its extension.
///
/// ```
/// use s2f_corpus::layout::has_sound;
///
/// assert!(has_sound("voice.M4A") && has_sound("interview.mp4"));
/// assert!(!has_sound("voice.png") && !has_sound("voice"));
/// ```
pub fn has_sound(name: &str) -> bool {
    matches!(file_kind(name), FileKind::Sound | FileKind::Video)
}

/// Maximum length of one part of a name, and of a whole name. File systems allow 255 bytes.
const MAX_PART: usize = 64;
const MAX_NAME: usize = 200;

/// The name of a clip from its parts, outermost first. Different parts give different names; a name
/// contains only ASCII letters, digits and `-_.~+`, and does not begin with `-` or `.`.
///
/// Parts are joined by dots. Characters other than ASCII letters, digits, `-` and `_` are replaced,
/// and 12 digits of the SHA-256 of the original part are appended.
pub(super) fn pair_id(parts: &[&str]) -> String {
    let id = parts.iter().map(|part| plain(part)).collect::<Vec<_>>().join(".");
    // A leading hyphen would be parsed as an option.
    let id = if id.starts_with('-') { format!("+{id}") } else { id };
    if id.len() <= MAX_NAME { id } else { marked(&id, &parts.join("\0")) }
}

/// A part with other characters replaced.
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

/// `shown`, shortened, with a hash by which the names of different `original`s differ.
fn marked(shown: &str, original: &str) -> String {
    let shown: String = shown.chars().take(MAX_NAME / 2).collect();
    let mark = hex(&Sha256::digest(original)[..6]);
    format!("{shown}~{mark}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn plain_parts_are_kept_and_others_get_a_hash() {
        let check = |parts: &[&str], expected: &str| assert_eq!(pair_id(parts), expected);
        check(&["id10001", "-_abc-123_x", "00001"], "id10001.-_abc-123_x.00001");
        check(&["-x", "a"], "+-x.a");
        // printf %s 'Zoë K.' | sha256sum; printf '' | sha256sum
        check(&["Zoë K.", "a"], "Zo__K_~e42b64aa11eb.a");
        check(&["", "a"], "~e3b0c44298fc.a");
    }

    #[test]
    fn different_parts_give_different_names_that_files_can_have() {
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
    fn kinds_are_by_extension_in_any_case() {
        let check =
            |name: &str, expected: FileKind| assert_eq!(file_kind(name), expected, "{name}");
        check("a.MP4", FileKind::Video);
        check("a.b.WebM", FileKind::Video);
        check("a.Mpg", FileKind::Video);
        check("a.FLAC", FileKind::Sound);
        check("a.JPeG", FileKind::Picture);
        check("a.mp4.part", FileKind::Other);
        check("mp4", FileKind::Other);
        check("", FileKind::Other);
    }
}
