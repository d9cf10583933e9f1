//! How much memory a configuration takes, compared with what the machine has.

use std::fs;

use s2f_nn::VggFaceConfig;

use crate::TrainError;
use crate::batch_queue::QUEUED;
use crate::config::{FaceDecoderTraining, FaceEncoderFile, VoiceData, VoiceEncoderTraining};
use crate::devices::Devices;
use crate::frozen::FrozenDecoder;
use crate::host::machine_memory;

/// Bytes of a value in 32 bits.
const BYTES: u64 = 4;
/// Assumed if the operating system does not tell: 1 TiB.
const UNKNOWN_MEMORY: u64 = 1 << 40;

/// What takes memory, by name, bytes.
type Parts = Vec<(&'static str, u64)>;

/// Refuses a training of a voice encoder against `decoder` that takes more memory than the machine
/// has.
pub(super) fn check_voice_encoder(
    config: &VoiceEncoderTraining,
    decoder: &FrozenDecoder,
    devices: &Devices,
) -> Result<(), TrainError> {
    let (clips, losses) = (&config.clips, &config.losses);
    // Of this process.
    let batch = config.optimisation.batch.div_ceil(devices.processes().count());
    let inputs = batch.saturating_mul(clips.segments);
    let front_end = config.network.front_end();
    let frames = clips.frames(front_end);
    let input = (frames * front_end.values_per_frame()) as u64 * BYTES;
    // The batches in the queue, the one being made, and the one being trained on.
    let batches = (inputs as u64).saturating_mul(input).saturating_mul(QUEUED as u64 + 2);
    let mut parts = vec![("spectrograms of the batches", batches)];
    if let VoiceData::Pairs(pairs) = &config.data {
        let size = size_of_pairs(&pairs.path);
        parts.push(("pairs", ((pairs.memory_mib as u64).saturating_mul(1 << 20)).min(size)));
    }
    // The memory of other devices is theirs.
    if devices.is_cpu() {
        let optimisation = &config.optimisation;
        // What is computed at a time.
        let batch = batch / optimisation.gradient_accumulation;
        let network = config.network.cost(batch.saturating_mul(clips.segments), frames)?;
        parts.push(("voice encoder", network.training_bytes()));
        if optimisation.ema_decay.is_some() {
            parts.push(("moving average of the weights", network.parameter_bytes));
        }
        let drawn = match (losses.pixel > 0.0, losses.pixel_batch) {
            (false, _) => 1,
            (true, 0) => batch,
            (true, pictures) => pictures.min(batch),
        };
        let cost = decoder.config.cost(drawn)?;
        let bytes = cost.parameter_bytes.saturating_add(cost.activation_bytes);
        parts.push(("face decoder", bytes));
        if let Some(distribution) = config.face_distribution(&decoder.face_space)? {
            let bytes = distribution.cost(batch)?.training_bytes();
            parts.push(("face distribution", bytes));
        }
        if losses.distillation > 0.0 {
            parts.push(("VGG-Face", VggFaceConfig::paper().cost(1)?.parameter_bytes));
        }
    }
    refuse_beyond(machine_memory().unwrap_or(UNKNOWN_MEMORY), parts, "clips")
}

/// Refuses a training of a face decoder that takes more memory than the machine has.
pub(super) fn check_face_decoder(
    config: &FaceDecoderTraining,
    devices: &Devices,
) -> Result<(), TrainError> {
    /// Memory of a member of a morph, and of the list of a morph's members.
    const MEMBER: u64 = 16;
    const LIST: u64 = 24;
    /// Neighbours that a face can have: the portraits of the largest sets.
    const MOST_NEIGHBOURS: usize = 10_000;
    let morphing = &config.morphing;
    let members = (morphing.neighbours.min(MOST_NEIGHBOURS) + 1).min(morphing.most_faces) as u64;
    let morph = config.network.feature as u64 * BYTES + members * MEMBER + LIST;
    let mut parts = vec![("pool of morphs", (morphing.pool as u64).saturating_mul(morph))];
    if devices.is_cpu() {
        let batch = config.optimisation.batch.min(morphing.pool);
        parts.push(("face decoder", config.network.cost(batch)?.training_bytes()));
        if let FaceEncoderFile::VggFace(_) = config.data.face_encoder {
            let cost = VggFaceConfig::paper().cost(config.losses.identity_batch.min(batch))?;
            let encoder = cost.parameter_bytes.saturating_add(cost.activation_bytes);
            parts.push(("VGG-Face", encoder));
        }
    }
    refuse_beyond(machine_memory().unwrap_or(UNKNOWN_MEMORY), parts, "morphing.pool")
}

fn refuse_beyond(limit: u64, mut parts: Parts, keys: &'static str) -> Result<(), TrainError> {
    let needed = parts.iter().fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
    if needed <= limit {
        return Ok(());
    }
    parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let share = |bytes: u64| (100.0 * bytes as f64 / needed as f64).round();
    let details = parts.iter().take(2).map(|(name, bytes)| format!("{name} {} %", share(*bytes)));
    let details = details.collect::<Vec<_>>().join(", ");
    Err(TrainError::Memory { needed, limit, details, keys })
}

/// Bytes of the files of a set of pairs, or of what is there of them.
fn size_of_pairs(path: &std::path::Path) -> u64 {
    let length = |path: &std::path::Path| fs::metadata(path).map_or(0, |file| file.len());
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| length(&entry.path())).sum(),
        Err(_) => length(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_estimate_limit_and_keys() {
        let parts = || vec![("batches", 3 << 30), ("voice encoder", 9 << 30)];
        refuse_beyond(12 << 30, parts(), "clips").unwrap();
        let message = refuse_beyond((12 << 30) - 1, parts(), "clips").unwrap_err().to_string();
        assert_eq!(
            message,
            "training would take about 12.0 GiB of memory (voice encoder 75 %, batches 25 %), \
             this machine has 12.0 GiB; hint: reduce optimisation.batch, clips or the sizes in \
             [network]"
        );
        refuse_beyond(1, vec![("a", u64::MAX), ("b", u64::MAX)], "clips").unwrap_err();
    }
}
