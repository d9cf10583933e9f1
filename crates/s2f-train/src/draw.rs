//! Random generators that depend only on the seed, the purpose and the step, so that a resumed run
//! draws the same values as an uninterrupted one.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// The generator of a step for one purpose; those of different purposes are independent.
pub(crate) fn generator(seed: u64, purpose: &[u8; 8], step: usize) -> StdRng {
    let mut state = [0; 32];
    let parts = [&seed.to_le_bytes(), purpose, &(step as u64).to_le_bytes()];
    for (slot, part) in state.chunks_exact_mut(8).zip(parts) {
        slot.copy_from_slice(part);
    }
    StdRng::from_seed(state)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn seeds_purposes_and_steps_draw_differently_and_always_the_same() {
        let draw = |seed, purpose, step| generator(seed, purpose, step).random::<u64>();
        let draws = [
            draw(1, b"batch...", 0),
            draw(2, b"batch...", 0),
            draw(1, b"noise...", 0),
            draw(1, b"batch...", 1),
        ];
        for (i, a) in draws.iter().enumerate() {
            assert!(draws[..i].iter().all(|b| a != b));
        }
        assert_eq!(draw(1, b"batch...", 1), draws[3]);
    }
}
