//! What a voice encoder with a distribution of faces needs.

use s2f_nn::SegmentPooling;

use super::{check, equal};
use crate::TrainError;
use crate::config::{VoiceData, VoiceEncoderTraining};

impl VoiceEncoderTraining {
    /// Checks what needs no other file; sizes are checked with the face space.
    pub(super) fn check_distribution(&self) -> Result<(), TrainError> {
        let (network, losses) = (&self.network, &self.losses);
        let is_given = self.distribution.is_some();
        let wanted =
            || (if is_given { "above 0" } else { "0 without" }).to_owned() + " distribution";
        check("losses.likelihood", wanted, losses.likelihood, |&weight| {
            (weight > 0.0) == is_given && weight.is_finite()
        })?;
        if !is_given {
            return Ok(());
        }
        // The distribution reads the trunk.
        for (key, width) in [("network.output", network.output), ("network.hidden", network.hidden)]
        {
            let found = width.map_or_else(String::new, |width| width.to_string());
            let wanted = || "omitted with distribution".into();
            check(key, wanted, found, |_| width.is_none())?;
        }
        let found = match network.pooling {
            SegmentPooling::Mean => "mean",
            SegmentPooling::Attention => "attention",
        };
        equal("network.pooling", found, "mean")?;
        // Balancing compares gradients with respect to a single feature.
        equal("losses.balance_losses_at", losses.balance_losses_at, 0)?;
        let found = match self.data {
            VoiceData::Pairs(_) => "pairs",
            VoiceData::Recordings(_) => "recordings",
        };
        let wanted = || "pairs with distribution".into();
        check("data", wanted, found, |_| matches!(self.data, VoiceData::Pairs(_)))
    }
}
