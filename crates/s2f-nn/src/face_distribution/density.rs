//! The density of a mixture at a batch of features, differentiably.

use burn::tensor::Tensor;

use super::gaussian::LN_TAU;

/// The mixtures of a batch of voices, or one for all of them.
pub(super) struct Mixtures {
    /// Logarithms of the weights, `[K, batch or 1]`.
    pub log_weights: Tensor<2>,
    /// `[K, batch or 1, D]`
    pub means: Tensor<3>,
    /// Variances of the factors in the metric of the noise, s², `[K, batch or 1, R]`.
    pub scales: Tensor<3>,
    /// Variances of the noise, σ², `[K, 1, D]`.
    pub noise: Tensor<3>,
    /// The factors in the metric of the noise, orthonormal on the identity, `[K, R, D]`.
    pub basis: Tensor<3>,
    /// Number of traits, T: the last dimensions.
    pub traits: usize,
}

impl Mixtures {
    /// Natural logarithm of the density of the known part of each feature; everything is known if
    /// `known` is `None`.
    ///
    /// # Shapes
    /// - `feature`: `[batch, D]`
    /// - `known`: `[batch, 1 + T]`: 1 where the identity and each of the traits is known, else 0
    /// - output: `[batch]`
    pub fn log_density(self, feature: Tensor<2>, known: Option<Tensor<2>>) -> Tensor<1> {
        let Self { log_weights, means, scales, noise, basis, traits } = self;
        let [batch, dimension] = feature.dims();
        let identity = dimension - traits;
        let known = known.unwrap_or_else(|| Tensor::ones([batch, 1 + traits], &feature.device()));
        let has_identity = known.clone().narrow(1, 0, 1).unsqueeze::<3>(); // [1, batch, 1]
        let whitened = (feature.unsqueeze::<3>() - means) / noise.clone().sqrt(); // [K, batch, D]
        let log_noise = noise.log(); // [K, 1, D]

        let directions = basis.clone().narrow(2, 0, identity); // [K, R, D - T]
        let of_identity = whitened.clone().narrow(2, 0, identity); // [K, batch, D - T]
        let of_identity = keep(of_identity, has_identity.clone());
        let along = of_identity.clone().matmul(directions.clone().transpose()); // [K, batch, R]
        // A sum of squares, so that nothing cancels: outside the factors, and along each of them.
        let outside = of_identity - along.clone().matmul(directions); // [K, batch, D - T]
        let spread = scales.clone() + 1.0; // [K, batch or 1, R]
        let inside = along.clone().square() / spread.clone();
        let squares = outside.square().sum_dim(2) + inside.sum_dim(2); // [K, batch, 1]
        let log_determinant =
            log_noise.clone().narrow(2, 0, identity).sum_dim(2) + spread.log().sum_dim(2);
        let constant = log_determinant + LN_TAU * identity as f64; // [K, batch or 1, 1]
        let mut total = squares + constant * has_identity.clone(); // [K, batch, 1]

        if traits > 0 {
            // Variances of the factors given the identity, if it is known.
            let left = scales.clone() / (scales * has_identity + 1.0); // [K, batch, R]
            let loadings = basis.narrow(2, identity, traits); // [K, R, T]
            let expected = (left.clone() * along).matmul(loadings.clone()); // [K, batch, T]
            let residual = whitened.narrow(2, identity, traits) - expected;
            let log_noise = log_noise.narrow(2, identity, traits); // [K, 1, T]
            let known = known.narrow(1, 1, traits).unsqueeze::<3>(); // [1, batch, T]
            let log_noise = ((log_noise + LN_TAU) * known.clone()).sum_dim(2);
            total = total + log_noise + conditional(residual, left, loadings, known);
        }
        let logs = log_weights - total.squeeze_dim::<2>(2) * 0.5; // [K, batch]
        let largest = logs.clone().detach().max_dim(0); // [1, batch]
        ((logs - largest.clone()).exp().sum_dim(0).log() + largest).squeeze_dim(0)
    }
}

/// `values` where `known` is not 0, else 0; also if they are not finite.
///
/// # Shapes
/// - `values`, output: `[K, batch, n]`
/// - `known`: `[1, batch, n or 1]`
fn keep(values: Tensor<3>, known: Tensor<3>) -> Tensor<3> {
    let unknown = known.equal_elem(0.0).expand(values.dims());
    values.mask_fill(unknown, 0.0)
}

/// yᵀ C⁻¹ y + ln det C over the known traits, for their covariance C = I + Lᵀ V L in the metric of
/// the noise, one trait given those before it.
///
/// # Shapes
/// - `residual`, y: `[K, batch, T]`
/// - `variances`, the diagonal of V: `[K, batch, R]`
/// - `loadings`, L: `[K, R, T]`
/// - `known`: `[1, batch, T]`
/// - output: `[K, batch, 1]`
fn conditional(
    residual: Tensor<3>,
    variances: Tensor<3>,
    loadings: Tensor<3>,
    known: Tensor<3>,
) -> Tensor<3> {
    let [_, _, traits] = residual.dims();
    let column = |tensor: &Tensor<3>, index: usize| tensor.clone().narrow(2, index, 1);
    let residual = keep(residual, known.clone());
    let mut rest: Vec<Tensor<3>> = (0..traits).map(|index| column(&residual, index)).collect();
    // The lower triangle of C: rows, then columns, each [K, batch, 1].
    let mut covariance: Vec<Vec<Tensor<3>>> = Vec::with_capacity(traits);
    for row in 0..traits {
        let entries = (0..=row).map(|other| {
            let products = column(&loadings, row) * column(&loadings, other); // [K, R, 1]
            let shared = variances.clone().matmul(products); // [K, batch, 1]
            let shared = shared * column(&known, row) * column(&known, other);
            if row == other { shared + 1.0 } else { shared }
        });
        covariance.push(entries.collect());
    }
    let mut total = residual.zeros_like().narrow(2, 0, 1);
    for pivot in 0..traits {
        let variance = covariance[pivot][pivot].clone();
        let own = rest[pivot].clone();
        total = total + own.clone().square() / variance.clone() + variance.clone().log();
        let factors: Vec<Tensor<3>> = (pivot + 1..traits)
            .map(|row| covariance[row][pivot].clone() / variance.clone())
            .collect();
        for (factor, row) in factors.iter().zip(pivot + 1..traits) {
            rest[row] = rest[row].clone() - factor.clone() * own.clone();
            let shared: Vec<Tensor<3>> = (pivot + 1..=row)
                .map(|other| factor.clone() * covariance[other][pivot].clone())
                .collect();
            let entries = covariance[row].iter_mut().skip(pivot + 1);
            entries.zip(shared).for_each(|(entry, shared)| *entry = entry.clone() - shared);
        }
    }
    total
}
