//! The rank of the right answer in a search; recall at K and one of N follow in closed form.

/// Result of a search: how many other items came before the right one.
///
/// Items at the same distance are in random order, and every score is the expectation over that
/// order. So a model that gives everybody the same answer scores exactly at chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rank {
    /// Other items that were closer than the right one.
    pub closer: u32,
    /// Other items at the same distance as the right one.
    pub ties: u32,
    /// All other items of the gallery.
    pub others: u32,
}

impl Rank {
    /// Rank of the right item, from 1; the mean of the ranks that it shares with ties.
    pub fn place(self) -> f64 {
        f64::from(self.closer) + 1.0 + f64::from(self.ties) / 2.0
    }

    /// Size of the gallery, the right item included.
    pub fn gallery(self) -> usize {
        self.others as usize + 1
    }

    /// Probability (0 to 1) that the right item is among the first `k`.
    pub fn within(self, k: usize) -> f64 {
        let free = k as f64 - f64::from(self.closer);
        (free / (f64::from(self.ties) + 1.0)).clamp(0.0, 1.0)
    }

    /// The same if the order is random.
    pub fn chance_within(self, k: usize) -> f64 {
        (k as f64 / self.gallery() as f64).min(1.0)
    }

    /// Probability (0 to 1) that the right item is the closest of `n`, if the `n` - 1 others are
    /// drawn at random from the gallery; `None` if the gallery has fewer.
    ///
    /// The mean over all choices of others, in closed form: with f others farther away, t at the
    /// same distance and o in all, the sum over j of C(t, j) · C(f, n-1-j) / C(o, n-1) / (1 +
    /// j) (hypergeometric).
    pub fn best_of(self, n: usize) -> Option<f64> {
        let Self { closer, ties, others } = self;
        let drawn = n.checked_sub(1)?;
        if drawn > others as usize {
            return None;
        }
        let farther = others - closer - ties;
        // Quotients of binomials, factor by factor: none of the factors is large.
        let chance = (0..=drawn.min(ties as usize)).map(|j| {
            let mut share = 1.0;
            for i in 0..drawn {
                // Drawing the i-th of the others: the first j come from the ties.
                let left = if i < j {
                    f64::from(ties) - i as f64
                } else {
                    f64::from(farther) - (i - j) as f64
                };
                share *= left.max(0.0) / (f64::from(others) - i as f64);
            }
            // In any order of ties and farther ones.
            share * choose(drawn, j) / (1.0 + j as f64)
        });
        Some(chance.sum())
    }
}

fn choose(n: usize, k: usize) -> f64 {
    (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every choice of `n` - 1 others, one by one; ties share the first rank.
    fn brute_best_of(rank: Rank, n: usize) -> f64 {
        let others: Vec<i8> = (0..rank.others)
            .map(|i| match i {
                i if i < rank.closer => 1,
                i if i < rank.closer + rank.ties => 0,
                _ => -1,
            })
            .collect();
        let (mut sum, mut count) = (0.0, 0.0);
        for mask in 0_u32..1 << others.len() {
            if mask.count_ones() as usize == n - 1 {
                let chosen = || (0..others.len()).filter(|i| mask >> i & 1 == 1).map(|i| others[i]);
                let ties = chosen().filter(|&other| other == 0).count() as f64;
                count += 1.0;
                sum += if chosen().any(|other| other > 0) { 0.0 } else { 1.0 / (1.0 + ties) };
            }
        }
        sum / count
    }

    #[test]
    fn one_of_n_is_the_mean_over_every_choice() {
        for (closer, ties, others) in
            [(0, 0, 9), (3, 0, 9), (2, 4, 9), (0, 9, 9), (9, 0, 9), (1, 1, 4)]
        {
            let rank = Rank { closer, ties, others };
            for n in 1..=others as usize + 1 {
                let expected = brute_best_of(rank, n);
                assert!((rank.best_of(n).unwrap() - expected).abs() < 1e-12, "{rank:?} {n}");
            }
            assert_eq!(rank.best_of(others as usize + 2), None);
        }
    }

    #[test]
    fn the_same_answer_for_everybody_scores_at_chance() {
        let rank = Rank { closer: 0, ties: 99, others: 99 };
        for k in [1, 5, 10, 200] {
            assert!((rank.within(k) - rank.chance_within(k)).abs() < 1e-12);
        }
        assert!((rank.best_of(10).unwrap() - 0.1).abs() < 1e-12);
        assert_eq!(rank.place(), 50.5);
    }

    #[test]
    fn ranks_and_recalls_by_hand() {
        let rank = Rank { closer: 2, ties: 1, others: 9 };
        assert_eq!((rank.place(), rank.gallery()), (3.5, 10));
        assert_eq!([1, 2, 3, 4].map(|k| rank.within(k)), [0.0, 0.0, 0.5, 1.0]);
    }
}
