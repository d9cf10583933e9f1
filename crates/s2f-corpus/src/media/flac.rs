//! FLAC: how the voice of a pair is stored.

use flacenc::bitsink::ByteSink;
use flacenc::component::BitRepr;
use flacenc::config::Encoder;
use flacenc::error::Verify;
use flacenc::source::MemSource;
use s2f_audio::Waveform;

use crate::CorpusError;

/// Order of the linear prediction. Twice as much saves 1 % and takes half as long again.
const ORDER: usize = 8;

/// `voice` as FLAC, 16 kHz, mono, 16 bit; what lies beyond full scale is clipped. The same samples
/// give the same bytes.
///
/// # Errors
/// [`CorpusError::Flac`], which no waveform is known to cause.
pub fn encode_flac(voice: &Waveform) -> Result<Vec<u8>, CorpusError> {
    let failed = |reason: String| CorpusError::Flac { reason };
    let samples: Vec<i32> = voice.samples().iter().map(|&sample| to_16_bit(sample)).collect();
    let mut config = Encoder::default();
    config.multithread = false;
    config.subframe_coding.qlpc.lpc_order = ORDER;
    let config = config.into_verified().map_err(|(_, error)| failed(error.to_string()))?;
    let source = MemSource::from_samples(&samples, 1, 16, Waveform::RATE_HZ as usize);
    let stream = flacenc::encode_with_fixed_block_size(&config, source, config.block_size)
        .map_err(|error| failed(error.to_string()))?;
    let mut sink = ByteSink::new();
    stream.write(&mut sink).map_err(|error| failed(error.to_string()))?;
    Ok(sink.into_inner())
}

/// The nearest of the 65 536 steps of 16 bit, -1 being the lowest.
fn to_16_bit(sample: f32) -> i32 {
    (sample * 32768.0).round().clamp(-32768.0, 32767.0) as i32
}
