//! The name of a model on the hub.

use std::fmt;
use std::str::FromStr;

use super::HubError;

/// What every name begins with.
const PREFIX: &str = "hf:";
/// The branch that is meant if no revision is named.
const MAIN: &str = "main";
/// Of an owner or of a repository, as on the hub.
const MAX_PART_BYTES: usize = 96;
const MAX_REVISION_BYTES: usize = 200;
/// Hexadecimal digits of a commit.
const COMMIT_DIGITS: usize = 40;

/// A model on the hub: `hf:OWNER/NAME`, or `hf:OWNER/NAME@REVISION` for another branch, a tag or a
/// commit.
///
/// ```
/// use s2f_registry::HubName;
///
/// # fn main() -> Result<(), s2f_registry::HubError> {
/// let name: HubName = "hf:alice/small@v1".parse()?;
/// assert_eq!((name.repository(), name.revision()), ("alice/small", "v1"));
/// assert_eq!(name.to_string(), "hf:alice/small@v1");
/// assert!("hf:../small".parse::<HubName>().is_err());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HubName {
    /// `OWNER/NAME`.
    repository: String,
    revision: Option<String>,
}

impl HubName {
    /// Whether a text is meant as the name of a model on the hub.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// `OWNER/NAME`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The user or organisation that the model belongs to.
    pub fn owner(&self) -> &str {
        self.repository.split_once('/').map_or("", |(owner, _)| owner)
    }

    /// The name of the repository without its owner.
    pub fn short_name(&self) -> &str {
        self.repository.split_once('/').map_or("", |(_, name)| name)
    }

    /// The branch, tag or commit; `main` if none was named.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or(MAIN)
    }

    /// The revision, if one was named.
    pub fn named_revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }

    /// The same repository at another revision; [`HubName::revision`] of the default branch is not
    /// written.
    pub(crate) fn at(&self, revision: &str) -> Self {
        let revision = (revision != MAIN).then(|| revision.to_owned());
        Self { repository: self.repository.clone(), revision }
    }

    /// The revision, if it is a whole commit.
    pub(crate) fn commit(&self) -> Option<&str> {
        self.revision.as_deref().filter(|revision| is_commit(revision))
    }
}

/// Whether a text is a commit: 40 hexadecimal digits.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == COMMIT_DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl FromStr for HubName {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        let invalid = |reason| HubError::InvalidName { name: text.to_owned(), reason };
        let rest =
            text.strip_prefix(PREFIX).ok_or_else(|| invalid("it does not begin with hf:"))?;
        let (repository, revision) = match rest.split_once('@') {
            Some((repository, revision)) => (repository, Some(revision)),
            None => (rest, None),
        };
        let parts = repository.split_once('/');
        let (owner, name) = parts.ok_or_else(|| invalid("the owner is missing"))?;
        check_part(owner).and_then(|()| check_part(name)).map_err(invalid)?;
        if name.ends_with(".git") {
            return Err(invalid("a name does not end in .git"));
        }
        if let Some(revision) = revision {
            check_revision(revision).map_err(invalid)?;
        }
        Ok(Self { repository: repository.to_owned(), revision: revision.map(str::to_owned) })
    }
}

/// The hub's rule for owners and names. Both become folders, so none may leave the cache.
fn check_part(part: &str) -> Result<(), &'static str> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if part.is_empty() || part.len() > MAX_PART_BYTES {
        return Err("owner and name have 1 to 96 characters each");
    }
    if !part.bytes().all(is_allowed) {
        return Err("owner and name have only letters, digits, _, - and .");
    }
    if part.starts_with(['-', '.']) || part.ends_with(['-', '.']) {
        return Err("owner and name do not begin or end with - or .");
    }
    if part.contains("--") || part.contains("..") {
        return Err("owner and name do not contain -- or ..");
    }
    Ok(())
}

fn check_revision(revision: &str) -> Result<(), &'static str> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/');
    if revision.is_empty() || revision.len() > MAX_REVISION_BYTES {
        return Err("a revision has 1 to 200 characters");
    }
    let is_path = revision.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
    if !revision.bytes().all(is_allowed) || !is_path || revision.contains("..") {
        return Err("the revision is not the name of a branch, a tag or a commit");
    }
    if revision.starts_with('-') {
        return Err("a revision does not begin with -");
    }
    Ok(())
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.repository)?;
        match &self.revision {
            Some(revision) => write!(f, "@{revision}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failing test panics")]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_back() {
        let commit = "a".repeat(40);
        for (text, repository, revision) in [
            ("hf:a/b", "a/b", "main"),
            ("hf:Some-Org/my.model_2", "Some-Org/my.model_2", "main"),
            ("hf:a/b@v1.0", "a/b", "v1.0"),
            ("hf:a/b@refs/pr/1", "a/b", "refs/pr/1"),
            (&format!("hf:a/b@{commit}"), "a/b", commit.as_str()),
        ] {
            let name: HubName = text.parse().unwrap();
            assert_eq!((name.repository(), name.revision()), (repository, revision));
            assert_eq!(name.to_string(), text);
            assert_eq!(name.commit().is_some(), revision == commit);
        }
        let name: HubName = "hf:a/b@v1".parse().unwrap();
        assert_eq!((name.owner(), name.short_name()), ("a", "b"));
        assert_eq!(name.at("main").to_string(), "hf:a/b");
    }

    #[test]
    fn what_could_leave_the_cache_or_the_address_is_no_name() {
        let long = format!("hf:a/{}", "b".repeat(97));
        let revision = format!("hf:a/b@{}", "c".repeat(201));
        for text in [
            "a/b",
            "hf:",
            "hf:a",
            "hf:a/",
            "hf:/b",
            "hf:a/b/c",
            "hf:../b",
            "hf:a/..",
            "hf:a/b..c",
            "hf:.a/b",
            "hf:a/b.",
            "hf:-a/b",
            "hf:a/b--c",
            "hf:a/b.git",
            "hf:a/b c",
            "hf:a/b?x",
            "hf:a/b%2e",
            "hf:a\\b/c",
            "hf:a/b\u{1b}",
            "hf:a/ä",
            &long,
            "hf:a/b@",
            "hf:a/b@../c",
            "hf:a/b@/c",
            "hf:a/b@c/",
            "hf:a/b@c//d",
            "hf:a/b@-c",
            "hf:a/b@c?d",
            "hf:a/b@c#d",
            "hf:a/b@c@d",
            "hf:a/b@c/.d",
            &revision,
        ] {
            let error = text.parse::<HubName>().unwrap_err().to_string();
            assert!(error.contains("; hint: hf:OWNER/NAME"), "{text}: {error}");
        }
    }
}
