//! What TensorBoard reads: `events.out.tfevents.*`, scalars and pictures by step.
//!
//! A file is a sequence of TensorFlow's records: length (`u64`, little endian), masked CRC-32C of
//! these eight bytes, the bytes, their masked CRC-32C. The bytes are a protocol buffer, `Event` of
//! `tensorflow/core/util/event.proto`; the first has the file's version. Each session of a run
//! writes its own file, which first states the step from which earlier events are void.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;
use s2f_core::FileError;

use crate::TrainError;

const NAME: &str = "events.out.tfevents.";

/// `Event`.
#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `SessionLog.SessionStatus.START`.
const START: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

/// `Summary.Value`.
#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(oneof = "Shown", tags = "2, 4")]
    shown: Option<Shown>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Shown {
    #[prost(float, tag = "2")]
    SimpleValue(f32),
    #[prost(message, tag = "4")]
    Image(Image),
}

/// `Summary.Image`.
#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    /// 3 for R G B.
    #[prost(int32, tag = "3")]
    colorspace: i32,
    /// PNG.
    #[prost(bytes = "vec", tag = "4")]
    encoded_image_string: Vec<u8>,
}

/// Writes the events of one session.
pub(super) struct Writer {
    path: PathBuf,
    file: File,
}

impl Writer {
    /// Starts a file after the existing ones, whose events from `step` on become void.
    pub(super) fn begin(folder: &Path, step: usize) -> Result<Self, TrainError> {
        let number = next_number(folder)?;
        let path = folder.join(format!("{NAME}{number:010}.speech2face"));
        let file = OpenOptions::new().create_new(true).append(true).open(&path);
        let file = file.map_err(FileError::at("write", &path))?;
        let mut writer = Self { path, file };
        writer.write(0, What::FileVersion("brain.Event:2".to_owned()))?;
        writer.write(step, What::SessionLog(SessionLog { status: START }))?;
        Ok(writer)
    }

    pub(super) fn scalars(
        &mut self,
        step: usize,
        values: &[(&'static str, f64)],
    ) -> Result<(), TrainError> {
        let value = values.iter().map(|&(tag, value)| Value {
            tag: tag.to_owned(),
            shown: Some(Shown::SimpleValue(value as f32)),
        });
        self.write(step, What::Summary(Summary { value: value.collect() }))
    }

    pub(super) fn picture(&mut self, step: usize, tag: &str, png: &[u8]) -> Result<(), TrainError> {
        // Width and height follow the signature and the name of the first chunk.
        let side = |at: usize| {
            let bytes = png.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, i32::from_be_bytes)
        };
        let image = Image {
            width: side(16),
            height: side(20),
            colorspace: 3,
            encoded_image_string: png.to_vec(),
        };
        let value = Value { tag: tag.to_owned(), shown: Some(Shown::Image(image)) };
        self.write(step, What::Summary(Summary { value: vec![value] }))
    }

    fn write(&mut self, step: usize, what: What) -> Result<(), TrainError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let wall_time = now.map_or(0.0, |since| since.as_secs_f64());
        let event = Event { wall_time, step: step as i64, what: Some(what) };
        // One write: an interruption leaves the whole record or nothing of it.
        let bytes = record(&event.encode_to_vec());
        Ok(self.file.write_all(&bytes).map_err(FileError::at("write", &self.path))?)
    }
}

/// The current time, or one more than the latest file's: TensorBoard reads files in the order of
/// their names.
fn next_number(folder: &Path) -> Result<u64, TrainError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut next = now;
    for entry in fs::read_dir(folder).map_err(FileError::at("read", folder))? {
        let name = entry.map_err(FileError::at("read", folder))?.file_name();
        let name = name.to_string_lossy();
        let number = name.strip_prefix(NAME).and_then(|rest| rest.split('.').next()?.parse().ok());
        next = next.max(number.map_or(0, |number: u64| number + 1));
    }
    Ok(next)
}

/// The bytes with the frame around them.
fn record(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length), bytes, &masked_crc(bytes)].concat()
}

/// TensorFlow's mask keeps the checksum of bytes with checksums among them from degenerating.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xA282_EAD8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        // Appendix B.4: zeros, ones, counting up and down.
        let up: Vec<u8> = (0..32).collect();
        let down: Vec<u8> = (0..32).rev().collect();
        for (bytes, expected) in [
            (&[0; 32][..], 0x8A91_36AA_u32),
            (&[0xFF; 32], 0x62A8_AB43),
            (&up, 0x46DD_794E),
            (&down, 0x113F_DB5C),
            (b"123456789", 0xE306_9283),
        ] {
            assert_eq!(crc32c::crc32c(bytes), expected);
        }
    }

    /// Written by `reference/train/tensorboard.py`.
    const EVENTS: &[u8] = include_bytes!("../../../../reference/train/events.bin");

    #[test]
    fn events_are_those_that_googles_protobuf_writes() {
        let event = |wall_time, step, what| Event { wall_time, step, what: Some(what) };
        let value = |tag: &str, shown| Value { tag: tag.into(), shown: Some(shown) };
        let image =
            Image { height: 2, width: 3, colorspace: 3, encoded_image_string: b"\x89PNG".to_vec() };
        let events = [
            event(1.5, 0, What::FileVersion("brain.Event:2".into())),
            event(2.5, 7, What::SessionLog(SessionLog { status: START })),
            event(
                1_700_000_000.25,
                300,
                What::Summary(Summary {
                    value: vec![
                        value("texture", Shown::SimpleValue(0.1)),
                        value("identity", Shown::SimpleValue(-2.0)),
                    ],
                }),
            ),
            event(
                3.0,
                12,
                What::Summary(Summary { value: vec![value("faces", Shown::Image(image))] }),
            ),
        ];
        let bytes: Vec<u8> =
            events.iter().flat_map(|event| record(&event.encode_to_vec())).collect();
        assert_eq!(bytes, EVENTS);
    }
}
