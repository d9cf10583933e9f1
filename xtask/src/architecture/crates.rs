//! The crates of the workspace, and the order in which ARCHITECTURE.md lists them.

use std::process::Command;

use serde_json::Value;

use crate::root;

/// Crates that are not in the list: nothing that is published depends on them.
const TESTS_ONLY: &str = "s2f-testing";
const CHORES: &str = "xtask";
const FUZZERS: &str = "s2f-fuzz";

/// A crate of the workspace.
pub struct Crate {
    pub name: String,
    pub dependencies: Vec<Dependency>,
}

/// A dependency in its manifest.
pub struct Dependency {
    pub name: String,
    /// Whether only tests, examples and benchmarks use it.
    pub for_tests: bool,
}

/// All crates, with the list of ARCHITECTURE.md.
pub struct Crates {
    pub all: Vec<Crate>,
    /// From the top down: a crate may use those below it.
    pub order: Vec<String>,
}

/// The crates in the table under `## Map`, from the top down.
pub fn map(page: &str) -> Result<Vec<String>, String> {
    let (_, below) = page
        .split_once("\n## Map\n")
        .ok_or("ARCHITECTURE.md has no section `Map`; hint: it must have the list of crates")?;
    let section = below.split("\n## ").next().unwrap_or_default();
    let row = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    let order: Vec<String> = section.lines().filter_map(row).collect();
    if order.is_empty() {
        return Err("ARCHITECTURE.md lists no crates under `Map`".to_owned());
    }
    Ok(order)
}

impl Crates {
    /// Reads all dependencies from cargo.
    pub fn read(order: &[String]) -> Result<Self, String> {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--no-deps", "--locked", "--format-version=1"])
            .current_dir(root())
            .output()
            .map_err(|e| format!("cargo metadata: {e}"))?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            return Err(format!("cargo metadata: {message}"));
        }
        let metadata =
            serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
        Self::from_metadata(&metadata, order)
    }

    fn from_metadata(metadata: &Value, order: &[String]) -> Result<Self, String> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let parse = || {
            let mut all = Vec::new();
            for package in metadata["packages"].as_array()? {
                let mut dependencies = Vec::new();
                for dependency in package["dependencies"].as_array()? {
                    dependencies.push(Dependency {
                        name: text(&dependency["name"])?,
                        for_tests: dependency["kind"] == "dev",
                    });
                }
                all.push(Crate { name: text(&package["name"])?, dependencies });
            }
            Some(all)
        };
        let all = parse().ok_or("cargo metadata has another form than expected")?;
        Ok(Self { all, order: order.to_vec() })
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Crates that are missing in the list or in the workspace, and dependencies that point up.
    pub fn upward(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        let place = |name: &str| self.order.iter().position(|listed| listed == name);
        let exists = |name: &str| self.all.iter().any(|one| one.name == name);
        for listed in self.order.iter().filter(|listed| !exists(listed)) {
            breaches.push(format!("ARCHITECTURE.md lists {listed}, which is not in the workspace"));
        }
        for Crate { name, dependencies } in &self.all {
            let own = place(name);
            if own.is_none() && ![TESTS_ONLY, CHORES, FUZZERS].contains(&name.as_str()) {
                breaches.push(format!("{name} is missing in the list of ARCHITECTURE.md"));
            }
            for dependency in dependencies {
                let other = &dependency.name;
                if [CHORES, FUZZERS].contains(&other.as_str())
                    || (other == TESTS_ONLY && !dependency.for_tests)
                {
                    breaches.push(format!(
                        "{name} depends on {other}; hint: only tests may, under dev-dependencies"
                    ));
                }
                if let (Some(own), Some(other_place)) = (own, place(other))
                    && other_place <= own
                {
                    breaches.push(format!(
                        "{name} depends on {other}, which stands above it in ARCHITECTURE.md; \
                         hint: move what both need to a crate below"
                    ));
                }
            }
        }
        breaches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A\n\n## Map\n\n| crate | job |\n|---|---|\n| `top` | uses `low` |\n\
                        | `low` | |\n\n## Invariants\n\n| `other` | |\n";

    fn crates(dependencies: &[(&str, &str, Option<&str>)]) -> Crates {
        let names = ["top", "low", TESTS_ONLY, CHORES];
        let packages: Vec<Value> = names
            .iter()
            .map(|name| {
                let own = dependencies.iter().filter(|(from, ..)| from == name);
                let own: Vec<Value> = own
                    .map(|(_, to, kind)| serde_json::json!({ "name": to, "kind": kind }))
                    .collect();
                serde_json::json!({ "name": name, "dependencies": own })
            })
            .collect();
        let metadata = serde_json::json!({ "packages": packages });
        Crates::from_metadata(&metadata, &map(PAGE).unwrap()).unwrap()
    }

    #[test]
    fn the_list_is_the_table_under_map() {
        assert_eq!(map(PAGE).unwrap(), ["top", "low"]);
        assert!(map("# A\n").is_err());
    }

    #[test]
    fn dependencies_point_down() {
        let down = [("top", "low", None), ("top", "burn", None), ("low", TESTS_ONLY, Some("dev"))];
        assert_eq!(crates(&down).upward(), [""; 0]);
        for wrong in [
            ("low", "top", None),
            ("low", "top", Some("dev")),
            ("low", "top", Some("build")),
            ("top", TESTS_ONLY, None),
            ("top", CHORES, Some("dev")),
        ] {
            let breaches = crates(&[wrong]).upward();
            assert_eq!(breaches.len(), 1, "{wrong:?}: {breaches:?}");
            assert!(breaches[0].contains(wrong.0) && breaches[0].contains(wrong.1));
        }
    }

    #[test]
    fn the_list_is_complete() {
        let mut some = crates(&[]);
        some.order = vec!["top".to_owned(), "gone".to_owned()];
        let breaches = some.upward();
        assert_eq!(breaches.len(), 2, "{breaches:?}");
        assert!(breaches[0].contains("gone") && breaches[1].contains("low"));
    }
}
