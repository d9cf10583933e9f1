//! Reading voices and faces of the pairs that are evaluated.

use s2f_pairs::{Pair, PairSet, PairsError, Payload, Rows};

use crate::EvalError;
use crate::items::{Item, Items};
use crate::options::PairSelection;

/// Reads the voices, faces or features of pairs that are evaluated, row by row.
pub(crate) struct PairLoader<'a> {
    set: &'a PairSet,
    selection: PairSelection,
    items: &'a Items,
    payload: Payload,
    /// The row group that was read last, and its rows.
    open: Option<(usize, Rows<'a, Pair>)>,
}

impl<'a> PairLoader<'a> {
    pub(crate) fn new(
        set: &'a PairSet,
        selection: PairSelection,
        items: &'a Items,
        payload: Payload,
    ) -> Self {
        Self { set, selection, items, payload, open: None }
    }

    /// The pairs at these indices. Fast if the indices ascend.
    pub(crate) fn load(&mut self, indices: &[usize]) -> Result<Vec<Pair>, EvalError> {
        indices.iter().map(|&index| self.one(&self.items.items[index])).collect()
    }

    fn one(&mut self, item: &Item) -> Result<Pair, EvalError> {
        let found = |pair: &Result<Pair, PairsError>| {
            pair.as_ref().map_or(true, |pair| pair.info.pair_id == item.info.pair_id)
        };
        if let Some((group, rows)) = &mut self.open
            && *group == item.group
            && let Some(pair) = rows.find(found)
        {
            return Ok(pair?);
        }
        let mut rows = self.set.group(item.group, self.payload, self.selection.split());
        let pair = rows.find(found);
        self.open = Some((item.group, rows));
        // It existed when the pairs were chosen.
        let changed = || PairsError::Changed { path: self.set.path().to_owned() };
        Ok(pair.ok_or_else(changed)??)
    }
}
