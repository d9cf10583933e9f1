//! Random assignments in which nobody is assigned to themselves (derangements): the control with
//! another person's voice.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// For each index of `groups`, another index of the same group: a random cycle through each group,
/// so every member is assigned once. `None` for those without a group or alone in theirs.
pub fn derange(groups: &[Option<u32>], seed: u64) -> Vec<Option<usize>> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (place, group) in groups.iter().enumerate() {
        if let Some(group) = group {
            members.entry(*group).or_default().push(place);
        }
    }
    let mut assigned = vec![None; groups.len()];
    for mut members in members.into_values().filter(|members| members.len() > 1) {
        for last in (1..members.len()).rev() {
            members.swap(last, random.random_range(0..=last));
        }
        for (place, &member) in members.iter().enumerate() {
            assigned[member] = Some(members[(place + 1) % members.len()]);
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_themselves_and_groups_stay_together() {
        let groups: Vec<Option<u32>> =
            (0..50).map(|n| if n == 7 { None } else { Some(n % 3) }).collect();
        let assigned = derange(&groups, 3);
        let mut seen = [false; 50];
        for (place, other) in assigned.iter().enumerate() {
            match other {
                Some(other) => {
                    assert!(*other != place && groups[*other] == groups[place]);
                    assert!(!std::mem::replace(&mut seen[*other], true));
                }
                None => assert_eq!(place, 7),
            }
        }
        assert_eq!(derange(&[Some(1), Some(2)], 0), [None, None]);
    }
}
