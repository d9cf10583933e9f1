//! Boxes of MP4 and QuickTime (ISO/IEC 14496-12, 4.2): size, kind, content.

/// The content of the first box of this `kind` in `bytes`.
pub(super) fn find<'b>(bytes: &'b [u8], kind: &[u8; 4]) -> Option<&'b [u8]> {
    boxes(bytes).find(|(k, _)| k == kind).map(|(_, content)| content)
}

/// Kind and content of each box in `bytes`. One that is cut off has the content that is there.
pub(super) fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let kind = bytes.get(4..8)?.try_into().ok()?;
        // A size of 0 means up to the end; with a size of 1, a 64-bit size follows the kind.
        let (header, size) = match u32_at(bytes, 0)? {
            0 => (8, bytes.len()),
            1 => (16, usize::try_from(u64_at(bytes, 8)?).unwrap_or(usize::MAX)),
            size => (8, size as usize),
        };
        let end = size.min(bytes.len());
        let content = bytes.get(header..end)?;
        bytes = &bytes[end..];
        Some((kind, content))
    })
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// Ticks per second in an `mvhd` or `mdhd` box: after the two times, which have 64 bit in version
/// 1.
pub(super) fn time_scale(header: &[u8]) -> Option<f64> {
    let at = if *header.first()? == 1 { 4 + 16 } else { 4 + 8 };
    let scale = u32_at(header, at)?;
    (scale > 0).then_some(f64::from(scale))
}
