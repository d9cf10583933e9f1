//! What intervals of shares promise: enough coverage, and never a width of zero.
//!
//! Coverage is not simulated but enumerated: for small samples every outcome can be listed, with
//! its binomial probability.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::{Bootstrap, SumAndCount};

const DRAWS: usize = 400;
/// True shares that are tried.
const SHARES: [f64; 13] =
    [0.01, 0.03, 0.07, 0.12, 0.2, 0.33, 0.5, 0.64, 0.77, 0.86, 0.92, 0.97, 0.995];

/// Speakers with one pair each, the first `hits` of them right.
fn speakers(hits: usize, count: usize) -> Vec<SumAndCount> {
    (0..count).map(|speaker| [f64::from(u8::from(speaker < hits)), 1.0]).collect()
}

/// Probability of `hits` of `count`.
fn binomial(hits: usize, count: usize, share: f64) -> f64 {
    let choose: f64 = (0..hits).map(|i| (count - i) as f64 / (i + 1) as f64).product();
    choose * share.powi(hits as i32) * (1.0 - share).powi((count - hits) as i32)
}

fn covers([low, high]: [f64; 2], truth: f64) -> bool {
    (low - 1e-12..=high + 1e-12).contains(&truth)
}

#[test]
fn a_share_is_covered_in_95_of_100_samples_however_small() {
    for count in [1, 2, 3, 5, 7, 12, 19] {
        let bootstrap = Bootstrap::new(count, DRAWS, 1);
        let intervals: Vec<[f64; 2]> = (0..=count)
            .map(|hits| bootstrap.share(&speakers(hits, count)).unwrap().interval)
            .collect();
        for share in SHARES {
            let covered: f64 = (0..=count)
                .filter(|&hits| covers(intervals[hits], share))
                .map(|hits| binomial(hits, count, share))
                .sum();
            assert!(covered >= 0.95, "{share} of {count}: {covered}");
        }
    }
}

#[test]
fn balanced_accuracy_is_covered_in_92_of_100_samples_of_the_smallest_classes_and_95_of_larger_ones()
{
    for (women, men, least) in
        [(1, 6, 0.92), (2, 2, 0.92), (3, 4, 0.92), (2, 5, 0.92), (6, 6, 0.95), (10, 7, 0.95)]
    {
        let bootstrap = Bootstrap::new(women + men, DRAWS, 1);
        let interval = |women_right: usize, men_right: usize| {
            let nobody = |count: usize| vec![[0.0; 2]; count];
            let classes = [
                [speakers(women_right, women), nobody(men)].concat(),
                [nobody(women), speakers(men_right, men)].concat(),
            ];
            bootstrap.balanced(&classes).unwrap().interval
        };
        let intervals: Vec<Vec<[f64; 2]>> =
            (0..=women).map(|w| (0..=men).map(|m| interval(w, m)).collect()).collect();
        let (mut sum, mut count) = (0.0, 0.0);
        for p in SHARES {
            for q in SHARES {
                let mut covered = 0.0;
                for (w, row) in intervals.iter().enumerate() {
                    for (m, &interval) in row.iter().enumerate() {
                        if covers(interval, (p + q) / 2.0) {
                            covered += binomial(w, women, p) * binomial(m, men, q);
                        }
                    }
                }
                assert!(covered >= least, "{p} of {women} and {q} of {men}: {covered}");
                sum += covered;
                count += 1.0;
            }
        }
        assert!(sum / count >= 0.95, "{women} and {men}: {}", sum / count);
    }
}

#[test]
fn a_difference_of_two_models_is_covered_in_93_of_100_samples() {
    for count in [2, 4, 7, 12] {
        let bootstrap = Bootstrap::new(count, DRAWS, 1);
        // Speakers for whom only the other model is right, and those for whom only this one is.
        let interval = |better: usize, worse: usize| {
            let other = speakers(better, count);
            let mut own = speakers(0, count);
            own[better..better + worse].iter_mut().for_each(|sums| sums[0] = 1.0);
            bootstrap.difference_of_shares(&other, &own).unwrap().interval
        };
        for (p, q) in [(0.02, 0.02), (0.2, 0.05), (0.3, 0.3), (0.5, 0.1), (0.9, 0.05), (0.05, 0.6)]
        {
            let mut covered = 0.0;
            for better in 0..=count {
                for worse in 0..=count - better {
                    let chance =
                        binomial(better, count, p) * binomial(worse, count - better, q / (1.0 - p));
                    if covers(interval(better, worse), p - q) {
                        covered += chance;
                    }
                }
            }
            assert!(covered >= 0.93, "{p} and {q} of {count}: {covered}");
        }
    }
}

