//! Why a distribution cannot be made or read.

/// Why a distribution cannot be made or read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DistributionError {
    /// A vector or mixture has another size than the distribution.
    #[error("{actual} values where the distribution has {expected}; hint: use one face space")]
    WrongLength {
        /// What was given.
        actual: usize,
        /// What the distribution has.
        expected: usize,
    },
    /// A value is not finite, or a variance not above 0.
    #[error(
        "the distribution has values that are not finite, or variances that are not above 0; \
         hint: the weights are damaged, or training diverged"
    )]
    NotFinite,
    /// A share of information that is not from 0 to 1.
    #[error("information is {value}; hint: use a value from 0 to 1")]
    Information {
        /// The value.
        value: f64,
    },
    /// The device could not compute or copy the values.
    #[error("the device failed: {0}; hint: try the CPU")]
    Device(String),
}
