//! Diversity of the predicted faces: always predicting an average woman or an average man would
//! already do well in many scores.

use burn::tensor::{Device, Tensor, TensorData};
use s2f_metrics::{Bootstrap, Vectors, dot};

use crate::context::Context;
use crate::groups::Control;
use crate::items::Items;
use crate::report::{Cell, Item, Section, Table, Unit};
use crate::scorer::Scorer;

pub(super) fn section(context: &Context<'_>, scorer: &mut Scorer<'_>) -> Section {
    let Context { items, voices, .. } = context;
    let by_sex = items.groups(Control::Sex);
    let everybody = vec![Some(0); items.len()];
    let mut rows = Vec::new();
    let mut section = Section {
        id: "diversity".into(),
        title: "Diversity of the predicted faces".into(),
        text: vec![
            "Spread is the root of the mean squared distance from the mean. Near 0 % of that of \
             the true faces, everybody gets the same face. Within each sex it is the distance \
             from the mean of that sex: if it is near 0 % there, but not overall, the model \
             distinguishes women and men and nothing else. Effective dimensions (the \
             participation ratio of the variances along all axes) measure in how many ways faces \
             differ."
                .into(),
        ],
        ..Section::default()
    };
    let spreads = |groups: &[Option<u32>]| {
        [voices, &items.faces].map(|rows| Within::of(rows, items, groups, scorer.bootstrap))
    };
    // Numerator and denominator of a share need the same pairs.
    let stated: Vec<Option<u32>> = by_sex.iter().map(|sex| sex.map(|_| 0)).collect();
    let within = by_sex.iter().any(Option::is_some).then(|| [spreads(&by_sex), spreads(&stated)]);
    let (everything, of_stated) = (size(items, &everybody), size(items, &by_sex));
    let overall = spread(context, scorer, "diversity/spread", voices, &everybody);
    rows.push((
        "spread, share of that of true faces".into(),
        vec![Cell::Value(overall), Cell::Empty],
    ));
    if let Some([within, all]) = &within {
        let id = spread(context, scorer, "diversity/spread/within-sex", voices, &by_sex);
        rows.push(("… within each sex".into(), vec![Cell::Value(id), Cell::Empty]));
        let mut cells = Vec::new();
        for (name, all, within) in
            [("predicted", &all[0], &within[0]), ("true", &all[1], &within[1])]
        {
            let share = |within: f64, all: f64| 100.0 * (1.0 - within / all);
            let draws = within.draws.iter().zip(&all.draws).map(|(w, a)| share(*w, *a)).collect();
            let value = share(within.value, all.value);
            let id = format!("diversity/explained-by-sex/{name}");
            let id = scorer.resampled(&id, Unit::Percent, value, draws, of_stated);
            cells.push(Cell::Value(id));
        }
        rows.push(("variance explained by sex".into(), cells));
    } else {
        section.notes.push("Sex is not stated, so the spread within each sex is unknown.".into());
    }
    let cells = [("predicted", voices), ("true", &items.faces)].map(|(name, rows)| {
        let value = effective_dimensions(rows);
        let id = format!("diversity/dimensions/{name}");
        Cell::Value(scorer.resampled(&id, Unit::Plain, value, Vec::new(), everything))
    });
    rows.push(("effective dimensions".into(), cells.into()));
    section.items.push(Item::Table(Table {
        title: "Spread of faces".into(),
        corner: String::new(),
        columns: ["predicted from voices", "true faces"].map(String::from).into(),
        rows,
        ..Table::default()
    }));
    section
}

/// Spread of predicted features within groups, in per cent of that of the true faces.
pub(super) fn spread(
    context: &Context<'_>,
    scorer: &mut Scorer<'_>,
    id: &str,
    voices: &Vectors,
    groups: &[Option<u32>],
) -> String {
    let items = context.items;
    // Voices that are too short for this length have no feature and are left out.
    let has_feature = |pair: usize| voices.row(pair).iter().all(|x| x.is_finite());
    let embedded: Vec<Option<u32>> =
        (0..items.len()).map(|pair| groups[pair].filter(|_| has_feature(pair))).collect();
    let nothing = vec![0.0; voices.dimension()];
    let rows =
        (0..items.len()).map(|pair| if has_feature(pair) { voices.row(pair) } else { &nothing });
    let voices = Vectors::from_rows(rows);
    let [predicted, truth] =
        [&voices, &items.faces].map(|rows| Within::of(rows, items, &embedded, scorer.bootstrap));
    let each = predicted.draws.iter().zip(&truth.draws);
    let draws = each.map(|(p, t)| 100.0 * (p / t).sqrt()).collect();
    let value = 100.0 * (predicted.value / truth.value).sqrt();
    scorer.resampled(id, Unit::Percent, value, draws, size(items, &embedded))
}

/// Number of pairs and of speakers that have a group.
fn size(items: &Items, groups: &[Option<u32>]) -> (usize, usize) {
    let has = |&pair: &usize| groups[pair].is_some();
    let speakers = items.of_speaker.iter().filter(|pairs| pairs.iter().any(&has));
    ((0..items.len()).filter(has).count(), speakers.count())
}

/// Mean squared distance from the mean of the group, over all pairs that have a group.
pub(crate) struct Within {
    pub(crate) value: f64,
    /// The same in each draw of speakers.
    pub(crate) draws: Vec<f64>,
}