/// An interval of a share, which must be a real one around the share.
#[track_caller]
fn check([low, high]: [f64; 2], value: f64, [least, most]: [f64; 2], what: &dyn std::fmt::Debug) {
    assert!(low < high, "{what:?}: [{low}, {high}]");
    assert!(least - 1e-12 <= low && high <= most + 1e-12, "{what:?}: [{low}, {high}]");
    assert!(low <= value + 1e-12 && value <= high + 1e-12, "{what:?}: {value} in [{low}, {high}]");
}

fn total(sums: &[SumAndCount]) -> f64 {
    let [sum, count] = sums.iter().fold([0.0; 2], |[a, b], [x, y]| [a + x, b + y]);
    sum / count
}

#[test]
fn no_interval_of_few_speakers_has_a_width_of_zero() {
    // All outcomes of up to four speakers with one or two pairs each, right, half right or wrong.
    let outcomes: [SumAndCount; 6] =
        [[0.0, 1.0], [1.0, 1.0], [0.0, 2.0], [1.0, 2.0], [2.0, 2.0], [0.5, 1.0]];
    for count in 1..=4_usize {
        let bootstrap = Bootstrap::new(count, 100, 0);
        for number in 0..outcomes.len().pow(count as u32) {
            let of = |speaker: usize| outcomes[number / outcomes.len().pow(speaker as u32) % 6];
            let sums: Vec<SumAndCount> = (0..count).map(of).collect();
            let share = bootstrap.share(&sums).unwrap();
            check(share.interval, total(&sums), [0.0, 1.0], &sums);
            assert!(share.standard_error > 0.0, "{sums:?}");
            for own in [vec![[1.0, 1.0]; count], vec![[0.0, 1.0]; count], sums.clone()] {
                let found = bootstrap.difference_of_shares(&sums, &own).unwrap();
                assert!(found.interval[0] < found.interval[1], "{sums:?} {own:?}");
            }
        }
    }
}

#[test]
fn no_interval_of_random_samples_has_a_width_of_zero() {
    let mut random = SmallRng::seed_from_u64(7);
    for round in 0..3000_u64 {
        let count = random.random_range(1..60_usize);
        let bootstrap = Bootstrap::new(count, 100, round);
        let share = [0.0, 0.02, 0.5, 0.98, 1.0][random.random_range(0..5)];
        // Shares that are whole, shares in between (ties), and the same one for everybody.
        let kind = random.random_range(0..3);
        let same: f64 = random.random();
        let mut sums: Vec<SumAndCount> = Vec::new();
        for _ in 0..count {
            let pairs =
                f64::from(random.random_range(1..4_u32) * random.random_range(1..9_u32).pow(2));
            let hit = f64::from(u8::from(random.random_bool(share)));
            sums.push(match kind {
                0 => [hit * pairs, pairs],
                1 => [random.random::<f64>() * pairs, pairs],
                _ => [same * pairs, pairs],
            });
        }
        let found = bootstrap.share(&sums).unwrap();
        check(found.interval, total(&sums), [0.0, 1.0], &sums);

        let classes = random.random_range(1..5_usize);
        let mut by_class = vec![vec![[0.0; 2]; count]; classes];
        sums.iter().enumerate().for_each(|(s, sum)| by_class[s % classes][s] = *sum);
        let balanced = bootstrap.balanced(&by_class);
        assert_eq!(balanced.is_some(), count >= classes);
        if let Some(balanced) = balanced {
            let value = by_class.iter().map(|sums| total(sums)).sum::<f64>() / classes as f64;
            check(balanced.interval, value, [0.0, 1.0], &by_class);
        }
        let rotated: Vec<SumAndCount> = sums
            .iter()
            .zip(sums.iter().cycle().skip(1))
            .map(|([_, n], [sum, count])| [sum / count * n, *n])
            .collect();
        let found = bootstrap.difference_of_shares(&sums, &rotated).unwrap();
        check(found.interval, total(&sums) - total(&rotated), [-1.0, 1.0], &sums);
    }
}
