//! Names in the checkpoint of Resemblyzer's speaker encoder.

use crate::weights::KeyMap;

/// `torch.nn.LSTM` numbers the parameters of its layers; scale and offset of the GE2E
/// loss (paper, equation 5) are left out.
pub(super) fn layout(layers: usize) -> (&'static str, KeyMap) {
    let lstm = (0..layers).flat_map(|layer| {
        let kinds = ["weight", "bias"].into_iter();
        let parts = kinds.flat_map(|kind| [(kind, "ih", "input"), (kind, "hh", "state")]);
        parts.map(move |(kind, theirs, ours)| {
            (format!("lstm.{kind}_{theirs}_l{layer}"), format!("lstm.{layer}.{ours}.{kind}"))
        })
    });
    let loss = ["similarity_weight", "similarity_bias"].map(|name| (name.into(), String::new()));
    ("resemblyzer", KeyMap::new(lstm.chain(loss)))
}
