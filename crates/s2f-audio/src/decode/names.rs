//! The usual names of codecs, for messages about those that are not decoded here.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_AC3, CODEC_ID_AC4, CODEC_ID_DCA, CODEC_ID_EAC3, CODEC_ID_MONKEYS_AUDIO,
    CODEC_ID_MUSEPACK, CODEC_ID_SPEEX, CODEC_ID_TRUEHD, CODEC_ID_TTA, CODEC_ID_WAVPACK,
    CODEC_ID_WMA,
};

/// If nothing is known about a codec.
pub(super) const UNKNOWN: &str = "an unknown codec";

/// The name of the codec of a track.
pub(super) fn codec(params: &AudioCodecParameters) -> String {
    let name = match params.codec {
        CODEC_ID_AAC => return params.extra_data.as_deref().map_or("AAC".to_owned(), aac),
        CODEC_ID_AC3 => "AC-3",
        CODEC_ID_EAC3 => "E-AC-3",
        CODEC_ID_AC4 => "AC-4",
        CODEC_ID_DCA => "DTS",
        CODEC_ID_TRUEHD => "TrueHD",
        CODEC_ID_SPEEX => "Speex",
        CODEC_ID_WMA => "Windows Media Audio",
        CODEC_ID_WAVPACK => "WavPack",
        CODEC_ID_MUSEPACK => "Musepack",
        CODEC_ID_MONKEYS_AUDIO => "Monkey's Audio",
        CODEC_ID_TTA => "TTA",
        _ => UNKNOWN,
    };
    name.to_owned()
}

/// What an AudioSpecificConfig describes (ISO/IEC 14496-3, 1.6.2.1).
pub(super) fn aac(config: &[u8]) -> String {
    let &[first, second, ..] = config else { return "AAC".to_owned() };
    let channels = match second >> 3 & 0x0f {
        // In this setting, seven stands for eight.
        7 => 8,
        0 => return "AAC whose channels are described in its samples".to_owned(),
        channels => channels,
    };
    match first >> 3 {
        1 => "AAC Main".to_owned(),
        2 if channels > 2 => format!("AAC with {channels} channels"),
        2 => "AAC".to_owned(),
        3 => "AAC SSR".to_owned(),
        4 => "AAC LTP".to_owned(),
        5 => "HE-AAC".to_owned(),
        23 => "AAC-LD".to_owned(),
        29 => "HE-AAC v2".to_owned(),
        39 => "AAC-ELD".to_owned(),
        42 => "xHE-AAC".to_owned(),
        other => format!("MPEG-4 audio of type {other}"),
    }
}

/// The name of a sample description of QuickTime and MP4 that is not decoded here.
pub(super) fn mp4(kind: &[u8; 4]) -> String {
    let name = match kind {
        b"ac-3" => "AC-3",
        b"ec-3" => "E-AC-3",
        b"ac-4" => "AC-4",
        b"dtsc" | b"dtsh" | b"dtsl" | b"dtse" => "DTS",
        b"samr" => "AMR",
        b"sawb" => "AMR-WB",
        b"ima4" => "IMA ADPCM (QuickTime)",
        b"MAC3" => "MACE 3",
        b"MAC6" => "MACE 6",
        b"QDM2" | b"QDMC" => "QDesign Music",
        b"Qclp" | b"sqcp" => "Qualcomm PureVoice",
        b"agsm" => "GSM 6.10",
        b"mlpa" => "TrueHD",
        b"spex" => "Speex",
        b"enca" => "encrypted sound",
        _ => return format!("MP4 codec {}", kind.escape_ascii()),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_aac() {
        // Object type in 5 bits, rate in 4, channels in 4.
        for (config, name) in [
            ([0x13, 0x88], "AAC"),
            ([0x13, 0xb0], "AAC with 6 channels"),
            ([0x13, 0xb8], "AAC with 8 channels"),
            ([0x2b, 0x88], "HE-AAC"),
            ([0xeb, 0x88], "HE-AAC v2"),
        ] {
            assert_eq!(aac(&config), name);
        }
        assert_eq!(aac(&[]), "AAC");
    }
}
