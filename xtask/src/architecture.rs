//! Checks the rules of ARCHITECTURE.md that a program can check: which crate may depend on
//! which, and which words may be in which file. The rules are the tables in [`rules`].

mod circles;
mod code;
mod crates;
mod messages;
mod rules;
mod sources;
mod uses;

use std::fs;

use crates::Crates;

use crate::root;

/// The message and the hint of every kind of error, for reading them through.
pub fn messages() -> Result<String, String> {
    let messages = messages::all(&sources::read(&root())?);
    Ok(messages.iter().map(|message| format!("{message}\n")).collect())
}

/// Checks all rules; names each place that breaks one.
pub fn check() -> Result<String, String> {
    let page = root().join("ARCHITECTURE.md");
    let page = fs::read_to_string(&page).map_err(|e| format!("{}: {e}", page.display()))?;
    let crates = Crates::read(&crates::map(&page)?)?;
    let sources = sources::read(&root())?;

    let mut breaches = crates.upward();
    breaches.extend(rules::DEPENDENCIES.iter().flat_map(|rule| rule.breaches(&crates)));
    breaches.extend(rules::WORDS.iter().flat_map(|rule| rule.breaches(&sources)));
    breaches.extend(sources.iter().flat_map(rules::source));
    breaches.extend(circles::check(&sources));
    breaches.extend(messages::breaches(&messages::all(&sources)));
    if breaches.is_empty() {
        Ok(format!("{} crates and {} files follow ARCHITECTURE.md", crates.len(), sources.len()))
    } else {
        Err(format!("{} breaches:\n{}", breaches.len(), breaches.join("\n")))
    }
}
