//! Which parameter is which. An optimizer keeps its moments by numbers that parameters draw anew in
//! each process; a checkpoint keeps those numbers by the parameters' names.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

/// The numbers of all float parameters by name.
pub(super) fn ids<M: Module>(module: &M) -> BTreeMap<String, u64> {
    let mut reader = Reader { place: Vec::new(), ids: BTreeMap::new() };
    module.visit(&mut reader);
    reader.ids
}

/// The module with other numbers for its parameters; those that `ids` does not name keep theirs.
pub(super) fn with_ids<M: Module>(module: M, ids: &BTreeMap<String, u64>) -> M {
    module.map(&mut Writer { place: Vec::new(), ids })
}

struct Reader {
    place: Vec<String>,
    ids: BTreeMap<String, u64>,
}

impl ModuleVisitor for Reader {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.place.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.place.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.ids.insert(self.place.join("."), param.id.val());
    }
}

struct Writer<'a> {
    place: Vec<String>,
    ids: &'a BTreeMap<String, u64>,
}

impl ModuleMapper for Writer<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.place.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.place.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = self.ids.get(&self.place.join("."));
        let (own, tensor, mapper) = param.consume();
        Param::from_mapped_value(id.map_or(own, |&id| ParamId::from(id)), tensor, mapper)
    }
}
