//! Identifiers of parameters. An optimizer stores its moments by identifiers that are random in
//! each process; a checkpoint stores these identifiers by the names of the parameters.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

/// The identifiers of all float parameters by name.
pub(super) fn ids<M: Module>(module: &M) -> BTreeMap<String, u64> {
    let mut collect = Collect { path: Vec::new(), ids: BTreeMap::new() };
    module.visit(&mut collect);
    collect.ids
}

/// The module with other identifiers of its parameters; those that `ids` does not name keep theirs.
pub(super) fn with_ids<M: Module>(module: M, ids: &BTreeMap<String, u64>) -> M {
    module.map(&mut Replace { path: Vec::new(), ids })
}

struct Collect {
    path: Vec<String>,
    ids: BTreeMap<String, u64>,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.ids.insert(self.path.join("."), param.id.val());
    }
}

struct Replace<'a> {
    path: Vec<String>,
    ids: &'a BTreeMap<String, u64>,
}

impl ModuleMapper for Replace<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = self.ids.get(&self.path.join("."));
        let (own, tensor, mapper) = param.consume();
        Param::from_mapped_value(id.map_or(own, |&id| ParamId::from(id)), tensor, mapper)
    }
}
