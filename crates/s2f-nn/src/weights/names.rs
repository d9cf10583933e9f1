//! Names of parameters: those of a network, those of a foreign file, and which belong together.

mod vgg_face;

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use serde::Deserialize;
pub(super) use vgg_face::layouts as vgg_face_layouts;

use super::WeightsError;
use super::error::list;
use super::safetensors::ModulePath;

/// PyTorch's counters of batches: neither written nor required.
const COUNTER: &str = ".num_batches_tracked";

/// The names that another program gives to the parameters of a network.
///
/// An entry translates a tensor's name, or a module's: then it applies to all tensors below it.
/// Names without an entry stay as they are.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct KeyMap(BTreeMap<String, String>);

impl KeyMap {
    /// Names in the file, each with the name in the network; an empty name leaves the tensor or
    /// module out.
    ///
    /// ```
    /// use s2f_nn::weights::KeyMap;
    ///
    /// let entries = [("cnn", "convolutions"), ("temperature", "")];
    /// let map = KeyMap::new(entries.map(|(file, network)| (file.into(), network.into())));
    /// ```
    pub fn new(entries: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(entries.into_iter().collect())
    }

    /// Our name for theirs, `None` if it is left out; and the entry that applied.
    fn translate<'a>(&'a self, theirs: &str) -> (Option<String>, Option<&'a str>) {
        // The longest entry is the most specific.
        let above = theirs.rmatch_indices('.').map(|(dot, _)| dot);
        for end in std::iter::once(theirs.len()).chain(above) {
            let (module, rest) = theirs.split_at(end);
            if let Some((entry, ours)) = self.0.get_key_value(module) {
                let ours = (!ours.is_empty()).then(|| format!("{ours}{rest}"));
                return (ours, Some(entry));
            }
        }
        (Some(theirs.to_owned()), None)
    }
}

/// Name and shape of every parameter and running statistic of a network, as PyTorch has them,
/// in the order of the network.
pub(super) fn parameters<M: Module>(network: &M) -> Vec<(String, Vec<usize>)> {
    struct Lister {
        path: ModulePath,
        found: Vec<(String, Vec<usize>)>,
    }
    impl ModuleVisitor for Lister {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.leave();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            // Reading the shape does not initialise a parameter.
            let mut shape = param.lazy_shape().to_vec();
            if self.path.is_transposed() {
                shape.swap(0, 1);
            }
            self.found.push((self.path.name(), shape));
        }
    }
    let mut lister = Lister { path: ModulePath::default(), found: Vec::new() };
    network.visit(&mut lister);
    lister.found
}

/// For each of our names the one in the file.
///
/// # Errors
/// [`WeightsError::KeyMap`] for an entry that names nothing, or two tensors with the same name;
/// [`WeightsError::Names`] for missing or unexpected tensors.
pub(super) fn paired(
    theirs: &[&str],
    ours: &[(String, Vec<usize>)],
    map: &KeyMap,
) -> Result<BTreeMap<String, String>, WeightsError> {
    let wrong = |reason: String| Err(WeightsError::KeyMap { reason });
    let mut pairs = BTreeMap::new();
    let mut entries: BTreeSet<&str> = map.0.keys().map(String::as_str).collect();
    for &name in theirs {
        let (translated, entry) = map.translate(name);
        if let Some(entry) = entry {
            entries.remove(entry);
        }
        let Some(translated) = translated.filter(|name| !name.ends_with(COUNTER)) else {
            continue;
        };
        if let Some(other) = pairs.insert(translated.clone(), name.to_owned()) {
            return wrong(format!("{other} and {name} both become {translated}"));
        }
    }
    if !entries.is_empty() {
        let entries: Vec<String> = entries.into_iter().map(str::to_owned).collect();
        return wrong(format!("the file has no {}", list(&entries)));
    }
    let known: BTreeSet<&str> = ours.iter().map(|(name, _)| name.as_str()).collect();
    let is_known = |ours: &str| {
        ours.is_empty()
            || known.iter().any(|name| {
                name.strip_prefix(ours).is_some_and(|r| r.is_empty() || r.starts_with('.'))
            })
    };
    let unknown: Vec<String> = map.0.values().filter(|ours| !is_known(ours)).cloned().collect();
    if !unknown.is_empty() {
        return wrong(format!("the network has no {}", list(&unknown)));
    }
    let missing: Vec<String> = ours
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !pairs.contains_key(*name))
        .cloned()
        .collect();
    let surplus: Vec<String> = pairs
        .iter()
        .filter(|(name, _)| !known.contains(name.as_str()))
        .map(|(_, theirs)| theirs.clone())
        .collect();
    if missing.is_empty() && surplus.is_empty() {
        Ok(pairs)
    } else {
        Err(WeightsError::Names { missing, surplus })
    }
}

