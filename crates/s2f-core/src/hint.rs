//! Errors with hints: what happened, and what the user can do about it.
//!
//! Each message of this workspace says in lower case what happened and then, after
//! [`SEPARATOR`], what to do. `Display` gives both; whoever prints them apart takes them apart
//! here.

use std::error::Error;

/// What stands between a message and its hint.
pub const SEPARATOR: &str = "; hint: ";

/// A message without its hint, and the hint if it has one.
pub fn split(message: &str) -> (&str, Option<&str>) {
    match message.split_once(SEPARATOR) {
        Some((message, hint)) => (message, Some(hint)),
        None => (message, None),
    }
}

/// The first hint of an error and its causes.
pub fn of(error: &dyn Error) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let (_, Some(hint)) = split(&error.to_string()) {
            return Some(hint.to_owned());
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_message_is_split_at_its_first_hint() {
        assert_eq!(split("no face"), ("no face", None));
        assert_eq!(split("no face; hint: look up"), ("no face", Some("look up")));
        assert_eq!(split("a; hint: b; hint: c"), ("a", Some("b; hint: c")));
    }

    #[test]
    fn the_hint_of_a_cause_is_found() {
        let cause = io::Error::other("cut off; hint: fetch it again");
        let error = io::Error::new(io::ErrorKind::InvalidData, Box::new(cause));
        assert_eq!(of(&error).as_deref(), Some("fetch it again"));
        assert_eq!(of(&io::Error::other("cut off")), None);
    }
}
