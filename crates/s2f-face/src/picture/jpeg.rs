//! Where the samples of a JPEG file end (ITU-T T.81, annex B).

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
/// Starts of frames whose samples are in one pass: baseline and extended sequential.
const SEQUENTIAL: [u8; 2] = [0xc0, 0xc1];

/// What the marks of a JPEG file say about its samples.
pub(super) struct Samples {
    /// Position of the mark after them, which ends the picture.
    pub(super) end: usize,
    /// Whether they are in one pass.
    pub(super) are_sequential: bool,
}

impl Samples {
    /// `None` if the mark of the end does not come after the samples of the picture.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let (mut at, mut has_scan, mut are_sequential) = (0, false, false);
        // A mark is 0xff, perhaps several times, and a code; in samples, a 0 follows each 0xff, or
        // a mark that restarts the decoder.
        loop {
            at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
            let code = *bytes.get(at + 1)?;
            match code {
                0xff => at += 1,
                END => return has_scan.then_some(Self { end: at, are_sequential }),
                0 | 1 | 0xd0..=START => at += 2,
                _ => {
                    let length = bytes.get(at + 2..at + 4)?.first_chunk()?;
                    has_scan |= code == SCAN;
                    are_sequential |= SEQUENTIAL.contains(&code);
                    at += 2 + usize::from(u16::from_be_bytes(*length));
                }
            }
        }
    }
}
