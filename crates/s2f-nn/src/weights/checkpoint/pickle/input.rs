//! The bytes of a pickle, read as its instructions need them.

use super::Value;

/// The bytes of the program.
pub(super) struct Input<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) at: usize,
}

impl<'b> Input<'b> {
    pub(super) fn take(&mut self, length: u64) -> Result<&'b [u8], String> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or("it ends early")?;
        self.at += taken.len();
        Ok(taken)
    }

    /// A number of `length` bytes, little-endian.
    pub(super) fn number(&mut self, length: u64) -> Result<u64, String> {
        let bytes = self.take(length)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(super) fn line(&mut self) -> Result<String, String> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or("it ends early")?;
        self.at += end + 1;
        Ok(String::from_utf8_lossy(&rest[..end]).trim_end().to_owned())
    }

    pub(super) fn text(&mut self, length: u64) -> Result<Value, String> {
        Ok(Value::Text(String::from_utf8_lossy(self.take(length)?).into_owned()))
    }

    /// Text after its length, which has `digits` bytes.
    pub(super) fn sized_text(&mut self, digits: u64) -> Result<Value, String> {
        let length = self.number(digits)?;
        self.text(length)
    }
}