/// The layout that translates most of a file's tensors to known names; the first of equals.
pub(super) fn nearest<'a>(
    theirs: &[&str],
    ours: &[(String, Vec<usize>)],
    layouts: &'a [(&'static str, KeyMap)],
) -> Option<&'a (&'static str, KeyMap)> {
    let known: BTreeSet<&str> = ours.iter().map(|(name, _)| name.as_str()).collect();
    let hits = |map: &KeyMap| {
        let names = theirs.iter().filter_map(|name| map.translate(name).0);
        names.filter(|name| known.contains(name.as_str())).count()
    };
    // `max_by_key` returns the last of equals.
    layouts.iter().rev().max_by_key(|(_, map)| hits(map))
}

/// First letters of the names of what training saves together with the weights.
const OF_TRAINING: [&str; 7] = ["optim", "sched", "lr_", "scaler", "rng", "cuda_rng", "ema"];
/// Dictionaries and classes that contain a network's weights.
const WRAPPERS: [&str; 9] = [
    "state_dict",
    "model_state_dict",
    "model_state",
    "weights",
    "model",
    "net",
    "network",
    "module",
    "_orig_mod",
];

/// The parts of a file that hold all parameters of a network, as prefixes of their names: the whole
/// file (""), a dictionary in it, or several.
pub(super) fn candidates(
    names: &[&str],
    ours: &[(String, Vec<usize>)],
    map: Option<&KeyMap>,
    layouts: &[(&'static str, KeyMap)],
) -> Vec<String> {
    /// State dictionaries are not deeper in a file.
    const MAX_DEPTH: usize = 4;
    let ends = |name: &str| {
        let dots = name.match_indices('.').take(MAX_DEPTH);
        dots.map(|(dot, _)| name[..dot].to_owned()).collect::<Vec<_>>()
    };
    let prefixes: BTreeSet<String> = names.iter().flat_map(|name| ends(name)).collect();
    let mut found: Vec<String> = Vec::new();
    for prefix in std::iter::once(String::new()).chain(prefixes) {
        let start = if prefix.is_empty() { 0 } else { prefix.len() + 1 };
        let inner = below(names, &prefix);
        let (short, _) = unwrapped(&inner.iter().map(|name| &name[start..]).collect::<Vec<_>>());
        let theirs: Vec<&str> = short.keys().map(String::as_str).collect();
        if theirs.len() < ours.len() {
            continue;
        }
        let same = KeyMap::default();
        let map = map.or(nearest(&theirs, ours, layouts).map(|(_, map)| map)).unwrap_or(&same);
        // A part of a candidate is the same one, without more wrappers.
        let is_inner =
            found.iter().any(|outer| outer.is_empty() || prefix.starts_with(&format!("{outer}.")));
        if !is_inner && paired(&theirs, ours, map).is_ok() {
            found.push(prefix);
        }
    }
    found
}

/// The names below a prefix.
pub(super) fn below<'n>(names: &[&'n str], prefix: &str) -> Vec<&'n str> {
    let is_below = |name: &str| match name.strip_prefix(prefix) {
        Some(rest) => prefix.is_empty() || rest.starts_with('.'),
        None => false,
    };
    names.iter().copied().filter(|name| is_below(name)).collect()
}