impl Within {
    pub(crate) fn of(
        rows: &Vectors,
        items: &Items,
        groups: &[Option<u32>],
        bootstrap: &Bootstrap,
    ) -> Self {
        let mut numbers: Vec<u32> = groups.iter().flatten().copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let speakers = items.speakers.len();
        let rows = centred(rows);
        let (mut value, mut count) = (0.0, 0.0);
        let mut draws = Vec::new();
        for group in numbers {
            let mut sums = vec![0.0_f64; speakers * rows.dimension()];
            let mut squares = vec![[0.0; 2]; speakers];
            for (pair, item) in items.items.iter().enumerate() {
                if groups[pair] == Some(group) {
                    let row = rows.row(pair);
                    let sum = &mut sums[item.speaker * rows.dimension()..][..rows.dimension()];
                    sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
                    squares[item.speaker][0] += dot(row, row);
                    squares[item.speaker][1] += 1.0;
                }
            }
            let part = SpeakerSums { sums, squares, dimension: rows.dimension() };
            let (all, n) = part.total(&vec![1; speakers]);
            value += all;
            count += n;
            draws.push(part.draws(bootstrap));
        }
        let of_draw = |draw: usize| {
            let (sum, count) = draws
                .iter()
                .fold((0.0, 0.0), |(sum, count), d| (sum + d[draw].0, count + d[draw].1));
            sum / count
        };
        let number = draws.first().map_or(0, Vec::len);
        Self { value: value / count, draws: (0..number).map(of_draw).collect() }
    }
}

/// Sums over the pairs of each speaker in one group.
struct SpeakerSums {
    /// `[speakers, D]`
    sums: Vec<f64>,
    /// Sum of squares and number of pairs.
    squares: Vec<[f64; 2]>,
    dimension: usize,
}

impl SpeakerSums {
    /// Sum of squared distances from the mean, and number of pairs.
    fn total(&self, weights: &[u8]) -> (f64, f64) {
        let mut mean = vec![0.0; self.dimension];
        for (sum, &weight) in self.sums.chunks_exact(self.dimension).zip(weights) {
            mean.iter_mut().zip(sum).for_each(|(mean, x)| *mean += f64::from(weight) * x);
        }
        self.around(weights, mean.iter().map(|x| x * x).sum())
    }

    /// The same for every draw: the sums of all draws are one matrix product, on the CPU.
    fn draws(&self, bootstrap: &Bootstrap) -> Vec<(f64, f64)> {
        use rayon::iter::ParallelIterator;
        let speakers = self.squares.len();
        let weights: Vec<&[u8]> = bootstrap.draws().collect();
        let numbers: Vec<f32> = weights.concat().into_iter().map(f32::from).collect();
        let device = Device::flex();
        let matrix = |numbers: Vec<f32>, shape: [usize; 2]| {
            Tensor::<2>::from_data(TensorData::new(numbers, shape), &device)
        };
        let sums = self.sums.iter().map(|&x| x as f32).collect();
        let means = matrix(numbers, [weights.len(), speakers])
            .matmul(matrix(sums, [speakers, self.dimension])); // [draws, D]
        let lengths: Vec<f32> = means.square().sum_dim(1).into_data().iter().collect();
        weights
            .iter()
            .zip(lengths)
            .map(|(weights, length)| self.around(weights, f64::from(length)))
            .collect()
    }

    fn around(&self, weights: &[u8], square_of_sum: f64) -> (f64, f64) {
        let (mut squares, mut count) = (0.0, 0.0);
        for ([square, n], &weight) in self.squares.iter().zip(weights) {
            squares += f64::from(weight) * square;
            count += f64::from(weight) * n;
        }
        if count == 0.0 { (0.0, 0.0) } else { (squares - square_of_sum / count, count) }
    }
}

/// Rows minus their mean: if faces are nearly equal, the squares of uncentred rows would cancel.
fn centred(rows: &Vectors) -> Vectors {
    let mean: Vec<f32> = rows.mean().iter().map(|&x| x as f32).collect();
    rows.minus(&mean)
}

/// (Σλ)² / Σλ² of the eigenvalues λ of the covariance, from inner products of the centred rows.
pub(crate) fn effective_dimensions(rows: &Vectors) -> f64 {
    let centred = centred(rows);
    let shape = [centred.len(), centred.dimension()];
    let rows =
        Tensor::<2>::from_data(TensorData::new(centred.values().to_vec(), shape), &Device::flex());
    // The smaller of XᵀX and XXᵀ: both have the same eigenvalues except for zeros.
    let product = if shape[0] > shape[1] {
        rows.clone().transpose().matmul(rows)
    } else {
        rows.clone().matmul(rows.transpose())
    };
    let size = shape[0].min(shape[1]);
    let numbers: Vec<f32> = product.into_data().iter().collect();
    let trace: f64 = numbers.iter().step_by(size + 1).map(|&x| f64::from(x)).sum();
    let squares: f64 = numbers.iter().map(|&x| f64::from(x).powi(2)).sum();
    trace * trace / squares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_in_closed_form() {
        // For the corners of a square, two equal directions. For a flat rectangle,
        // (a + b)² / (a² + b²).
        let corners = |a: f32, b: f32| Vectors::new(vec![a, b, -a, b, a, -b, -a, -b], 2);
        assert!((effective_dimensions(&corners(1.0, 1.0)) - 2.0).abs() < 1e-6);
        let (a, b) = (9.0_f64, 1.0_f64);
        let expected = (a + b).powi(2) / (a * a + b * b);
        assert!((effective_dimensions(&corners(3.0, 1.0)) - expected).abs() < 1e-6);
    }
}
