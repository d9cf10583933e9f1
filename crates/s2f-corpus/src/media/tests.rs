//! Tests with files that ffmpeg makes; skipped if it is not installed.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use s2f_audio::ffmpeg::address;
use tempfile::TempDir;

use super::*;
use crate::reject::Reason::*;

/// ffmpeg and a folder for its files, removed when dropped.
struct Bench {
    ffmpeg: Ffmpeg,
    folder: TempDir,
}

impl Bench {
    fn new() -> Option<Self> {
        match Ffmpeg::find() {
            Ok(ffmpeg) => Some(Self { ffmpeg, folder: tempfile::tempdir().unwrap() }),
            Err(error) => {
                s2f_testing::missing(&error.to_string());
                None
            }
        }
    }

    /// Runs the installed ffmpeg with `arguments` and then the path of the file `name`.
    fn make(&self, arguments: &str, name: impl AsRef<OsStr>) -> PathBuf {
        let path = self.folder.path().join(name.as_ref());
        let status = Command::new(self.ffmpeg.program())
            .args(["-nostdin", "-v", "error", "-y"])
            .args(arguments.split_whitespace())
            .arg(address(&path))
            .status()
            .unwrap();
        assert!(status.success(), "{arguments}");
        path
    }

    /// 3 s of a moving test picture with a tone.
    fn film(&self, size: &str, name: &str) -> PathBuf {
        let (picture, tone) = (format!("testsrc2=s={size}:r=25:d=3"), "sine=f=300:r=44100:d=3");
        let codecs = "-c:v mpeg4 -q:v 2 -bf 0 -pix_fmt yuv420p -c:a aac";
        self.make(&format!("-f lavfi -i {picture} -f lavfi -i {tone} {codecs}"), name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn frames(&self, media: &Media, options: &FrameOptions) -> Result<Vec<RgbImage>, ClipError> {
        let mut frames = Vec::new();
        let given = super::frames(&self.ffmpeg, media, options, |frame| {
            frames.push(frame);
            ControlFlow::Continue(())
        })?;
        assert_eq!(given.count, frames.len());
        Ok(frames)
    }

    /// A shell script in place of ffmpeg.
    #[cfg(unix)]
    fn pretend(&self, script: &str) -> Ffmpeg {
        use std::os::unix::fs::PermissionsExt;
        let program = self.write("pretender", format!("#!/bin/sh\n{script}\n").as_bytes());
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Ffmpeg::at(program, Duration::from_millis(300))
    }
}

const OPTIONS: FrameOptions = FrameOptions { max_s: 10.0, frames_per_s: 4.0, longest_side_px: 640 };

fn whole(file: &Path) -> Media {
    Media { file: file.to_owned(), start_s: 0.0, end_s: None }
}

#[track_caller]
fn rejected<T>(found: Result<T, ClipError>, reason: Reason, words: &str) {
    match found {
        Err(ClipError::Rejected { reason: r, detail }) if r == reason && detail.contains(words) => {
        }
        Err(trouble) => panic!("{reason:?} ({words}) expected, not {trouble:?}"),
        Ok(_) => panic!("{reason:?} ({words}) expected"),
    }
}

#[track_caller]
fn stopped<T>(found: Result<T, ClipError>, words: &str) {
    match found {
        Err(ClipError::Stop(error)) if error.to_string().contains(words) => {}
        Err(trouble) => panic!("a stop ({words}) expected, not {trouble:?}"),
        Ok(_) => panic!("a stop ({words}) expected"),
    }
}

/// The same scaler by another way: ffmpeg writes every frame as PNG, and the right ones of these
/// are picked here. Nothing may differ.
#[test]
fn frames_are_those_that_ffmpeg_writes_as_png() {
    let Some(bench) = Bench::new() else { return };
    let film = bench.film("320x180", "film.mp4");
    for (side, scale) in [(640, "320:180"), (160, "160:90"), (100, "100:56")] {
        let flags = "bicubic+accurate_rnd+bitexact";
        let all = format!("-i {} -vf scale={scale}:flags={flags}", film.display());
        bench.make(&all, format!("{side}-%03d.png"));
        let take = FrameOptions { longest_side_px: side, ..OPTIONS };
        let check = |start_s: f64, end_s, numbers: &[usize]| {
            let media = Media { start_s, end_s, ..whole(&film) };
            let frames = bench.frames(&media, &take).unwrap();
            assert_eq!(frames.len(), numbers.len(), "{side} px from {start_s} s");
            for (frame, number) in frames.iter().zip(numbers) {
                let png = bench.folder.path().join(format!("{side}-{:03}.png", number + 1));
                let expected = image::open(png).unwrap().into_rgb8();
                assert!(*frame == expected, "{side} px from {start_s} s, frame {number}");
            }
        };
        // 25 frames a second: the first at or after each quarter.
        check(0.0, None, &[0, 7, 13, 19, 25, 32, 38, 44, 50, 57, 63, 69]);
        check(1.0, Some(2.0), &[25, 32, 38, 44]);
        check(1.2, Some(1.4), &[30]);
    }
}

/// The frames that nothing refers to are left out by the decoder, and the rest stays as it is.
#[test]
fn frames_of_a_film_with_frames_between() {
    let Some(bench) = Bench::new() else { return };
    let codecs = "-c:v mpeg2video -q:v 2 -bf 2";
    let film = bench.make(&format!("-f lavfi -i testsrc2=s=320x180:r=25:d=3 {codecs}"), "b.mpg");
    bench.make(&format!("-i {}", film.display()), "%03d.png");
    let frames = bench.frames(&whole(&film), &OPTIONS).unwrap();
    assert_eq!(frames.len(), 12);
    let mut number = 0;
    for (n, frame) in frames.iter().enumerate() {
        let nearest = (number + 1..=75).min_by_key(|k| {
            let png = bench.folder.path().join(format!("{k:03}.png"));
            let other = image::open(png).unwrap().into_rgb8();
            frame.iter().zip(other.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>()
        });
        number = nearest.unwrap();
        // One of the three from each quarter's first on.
        let due = (n as f64 * 25.0 / 4.0).ceil() as usize + 1;
        assert!((due..due + 3).contains(&number), "frame {number} for {due}");
    }
}

#[test]
fn rotation_and_wide_pixels_are_taken_account_of() {
    let Some(bench) = Bench::new() else { return };
    let film = bench.film("320x180", "film.mp4");
    let upright = bench.frames(&whole(&film), &OPTIONS).unwrap();
    // A quarter turn in the matrix of the track header (ISO/IEC 14496-12, 8.3.2).
    let mut bytes = fs::read(&film).unwrap();
    let header = bytes.windows(4).position(|kind| kind == b"tkhd").unwrap();
    let matrix = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30].map(i32::to_be_bytes).concat();
    bytes[header + 44..][..36].copy_from_slice(&matrix);
    let turned = bench.frames(&whole(&bench.write("turned.mp4", &bytes)), &OPTIONS).unwrap();
    assert_eq!(turned[5].dimensions(), (180, 320));
    // Chroma samples are between pixels; after rotation, between others.
    let distance = |expected: RgbImage| {
        let pixels = expected.pixels().zip(turned[5].pixels());
        let grey = |pixel: &image::Rgb<u8>| image::Pixel::to_luma(pixel).0[0];
        let apart = pixels.map(|(a, b)| u64::from(grey(a).abs_diff(grey(b)))).sum::<u64>();
        apart as f64 / (180.0 * 320.0)
    };
    let clockwise = distance(image::imageops::rotate90(&upright[5]));
    let other_way = distance(image::imageops::rotate270(&upright[5]));
    assert!(clockwise < 3.0 && other_way > 30.0, "{clockwise}, {other_way}");

    let wide = format!("-i {} -c copy -aspect 32:9", film.display());
    let wide = bench.make(&wide, "wide.mkv");
    assert_eq!(bench.frames(&whole(&wide), &OPTIONS).unwrap()[0].dimensions(), (320, 90));
}

#[test]
fn gaps_are_not_filled_and_changes_of_size_followed() {
    let Some(bench) = Bench::new() else { return };
    // Two frames, ten hours apart.
    let gap = "-f lavfi -i color=s=32x32:r=1:d=2 -vf setpts=N*36000/TB -fps_mode passthrough";
    let gap = bench.make(&format!("{gap} -c:v ffv1"), "gap.mkv");
    let take = FrameOptions { max_s: f64::INFINITY, ..OPTIONS };
    assert_eq!(bench.frames(&whole(&gap), &take).unwrap().len(), 2);

    let transport = |size: &str, name: &str| {
        let picture = format!("-f lavfi -i testsrc2=s={size}:r=25:d=1 -c:v mpeg2video -f mpegts");
        fs::read(bench.make(&picture, name)).unwrap()
    };
    let both = [transport("160x120", "1.ts"), transport("320x200", "2.ts")].concat();
    let both = bench.frames(&whole(&bench.write("both.ts", &both)), &OPTIONS).unwrap();
    assert!(both.iter().all(|f| [(160, 120), (320, 200)].contains(&f.dimensions())), "{both:?}");
    assert!(both.len() >= 4);
}

#[test]
fn a_callback_ends_it() {
    let Some(bench) = Bench::new() else { return };
    let film = whole(&bench.film("320x180", "film.mp4"));
    let first_only = |_| ControlFlow::Break(());
    assert_eq!(frames(&bench.ffmpeg, &film, &OPTIONS, first_only).unwrap().count, 1);
    let mut given = 0;
    let with_frames = sound_and_frames(&bench.ffmpeg, &film, &OPTIONS, |_| {
        given += 1;
        ControlFlow::Break(())
    });
    // The sound is whole nevertheless.
    assert!((with_frames.unwrap().sound.seconds() - 3.0).abs() < 0.1);
    assert_eq!(given, 1);
}

#[test]
fn sound_of_a_stretch_is_a_part_of_the_whole() {
    let Some(bench) = Bench::new() else { return };
    let sweep = "-f lavfi -i aevalsrc=0.5*sin(2*PI*(100+80*t)*t):s=48000:d=9";
    for (name, codec, tolerance) in [
        // 16 bit as it is; resampled on its own a stretch differs near its ends.
        ("a.wav", "-ar 16000", 1e-7),
        ("a.flac", "-ar 16000", 1e-7),
        ("a48.wav", "", 1e-4),
        ("a.m4a", "-c:a aac", 1e-3),
        ("a.mkv", "-c:a ac3", 1e-3),
    ] {
        let file = bench.make(&format!("{sweep} {codec}"), name);
        let all = sound(&bench.ffmpeg, &whole(&file), 100.0).unwrap();
        assert!((all.seconds() - 9.0).abs() < 0.1, "{name}: {} s", all.seconds());
        let media = Media { start_s: 2.5, end_s: Some(4.75), ..whole(&file) };
        for max_s in [100.0, 1.5] {
            let part = sound(&bench.ffmpeg, &media, max_s).unwrap();
            let length = (max_s.min(2.25) * 16_000.0) as usize;
            assert_eq!(part.samples().len(), length, "{name}");
            let expected = &all.samples()[40_000..][..length];
            for (n, (a, b)) in part.samples().iter().zip(expected).enumerate() {
                let inside = (400..length - 400).contains(&n);
                assert!(!inside || (a - b).abs() < tolerance, "{name}, {n}: {a}, not {b}");
            }
        }
    }
}

/// Sound decoded here and sound decoded by ffmpeg have no audible difference.
#[test]
fn both_decoders_agree() {
    let Some(bench) = Bench::new() else { return };
    let sweep = "-f lavfi -i aevalsrc=0.5*sin(2*PI*(100+80*t)*t)|0.1*sin(9000*t):s=44100:d=6";
    for (name, codec, tolerance) in [
        ("a.wav", "", 1e-6),
        ("a.flac", "", 1e-6),
        ("a.mp3", "-c:a libmp3lame", 1e-4),
        ("a.m4a", "-c:a aac", 1e-3),
        ("a.ogg", "-c:a libvorbis", 1e-4),
        ("a.webm", "-c:a libopus", 1e-3),
    ] {
        let media = whole(&bench.make(&format!("{sweep} {codec}"), name));
        let here = sound::in_process(&media, 100.0).unwrap().unwrap();
        let mut command = bench.ffmpeg.open(&media.file, media.start_s, 100.0, &[]);
        command.args(sound::ARGUMENTS).arg("pipe:1");
        let there = sound::decode(command.output().unwrap().stdout, 100.0).unwrap();
        let lengths = here.samples().len().abs_diff(there.samples().len());
        let far = here.samples().iter().zip(there.samples()).map(|(a, b)| (a - b).abs());
        let far = far.fold(0.0, f32::max);
        eprintln!("{name}: lengths differ by {lengths}, samples by {far:e}");
        assert!(far < tolerance, "{name}: {far}");
    }
}

#[test]
fn broken_files_have_their_reasons() {
    let Some(bench) = Bench::new() else { return };
    let film = bench.film("160x120", "film.mp4");
    let bytes = fs::read(&film).unwrap();
    let check = |file: &Path, sound: (Reason, &str), frames: (Reason, &str)| {
        let media = whole(file);
        rejected(super::sound(&bench.ffmpeg, &media, 10.0), sound.0, sound.1);
        rejected(bench.frames(&media, &OPTIONS), frames.0, frames.1);
        let both = sound_and_frames(&bench.ffmpeg, &media, &OPTIONS, |_| ControlFlow::Continue(()));
        rejected(both, sound.0, sound.1);
    };
    let same = |reason, words| ((reason, words), (reason, words));
    let both = |file: &Path, reason, words| {
        let (sound, frames) = same(reason, words);
        check(file, sound, frames);
    };
    both(&bench.folder.path().join("none.mp4"), MissingFile, "not there");
    both(&bench.folder.path().join("a\0b.mp4"), MissingFile, "such a name");
    both(&bench.folder.path().join("a".repeat(300)), MissingFile, "such a name");
    both(bench.folder.path(), UnreadableFile, "not a plain file");
    both(&bench.write("zero.mp4", b""), UnreadableFile, "0 bytes");
    both(&bench.write("text.mp4", b"Dear diary,\ntoday I stderr nothing\n"), UnreadableFile, "");
    // The index is at the end of the file.
    both(&bench.write("truncated.mp4", &bytes[..bytes.len() / 2]), UnreadableFile, "moov");
    let noise: Vec<u8> =
        (0..5000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    both(&bench.write("noise.mp4", &noise), UnreadableFile, "");

    let silent = bench.make(&format!("-i {} -an -c copy", film.display()), "silent.mp4");
    rejected(sound(&bench.ffmpeg, &whole(&silent), 10.0), NoSound, "no sound track");
    assert!(bench.frames(&whole(&silent), &OPTIONS).is_ok());
    let sound_only = bench.make(&format!("-i {} -vn -c copy", film.display()), "sound.mp4");
    rejected(bench.frames(&whole(&sound_only), &OPTIONS), NoPicture, "no video track");
    assert!(sound(&bench.ffmpeg, &whole(&sound_only), 10.0).is_ok());
    let still = bench.make(&format!("-i {} -an -frames:v 1", film.display()), "still.mp4");
    rejected(sound(&bench.ffmpeg, &whole(&still), 10.0), NoSound, "no sound track");
    let mute = format!("-i {} -af volume=0 -c:v copy", film.display());
    rejected(sound(&bench.ffmpeg, &whole(&bench.make(&mute, "mute.mp4")), 10.0), Silent, "silent");
    let short = bench.make(&format!("-i {} -t 0.6", film.display()), "short.mkv");
    rejected(sound(&bench.ffmpeg, &whole(&short), 10.0), TooShort, "0.6");

    // An index in front, and nothing behind it.
    let fast = bench.make(&format!("-i {} -c copy -movflags +faststart", film.display()), "f.mp4");
    let mut fast = fs::read(fast).unwrap();
    let data = fast.windows(4).position(|kind| kind == b"mdat").unwrap();
    fast.truncate(data + 4);
    check(
        &bench.write("index.mp4", &fast),
        (UnreadableFile, "damaged"),
        (UnreadableFile, "damaged"),
    );
    // Ten hours of header: the duration is a float of eight bytes behind its mark (Matroska).
    let mut hours = fs::read(bench.make(&format!("-i {}", film.display()), "h.mkv")).unwrap();
    let mark = hours.windows(3).position(|mark| mark == b"\x44\x89\x88").unwrap();
    hours[mark + 3..][..8].copy_from_slice(&36_000_000f64.to_be_bytes());
    let cluster = hours.windows(4).position(|mark| mark == b"\x1f\x43\xb6\x75").unwrap();
    hours.truncate(cluster);
    both(&bench.write("hours.mkv", &hours), UnreadableFile, "");
    let mut claim = fs::read(bench.make("-f lavfi -i sine=d=1", "claim.wav")).unwrap();
    claim.truncate(44 + 34);
    let data = claim.windows(4).position(|kind| kind == b"data").unwrap();
    claim[data + 4..data + 8].copy_from_slice(&u32::MAX.to_le_bytes());
    let claim = whole(&bench.write("claim.wav", &claim[..data + 8]));
    rejected(sound(&bench.ffmpeg, &claim, 10.0), NoSound, "no samples");

    let late = |file: &Path| Media { start_s: 60.0, ..whole(file) };
    rejected(sound(&bench.ffmpeg, &late(&film), 10.0), TooShort, "3.0");
    rejected(bench.frames(&late(&film), &OPTIONS), NoPicture, "begins at 60.00 s");
    let backwards = Media { start_s: 2.0, end_s: Some(1.0), ..whole(&film) };
    rejected(sound(&bench.ffmpeg, &backwards, 10.0), TooShort, "from 2 s to 1 s");
}

#[test]
fn absurd_dimensions_are_refused() {
    let Some(bench) = Bench::new() else { return };
    let huge = "-f lavfi -i color=s=8000x5000:r=1:d=1 -c:v mjpeg -pix_fmt yuvj420p";
    let huge = whole(&bench.make(huge, "huge.avi"));
    rejected(bench.frames(&huge, &OPTIONS), UnreadableFile, "");
}

#[test]
fn playlists_do_not_open_other_files() {
    let Some(bench) = Bench::new() else { return };
    let film = bench.film("160x120", "film.mp4");
    for (name, text) in [
        ("a.m3u8", format!("#EXTM3U\n#EXTINF:3,\n{}\n#EXT-X-ENDLIST\n", film.display())),
        ("a.mp4", "#EXTM3U\n#EXTINF:3,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n".into()),
        ("a.mkv", "ffconcat version 1.0\nfile film.mp4\n".into()),
    ] {
        let media = whole(&bench.write(name, text.as_bytes()));
        rejected(bench.frames(&media, &OPTIONS), UnreadableFile, "");
        rejected(sound(&bench.ffmpeg, &media, 10.0), UnreadableFile, "");
    }
}

#[cfg(unix)]
#[test]
fn any_name_is_a_file() {
    use std::os::unix::ffi::OsStrExt;
    let Some(bench) = Bench::new() else { return };
    let film = bench.film("160x120", "film.mkv");
    for name in [&b"-i"[..], b"a b.mkv", b"http:", b"%03d.mkv", b"a\nb", b"\xff\xfe.mkv"] {
        let path = bench.folder.path().join(OsStr::from_bytes(name));
        fs::copy(&film, &path).unwrap();
        assert_eq!(bench.frames(&whole(&path), &OPTIONS).unwrap().len(), 12, "{path:?}");
        assert!(sound(&bench.ffmpeg, &whole(&path), 10.0).is_ok(), "{path:?}");
    }
}

#[cfg(unix)]
#[test]
fn the_world_around_stops_the_work() {
    use std::os::unix::fs::PermissionsExt;
    let Some(bench) = Bench::new() else { return };
    stopped(
        sound(&bench.ffmpeg, &whole(&bench.folder.path().join("gone/a.mp4")), 9.0),
        "cannot read",
    );
    let empty = tempfile::tempdir().unwrap();
    stopped(sound(&bench.ffmpeg, &whole(&empty.path().join("a.mp4")), 9.0), "mount");
    let film = bench.film("160x120", "film.mkv");
    fs::set_permissions(&film, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&film).is_err() {
        stopped(bench.frames(&whole(&film), &OPTIONS), "permissions");
    } else {
        s2f_testing::skip("nothing is forbidden to this user");
    }
    fs::set_permissions(&film, fs::Permissions::from_mode(0o644)).unwrap();
    let film = whole(&film);

    let absent = Ffmpeg::at("/nonexistent/ffmpeg".into(), Duration::from_secs(9));
    stopped(frames(&absent, &film, &OPTIONS, |_| ControlFlow::Continue(())), "install ffmpeg");
    // Stopped from outside after a part, which would pass for the whole.
    let frame = r"printf 'P6\n1 1\n255\nabc'";
    for end in ["exit 255", "kill -9 $$"] {
        let pretender = bench.pretend(&format!("{frame}\n{end}"));
        stopped(frames(&pretender, &film, &OPTIONS, |_| ControlFlow::Continue(())), "interrupted");
    }
    let crash = bench.pretend("kill -11 $$");
    let frames = frames(&crash, &film, &OPTIONS, |_| ControlFlow::Continue(()));
    rejected(frames, UnreadableFile, "signal 11");
}

#[cfg(unix)]
#[test]
fn nobody_waits_forever() {
    let Some(bench) = Bench::new() else { return };
    let film = whole(&bench.film("160x120", "film.mkv"));
    let begun = std::time::Instant::now();
    let stuck = bench.pretend("exec sleep 100");
    rejected(
        frames(&stuck, &film, &OPTIONS, |_| ControlFlow::Continue(())),
        UnreadableFile,
        "nothing",
    );
    let both = sound_and_frames(&stuck, &film, &OPTIONS, |_| ControlFlow::Continue(()));
    rejected(both, UnreadableFile, "nothing");
    // Endless frames: after the first one the program is stopped.
    let endless = bench.pretend(r"while true; do printf 'P6\n1 1\n255\nabc'; done");
    assert_eq!(frames(&endless, &film, &OPTIONS, |_| ControlFlow::Break(())).unwrap().count, 1);
    // Endless messages on stderr do not block the frames.
    let loud = bench.pretend(r"head -c 3000000 /dev/zero >&2; printf 'P6\n1 1\n255\nabc'");
    assert_eq!(frames(&loud, &film, &OPTIONS, |_| ControlFlow::Continue(())).unwrap().count, 1);
    let babble = bench.pretend("exec cat /dev/zero");
    rejected(
        frames(&babble, &film, &OPTIONS, |_| ControlFlow::Continue(())),
        UnreadableFile,
        "frame",
    );
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
