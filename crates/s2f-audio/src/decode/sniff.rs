//! Files that are surely no sound, told by their first bytes, so that the message can say what
//! they are. Containers of sound are searched for, and chance finds in a picture would be noise.

/// How many bytes have to be text for the file to be text.
const TEXT_BYTES: usize = 512;

const MAGIC: &[(&[u8], &str)] = &[
    (b"\xff\xd8\xff", "it is a JPEG picture"),
    (b"\x89PNG\r\n\x1a\n", "it is a PNG picture"),
    (b"GIF8", "it is a GIF picture"),
    (b"%PDF-", "it is a PDF document"),
    (b"PK\x03\x04", "it is a ZIP archive or an office document"),
    (b"\x1f\x8b", "it is a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive"),
    (b"\x7fELF", "it is a program"),
];

/// What kind of file `bytes` are, if not sound.
pub(super) fn known_not_audio(bytes: &[u8]) -> Option<&'static str> {
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(kind);
    }
    let head = &bytes[..bytes.len().min(TEXT_BYTES)];
    // The cut may fall inside a character of UTF-8.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return None,
    };
    let printable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    (!text.is_empty() && text.chars().all(printable)).then_some("it is a text")
}
