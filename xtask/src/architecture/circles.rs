//! Circles between modules: two files that need each other are one subject, or something that both
//! need is in the wrong file.
//!
//! The modules with the same parent are compared, each together with its submodules. A module and
//! its submodules are one subject and may use each other.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::Source;
use super::uses;

/// A module of a crate: the names that lead to it from the root.
type Path = Vec<String>;

/// The modules of one crate.
struct Modules<'a> {
    files: BTreeMap<Path, &'a Source>,
    /// What the imported names of a module refer to.
    names: BTreeMap<Path, BTreeMap<String, Path>>,
}

/// Which module uses which, each with a place in the source.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// Names each circle of the workspace.
pub fn check(sources: &[Source]) -> Vec<String> {
    let mut crates: BTreeMap<&str, Modules> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.code.is_empty()) {
        if let Some((name, path)) = module(&source.path) {
            let modules = crates
                .entry(name)
                .or_insert_with(|| Modules { files: BTreeMap::new(), names: BTreeMap::new() });
            modules.files.insert(path, source);
        }
    }
    let mut breaches = Vec::new();
    for (name, mut modules) in crates {
        modules.read_names();
        for (parent, graph) in modules.graphs() {
            for circle in circles(&graph) {
                let place = std::iter::once(name.to_owned()).chain(parent.clone());
                breaches.push(format!(
                    "circle in {}: {}",
                    place.collect::<Vec<_>>().join("::"),
                    describe(&graph, &circle)
                ));
            }
        }
    }
    breaches
}

/// Crate and module of a file of a library or program.
fn module(path: &str) -> Option<(&str, Path)> {
    let (folder, inside) = path.split_once("/src/")?;
    let inside = inside.trim_end_matches(".rs");
    let name = folder.rsplit('/').next()?;
    let path = match inside {
        "lib" | "main" => Path::new(),
        _ => inside.split('/').map(str::to_owned).collect(),
    };
    Some((name, path))
}

impl Modules<'_> {
    fn read_names(&mut self) {
        let mut names = BTreeMap::new();
        for (path, source) in &self.files {
            let mut own = BTreeMap::new();
            for (_, target, name) in uses::imports(&source.code) {
                own.insert(name, self.absolute(path, &target));
            }
            names.insert(path.clone(), own);
        }
        self.names = names;
    }

    /// A path from the root, from one that is relative to a module.
    fn absolute(&self, module: &Path, target: &[String]) -> Path {
        let mut base = module.clone();
        let mut rest = target;
        let mut is_relative = false;
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "crate" => base.clear(),
                "super" => {
                    base.pop();
                }
                "self" => {}
                _ => break,
            }
            is_relative = true;
            rest = others;
        }
        let child: Path = base.iter().chain(rest.first()).cloned().collect();
        if !is_relative && !self.files.contains_key(&child) {
            // Another crate's.
            return vec![String::new()];
        }
        base.extend(rest.iter().cloned());
        base
    }

    /// The module that defines the target of a path; `None` if it is in another crate.
    fn definer(&self, path: &[String], depth: usize) -> Option<Path> {
        if path.first().is_some_and(String::is_empty) || depth > 8 {
            return None;
        }
        let mut module = Path::new();
        for (place, name) in path.iter().enumerate() {
            let mut child = module.clone();
            child.push(name.clone());
            if self.files.contains_key(&child) {
                module = child;
            } else if let Some(target) = self.names.get(&module).and_then(|own| own.get(name)) {
                if target.as_slice() == &path[..=place] {
                    break;
                }
                let target: Path = target.iter().chain(&path[place + 1..]).cloned().collect();
                return self.definer(&target, depth + 1);
            } else {
                break;
            }
        }
        Some(module)
    }

    /// For each module with submodules, which of these uses which.
    fn graphs(&self) -> BTreeMap<Path, Graph> {
        let mut graphs: BTreeMap<Path, Graph> = BTreeMap::new();
        for (path, source) in &self.files {
            let imports = uses::imports(&source.code).into_iter();
            let imports = imports.map(|(line, target, _)| (line, target));
            for (line, target) in imports.chain(uses::paths(&source.code)) {
                let Some(user) = self.definer(&self.absolute(path, &target), 0) else { continue };
                let common = path.iter().zip(&user).take_while(|(a, b)| a == b).count();
                if let (Some(from), Some(to)) = (path.get(common), user.get(common)) {
                    let graph = graphs.entry(path[..common].to_vec()).or_default();
                    let place = format!("{}:{line}", source.path);
                    graph.entry(from.clone()).or_default().entry(to.clone()).or_insert(place);
                }
            }
        }
        graphs
    }
}

/// Groups of names that all reach each other.
fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        graph.keys().map(|name| (name, reachable(graph, name))).collect();
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for (name, others) in &reached {
        if circles.iter().any(|circle| circle.contains(*name)) || !others.contains(*name) {
            continue;
        }
        let back = |other: &&&String| reached.get(**other).is_some_and(|own| own.contains(*name));
        circles.push(others.iter().filter(back).map(|other| (*other).clone()).collect());
    }
    circles
}

fn reachable<'a>(graph: &'a Graph, from: &String) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&String> = graph.get(from).into_iter().flat_map(BTreeMap::keys).collect();
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(graph.get(name).into_iter().flat_map(BTreeMap::keys));
        }
    }
    reached
}

/// Which module of a circle uses which, and where.
fn describe(graph: &Graph, circle: &BTreeSet<String>) -> String {
    let mut steps = Vec::new();
    for from in circle {
        for (to, place) in graph.get(from).into_iter().flatten() {
            if circle.contains(to) {
                steps.push(format!("{from} uses {to} ({place})"));
            }
        }
    }
    steps.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::sources::tests::sources;
    use super::*;

    fn breaches(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<(String, &str)> =
            files.iter().map(|(path, text)| (format!("crates/a/src/{path}"), *text)).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), *t)).collect();
        check(&sources(&files))
    }

    #[test]
    fn circles_are_found() {
        for files in [
            &[("b.rs", "use crate::c::C;"), ("c.rs", "fn f() { crate::b::g() }")][..],
            // Through a name that the root passes on.
            &[
                ("lib.rs", "mod b;\nmod c;\npub use b::B;"),
                ("b.rs", "use super::c;"),
                ("c.rs", "use crate::{B, Other};"),
            ],
            // Three of them, and one of them by a module below it.
            &[
                ("b.rs", "use crate::c::{self, C};"),
                ("c.rs", "use crate::d::D;"),
                ("d.rs", "mod e;"),
                ("d/e.rs", "use crate::b::B;"),
            ],
            // Side by side below another.
            &[("b.rs", "mod c;"), ("b/c.rs", "use super::d::D;"), ("b/d.rs", "use super::c::C;")],
        ] {
            let breaches = breaches(files);
            assert_eq!(breaches.len(), 1, "{files:?}: {breaches:?}");
            assert!(breaches[0].contains("c uses"), "{breaches:?}");
        }
    }

    #[test]
    fn what_is_no_circle() {
        for files in [
            // A module and those below it.
            &[("b.rs", "mod c;\nuse c::C;"), ("b/c.rs", "use super::B;\nuse crate::b::D;")][..],
            &[("b.rs", "use crate::c::C;"), ("c.rs", "use std::b::B;\nuse burn::b::B;")],
            &[
                ("b.rs", "use crate::c::C;"),
                ("c.rs", "#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}"),
            ],
            &[("lib.rs", "mod b;\npub struct A;"), ("b.rs", "use crate::A;")],
        ] {
            assert_eq!(breaches(files), [""; 0], "{files:?}");
        }
    }
}
