//! Voices and faces that occur in a set more than once, found by their hashes.

use std::collections::HashMap;

use s2f_core::hash::{Digest, Sha256, sha256};
use s2f_pairs::{PairInfo, PairSet, Split};
use serde::Serialize;

use crate::CorpusError;

/// Groups that are listed, and pairs of each that are named.
const EXAMPLES: usize = 5;

/// What occurs in a set more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Duplicates {
    /// Number of groups of pairs with the same bytes.
    pub groups: usize,
    /// Number of pairs in these groups.
    pub pairs: usize,
    /// Groups with more than one speaker: one of the names is wrong.
    pub across_speakers: usize,
    /// Groups with more than one split: a leak from training into evaluation.
    pub across_splits: usize,
    /// Some groups, the worst first.
    pub examples: Vec<Duplicate>,
}

/// Pairs with the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// SHA-256 of the bytes, as in the pairs.
    pub sha256: String,
    /// Pairs with them.
    pub pairs: usize,
    /// Whether they are of more than one speaker.
    pub across_speakers: bool,
    /// Whether they are in more than one split.
    pub across_splits: bool,
    /// The first of them, as `pair_id`s.
    pub pair_ids: Vec<String>,
}

/// Finds pairs with the same hash.
pub(super) struct Finder {
    hash_of: fn(&PairInfo) -> &str,
    /// The hash of no bytes.
    of_nothing: String,
    seen: HashMap<[u8; 16], Seen>,
    rows: u64,
}

/// The pairs with one hash.
struct Seen {
    first_row: u64,
    pairs: u32,
    person: u32,
    split: Split,
    across_speakers: bool,
    across_splits: bool,
}

impl Finder {
    pub(super) fn new(hash_of: fn(&PairInfo) -> &str) -> Self {
        Self { hash_of, of_nothing: sha256(b""), seen: HashMap::new(), rows: 0 }
    }

    pub(super) fn add(&mut self, info: &PairInfo, person: u32) {
        self.rows += 1;
        // Pairs may be stored without faces.
        if (self.hash_of)(info) == self.of_nothing {
            return;
        }
        let seen = self.seen.entry(key((self.hash_of)(info))).or_insert(Seen {
            first_row: self.rows,
            pairs: 0,
            person,
            split: info.split,
            across_speakers: false,
            across_splits: false,
        });
        seen.pairs += 1;
        seen.across_speakers |= seen.person != person;
        seen.across_splits |= seen.split != info.split;
    }

    /// The worst groups, still without the names of their pairs.
    fn worst(&self) -> Vec<([u8; 16], Duplicate)> {
        let mut groups: Vec<_> = self.seen.iter().filter(|(_, seen)| seen.pairs > 1).collect();
        groups.sort_unstable_by_key(|(_, seen)| {
            (!seen.across_splits, !seen.across_speakers, seen.first_row)
        });
        let describe = |(key, seen): (&[u8; 16], &Seen)| {
            let group = Duplicate {
                sha256: String::new(),
                pairs: seen.pairs as usize,
                across_speakers: seen.across_speakers,
                across_splits: seen.across_splits,
                pair_ids: Vec::new(),
            };
            (*key, group)
        };
        groups.into_iter().take(EXAMPLES).map(describe).collect()
    }
}

/// What was found. If there are duplicates, the set is read again for the names of some pairs.
pub(super) fn describe<const N: usize>(
    set: &PairSet,
    finders: [Finder; N],
) -> Result<[Duplicates; N], CorpusError> {
    let mut worst = finders.each_ref().map(Finder::worst);
    if worst.iter().any(|groups| !groups.is_empty()) {
        for info in set.infos(None) {
            let info = info?;
            for (finder, groups) in finders.iter().zip(&mut worst) {
                let hash = (finder.hash_of)(&info);
                let key = key(hash);
                if let Some((_, group)) = groups.iter_mut().find(|(other, _)| *other == key)
                    && group.pair_ids.len() < EXAMPLES
                {
                    hash.clone_into(&mut group.sha256);
                    group.pair_ids.push(info.pair_id.clone());
                }
            }
        }
    }
    let mut examples = worst.into_iter();
    Ok(finders.map(|finder| {
        let groups = || finder.seen.values().filter(|seen| seen.pairs > 1);
        Duplicates {
            groups: groups().count(),
            pairs: groups().map(|seen| seen.pairs as usize).sum(),
            across_speakers: groups().filter(|seen| seen.across_speakers).count(),
            across_splits: groups().filter(|seen| seen.across_splits).count(),
            examples: examples.next().into_iter().flatten().map(|(_, group)| group).collect(),
        }
    }))
}

/// Half of the hash of a hash: half the memory, and the same for any text in the column.
fn key(hash: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&Sha256::digest(hash)[..16]);
    key
}
