//! Errors with hints: what happened, and what the user can do about it.
//!
//! The contract: `Display` of each error says in lower case what happened, then [`SEPARATOR`], then
//! what to do. A program that prints the hint on its own line splits the message with [`split`].

use std::error::Error;

/// Separates a message from its hint.
pub const SEPARATOR: &str = "; hint: ";

/// A message without its hint, and the hint if it has one. A message that includes its cause's has
/// several: the first, which is the cause's, counts.
pub fn split(message: &str) -> (&str, Option<&str>) {
    let mut parts = message.split(SEPARATOR);
    (parts.next().unwrap_or_default(), parts.next())
}

/// The messages of an error and its causes, without hints, joined by colons; and the first hint.
pub fn describe(error: &dyn Error) -> (String, Option<String>) {
    let mut messages = Vec::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        messages.push(split(&error.to_string()).0.to_owned());
        cause = error.source();
    }
    (messages.join(": "), of(error))
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
    fn a_message_has_at_most_one_hint() {
        assert_eq!(split("no face"), ("no face", None));
        assert_eq!(split("no face; hint: look up"), ("no face", Some("look up")));
        assert_eq!(split("a; hint: b; hint: c"), ("a", Some("b")));
    }

    #[test]
    fn the_hint_of_a_cause_is_found() {
        let cause = io::Error::other("cut off; hint: fetch it again");
        let error = io::Error::new(io::ErrorKind::InvalidData, Box::new(cause));
        assert_eq!(of(&error).as_deref(), Some("fetch it again"));
        assert_eq!(of(&io::Error::other("cut off")), None);
        assert_eq!(describe(&error).1, of(&error));
        assert_eq!(describe(&error).0.split(": ").next(), Some("cut off"));
    }
}
