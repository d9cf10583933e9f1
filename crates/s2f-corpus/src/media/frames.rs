//! Frames: the options of ffmpeg for them, and how they are read from its pipe.

use std::io::{self, ErrorKind, Read};

use image::RgbImage;

use super::FrameOptions;

/// The longest header of a frame: `P6`, width, height and `255`, a line each or together.
const MAX_HEADER: usize = 32;

/// Up to this rate, frames that no other frame refers to need not be decoded: encoders produce at
/// least as many others, and a third of the time is saved. Frames per second.
const MAX_SPARSE_RATE: f64 = 5.0;

/// Input options for the frames.
pub(super) fn decoding(options: &FrameOptions) -> &'static [&'static str] {
    if options.frames_per_s <= MAX_SPARSE_RATE { &["-skip_frame", "noref"] } else { &[] }
}

/// Output options for the frames; each frame is written with its size (PPM).
pub(super) fn arguments(options: &FrameOptions) -> Vec<String> {
    let FrameOptions { frames_per_s: rate, longest_side_px: side, .. } = options;
    // The first frame in each 1/rate of a second. A frame rate filter would fill gaps with copies,
    // hours of them if a file claims so. The small number is for inexact times at a boundary, the
    // zero for a first frame that begins before the segment. With new timestamps, no frame is
    // dropped or duplicated later.
    let cell = |time: &str| format!("floor(max({time},0)*{rate}+1e-6)");
    let select =
        format!("isnan(prev_selected_t)+not(eq({},{}))", cell("t"), cell("prev_selected_t"));
    // Width and height in square pixels, then their scale, at most 1.
    let width = "iw*min(1,sar)";
    let height = "ih/max(1,sar)";
    let share = format!("min(1,{side}/max({width},{height}))");
    let length = |length: &str| format!("max(1,trunc({length}*{share}+0.5))");
    let filter = format!(
        "select='{select}',setpts=N/({rate}*TB),\
         scale=w='{}':h='{}':flags=bicubic+accurate_rnd+bitexact,setsar=1,format=rgb24",
        length(width),
        length(height),
    );
    let rate = rate.to_string();
    [
        "-map",
        "0:V:0",
        "-vf",
        &filter,
        "-r",
        &rate,
        "-threads",
        "1",
        "-f",
        "image2pipe",
        "-c:v",
        "ppm",
    ]
    .map(String::from)
    .into()
}

/// The next frame; `None` at the end.
///
/// # Errors
/// [`ErrorKind::InvalidData`] for anything but a PPM frame with sides up to `longest_side`.
pub(super) fn next(pipe: &mut impl Read, longest_side: u32) -> io::Result<Option<RgbImage>> {
    let bad = |what: &str| io::Error::new(ErrorKind::InvalidData, what.to_owned());
    let mut header = Vec::with_capacity(MAX_HEADER);
    let mut numbers = Vec::new();
    // Three numbers after the magic number, each followed by one whitespace byte.
    while numbers.len() < 3 {
        let mut word = Vec::new();
        loop {
            let mut byte = [0];
            if pipe.read(&mut byte)? == 0 {
                return if header.is_empty() {
                    Ok(None)
                } else {
                    Err(ErrorKind::UnexpectedEof.into())
                };
            }
            header.push(byte[0]);
            if byte[0].is_ascii_whitespace() {
                break;
            }
            if header.len() > MAX_HEADER {
                return Err(bad("no frame"));
            }
            word.push(byte[0]);
        }
        match std::str::from_utf8(&word) {
            Ok("P6") if header.len() == 3 => {}
            Ok(text) if header.starts_with(b"P6") => {
                numbers.push(text.parse::<u32>().map_err(|_| bad("no frame"))?);
            }
            _ => return Err(bad("no frame")),
        }
    }
    let [width, height, _] = numbers[..] else { return Err(bad("no frame")) };
    if width == 0 || height == 0 || width > longest_side || height > longest_side {
        return Err(bad("a frame has a size that was not asked for"));
    }
    let mut frame = RgbImage::new(width, height);
    pipe.read_exact(&mut frame)?;
    Ok(Some(frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_from_a_pipe() {
        let check = |bytes: &[u8], expected: &[(u32, u32)], clean: bool| {
            let mut pipe = bytes;
            let mut found = Vec::new();
            let end = loop {
                match next(&mut pipe, 100) {
                    Ok(Some(frame)) => found.push(frame.dimensions()),
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            };
            assert_eq!((&found[..], end), (expected, clean), "{}", String::from_utf8_lossy(bytes));
        };
        check(b"", &[], true);
        check(b"P6\n2 1\n255\nabcdef", &[(2, 1)], true);
        check(b"P6\n2 1\n255\nabcdefP6\n1 1\n255\n\n\n\n", &[(2, 1), (1, 1)], true);
        check(b"P6\n2 1\n255\nabcde", &[], false);
        check(b"P6\n2 1\n2", &[], false);
        check(b"P6\n101 1\n255\n", &[], false);
        check(b"P6\n1 4294967295\n255\n", &[], false);
        check(b"P6\n1 99999999999\n255\n", &[], false);
        check(b"P6\n0 1\n255\n", &[], false);
        check(b"P5\n1 1\n255\nabc", &[], false);
        check(&[b'7'; 4096], &[], false);
    }
}
