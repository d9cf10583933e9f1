//! The messages of all error types, as they stand in `#[error("…")]`.

use std::fmt;

use super::sources::Source;

const ATTRIBUTE: &str = "#[error(";
const HINT: &str = "; hint: ";
/// Errors that only stand in the message of another one, which has the hint.
const WRAPPED: [&str; 3] =
    ["crates/s2f-audio/src/error.rs", "crates/s2f-face/src/picture_error.rs", "xtask/"];

/// The message of one kind of error.
pub struct Message {
    path: String,
    line: usize,
    /// With the placeholders of the format string.
    text: String,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, text } = self;
        match text.split_once(HINT) {
            Some((message, hint)) => write!(f, "{path}:{line}: {message}\n    hint: {hint}"),
            None => write!(f, "{path}:{line}: {text}"),
        }
    }
}

/// The messages of `sources`. An error that only passes on another one's has none.
pub fn all(sources: &[Source]) -> Vec<Message> {
    sources.iter().flat_map(of_source).collect()
}

/// Messages that are not as ARCHITECTURE.md wants them: lower case, without a full stop, with one
/// hint, which may come from a value at the end.
pub fn breaches(messages: &[Message]) -> Vec<String> {
    messages.iter().filter_map(|it| Some(format!("{it}\n    {}", wrong(it)?))).collect()
}

fn wrong(Message { path, text, .. }: &Message) -> Option<&'static str> {
    let hints = text.matches(HINT).count();
    let is_wrapped = WRAPPED.iter().any(|start| path.starts_with(start));
    let (message, hint) = text.split_once(HINT).unwrap_or((text, ""));
    let acronym = |text: &str| text.chars().take(2).all(char::is_uppercase);
    let capital = |text: &str| text.starts_with(char::is_uppercase) && !acronym(text);
    match () {
        () if hints > 1 => Some("it has two hints"),
        () if hints == 0 && !text.ends_with('}') && !is_wrapped => Some("it has no hint"),
        () if hints == 1 && hint.is_empty() => Some("its hint is empty"),
        () if text.ends_with('.') => Some("it ends with a full stop"),
        () if capital(message) => Some("it begins with a capital letter"),
        () => None,
    }
}

fn of_source(source: &Source) -> Vec<Message> {
    let mut messages = Vec::new();
    for (start, _) in source.code.match_indices(ATTRIBUTE) {
        // In the code, literals are blanked out, so this is the attribute's own bracket.
        let body = start + ATTRIBUTE.len();
        let Some(length) = source.code[body..].find(")]") else { continue };
        if let Some(text) = literal(&source.text[body..body + length]) {
            let line = source.text[..start].matches('\n').count() + 1;
            messages.push(Message { path: source.path.clone(), line, text });
        }
    }
    messages
}

/// The contents of the first string literal; a line break after `\` and the indentation after it
/// are left out.
fn literal(text: &str) -> Option<String> {
    let mut characters = text[text.find('"')? + 1..].chars().peekable();
    let mut contents = String::new();
    loop {
        match characters.next()? {
            '"' => return Some(contents),
            '\\' => match characters.next()? {
                '\n' => while characters.next_if(|c| c.is_whitespace()).is_some() {},
                'n' => contents.push('\n'),
                c => contents.push(c),
            },
            c => contents.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Message> {
        let code = super::super::code::without_text(text);
        let path = "crates/a/src/error.rs".to_owned();
        of_source(&Source { path, text: text.to_owned(), code })
    }

    #[test]
    fn messages_are_found_and_judged() {
        let text = r#"
            #[error(transparent)]
            #[error("a \"b\" (c); hint: \
                     do d", path.display())]
            #[error("{problem}")]
            #[error("{0}; hint: a; hint: b")]
            #[error("no hint")]
            #[error("Capital; hint: a")]
            #[error("JSON; hint: a")]
            #[error("stop; hint: a.")]
        "#;
        let messages = found(text);
        assert_eq!(messages[0].text, "a \"b\" (c); hint: do d");
        assert_eq!(messages[0].line, 3);
        let judged: Vec<_> = messages.iter().map(wrong).collect();
        let expected = [
            None,
            None,
            Some("it has two hints"),
            Some("it has no hint"),
            Some("it begins with a capital letter"),
            None,
            Some("it ends with a full stop"),
        ];
        assert_eq!(judged, expected);
    }
}