/// The names of the network's parameters, keyed without the wrappers that contain all of them, and
/// notes on what was removed or skipped.
pub(super) fn unwrapped(names: &[&str]) -> (BTreeMap<String, String>, Vec<String>) {
    let first = |name: &str| name.split_once('.').map(|(first, _)| first.to_owned());
    let of_training = |name: &str| {
        first(name).is_some_and(|first| OF_TRAINING.iter().any(|start| first.starts_with(start)))
    };
    let mut notes = Vec::new();
    let mut kept: Vec<(String, String)> = names
        .iter()
        .filter(|name| !of_training(name))
        .map(|name| ((*name).to_owned(), (*name).to_owned()))
        .collect();
    if kept.len() < names.len() && !kept.is_empty() {
        notes.push(format!("skipped {} tensors of the training", names.len() - kept.len()));
    }
    loop {
        let wrapper = kept.first().and_then(|(short, _)| first(short));
        let Some(wrapper) = wrapper.filter(|wrapper| {
            WRAPPERS.contains(&wrapper.as_str())
                && kept.iter().all(|(short, _)| first(short).as_ref() == Some(wrapper))
        }) else {
            break;
        };
        for (short, _) in &mut kept {
            short.drain(..=wrapper.len());
        }
        notes.push(format!("removed {wrapper}. from the names"));
    }
    (kept.into_iter().collect(), notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> KeyMap {
        KeyMap::new(entries.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())))
    }

    fn ours() -> Vec<(String, Vec<usize>)> {
        ["a.weight", "a.bias", "b.0.weight"].map(|name| (name.to_owned(), vec![1])).to_vec()
    }

    #[test]
    fn entries_apply_to_tensors_and_to_modules() {
        let map = map(&[("x", "a"), ("y.deep", "b"), ("y.deep.1", "b.0"), ("z", "")]);
        let theirs =
            ["x.weight", "x.bias", "y.deep.1.weight", "y.deep.1.num_batches_tracked", "z.w"];
        // The shorter entry never applies here.
        let problem = paired(&theirs, &ours(), &map).unwrap_err().to_string();
        assert!(problem.starts_with("key map: the file has no y.deep;"), "{problem}");
        let mut map = map;
        map.0.remove("y.deep");
        let pairs = paired(&theirs, &ours(), &map).unwrap();
        assert_eq!(pairs["b.0.weight"], "y.deep.1.weight");
        assert_eq!(pairs.len(), 3);
    }

    #[test]
    fn misfits_are_named_and_counted() {
        let check = |theirs: &[&str], map: &KeyMap, message: &str| {
            let problem = paired(theirs, &ours(), map).unwrap_err().to_string();
            assert!(problem.starts_with(message), "{problem}");
        };
        let whole = ["a.weight", "a.bias", "b.0.weight"];
        check(&[], &map(&[]), "no weights for a.weight, a.bias, b.0.weight; hint: ");
        check(
            &["a.weight", "a.bias", "b.w", "q", "r", "s", "t"],
            &map(&[]),
            "no weights for b.0.weight, and unexpected tensors b.w, q, r and 2 more; hint: ",
        );
        check(&whole, &map(&[("a", "c")]), "key map: the network has no c;");
        check(&whole, &map(&[("a.weight", "a.bias")]), "key map: a.weight and a.bias both become");
        check(&whole, &map(&[("a.bias", "")]), "no weights for a.bias;");
    }

    #[test]
    fn wrappers_are_removed_and_tensors_of_the_training_skipped() {
        let names = [
            "state_dict.module.conv.weight",
            "state_dict.module.model.bias",
            "optimizer_state_dict.state.0.exp_avg",
        ];
        let (kept, notes) = unwrapped(&names);
        assert_eq!(kept["conv.weight"], names[0]);
        assert_eq!(kept["model.bias"], names[1]);
        assert_eq!(kept.len(), 2);
        assert_eq!(notes.len(), 3, "{notes:?}");
        // A tensor of that name is no wrapper.
        let (kept, notes) = unwrapped(&["model", "weights"]);
        assert!(kept.len() == 2 && notes.is_empty());
    }

    #[test]
    fn each_layout_of_vgg_face_is_recognised() {
        let convs = ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3"];
        let convs = convs.into_iter().chain(["4_1", "4_2", "4_3", "5_1", "5_2", "5_3"]);
        let layers = convs.map(|conv| format!("conv{conv}"));
        let layers: Vec<String> = layers.chain(["fc6", "fc7", "fc8"].map(String::from)).collect();
        let ours: Vec<(String, Vec<usize>)> = layers
            .iter()
            .flat_map(|layer| ["weight", "bias"].map(|part| (format!("{layer}.{part}"), vec![1])))
            .collect();
        for (name, layout) in vgg_face_layouts() {
            let modules: Vec<String> = match layout.0.is_empty() {
                true => layers.clone(),
                false => layout.0.keys().cloned().collect(),
            };
            let mut theirs: Vec<String> = modules
                .iter()
                .flat_map(|module| ["weight", "bias"].map(|part| format!("{module}.{part}")))
                .collect();
            // Some layouts translate part of the names only.
            theirs.extend(ours.iter().map(|(name, _)| name.clone()).filter(|name| {
                let (layer, _) = name.split_once('.').unwrap();
                !layout.0.is_empty() && !layout.0.values().any(|ours| ours == layer)
            }));
            let theirs: Vec<&str> = theirs.iter().map(String::as_str).collect();
            let layouts = vgg_face_layouts();
            let (found, map) = nearest(&theirs, &ours, &layouts).unwrap();
            assert_eq!(*found, name);
            assert_eq!(paired(&theirs, &ours, map).unwrap().len(), 32, "{name}");
        }
    }
}
