//! Cells of CSV files that spreadsheet programs show as text.
//!
//! Such a program computes a cell that begins with `=`, `+`, `-` or `@`, which can run commands. A
//! single quote before it makes the cell text there. The quote is taken away when the file is read,
//! so that names stay what they are.

use std::borrow::Cow;

/// A text as a cell.
///
/// ```
/// use s2f_core::csv_cell::{guarded, unguarded};
///
/// let cell = guarded("=HYPERLINK(\"http://a\")");
/// assert_eq!(cell, "'=HYPERLINK(\"http://a\")");
/// assert_eq!(unguarded(&cell), "=HYPERLINK(\"http://a\")");
/// assert_eq!(guarded("'t Hooft"), "'t Hooft");
/// ```
pub fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text of a cell.
pub fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| is_formula(text)).unwrap_or(cell)
}

/// Whether a text begins as a formula, also after quotes: with them, `guarded` has an inverse.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for text in ["", "a", "'", "''a", "=1", "'=1", "''=1", "+-x", "-", "@a", "\tb", "a=b"] {
            let cell = guarded(text);
            assert_eq!(unguarded(&cell), text);
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
    }
}
