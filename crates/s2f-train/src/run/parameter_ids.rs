//! Identifiers of parameters. An optimizer stores its moments by identifiers that are random in
//! each process; a checkpoint stores these identifiers by the names of the parameters.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use s2f_nn::weights::is_named;

/// The identifiers of all float parameters by name.
pub(super) fn ids<M: Module>(module: &M) -> BTreeMap<String, u64> {
    let mut collect = Collect { path: Path::default(), ids: BTreeMap::new() };
    module.visit(&mut collect);
    collect.ids
}

/// The module with other identifiers of its parameters; those that `ids` does not name keep theirs.
pub(super) fn with_ids<M: Module>(module: M, ids: &BTreeMap<String, u64>) -> M {
    module.map(&mut Replace { path: Path::default(), ids })
}

/// The steps to a parameter, and whether they are part of its name. Checkpoints have been written
/// with these names from the beginning.
#[derive(Default)]
struct Path(Vec<(String, bool)>);

impl Path {
    fn enter(&mut self, name: &str, container: &str) {
        self.0.push((name.to_owned(), is_named(name, container)));
    }

    fn name(&self) -> String {
        let named = self.0.iter().filter(|(_, is_named)| *is_named);
        named.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(".")
    }
}

struct Collect {
    path: Path,
    ids: BTreeMap<String, u64>,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.0.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.ids.insert(self.path.name(), param.id.val());
    }
}

struct Replace<'a> {
    path: Path,
    ids: &'a BTreeMap<String, u64>,
}

impl ModuleMapper for Replace<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.0.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = self.ids.get(&self.path.name());
        let (own, tensor, mapper) = param.consume();
        Param::from_mapped_value(id.map_or(own, |&id| ParamId::from(id)), tensor, mapper)
    }
}
