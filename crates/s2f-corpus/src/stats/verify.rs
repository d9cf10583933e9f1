//! Checks every byte of a set: hashes, features, and the length of each voice.

use rayon::prelude::*;
use s2f_audio::{Limits, decode};
use s2f_pairs::{Pair, PairSet, PairsError, Payload};

use crate::CorpusError;

/// Pairs that are in memory at a time: enough for the threads of a large machine.
const AT_A_TIME: usize = 256;
/// How far the stated length of a voice may be from that of its samples, s.
const TOLERANCE_S: f64 = 0.01;

/// Reads all pairs of a set, compares voices and faces with their hashes, and decodes each voice to
/// compare its length with the one that is stated. Calls `progress` with the number of pairs so
/// far.
///
/// # Errors
/// [`CorpusError`] with the first pair that is wrong, or if the set cannot be read.
pub fn verify(set: &PairSet, progress: &mut dyn FnMut(u64)) -> Result<(), CorpusError> {
    let mut rows = set.rows(Payload::ALL, None);
    let mut done = 0;
    loop {
        let pairs: Vec<Pair> = rows.by_ref().take(AT_A_TIME).collect::<Result<_, _>>()?;
        if pairs.is_empty() {
            return Ok(());
        }
        done += pairs.len() as u64;
        // The first in the order of the set, whichever thread is the first.
        let problem = pairs.into_par_iter().find_map_first(|pair| {
            let Pair { info, audio, .. } = pair;
            let problem = length_problem(audio, f64::from(info.seconds))?;
            let (path, pair_id) = (set.path().to_owned(), info.pair_id);
            Some(PairsError::Voice { path, pair_id, problem })
        });
        if let Some(problem) = problem {
            return Err(problem.into());
        }
        progress(done);
    }
}

fn length_problem(audio: Vec<u8>, stated_s: f64) -> Option<String> {
    match decode(audio, "the voice", &Limits::default()) {
        Err(error) => {
            let error = error.to_string();
            Some(s2f_core::hint::split(&error).0.to_owned())
        }
        Ok(voice) => {
            let found_s = voice.seconds();
            ((found_s - stated_s).abs() > TOLERANCE_S)
                .then(|| format!("a voice of {found_s:.3} s is stated to have {stated_s:.3} s"))
        }
    }
}

#[cfg(test)]
mod tests {
    use s2f_pairs::Split;
    use s2f_testing::pairs::{self, Sample, Voice, sample};

    use super::*;

    fn hums(change: impl Fn(usize, Sample) -> Sample) -> (Result<(), String>, Vec<u64>) {
        let one = |n: usize| {
            let pair = sample(&format!("pair{n}"), &format!("speaker{n}"), Split::Train)
                .hum(Voice { pitch_hz: 100.0 + n as f64, seconds: 1.0 });
            change(n, pair).build()
        };
        let folder = tempfile::tempdir().unwrap();
        let pairs: Vec<Pair> = (0..300).map(one).collect();
        let set = pairs::set(&folder.path().join("some.parquet"), &pairs);
        let mut told = Vec::new();
        let result = verify(&set, &mut |done| told.push(done));
        (result.map_err(|error| error.to_string()), told)
    }

    #[test]
    fn sound_pairs_pass_with_their_progress() {
        assert_eq!(hums(|_, pair| pair), (Ok(()), vec![256, 300]));
    }

    #[test]
    fn lengths_that_the_voices_do_not_have_are_refused() {
        let (result, _) = hums(|n, pair| if n >= 270 { pair.seconds(6.0) } else { pair });
        let message = result.unwrap_err();
        for words in ["pair270", "some.parquet", "1.000 s is stated to have 6.000 s", "hint: "] {
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn voices_that_are_no_sound_are_refused() {
        let (result, _) = hums(|n, pair| if n == 7 { pair.audio("text") } else { pair });
        let message = result.unwrap_err();
        assert!(message.contains("pair7 in") && message.contains("the voice"), "{message}");
        assert_eq!(message.matches("hint: ").count(), 1, "{message}");
    }
}
