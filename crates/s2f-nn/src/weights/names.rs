//! Whose names are which: the parameters of a network, what a foreign file calls them, and the
//! pairing of the two.

mod vgg_face;

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

use super::WeightsError;
use super::error::list;
use super::safetensors::Place;

pub(super) use vgg_face::layouts as vgg_face_layouts;

/// PyTorch's counters of batches: neither written nor required.
const COUNTER: &str = ".num_batches_tracked";

/// What another program calls the parameters of a network.
///
/// An entry names a tensor, or a module: then it holds for everything below it. Names without an
/// entry are the same on both sides.
#[derive(Debug, Clone, Default)]
pub struct KeyMap(BTreeMap<String, String>);

impl KeyMap {
    /// Their names, each with ours; an empty one leaves the tensor or module out.
    pub fn new(entries: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(entries.into_iter().collect())
    }

    /// Our name for theirs: `None` where it is left out; and the entry that says so.
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
        place: Place,
        found: Vec<(String, Vec<usize>)>,
    }
    impl ModuleVisitor for Lister {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.place.enter(name, container);
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.place.leave();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            // The shape alone: random numbers that were still to be drawn stay undrawn.
            let mut shape = param.lazy_shape().to_vec();
            if self.place.is_swapped() {
                shape.swap(0, 1);
            }
            self.found.push((self.place.name(), shape));
        }
    }
    let mut lister = Lister { place: Place::default(), found: Vec::new() };
    network.visit(&mut lister);
    lister.found
}

/// For each of our names the one in the file.
///
/// # Errors
/// [`WeightsError::KeyMap`] for an entry that names nothing, or two tensors with one place;
/// [`WeightsError::Names`] for what is missing or surplus.
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
    let is_place = |ours: &str| {
        ours.is_empty()
            || known.iter().any(|name| {
                name.strip_prefix(ours).is_some_and(|r| r.is_empty() || r.starts_with('.'))
            })
    };
    let nowhere: Vec<String> = map.0.values().filter(|ours| !is_place(ours)).cloned().collect();
    if !nowhere.is_empty() {
        return wrong(format!("the network has no {}", list(&nowhere)));
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

/// The layout that gives most of a file's tensors a place; the first of equals.
pub(super) fn nearest<'a>(
    theirs: &[&str],
    ours: &[(String, Vec<usize>)],
    layouts: &'a [(&'static str, KeyMap)],
) -> Option<&'a (&'static str, KeyMap)> {
    let known: BTreeSet<&str> = ours.iter().map(|(name, _)| name.as_str()).collect();
    let hits = |map: &KeyMap| {
        let places = theirs.iter().filter_map(|name| map.translate(name).0);
        places.filter(|name| known.contains(name.as_str())).count()
    };
    // `max_by_key` gives the last of equals.
    layouts.iter().rev().max_by_key(|(_, map)| hits(map))
}

/// What training keeps in a file beside the weights, by the start of its name.
const OF_TRAINING: [&str; 7] = ["optim", "sched", "lr_", "scaler", "rng", "cuda_rng", "ema"];
/// Dictionaries and classes that stand around a network's weights.
const WRAPPERS: [&str; 8] =
    ["state_dict", "model_state_dict", "weights", "model", "net", "network", "module", "_orig_mod"];

/// The names that belong to the network, each with what is left of it without the wrappers around
/// all of them, and what was taken off or left out, in words.
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
        notes.push(format!("left out {} tensors of the training's own", names.len() - kept.len()));
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
        notes.push(format!("took {wrapper}. off the names"));
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
    fn entries_hold_for_tensors_and_for_modules() {
        let map = map(&[("x", "a"), ("y.deep", "b"), ("y.deep.1", "b.0"), ("z", "")]);
        let theirs =
            ["x.weight", "x.bias", "y.deep.1.weight", "y.deep.1.num_batches_tracked", "z.w"];
        // The shorter entry is never the one that holds here.
        let problem = paired(&theirs, &ours(), &map).unwrap_err().to_string();
        assert!(problem.starts_with("key map: the file has no y.deep;"), "{problem}");
        let mut map = map;
        map.0.remove("y.deep");
        let pairs = paired(&theirs, &ours(), &map).unwrap();
        assert_eq!(pairs["b.0.weight"], "y.deep.1.weight");
        assert_eq!(pairs.len(), 3);
    }

    #[test]
    fn what_does_not_fit_is_named_and_counted() {
        let check = |theirs: &[&str], map: &KeyMap, message: &str| {
            let problem = paired(theirs, &ours(), map).unwrap_err().to_string();
            assert!(problem.starts_with(message), "{problem}");
        };
        let whole = ["a.weight", "a.bias", "b.0.weight"];
        check(&[], &map(&[]), "no weights for a.weight, a.bias, b.0.weight; hint: ");
        check(
            &["a.weight", "a.bias", "b.w", "q", "r", "s", "t"],
            &map(&[]),
            "no weights for b.0.weight, and no place for b.w, q, r and 2 more; hint: ",
        );
        check(&whole, &map(&[("a", "c")]), "key map: the network has no c;");
        check(&whole, &map(&[("a.weight", "a.bias")]), "key map: a.weight and a.bias both become");
        check(&whole, &map(&[("a.bias", "")]), "no weights for a.bias;");
    }

    #[test]
    fn wrappers_come_off_and_what_training_keeps_is_left_out() {
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
