//! Whether a JPEG file has its end (ITU-T T.81, annex B).

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// Whether the mark of the end comes after the samples of the picture.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut has_scan = false;
    // A mark is 0xff, perhaps several times, and a code; in samples, a 0 follows each 0xff, or a
    // mark that restarts the decoder.
    while let Some(at) = rest.iter().position(|byte| *byte == 0xff) {
        let Some(&code) = rest.get(at + 1) else { return false };
        rest = match code {
            0xff => &rest[at + 1..],
            END => return has_scan,
            0 | 1 | 0xd0..=START => &rest[at + 2..],
            _ => {
                let length = rest.get(at + 2..at + 4).and_then(|b| b.first_chunk());
                let Some(length) = length.map(|length| u16::from_be_bytes(*length)) else {
                    return false;
                };
                has_scan |= code == SCAN;
                let Some(rest) = rest.get(at + 2 + usize::from(length)..) else { return false };
                rest
            }
        };
    }
    false
}
